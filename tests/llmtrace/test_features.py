"""Features of the text of a call: they tell of a shift, and nothing of the text."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import llmtrace
from llmtrace.reading.languages import guess_language
from llmtrace.settings import load_settings
from llmtrace.sketches import Sketcher, distance
from llmtrace.testing.replies import FakeReply
from support.scripted import Scripted, chat_body, chat_chunk, response_body, said

KEY = "a secret of more than sixteen characters"
OTHER_KEY = "another secret of more than sixteen"
WORDS = [f"{first}{second}{third}" for first in "bdfgklmnprst" for second in "aeiou" for third in ("nar", "lim", "tos")]


@pytest.fixture
def features(traces: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The attributes that features are, of the one span there is; sketches are keyed."""
    llmtrace.uninstrument()
    monkeypatch.setenv("LLMTRACE_SKETCH_KEY", KEY)
    llmtrace.instrument(traces.provider, export="none")

    def found() -> dict[str, Any]:
        heads = ("llmtrace.input.", "llmtrace.output.", "llmtrace.prompt.", "llmtrace.sketch.")
        judged = ("refused", "truncated", "empty", "valid", "reason")
        attributes = dict(traces.one().attributes)
        return {name: v for name, v in attributes.items() if name.startswith(heads) and not name.endswith(judged)}

    return found


MESSAGES: Any = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "What is in the picture, and what can you hear?"},
    {"role": "assistant", "content": None, "tool_calls": [{"id": "1", "function": {"name": "f", "arguments": "{}"}}]},
    {"role": "tool", "tool_call_id": "1", "content": "12345"},
    {
        "role": "user",
        "content": [
            {"type": "text", "text": "And here?"},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
            {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
            {"type": "file", "file": {"file_id": "file-1"}},
        ],
    },
]
COUNTED = {
    "llmtrace.input.message_count": 5,
    "llmtrace.input.system_chars": 9,
    "llmtrace.input.user_chars": 46 + 9,
    "llmtrace.input.chars": 9 + 46 + 5 + 9,
    "llmtrace.input.image_count": 1,
    "llmtrace.input.audio_count": 1,
    "llmtrace.input.file_count": 1,
    "llmtrace.input.language": "en",
    "llmtrace.output.chars": 20,
    "llmtrace.output.language": "en",
}


def without_keyed(found: dict[str, Any]) -> dict[str, Any]:
    return {name: v for name, v in found.items() if not name.endswith(("sketch", "fingerprint", "key_id"))}


def test_lengths_and_counts_of_a_chat_call(features: Any, scripted: Scripted) -> None:
    scripted.answers(chat_body({"content": "This is what it is.."}))
    scripted.sync.chat.completions.create(model="gpt-4o", messages=MESSAGES)
    assert without_keyed(features()) == COUNTED


def test_lengths_and_counts_of_an_async_stream(features: Any, scripted: Scripted, run: Any) -> None:
    scripted.streams(chat_chunk({"content": "This is what"}), chat_chunk({"content": " it is.."}, "stop"), "[DONE]")

    async def call() -> None:
        stream = await scripted.asynchronous.chat.completions.create(model="gpt-4o", messages=MESSAGES, stream=True)
        assert len([chunk async for chunk in stream]) == 2

    run(call())
    assert without_keyed(features()) == COUNTED


def test_lengths_and_counts_of_a_responses_call(features: Any, scripted: Scripted) -> None:
    call = {"type": "function_call", "id": "f", "call_id": "c", "name": "f", "arguments": '{"a": 1}'}
    scripted.answers(response_body(said("Yes."), call))
    given: Any = [
        {"role": "user", "content": [{"type": "input_text", "text": "Who?"}, {"type": "input_image", "file_id": "x"}]},
        {**call, "call_id": "b"},
        {"type": "function_call_output", "call_id": "b", "output": "sunny"},
    ]
    scripted.sync.responses.create(model="gpt-4o", instructions="Be brief.", input=given)
    assert without_keyed(features()) == {
        "llmtrace.input.message_count": 4,
        "llmtrace.input.system_chars": 9,
        "llmtrace.input.user_chars": 4,
        "llmtrace.input.chars": 18,
        "llmtrace.input.image_count": 1,
        "llmtrace.input.language": "und",
        "llmtrace.output.chars": 4,
        "llmtrace.output.tool_call_count": 1,
        "llmtrace.output.language": "und",
    }


def test_embeddings_have_features_of_their_input_alone(features: Any, fake_and_client: Any) -> None:
    _, client = fake_and_client
    client.embeddings.create(model="text-embedding-3-small", input=["one", "three"])
    found = features()
    assert found["llmtrace.input.user_chars"] == 8
    assert not [name for name in found if name.startswith("llmtrace.output.")]


def test_the_same_system_prompt_and_tools_have_one_fingerprint_whatever_is_asked(
    features: Any, scripted: Scripted, traces: Any
) -> None:
    scripted.answers(chat_body({"content": "a"}))
    tool: Any = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}
    shuffled: Any = {"function": {"parameters": {"properties": {}, "type": "object"}, "name": "f"}, "type": "function"}
    for rule, tools in (("Be brief.", [tool]), ("Be brief.", [shuffled]), ("Be long.", [tool]), ("Be brief.", [])):
        asked = random.Random(str(tools)).choice(WORDS)
        messages: Any = [{"role": "system", "content": rule}, {"role": "user", "content": asked}]
        scripted.sync.chat.completions.create(model="gpt-4o", messages=messages, tools=tools)
    same, also, *others = [dict(span.attributes)["llmtrace.prompt.fingerprint"] for span in traces.spans()]
    assert same == also
    assert len({same, *others}) == 3


def test_without_a_key_there_is_neither_sketch_nor_fingerprint(traces: Any, fake_and_client: Any) -> None:
    fake_and_client[1].chat.completions.create(model="gpt-4o", messages=MESSAGES)
    found = dict(traces.one().attributes)
    assert found["llmtrace.input.message_count"] == 5
    assert not [name for name in found if name.endswith((".sketch", ".fingerprint", ".key_id"))]


def test_features_can_be_switched_off(traces: Any, fake_and_client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    llmtrace.uninstrument()
    monkeypatch.setenv("LLMTRACE_TEXT_FEATURES", "false")
    monkeypatch.setenv("LLMTRACE_SKETCH_KEY", KEY)
    llmtrace.instrument(traces.provider, export="none")
    fake_and_client[1].chat.completions.create(model="gpt-4o", messages=MESSAGES)
    found = dict(traces.one().attributes)
    assert not [name for name in found if name.startswith(("llmtrace.input.", "llmtrace.prompt.", "llmtrace.sketch."))]
    assert "llmtrace.output.chars" not in found


def test_a_short_key_is_refused_in_a_line_and_not_used() -> None:
    settings = load_settings(environ={"LLMTRACE_SKETCH_KEY": "short"})
    assert settings.sketch_key is None
    assert "LLMTRACE_SKETCH_KEY" in settings.mistakes[0]
    assert "short" not in settings.mistakes[0]


def test_the_key_is_not_shown_with_the_settings() -> None:
    assert KEY not in repr(load_settings(environ={"LLMTRACE_SKETCH_KEY": KEY}))


@settings(max_examples=15, deadline=None)
@given(st.lists(st.sampled_from(WORDS), min_size=12, max_size=12, unique=True))
def test_nothing_of_the_text_is_found_in_any_attribute(words: list[str]) -> None:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    memory, provider = InMemorySpanExporter(), TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(memory))
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("LLMTRACE_SKETCH_KEY", KEY)
        llmtrace.instrument(provider, export="none")
        try:
            rule, asked, answer, name = (" ".join(words[at : at + 3]) for at in range(0, 12, 3))
            _HOSTED.answers(chat_body({"content": f'{{"{answer}": 1}}'}, {"refusal": answer}))
            _HOSTED.sync.chat.completions.create(
                model="gpt-4o",
                messages=[{"role": "system", "content": rule}, {"role": "user", "content": asked}],
                response_format={"type": "json_schema", "json_schema": {"name": "x", "schema": {"title": name}}},
                tools=[{"type": "function", "function": {"name": name.replace(" ", "_")}}],
            )
            assert llmtrace.flush()
        finally:
            llmtrace.uninstrument()
    (span,) = memory.get_finished_spans()
    told = json.dumps([span.name, dict(span.attributes or {})])
    assert "llmtrace.output.sketch" in told
    assert [word for word in words if word in told] == []


_HOSTED = Scripted()


# --- sketches ---------------------------------------------------------------------------------------------------


def _text(rng: random.Random, length: int) -> list[str]:
    return [rng.choice(WORDS) for _ in range(length)]


@pytest.mark.parametrize("seed", range(20))
def test_near_duplicates_have_near_sketches_and_unrelated_texts_far_ones(seed: int) -> None:
    rng = random.Random(seed)
    words = _text(rng, 200)
    near = list(words)
    for at in rng.sample(range(200), 3):
        near[at] = rng.choice(WORDS)
    sketch = Sketcher(KEY).sketch
    original, edited, unrelated = (sketch(" ".join(one)) for one in (words, near, _text(rng, 200)))
    assert original is not None
    assert edited is not None
    assert unrelated is not None
    assert distance(original, edited) <= 14
    assert 15 <= distance(original, unrelated) <= 49  # binomial(64, 1/2): once in 20,000 beyond


@pytest.mark.parametrize("seed", range(20))
def test_another_key_gives_unrelated_values(seed: int) -> None:
    text = " ".join(_text(random.Random(seed), 50))
    one, other = Sketcher(KEY), Sketcher(OTHER_KEY)
    found = (one.sketch(text), other.sketch(text))
    assert found[0] is not None
    assert found[1] is not None
    assert 15 <= distance(found[0], found[1]) <= 49
    assert one.fingerprint([text], []) != other.fingerprint([text], [])
    assert one.key_id != other.key_id


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=300))
def test_a_sketch_heeds_neither_case_nor_spaces_nor_punctuation_and_takes_any_text(text: str) -> None:
    sketcher = Sketcher(KEY)
    found = sketcher.sketch(text)
    assert found is None or len(bytes.fromhex(found)) == 8
    assert sketcher.sketch(f"  {text} !?") == found


def test_only_the_beginning_of_a_long_text_is_looked_at() -> None:
    sketcher = Sketcher(KEY)
    assert sketcher.sketch("a b " * 2_500 + "c" * 10_000_000) == sketcher.sketch("a b " * 2_500)


def test_scripts_without_spaces_have_near_sketches_too() -> None:
    text = "人人生而自由,在尊严和权利上一律平等。他们赋有理性和良心,并应以兄弟关系的精神相对待。"
    sketch = Sketcher(KEY).sketch
    one, other = sketch(text), sketch(text.replace("自由", "自主"))
    assert one is not None
    assert other is not None
    assert distance(one, other) <= 20


# --- language ---------------------------------------------------------------------------------------------------

# Article 1 of the Universal Declaration of Human Rights.
DECLARATION = {
    "en": "All human beings are born free and equal in dignity and rights. They are endowed with reason and conscience "
    "and should act towards one another in a spirit of brotherhood.",
    "de": "Alle Menschen sind frei und gleich an Würde und Rechten geboren. Sie sind mit Vernunft und Gewissen begabt "
    "und sollen einander im Geist der Brüderlichkeit begegnen.",
    "fr": "Tous les êtres humains naissent libres et égaux en dignité et en droits. Ils sont doués de raison et de "
    "conscience et doivent agir les uns envers les autres dans un esprit de fraternité.",
    "es": "Todos los seres humanos nacen libres e iguales en dignidad y derechos y, dotados como están de razón y "
    "conciencia, deben comportarse fraternalmente los unos con los otros.",
    "it": "Tutti gli esseri umani nascono liberi ed eguali in dignità e diritti. Essi sono dotati di ragione e di "
    "coscienza e devono agire gli uni verso gli altri in spirito di fratellanza.",
    "pt": "Todos os seres humanos nascem livres e iguais em dignidade e em direitos. Dotados de razão e de "
    "consciência, devem agir uns para com os outros em espírito de fraternidade.",
    "nl": "Alle mensen worden vrij en gelijk in waardigheid en rechten geboren. Zij zijn begiftigd met verstand en "
    "geweten, en behoren zich jegens elkander in een geest van broederschap te gedragen.",
    "pl": "Wszyscy ludzie rodzą się wolni i równi pod względem swej godności i swych praw. Są oni obdarzeni rozumem i "
    "sumieniem i powinni postępować wobec innych w duchu braterstwa.",
    "ru": "Все люди рождаются свободными и равными в своем достоинстве и правах. Они наделены разумом и совестью и "
    "должны поступать в отношении друг друга в духе братства.",
    "uk": "Всі люди народжуються вільними і рівними у своїй гідності та правах.",
    "el": "Όλοι οι άνθρωποι γεννιούνται ελεύθεροι και ίσοι στην αξιοπρέπεια και τα δικαιώματα.",
    "zh": "人人生而自由,在尊严和权利上一律平等。",
    "ja": "すべての人間は、生まれながらにして自由であり、かつ、尊厳と権利とについて平等である。",
    "ko": "모든 인간은 태어날 때부터 자유로우며 그 존엄과 권리에 있어 동등하다.",
    "ar": "يولد جميع الناس أحرارا متساوين في الكرامة والحقوق.",
    "he": "כל בני האדם נולדו בני חורין ושווים בערכם ובזכויותיהם.",
    "hi": "सभी मनुष्यों को गौरव और अधिकारों के मामले में जन्मजात स्वतन्त्रता और समानता प्राप्त है।",
    "th": "มนุษย์ทั้งหลายเกิดมามีอิสระและเสมอภาคกันในเกียรติศักดิ์และสิทธิ",
    "und": "def f(x): return x ** 2",
}


@pytest.mark.parametrize("language", DECLARATION)
def test_the_language_of_a_paragraph_is_told(language: str) -> None:
    assert guess_language(DECLARATION[language]) == language


@pytest.mark.parametrize("text", ["", "42", "OK", "?!", "\ud800", "a" * 100_000, "```" * 700, "x@" * 1000, "𝔘𝔫𝔦"])
def test_what_has_no_language_is_undetermined(text: str) -> None:
    assert guess_language(text) == "und"


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=200))
def test_any_text_has_a_language_of_two_letters_or_none(text: str) -> None:
    assert len(guess_language(text)) in (2, 3)


def test_a_call_whose_answer_has_no_text_says_so(traces: Any, fake_and_client: Any) -> None:
    fake, client = fake_and_client
    fake.plan = lambda _: FakeReply(tool=("f", {"a": 1}))
    client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "x"}])
    found = dict(traces.one().attributes)
    assert (found["llmtrace.output.chars"], found["llmtrace.output.tool_call_count"]) == (0, 1)
    assert "llmtrace.output.language" not in found
