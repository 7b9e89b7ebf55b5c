"""Explanations through their public door: calls in a real store, with a cause planted among them."""

from __future__ import annotations

from datetime import timedelta
from random import Random

import pytest

from explain.calls import HOUR, NOON, WINDOW, Call, Plant, Store, fail, generate, reprice
from llmtrace_collector.explain import Explanation, Question, Window

LATE = WINDOW.start + timedelta(minutes=20)


def first(explanation: Explanation) -> tuple[str, str]:
    return explanation.causes[0].attribute, explanation.causes[0].value


def outage(rng: Random, call: Call, now: bool) -> None:
    if call["timestamp"] >= LATE and call["model"] == "gpt-5" and rng.random() < 0.6:
        fail(call, "timeout")


def broken_key(rng: Random, call: Call, now: bool) -> None:
    if call["timestamp"] >= LATE and rng.random() < 0.4:
        fail(call, "AuthenticationError")


def slow_service(rng: Random, call: Call, now: bool) -> None:
    if now and call["service_name"] == "mail":
        call["duration_ns"] *= 5
        call["time_to_first_token_ns"] *= 5


def refusing_prompt(rng: Random, call: Call, now: bool) -> None:
    if now and rng.random() < 0.4:
        call["prompt_version"] = "12"
        if rng.random() < 0.3:
            call |= {"output_refused": True, "finish_reasons": ["content_filter"]}


def dearer_tier(rng: Random, call: Call, now: bool) -> None:
    if call["timestamp"] >= LATE:
        call["request_service_tier"] = "priority"
        reprice(call, 2)


def longer_prompt(rng: Random, call: Call, now: bool) -> None:
    if call["timestamp"] >= LATE and call["feature"] == "chat":
        call["prompt_version"] = "12"
        call["input_tokens"] *= 5
        reprice(call)


def runaway(rng: Random, call: Call, now: bool) -> None:
    if call["timestamp"] >= LATE and rng.random() < 0.3:
        call |= {"user_id": "eve", "session_id": "s-eve", "input_tokens": call["input_tokens"] * 10}
        reprice(call)


def swapped_model(rng: Random, call: Call, now: bool) -> None:
    if now and call["model"] == "gpt-5":
        call |= {"response_model": "gpt-5-2026-10-01", "system_fingerprint": "fp_2"}
        call["output_tokens"] *= 6
        reprice(call)


CAUSES = [
    (outage, "errors", ("error_type", "timeout"), LATE),
    (broken_key, "errors", ("error_type", "AuthenticationError"), LATE),
    (slow_service, "latency", ("service", "mail"), WINDOW.start),
    (slow_service, "time_to_first_token", ("service", "mail"), WINDOW.start),
    (refusing_prompt, "refusals", ("finish_reason", "content_filter"), WINDOW.start),
    (dearer_tier, "cost", ("service_tier", "priority"), LATE),
    (longer_prompt, "cost", ("prompt_version", "12"), LATE),
    (longer_prompt, "input_tokens", ("prompt_version", "12"), LATE),
    (longer_prompt, "input_tokens_per_call", ("prompt_version", "12"), LATE),
    (dearer_tier, "cost_per_call", ("service_tier", "priority"), LATE),
    (runaway, "cost", ("user", "eve"), LATE),
    (runaway, "tokens", ("user", "eve"), LATE),
    (swapped_model, "cost", ("response_model", "gpt-5-2026-10-01"), WINDOW.start),
    (swapped_model, "output_tokens", ("response_model", "gpt-5-2026-10-01"), WINDOW.start),
]


@pytest.mark.parametrize(("plant", "measure", "cause", "since"), CAUSES, ids=lambda one: getattr(one, "__name__", None))
def test_a_planted_cause_comes_first_with_its_moment_and_examples_that_have_it(
    plant: Plant, measure: str, cause: tuple[str, str], since: object, store: Store
) -> None:
    """Whatever the kind of question, the cause is named, dated to the minute, and its calls are shown."""
    calls = generate(1, plant=plant)
    store.put(calls)
    found = store.explain(measure)
    assert first(found) == cause
    assert found.since == since
    assert cause[1] in found.sentence
    planted = {call["span_id"] for call in calls if has(call, *cause)}
    assert len(found.examples) == len({one.span_id for one in found.examples}) == 5
    assert {one.span_id for one in found.examples} <= planted
    assert [one.why for one in found.examples] == ["worst"] * 2 + ["typical"] * 3


def has(call: Call, attribute: str, value: str) -> bool:
    columns = {"service": "service_name", "user": "user_id", "service_tier": "request_service_tier"}
    if attribute == "finish_reason":
        return value in call["finish_reasons"]
    return bool(call[columns.get(attribute, attribute)] == value)


def test_an_outage_in_words(store: Store) -> None:
    """What they have and those before had not, what sets them apart from the others, and since when."""
    store.put(generate(1, plant=outage))
    assert store.explain("errors").sentence == (
        "95 % of the failing calls have error type timeout, 0 % of those before;"
        " 97 % have model gpt-5, 20 % of the others; since 11:20 UTC."
    )


def test_a_dearer_tier_in_words(store: Store) -> None:
    """From where to where, by which factor, and whose it is."""
    store.put(generate(1, plant=dearer_tier))
    assert store.explain("cost").sentence == (
        "Spend rose from $3.25 to $5.66 (94 % dearer tokens). All of that, and more, is service tier priority:"
        " $4.53 against $0.00 before, 1,338 calls against 0; since 11:20 UTC."
    )


@pytest.mark.parametrize("measure", ["errors", "refusals", "latency", "time_to_first_token", "cost", "tokens", "calls"])
@pytest.mark.parametrize("seed", range(3))
def test_where_nothing_is_planted_nothing_is_claimed(measure: str, seed: int, store: Store) -> None:
    """Calls of one law in window and reference have no cause to name."""
    store.put(generate(seed))
    found = store.explain(measure)
    assert found.causes == ()
    assert "No attribute sets" in found.sentence or "did not change beyond chance" in found.sentence


def test_traffic_that_doubles_everywhere_is_more_calls_and_no_attribute_s(store: Store) -> None:
    """The sentence says what grew; no value is blamed for it."""
    store.put(generate(3, growth=2.0))
    found = store.explain("cost")
    assert found.causes == ()
    assert "% more calls" in found.sentence
    assert "no attribute explains it" in found.sentence


def test_a_fall_is_explained_by_what_went_away(store: Store) -> None:
    """Calls of a feature that stop are the reason that calls fell."""

    def stop(rng: Random, call: Call, now: bool) -> None:
        if now and call["feature"] == "triage":
            call["is_call"] = False

    store.put(generate(4, plant=stop))
    found = store.explain("calls", fall=True)
    assert first(found) == ("feature", "triage")
    assert found.sentence.startswith("Calls fell from 2,000 to")
    assert found.causes[0].figures["amount"] == 0


def test_calls_of_which_there_were_none_before_have_no_change_to_explain(store: Store) -> None:
    """A user's first day: whatever those calls have would be all of the rise, so nothing is blamed for it."""
    store.put([call for call in generate(4) if call["timestamp"] >= WINDOW.start])
    found = store.explain("cost")
    assert found.causes == ()
    assert found.sentence == "There were hardly any such calls before: spend went from $0.00 to $3.40."
    assert len(found.examples) == 5


def test_only_calls_of_the_filter_are_looked_at(store: Store) -> None:
    """A user's spend is explained by that user's calls, and neither by the user nor by what others do."""

    def plant(rng: Random, call: Call, now: bool) -> None:
        if rng.random() < 0.2:
            call["user_id"] = "alice"
            longer_prompt(rng, call, now)
        else:
            runaway(rng, call, now)

    store.put(generate(5, count=4_000, plant=plant))
    found = store.explain("cost", filters={"user": "alice"})
    assert first(found) == ("prompt_version", "12")
    assert ("user", "alice") in found.query


@pytest.mark.parametrize(
    "user",
    ["o'brien", "ü 😀", 'say "hi"', "{a:String}", "a\\nb", "a\nb", "%s %(a)s", "') OR 1=1 --", "x" * 3000, "\x00"],
)
def test_hostile_names_are_bound_and_told_in_one_line(user: str, store: Store) -> None:
    """As the cause and as a filter: whatever a name holds, it is data; a sentence has it in one line, and cut."""

    def plant(rng: Random, call: Call, now: bool) -> None:
        if now and rng.random() < 0.3:
            call |= {"user_id": user, "session_id": "one", "input_tokens": call["input_tokens"] * 10}
            reprice(call)

    store.put(generate(6, plant=plant))
    found = store.explain("cost")
    assert first(found) == ("user", user[:256])
    assert found.sentence.isprintable()
    assert len(found.sentence) < 400
    narrowed = store.explain("input_tokens", filters={"user": user})
    assert narrowed.sentence.startswith("There were hardly any such calls before: input tokens went from 0 to ")
    assert {one.span_id for one in narrowed.examples} <= set(
        store.client.query("SELECT span_id FROM spans WHERE session_id = 'one'").result_columns[0]
    )


def test_names_that_are_no_utf8_are_told_and_filtered_by(store: Store) -> None:
    """OTLP does not promise text: such a name is shown with a mark in it, and as a filter finds its calls again."""
    store.put(generate(7, plant=runaway))
    store.client.command(
        "ALTER TABLE spans UPDATE user_id = unhex('6FFF') WHERE user_id = 'eve' SETTINGS mutations_sync = 2"
    )
    found = store.explain("cost")
    assert first(found) == ("user", "o�")
    assert len(store.explain("tokens", filters={"user": "o�"}).examples) == 5


def test_an_empty_store_has_nothing_to_say_and_says_so(store: Store) -> None:
    """No calls at all: sentences without a claim, no examples."""
    assert store.explain("errors").sentence == "There are only 0 failing calls: too few to tell what sets them apart."
    assert store.explain("cost").sentence == "Spend did not change beyond chance: from $0.00 to $0.00."
    assert store.explain("latency").sentence == "The reference has too few calls to tell slow calls."


def test_a_given_threshold_needs_no_reference(store: Store) -> None:
    """What is slow may be said by whoever asks; the others of the window are enough to compare with."""
    store.put([call for call in generate(8, plant=slow_service) if call["timestamp"] >= WINDOW.start])
    found = store.explain("latency", threshold=4.0)
    assert first(found) == ("service", "mail")
    assert "(above 4 s)" in found.sentence


def test_where_the_reference_has_too_few_calls_the_fallback_is_the_threshold(store: Store) -> None:
    """A rule's own limit says what is slow on the first day."""
    store.put([call for call in generate(8, plant=slow_service) if call["timestamp"] >= WINDOW.start])
    assert "84 % of the slow calls (above 3 s) have service mail" in store.explain("latency", fallback=3.0).sentence


def test_calls_of_one_value_are_told_by_what_else_they_have(store: Store) -> None:
    """A new model behind an alias: whose calls it answers."""
    store.put(generate(1, plant=swapped_model))
    found = store.explain("response_model", value="gpt-5-2026-10-01")
    assert found.sentence.startswith(
        "100 % of the calls with response model gpt-5-2026-10-01 have system fingerprint fp_2"
    )
    assert ("model", "gpt-5") in [(one.attribute, one.value) for one in found.causes] + [
        pair for one in found.causes for pair in one.also
    ]
    assert ("has", "response_model:gpt-5-2026-10-01") in found.query


def test_more_calls_than_the_sample_are_explained_by_a_sample_and_said_to_be(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cost of an explanation is bounded; its figures are those of the whole within the doubt of the sample."""
    monkeypatch.setattr("llmtrace_collector.explain.explaining.SAMPLE", 400)
    store.put(generate(9, count=4_000, plant=outage))
    found = store.explain("errors")
    assert first(found) == ("error_type", "timeout")
    assert 0.05 < found.sampled < 0.2
    assert found.plain()["explained_by_sample"] == round(found.sampled, 4)
    costs = store.explain("cost")
    assert costs.causes == ()
    store.client.command("TRUNCATE TABLE spans")
    store.put(generate(9, count=4_000, plant=dearer_tier))
    dearer = store.explain("cost")
    assert first(dearer) == ("service_tier", "priority")
    assert dearer.causes[0].figures["amount"] == pytest.approx(9.1, rel=0.15)


def test_a_window_of_another_length_than_its_reference_is_compared_by_the_hour(store: Store) -> None:
    """An hour against the day before it is not a fall."""
    store.put(generate(10))
    shorter = Window(start=NOON - HOUR / 4, end=NOON)
    found = store.explain("cost", window=shorter, reference=shorter.before)
    assert "did not change beyond chance" in found.sentence


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"measure": "mood"}, 'measure: "mood" is not known'),
        ({"filters": {"colour": "red"}}, "filters.colour: no such attribute"),
        ({"window": Window(start=NOON, end=NOON)}, "window: it ends"),
    ],
)
def test_a_question_nobody_can_answer_is_refused(wrong: dict[str, object], told: str) -> None:
    """In one sentence, with the name of what is wrong."""
    given = {"measure": "errors", "window": WINDOW, "reference": WINDOW.before} | wrong
    with pytest.raises(ValueError, match=told):
        Question(**given)  # type: ignore[arg-type]
