"""What an on-call team expects of alerts and their states: one test for each point, on a virtual clock.

The points are those that Prometheus, Alertmanager and Grafana are asked for; what concerns notices is in
`test_conformance_notices`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmtrace_collector.watch import load
from llmtrace_collector.watch.patience import NoData, Patience
from llmtrace_collector.watch.periods import Length, period_of
from llmtrace_collector.watch.severity import Severity
from llmtrace_collector.watch.states import Decision, Reason, Standing, State, decide
from llmtrace_collector.watch.verdict import Verdict
from watch.helpers import NOON, SECRET, Clock, Engine, Receiver, rule, run

Watching = Callable[[str], Any]
ERRORS = "kind: threshold\nmeasure: error_rate\ngroup_by: [model]\nwindow: 5m\nabove: 10%\n"


@pytest.fixture
def watching(make_watch: Any, receiver: Receiver, tmp_path: Path) -> Watching:
    """A watch over rules of these lines, named r, r2, ...; a blank line parts them. Again: a restart."""

    def make(text: str) -> Any:
        hook = f"webhooks: [{{url: '{receiver.url()}', secret: {SECRET}}}]"
        blocks = []
        for number, lines in enumerate(text.strip().split("\n\n")):
            name = "r" if number == 0 else f"r{number + 1}"
            body = "".join(f"    {line.strip()}\n" for line in lines.splitlines())
            blocks.append(f"  - name: {name}\n{body}    {hook}\n")
        file = tmp_path / "rules.yaml"
        file.write_text("rules:\n" + "".join(blocks), encoding="utf-8")
        return make_watch(*load(file))

    return make


def told(receiver: Receiver) -> list[tuple[str, str]]:
    return [(r.kind.removeprefix("alert."), r.json["data"]["reason"]) for r in receiver.requests]


def fail(engine: Engine, at: datetime, **columns: Any) -> None:
    engine.calls(at - timedelta(seconds=30), 10, status_code="ERROR", **columns)


def well(engine: Engine, at: datetime, **columns: Any) -> None:
    engine.calls(at - timedelta(seconds=30), 10, **columns)


def test_for_is_counted_for_each_group_by_itself(
    engine: Engine, watching: Watching, receiver: Receiver, clock: Clock
) -> None:
    watch = watching(ERRORS + "for: 3m")
    fail(engine, clock.now, model="a")
    run(watch)
    clock.advance(minutes=2)
    fail(engine, clock.now, model="a")
    fail(engine, clock.now, model="b")
    run(watch)
    clock.advance(minutes=1)
    run(watch)
    assert [r.json["data"]["group"] for r in receiver.requests] == [{"model": "a"}]
    assert told(receiver) == [("firing", "held")]


def test_firing_is_kept_for_a_while_after_the_condition_has_ended(
    engine: Engine, watching: Watching, receiver: Receiver, clock: Clock
) -> None:
    watch = watching(ERRORS + "keep_firing_for: 4m")
    fail(engine, clock.now)
    run(watch)
    clock.advance(minutes=6)
    for _ in range(4):
        well(engine, clock.now)
        run(watch)
        assert told(receiver) == [("firing", "over_limit")]
        clock.advance(minutes=1)
    run(watch)
    assert told(receiver)[1:] == [("resolved", "back_under")]


def test_an_alert_recovers_at_a_limit_of_its_own(
    engine: Engine, watching: Watching, receiver: Receiver, clock: Clock
) -> None:
    watch = watching(ERRORS + "recover: 5%")
    fail(engine, clock.now)
    run(watch)
    clock.advance(minutes=6)
    engine.calls(clock.now - timedelta(seconds=9), 93)
    engine.calls(clock.now - timedelta(seconds=9), 7, status_code="ERROR")
    run(watch)
    assert told(receiver) == [("firing", "over_limit")], "7 % is under 10 % and above 5 %"
    engine.calls(clock.now - timedelta(seconds=9), 100)
    run(watch)
    assert told(receiver)[1:] == [("resolved", "back_under")]


@pytest.mark.parametrize(
    "case",
    [
        ("no_data: ok\nstale_after: 3", [("resolved", "stale")]),
        ("no_data: keep", []),
        ("no_data: alert\nno_data_for: 2m", []),
        ("no_data: separate\nno_data_for: 2m", [("firing", "held")]),
    ],
    ids=["ok", "keep", "alert", "separate"],
)
def test_a_group_that_fires_and_falls_silent_does_what_its_rule_says(
    engine: Engine, watching: Watching, receiver: Receiver, clock: Clock, case: tuple[str, list[Any]]
) -> None:
    lines, after = case
    watch = watching(ERRORS + lines)
    fail(engine, clock.now)
    run(watch)
    clock.advance(minutes=10)
    for _ in range(5):
        run(watch)
        clock.advance(minutes=1)
    assert told(receiver) == [("firing", "over_limit"), *after]


def test_silence_itself_is_an_alert_with_a_pending_time_of_its_own_and_ends_with_data(
    engine: Engine, watching: Watching, receiver: Receiver, clock: Clock
) -> None:
    watch = watching(ERRORS + "no_data: alert\nno_data_for: 5m")
    well(engine, clock.now)
    run(watch)
    clock.advance(minutes=6)
    run(watch)
    assert told(receiver) == []
    clock.advance(minutes=5)
    run(watch)
    assert told(receiver) == [("firing", "no_data")]
    well(engine, clock.now)
    run(watch)
    assert told(receiver)[1:] == [("resolved", "data_back")]


def test_a_query_that_fails_is_an_alert_of_its_own_and_the_other_rules_go_on(
    engine: Engine, watching: Watching, receiver: Receiver, clock: Clock
) -> None:
    watch = watching(ERRORS + "\nkind: threshold\nmeasure: score\nwindow: 5m\nbelow: 1")
    engine.client.command("RENAME TABLE scores TO scores_away")
    try:
        for _ in range(7):
            fail(engine, clock.now)
            run(watch)
            clock.advance(minutes=1)
        assert [(r.json["data"]["rule"], r.kind) for r in receiver.requests] == [
            ("r", "alert.firing"),
            ("llmtrace.evaluation", "alert.firing"),
        ]
        failing = receiver.requests[1].json["data"]
        assert failing["group"] == {"rule": "r2"}
        assert "ClickHouse does not take it" in failing["summary"]
        assert "evaluation of r2" in watch.health()["error"]
    finally:
        engine.client.command("RENAME TABLE scores_away TO scores")
    run(watch)
    assert receiver.requests[-1].json["data"]["rule"] == "llmtrace.evaluation"
    assert receiver.requests[-1].kind == "alert.resolved"


def test_a_store_that_is_away_for_minutes_is_one_alert_and_moves_no_other(
    engine: Engine, watching: Watching, receiver: Receiver, clock: Clock
) -> None:
    watch = watching(ERRORS + "\n" + ERRORS)
    fail(engine, clock.now)
    run(watch)
    watch._engine._client = None
    engine.down = True
    for _ in range(7):
        clock.advance(minutes=1)
        run(watch)
    assert [r.json["data"]["rule"] for r in receiver.requests] == ["r", "r2", "llmtrace.store"]
    engine.down = False
    fail(engine, clock.now)
    run(watch)
    assert [(r.json["data"]["rule"], r.kind) for r in receiver.requests[3:]] == [("llmtrace.store", "alert.resolved")]


def test_what_is_wrong_with_the_collector_itself_is_an_alert_after_minutes(
    engine: Engine, make_watch: Any, receiver: Receiver, clock: Clock
) -> None:
    """To everybody there is, with what it concerns for a group; it ends when that is well again."""
    wrong = {"backlog": "Spans wait to be stored, the oldest for 70 s.", "room": ""}
    watch = make_watch(rule(receiver.url()), ailing=lambda: wrong)
    for _ in range(6):
        run(watch)
        clock.advance(minutes=1)
    [notice] = receiver.requests
    assert (notice.json["data"]["rule"], notice.json["data"]["group"]) == ("llmtrace.collector", {"what": "backlog"})
    assert notice.json["data"]["summary"] == wrong["backlog"]
    wrong["backlog"] = ""
    run(watch)
    assert receiver.kinds() == ["alert.firing", "alert.resolved"]


def test_a_new_group_is_left_alone_for_a_while(
    engine: Engine, watching: Watching, receiver: Receiver, clock: Clock
) -> None:
    watch = watching(ERRORS + "new_group_delay: 10m")
    for _ in range(10):
        fail(engine, clock.now)
        run(watch)
        clock.advance(minutes=1)
    assert told(receiver) == []
    fail(engine, clock.now)
    run(watch)
    assert told(receiver) == [("firing", "over_limit")]


def test_an_evaluation_looks_at_a_window_that_ended_a_while_ago_and_late_calls_count_in_it(
    engine: Engine, watching: Watching, receiver: Receiver, clock: Clock
) -> None:
    watch = watching(ERRORS + "delay: 2m")
    fail(engine, clock.now)
    run(watch)
    assert told(receiver) == [], "too fresh"
    clock.advance(minutes=2)
    run(watch)
    assert told(receiver) == [("firing", "over_limit")]
    engine.calls(clock.now - timedelta(minutes=3), 200)  # late
    run(watch)
    assert told(receiver)[1:] == [("resolved", "back_under")]


def test_more_groups_than_are_watched_are_told_of_and_the_busiest_are_watched(
    engine: Engine, watching: Watching, receiver: Receiver, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    from llmtrace_collector.watch import scans

    monkeypatch.setattr(scans, "MOST_GROUPS", 3)
    watch = watching(ERRORS)
    for number in range(6):
        engine.calls(clock.now - timedelta(seconds=9), 10 + number, model=f"m{number}", status_code="ERROR")
    run(watch)
    groups = [r.json["data"]["group"] for r in receiver.requests]
    assert {"model": "m5"} in groups
    assert {"rule": "r"} in groups
    assert [r.json["data"]["rule"] for r in receiver.requests].count("llmtrace.groups") == 1


@pytest.mark.parametrize("lines", ["for: 5m", "keep_firing_for: 5m", "no_data: alert\nno_data_for: 5m"])
def test_what_an_alert_waits_for_survives_a_restart(
    engine: Engine, watching: Watching, receiver: Receiver, clock: Clock, lines: str
) -> None:
    def feed() -> None:
        if lines.startswith("for") or (lines.startswith("keep") and clock.now == NOON):
            fail(engine, clock.now)
        elif lines.startswith("keep") or clock.now == NOON:
            well(engine, clock.now)

    feed()
    wanted = 2 if lines.startswith("keep") else 1
    while len(receiver.requests) < wanted:
        run(watching(ERRORS + lines))  # anew every minute
        clock.advance(minutes=1)
        feed()
        assert clock.now - NOON < timedelta(minutes=30)
    assert timedelta(minutes=5) < clock.now - NOON <= timedelta(minutes=12)


def test_a_warning_becomes_critical_after_its_own_wait_and_both_are_told(
    engine: Engine, watching: Watching, receiver: Receiver, clock: Clock
) -> None:
    watch = watching(ERRORS.replace("above: 10%", "above: {warning: 10%, critical: 50%}") + "for: 2m")
    for share in (20, 20, 20, 90, 90, 90):
        clock.advance(minutes=5)
        engine.calls(clock.now - timedelta(seconds=9), share, status_code="ERROR")
        engine.calls(clock.now - timedelta(seconds=9), 100 - share)
        run(watch)
    assert [(r.json["data"]["reason"], r.json["data"]["severity"]) for r in receiver.requests] == [
        ("held", "warning"),
        ("escalated", "critical"),
    ]


@pytest.mark.parametrize(
    ("now", "length", "zone", "start", "hours"),
    [
        ("2026-03-29T12:00", Length.DAY, "Europe/Berlin", "2026-03-28T23:00", 23),
        ("2026-10-25T12:00", Length.DAY, "Europe/Berlin", "2026-10-24T22:00", 25),
        ("2026-11-01T03:59", Length.MONTH, "America/New_York", "2026-10-01T04:00", 31 * 24),
        ("2026-11-01T04:00", Length.MONTH, "America/New_York", "2026-11-01T04:00", 30 * 24 + 1),
        ("2026-12-31T23:30", Length.MONTH, "Asia/Kolkata", "2026-12-31T18:30", 31 * 24),
        ("2026-11-01T12:00", Length.WEEK, "UTC", "2026-10-26T00:00", 7 * 24),
    ],
)
def test_periods_begin_and_end_at_midnight_of_their_zone(
    now: str, length: Length, zone: str, start: str, hours: int
) -> None:  # fmt: skip
    from zoneinfo import ZoneInfo

    found = period_of(datetime.fromisoformat(now).replace(tzinfo=UTC), length, ZoneInfo(zone))
    assert found.start == datetime.fromisoformat(start).replace(tzinfo=UTC)
    assert found.length == timedelta(hours=hours)


SEVERITIES = st.sampled_from(Severity)
SIGHTS = st.none() | st.builds(lambda s, h: Verdict(severity=s, holding=h, value=1, limit=0), SEVERITIES, SEVERITIES)
WALKS = st.lists(st.tuples(SIGHTS, st.integers(0, 400)), max_size=50)
WAITS = st.integers(0, 600).map(lambda s: timedelta(seconds=s))
PATIENCES = st.builds(
    Patience,
    hold=WAITS,
    keep_firing=WAITS,
    no_data=st.sampled_from(NoData),
    no_data_for=WAITS,
    stale_after=st.integers(1, 5),
)


def walk(
    sights: list[tuple[Verdict | None, int]], patience: Patience
) -> list[tuple[datetime, Verdict | None, Decision]]:
    now, standing, found = NOON, Standing(), []
    for verdict, wait_s in sights:
        now += timedelta(seconds=wait_s)
        decision = decide(standing, verdict, now, patience)
        found.append((now, verdict, decision))
        standing = decision.standing
    return found


@given(WALKS, PATIENCES)
def test_whatever_comes_every_start_is_told_once_and_every_end_once(sights: Any, patience: Patience) -> None:
    """Starts and ends alternate; between them only a severity changes, and each change is told."""
    firing: Severity | None = None
    for _, _, decision in walk(sights, patience):
        state, severity = decision.standing.state, decision.standing.severity
        if state is State.FIRING:
            assert decision.notify == (severity is not firing)
            firing = severity
        else:
            assert decision.notify == (firing is not None) == (state is State.RESOLVED)
            firing = None


@given(WALKS, PATIENCES)
def test_an_alert_fires_only_at_what_was_asked_for_throughout_its_wait(sights: Any, patience: Patience) -> None:
    """The reference: look back over the sights of the last `for` and see that each asked for at least as much."""
    steps = walk(sights, patience)
    for index, (now, _, decision) in enumerate(steps):
        if decision.reason not in {Reason.HELD, Reason.ESCALATED, Reason.OVER_LIMIT} or not decision.notify:
            continue
        back = index
        while back > 0 and now - steps[back][0] < patience.hold:
            back -= 1
        for _, verdict, _ in steps[back : index + 1]:
            assert verdict is None or verdict.severity >= decision.standing.severity


@given(WALKS, PATIENCES)
def test_an_alert_ends_only_after_nothing_held_it_for_as_long_as_it_is_kept(sights: Any, patience: Patience) -> None:
    for (_, _, before), (_, verdict, decision) in pairwise(walk(sights, patience)):
        if decision.standing.state is State.RESOLVED and decision.reason is not Reason.STALE:
            assert verdict is not None
            assert verdict.severity is Severity.NONE
            assert verdict.holding is Severity.NONE
            assert before.standing.state is State.FIRING
