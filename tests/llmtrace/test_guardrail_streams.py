"""Streams under guard: whichever way a text is cut, what is taken out is never shown, and the rest is as it was."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from llmtrace.chain import Asked
from llmtrace.guardrails import GuardrailBlocked, GuardrailsStep, Pii, Regex, Secrets, Stage, Subject, Topics, Urls
from llmtrace.guardrails.held import HOLD_CHARS, STEP_CHARS, Held
from llmtrace.guardrails.verdicts import Guardrail
from llmtrace.operations import operation_of
from llmtrace.redaction.kinds import marker
from llmtrace.servers import server_at
from support.scripted import chat_chunk

PLANTED = (
    "ana.b+c@example.co.uk",
    "4111 1111 1111 1111",
    "4111111111111111",
    "GB82 WEST 1234 5698 7654 32",
    "DE89370400440532013000",
    "+49 170 1234567",
    "(212) 555-0187",
    "078-05-1120",
    "192.168.17.4",
    "2001:db8:85a3::8a2e:370:7334",
    "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
    "AKIAIOSFODNN7EXAMPL2",
    "sk-proj-" + "a1B2c3D4" * 12,
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4ifQ.dBjftJeZ4CVPmB92K27uhbUJU1p1r",
    "-----BEGIN PRIVATE KEY-----\n" + "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n" * 6 + "-----END PRIVATE KEY-----",
    "https://evil.example.net/a/b?c=d",
    "Initech Systems",
)
WORDS = st.sampled_from(
    [
        "the",
        "call",
        "me",
        "at",
        "Zürich,",
        "数据",
        "是",
        "。",
        "42",
        "3.14",
        "1",
        "2024-05-06",
        "—",
        "e",
        "x=",
        '"',
        "\n",
        "(",
        ")",
    ]
)
TEXTS = st.lists(
    st.one_of(st.sampled_from(PLANTED), WORDS, st.text(max_size=12), st.sampled_from([" ", "  ", ": "])), max_size=24
).map(" ".join)
GUARDS: tuple[Guardrail, ...] = (
    Pii(mode="redact"),
    Secrets(mode="redact"),
    Urls(allowed=("example.com",), mode="redact"),
    Topics(phrases=("initech systems",), mode="redact"),
)


def _asked(path: str = "/chat/completions", stream: bool = True) -> Asked:
    return Asked(
        operation=operation_of("post", path),
        server=server_at("https", "api.openai.com", 443),
        path=path,
        body={"model": "gpt-4o", "messages": []},
        stream=stream,
    )


def _filter(asked: Asked, guards: tuple[Guardrail, ...]) -> Any:
    """What a step has put on a call that is streamed."""
    seen: list[Asked] = []

    def proceed(inner: Asked) -> Any:
        seen.append(inner)
        return None
        yield

    steps = GuardrailsStep(guards).around(asked, proceed)
    with pytest.raises((StopIteration, AttributeError)):  # there is no reply
        next(steps)
    return seen[0].filters[-1]


def _chat(pieces: list[str]) -> bytes:
    events = [chat_chunk({"role": "assistant", "content": ""}), *(chat_chunk({"content": piece}) for piece in pieces)]
    events.append(chat_chunk({}, finish="stop"))
    return b"".join(f"data: {json.dumps(event)}\n\n".encode() for event in events) + b"data: [DONE]\n\n"


def _shown(events: bytes) -> str:
    told = [json.loads(line[6:]) for line in events.decode().splitlines() if line.startswith("data: {")]
    return "".join(c["delta"].get("content") or "" for event in told for c in event["choices"])


def _cut(text: str, sizes: list[int]) -> list[str]:
    pieces, at = [], 0
    for size in sizes:
        pieces.append(text[at : at + size])
        at += size
    return [piece for piece in (*pieces, text[at:]) if piece]


def _whole(text: str) -> str:
    """What the same guardrails leave of the whole text at once."""
    from llmtrace.guardrails.checking import placed
    from llmtrace.guardrails.held import without

    found = [guard.check(Subject(text=text, stage=Stage.OUTPUT)).found for guard in GUARDS]  # type: ignore[union-attr]
    return without(text, placed(GUARDS, found), marker)


@settings(max_examples=120, deadline=None)
@given(text=TEXTS, sizes=st.lists(st.integers(1, 40), max_size=60), bytes_at=st.lists(st.integers(1, 300), max_size=20))
@example(text="a" * 1200 + " ana@example.com", sizes=[], bytes_at=[])
@example(text="x" * 70 + "@" + "y" * 63 + ".example.com and more", sizes=[1] * 200, bytes_at=[])
def test_any_cut_of_any_text_shows_what_the_whole_would(text: str, sizes: list[int], bytes_at: list[int]) -> None:
    text = text.encode("utf-8", "replace").decode()
    guard = _filter(_asked(), GUARDS)
    data = _chat(_cut(text, sizes))
    shown, at = b"", 0
    for size in (*bytes_at, len(data)):
        shown += guard.feed(data[at : at + size])
        at += size
    shown += guard.finish()
    assert _shown(shown) == _whole(text)
    assert shown.endswith(b"data: [DONE]\n\n")


@settings(max_examples=60, deadline=None)
@given(text=TEXTS, sizes=st.lists(st.integers(1, 40), max_size=60))
def test_a_stream_that_is_refused_shows_nothing_of_what_it_is_refused_for(text: str, sizes: list[int]) -> None:
    text = text.encode("utf-8", "replace").decode()
    blocking = (Secrets(mode="block"),)
    guard = _filter(_asked(), blocking)
    found = blocking[0].check(Subject(text=text, stage=Stage.OUTPUT)).found
    shown, refused = "", False
    try:
        for event in _chat(_cut(text, sizes)).split(b"\n\n"):
            shown += _shown(guard.feed(event + b"\n\n"))
        shown += _shown(guard.finish())
    except GuardrailBlocked:
        refused = True
    assert refused == bool(found)
    assert len(shown) <= (found[0].start if found else len(text))
    assert text.startswith(shown)


@given(text=st.text(max_size=300), sizes=st.lists(st.integers(1, 9), max_size=80))
def test_what_observes_changes_no_byte(text: str, sizes: list[int]) -> None:
    data = _chat(_cut(text.encode("utf-8", "replace").decode(), sizes))
    guard = _filter(_asked(), (Pii(), Secrets()))
    assert guard.feed(data) + guard.finish() == data


def test_no_more_is_held_back_than_the_window_and_a_word() -> None:
    held = Held(lambda _: [], marker)
    shown = ""
    for number in range(2000):
        shown += held.add(f"word{number % 7} ").text
        assert len(held.pending) <= HOLD_CHARS + STEP_CHARS + 6
    assert shown


def test_a_match_without_end_is_taken_out_without_keeping_it() -> None:
    held = Held(lambda text: Secrets().check(Subject(text=text, stage=Stage.OUTPUT)).found and _places(text), marker)
    shown = held.add("key: -----BEGIN PRIVATE KEY-----\n").text
    for _ in range(4000):
        shown += held.add("MIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n").text
        assert len(held.pending) <= 20_000
    assert shown + held.finish().text == "key: [redacted: private key]"


def _places(text: str) -> Any:
    from llmtrace.guardrails.checking import placed

    guard = Secrets(mode="redact")
    return placed([guard], [guard.check(Subject(text=text, stage=Stage.OUTPUT)).found])


def test_each_choice_is_a_text_of_its_own() -> None:
    guard = _filter(_asked(), (Pii(mode="redact"),))
    events = [chat_chunk({"content": piece}, index=index) for piece in ("ana@exam", "ple.com!") for index in (0, 1)]
    events += [chat_chunk({}, finish="stop", index=index) for index in (0, 1)]
    data = b"".join(f"data: {json.dumps(event)}\n\n".encode() for event in events)
    told = [json.loads(line[6:]) for line in guard.feed(data).decode().splitlines() if line]
    for index in (0, 1):
        of = [c["delta"].get("content") or "" for e in told for c in e["choices"] if c["index"] == index]
        assert "".join(of) == "[redacted: email]!"


def test_log_probabilities_go_out_with_their_text_only() -> None:
    guard = _filter(_asked(), (Pii(mode="redact"),))
    tokens = [
        "Mail ",
        "ana",
        "@example",
        ".com",
        " ok",
        " and some more words to come after it,",
        " so that it goes on.",
    ]
    data = b""
    for token in tokens:
        chunk = chat_chunk({"content": token}, logprobs={"content": [{"token": token, "logprob": -0.1}]})
        data += f"data: {json.dumps(chunk)}\n\n".encode()
    data += f"data: {json.dumps(chat_chunk({}, finish='stop'))}\n\n".encode()
    told = [json.loads(line[6:]) for line in guard.feed(data).decode().splitlines() if line]
    kept = [t["token"] for e in told for c in e["choices"] for t in ((c.get("logprobs") or {}).get("content") or ())]
    assert kept == ["Mail ", *tokens[4:]]


def test_a_stream_that_breaks_off_still_gives_what_was_held() -> None:
    guard = _filter(_asked(), (Pii(mode="redact"),))
    data = b"".join(
        f"data: {json.dumps(chat_chunk({'content': piece}))}\n\n".encode() for piece in ("Hi ana@example.", "com")
    )
    assert _shown(guard.feed(data) + guard.finish()) == "Hi [redacted: email]"


def test_what_is_no_event_of_words_passes_as_it_is() -> None:
    guard = _filter(_asked(), (Pii(mode="redact"),))
    data = b': ping\n\nevent: odd\ndata: [1, 2]\n\ndata: not json\n\ndata: {"error": {"message": "down"}}\n\n'
    assert guard.feed(data) + guard.finish() == data


def test_a_pattern_that_wants_the_whole_holds_a_stream_to_its_end() -> None:
    guard = _filter(_asked(), (Regex(patterns=("begin.*end",), local=False, mode="redact"),))
    text = "begin " + "word " * 100 + "end, and so on"
    shown = _shown(guard.feed(_chat(_cut(text, [7] * 90))) + guard.finish())
    assert shown == "[redacted: regex], and so on"
