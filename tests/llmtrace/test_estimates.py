"""Tokens nobody reported are estimated, kept apart from those that were, and nothing is fetched for it."""

from __future__ import annotations

import base64
import hashlib
import json
import socket
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import llmtrace
from llmtrace import tokenizers
from llmtrace.cli import main
from llmtrace.reading.approximations import approximate_tokens
from llmtrace.reading.token_counts import input_tokens, tool_tokens
from llmtrace.reading.turns import tools_sent, turns_sent
from llmtrace.testing.replies import FakeReply
from llmtrace.tokenizers import ENCODINGS, MAX_PIECE_CHARS, Tokenizers, encoding_of, folder
from support.replay import call, missing_reason, recordings
from support.scripted import Scripted, chat_body, chat_chunk, response_body, said

ASK: Any = {"model": "gpt-4o", "messages": [{"role": "user", "content": "What is the answer to everything?"}]}
ESTIMATES = (
    "llmtrace.estimated.input_tokens",
    "llmtrace.estimated.output_tokens",
    "llmtrace.estimated.method",
    "llmtrace.estimated.excludes",
    "llmtrace.estimated.cost_usd",
)


def estimate(traces: Any) -> dict[str, Any]:
    found = dict(traces.one().attributes)
    return {name.rpartition(".")[2]: found[name] for name in ESTIMATES if name in found}


@pytest.fixture(autouse=True)
def _no_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLMTRACE_TOKENIZERS", str(tmp_path / "tokenizers"))


@pytest.fixture
def seen(traces: Any, _no_files: None) -> Any:
    """Spans of a test, instrumented after the folder of encodings was chosen."""
    llmtrace.uninstrument()
    llmtrace.instrument(traces.provider, export="none")
    return traces


# --- which calls ------------------------------------------------------------------------------------------------


def test_a_stream_without_usage_has_an_estimate_and_no_cost(seen: Any, fake_and_client: Any) -> None:
    _, client = fake_and_client
    assert len(list(client.chat.completions.create(**ASK, stream=True))) > 2
    # 3 to prime the answer, 3 a message, "user", six words, one of them long, and a mark.
    assert estimate(seen) == {
        "input_tokens": 14,
        "output_tokens": 7,
        "method": "approximation",
        "cost_usd": str(Decimal("2.5") * 14 / 10**6 + Decimal(10) * 7 / 10**6),
    }
    found = dict(seen.one().attributes)
    assert "gen_ai.usage.input_tokens" not in found
    assert "llmtrace.cost.usd" not in found
    assert found["llmtrace.cost.unpriced_reason"] == "usage_not_reported"


def test_an_async_stream_is_estimated_the_same(seen: Any, fake: Any, async_client: Any, run: Any) -> None:
    async def go() -> None:
        stream = await async_client.chat.completions.create(**ASK, stream=True)
        assert [chunk async for chunk in stream]

    run(go())
    assert estimate(seen)["input_tokens"] == 14
    assert estimate(seen)["output_tokens"] == 7


def test_a_call_that_reports_its_usage_has_no_estimate(seen: Any, fake_and_client: Any) -> None:
    _, client = fake_and_client
    list(client.chat.completions.create(**ASK, stream=True, stream_options={"include_usage": True}))
    assert estimate(seen) == {}


def test_a_stream_closed_early_is_estimated_as_far_as_it_came(seen: Any, fake_and_client: Any) -> None:
    fake, client = fake_and_client
    fake.plan = lambda _: FakeReply(text="one two three four five six seven eight")
    with client.responses.create(model="gpt-4o", input="Count.", stream=True) as stream:
        for event in stream:
            if event.type == "response.output_text.delta" and "three" in event.delta:
                break
    found = estimate(seen)
    assert found["input_tokens"] == 9
    assert 3 <= found["output_tokens"] <= 8


def test_a_call_that_failed_has_no_estimate(seen: Any, fake_and_client: Any) -> None:
    import openai

    _, client = fake_and_client
    with pytest.raises(openai.NotFoundError):
        client.with_options(base_url=f"{client.base_url}nowhere/").chat.completions.create(**ASK, stream=True)
    assert estimate(seen) == {}


def test_a_response_still_in_the_background_has_no_estimate(seen: Any, scripted: Scripted) -> None:
    scripted.answers(response_body(status="queued"))
    scripted.sync.responses.create(model="gpt-4o", input="x", background=True)
    assert estimate(seen) == {}


IMAGE: Any = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}


@pytest.mark.parametrize(
    ("arguments", "excludes"),
    [
        ({"messages": [{"role": "user", "content": [IMAGE]}]}, ("images",)),
        ({"model": "gpt-5-mini"}, ("reasoning",)),
        ({"model": "o3-2025-04-16"}, ("reasoning",)),
        ({"model": "gpt-5-chat-latest"}, None),
        ({"model": "gpt-4.1"}, None),
    ],
)
def test_what_is_not_counted_is_named_and_then_there_is_no_estimated_cost(
    seen: Any, scripted: Scripted, arguments: Any, excludes: Any
) -> None:
    model = arguments.get("model", "gpt-4o")
    scripted.answers({**chat_body({"content": "a"}), "model": model})
    scripted.sync.chat.completions.create(**{**ASK, **arguments})
    found = estimate(seen)
    assert found.get("excludes") == excludes
    assert ("cost_usd" in found) == (excludes is None)


@pytest.mark.parametrize(
    ("arguments", "excludes"),
    [
        ({"previous_response_id": "resp_0"}, ("stored_context",)),
        ({"conversation": "conv_0"}, ("stored_context",)),
        ({"tools": [{"type": "web_search"}]}, ("hosted_tools",)),
    ],
)
def test_a_context_the_provider_keeps_is_named(seen: Any, scripted: Scripted, arguments: Any, excludes: Any) -> None:
    scripted.answers(response_body(said("a")))
    scripted.sync.responses.create(model="gpt-4o", input="x", **arguments)
    assert estimate(seen)["excludes"] == excludes


def test_reasoning_that_is_shown_is_counted(seen: Any, scripted: Scripted) -> None:
    scripted.streams(
        chat_chunk({"reasoning_content": "one two three"}), chat_chunk({"content": "four"}, "stop"), "[DONE]"
    )
    list(scripted.sync.chat.completions.create(**ASK, stream=True))
    assert estimate(seen)["output_tokens"] == 4


def test_a_very_long_text_is_extrapolated(seen: Any, scripted: Scripted) -> None:
    scripted.answers(chat_body({"content": "a"}))
    messages: Any = [{"role": "user", "content": "word " * 200_000}]
    scripted.sync.chat.completions.create(model="gpt-4o", messages=messages)
    found = estimate(seen)
    assert found["method"] == "approximation:extrapolated"
    assert found["input_tokens"] == pytest.approx(200_000, rel=0.001)


@pytest.mark.parametrize("body", [{"choices": [None, 7, {"message": []}]}, {"choices": "x"}, {"choices": []}, {}])
def test_malformed_answers_raise_nothing(seen: Any, scripted: Scripted, body: Any) -> None:
    scripted.answers(body)
    scripted.sync.chat.completions.with_raw_response.create(**ASK)
    assert len(seen.spans()) == 1


# --- without network --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stored", ["nothing", "a damaged file"])
def test_an_estimate_opens_no_socket(
    seen: Any, scripted: Scripted, monkeypatch: pytest.MonkeyPatch, stored: str, caplog: Any
) -> None:
    if stored == "a damaged file":
        folder().mkdir(parents=True)
        (folder() / "o200k_base.tiktoken").write_bytes(b"YQ== 0\n")
    opened: list[object] = []

    def forbidden(*arguments: object, **_: object) -> Any:
        opened.append(arguments)
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", forbidden)
    monkeypatch.setattr(socket, "create_connection", forbidden)
    monkeypatch.setattr(socket, "getaddrinfo", forbidden)
    scripted.streams(chat_chunk({"content": "four"}, "stop"), "[DONE]")
    list(scripted.sync.chat.completions.create(**ASK, stream=True))
    assert estimate(seen)["method"] == "approximation"
    assert opened == []
    said_so = [record.getMessage() for record in caplog.records if "tokenizers fetch" in record.getMessage()]
    assert len(said_so) == (stored == "a damaged file")


# --- with an encoding's file ------------------------------------------------------------------------------------

MERGES = ["th", "the", " a", " t", " the", "er", "aa", "aaaa"]
RANKS = [bytes([byte]) for byte in range(256)] + [merge.encode() for merge in MERGES]
DATA = b"".join(base64.b64encode(token) + b" %d\n" % rank for rank, token in enumerate(RANKS))


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> bytes:
    """A small file stands for that of o200k_base; the bytes of it."""
    file = replace(ENCODINGS["o200k_base"], sha256=hashlib.sha256(DATA).hexdigest())
    monkeypatch.setitem(tokenizers.ENCODINGS, "o200k_base", file)
    return DATA


def test_with_the_file_at_hand_tokens_are_counted_by_tiktoken(small: bytes, traces: Any, scripted: Scripted) -> None:
    folder().mkdir(parents=True)
    (folder() / "o200k_base.tiktoken").write_bytes(small)
    llmtrace.uninstrument()
    llmtrace.instrument(traces.provider, export="none")
    scripted.answers(chat_body({"content": "the the"}))
    scripted.sync.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "the other"}])
    # "user" is u, s, er; "the other" is the, space, o, the, r.
    assert estimate(traces)["input_tokens"] == 3 + 3 + 3 + 5
    assert estimate(traces)["output_tokens"] == 2
    assert estimate(traces)["method"] == "o200k_base"


def test_a_text_cut_for_encoding_has_the_tokens_of_the_whole(small: bytes) -> None:
    encoding = tokenizers.load_encoding(ENCODINGS["o200k_base"], small)
    text = "the other a " * 5_000
    assert tokenizers._count(encoding, text) == len(encoding.encode_ordinary(text))
    assert tokenizers._count(encoding, "a" * 100_000) == pytest.approx(25_000, abs=100_000 / MAX_PIECE_CHARS * 4)
    assert tokenizers._count(encoding, "\ud800 <|endoftext|>") > 3


@pytest.mark.parametrize("kept", ["as a file", "in a folder", "in tiktoken's own cache"])
def test_the_command_takes_a_file_from_this_machine(small: bytes, tmp_path: Path, kept: str, capsys: Any) -> None:
    name = "o200k_base.tiktoken"
    if kept == "in tiktoken's own cache":
        name = hashlib.sha1(ENCODINGS["o200k_base"].url.encode(), usedforsecurity=False).hexdigest()
    (tmp_path / name).write_bytes(small)
    source = tmp_path / name if kept == "as a file" else tmp_path
    assert main(["tokenizers", "fetch", "--from", str(source)]) == 0
    assert Tokenizers(folder()).counter("gpt-4o")[0] == "o200k_base"
    assert main(["tokenizers", "list"]) == 0
    assert "o200k_base: there, and as it was published" in capsys.readouterr().out


def test_the_command_refuses_a_file_that_is_not_the_published_one(tmp_path: Path, capsys: Any) -> None:
    (tmp_path / "o200k_base.tiktoken").write_bytes(DATA)
    assert main(["tokenizers", "fetch", "--from", str(tmp_path)]) == 1
    assert "SHA-256" in capsys.readouterr().err
    assert not folder().exists()


def test_the_command_says_what_is_missing(tmp_path: Path, capsys: Any) -> None:
    assert main(["tokenizers", "fetch", "--from", str(tmp_path / "nothing")]) == 1
    assert "--from" in capsys.readouterr().err
    assert main(["tokenizers", "list"]) == 0
    assert "not there; llmtrace tokenizers fetch" in capsys.readouterr().out


def test_the_command_fetches_over_http_and_checks(
    small: bytes, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: Any
) -> None:
    published = tmp_path / "published"
    published.mkdir()
    (published / "o200k_base.tiktoken").write_bytes(small)
    monkeypatch.setattr(tokenizers, "_ORIGIN", published.as_uri())
    assert main(["tokenizers", "fetch"]) == 0
    assert Tokenizers(folder()).counter("gpt-4o")[0] == "o200k_base"
    (published / "o200k_base.tiktoken").unlink()
    assert main(["tokenizers", "fetch"]) == 1
    assert "cannot be had" in capsys.readouterr().err


def test_our_patterns_and_checksums_are_tiktoken_s_own(monkeypatch: pytest.MonkeyPatch) -> None:
    from tiktoken_ext import openai_public

    asked: dict[str, str] = {}

    def noted(url: str, expected_hash: str) -> dict[bytes, int]:
        asked.update(url=url, sha256=expected_hash)
        return {}

    monkeypatch.setattr(openai_public, "load_tiktoken_bpe", noted)
    for file in ENCODINGS.values():
        theirs = openai_public.ENCODING_CONSTRUCTORS[file.name]()
        assert (file.pattern, file.url, file.sha256) == (theirs["pat_str"], asked["url"], asked["sha256"])


def test_models_are_counted_with_the_encoding_tiktoken_has_for_them() -> None:
    from tiktoken.model import MODEL_PREFIX_TO_ENCODING, MODEL_TO_ENCODING

    wanted = {
        **MODEL_TO_ENCODING,
        **{
            prefix + (":x" if prefix.startswith("ft:") else "x"): name
            for prefix, name in MODEL_PREFIX_TO_ENCODING.items()
        },
    }
    ours = {model: encoding_of(model) for model, name in wanted.items() if name in ENCODINGS}
    assert ours == {model: name for model, name in wanted.items() if name in ENCODINGS}


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"LLMTRACE_TOKENIZERS": "/a"}, Path("/a")),
        ({"XDG_CACHE_HOME": "/c"}, Path("/c/llmtrace/tokenizers")),
        ({"XDG_CACHE_HOME": "relative"}, Path("~/.cache/llmtrace/tokenizers").expanduser()),
        ({}, Path("~/.cache/llmtrace/tokenizers").expanduser()),
    ],
)
def test_the_folder_is_the_user_s_cache_unless_named(environ: dict[str, str], expected: Path) -> None:
    assert folder(environ) == expected


# --- counting ---------------------------------------------------------------------------------------------------


def test_messages_and_tools_are_counted_as_the_cookbook_does() -> None:
    def words(text: str) -> float:
        return len(text.split())

    function = {
        "name": "weather",
        "description": "the weather somewhere.",
        "parameters": {
            "type": "object",
            "properties": {
                "place": {"type": "string", "description": "a place"},
                "unit": {"type": "string", "enum": ["c", "f"]},
            },
        },
    }
    sent: Any = {
        "messages": [{"role": "system", "name": "rules", "content": "be brief"}, {"role": "user", "content": "how so"}],
        "tools": [{"type": "function", "function": function}],
    }
    place, unit = 3 + 2, 3 + 1 - 3 + (3 + 1) * 2
    of_tools = 7 + 3 + 3 + place + unit + 12
    assert tool_tokens(tools_sent(sent), words) == of_tools
    messages = 3 + (3 + 1 + 1 + 1 + 2) + (3 + 1 + 2)
    assert input_tokens(turns_sent("chat", sent), tools_sent(sent), None, words) == messages + of_tools


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=500), st.text(max_size=500))
def test_the_approximation_grows_with_the_text_and_never_beyond_its_bytes(one: str, other: str) -> None:
    both = approximate_tokens(f"{one} {other}")
    assert 0 <= approximate_tokens(one) <= both + 1
    assert both <= len(f"{one} {other}".encode("utf-8", "replace")) + 1


@pytest.mark.skipif(missing_reason() is not None, reason=missing_reason() or "")
def test_the_approximation_is_near_what_recorded_calls_report(seen: Any) -> None:
    errors = []
    for recording in recordings():
        usage = recording.expected.get("usage", {})
        if recording.endpoint != "/chat/completions" or recording.status >= 400 or usage.get("reasoning"):
            continue
        turns = turns_sent("chat", recording.request)
        if not usage.get("input") or any(turn.images for turn in turns):
            continue
        counted = input_tokens(turns, tools_sent(recording.request), None, approximate_tokens)
        errors.append(abs(counted - usage["input"]) / usage["input"])
    assert len(errors) > 40
    assert sorted(errors)[len(errors) // 2] < 0.1


@pytest.mark.skipif(missing_reason() is not None, reason=missing_reason() or "")
def test_every_answered_recording_has_usage_or_an_estimate(seen: Any) -> None:
    kept = [one for one in recordings() if one.endpoint != "/images/generations" and one.status < 400]
    for recording in kept:
        call(recording)
    for recording, span in zip(kept, seen.spans(), strict=True):
        found = dict(span.attributes)
        reported = any(name.startswith("gen_ai.usage.") for name in found)
        assert reported != ("llmtrace.estimated.input_tokens" in found), (recording.id, json.dumps(found))
