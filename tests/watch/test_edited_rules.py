"""Rules that people edit, beside those of the file: the watch takes them while it runs, and none falls silent."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmtrace_collector.errors import BusyError, ConfigError, ConflictError
from llmtrace_collector.folder import DataFolder
from llmtrace_collector.watch import RuleSource, Watch, rules
from llmtrace_collector.watch.desk import Desk
from llmtrace_collector.watch.journal import Journal
from llmtrace_collector.watch.rule_desk import RuleDesk
from llmtrace_collector.watch.rules import RuleFile, read_one
from watch.helpers import NOON, SECRET, Clock, Engine, Receiver, local_sender

CAP = {"kind": "spend", "group_by": ["user"], "window": "24h", "limit_usd": 5}
FILE = """
channels:
  first: {kind: slack, url_env: FIRST}
  second: {kind: slack, url_env: SECOND}
default_channel: first
"""


@pytest.fixture
def file(tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A rule file with two channels and no rule."""
    monkeypatch.setenv("FIRST", receiver.url("/first"))
    monkeypatch.setenv("SECOND", receiver.url("/second"))
    (tmp_path / "rules.yaml").write_text(FILE)
    return tmp_path / "rules.yaml"


@pytest.fixture
def watch(file: Path, make_watch: Callable[..., Watch]) -> Watch:
    source = RuleSource(file)
    found = source.found
    return make_watch(
        *found.rules, channels=found.channels, default=found.default, policy=found.policy, changed=source.changed
    )


@pytest.fixture
def desk(file: Path, tmp_path: Path, engine: Engine, clock: Clock) -> RuleDesk:
    Journal(tmp_path / "watch.db").close()
    return RuleDesk(folder=DataFolder(tmp_path), file=file, connect=engine.connect, clock=clock)


def round_of(watch: Watch) -> None:
    """What the loops of a watch do."""
    for step in (watch.reload, watch.reload_edited, watch.evaluate_once, watch.deliver_due):
        watch._guarded(step.__name__, step)


def paths(receiver: Receiver) -> list[str]:
    return [request.path for request in receiver.requests]


def test_an_edited_rule_fires_is_silenced_changed_and_deleted_while_the_watch_runs(
    engine: Engine, watch: Watch, desk: RuleDesk, receiver: Receiver, tmp_path: Path
) -> None:
    """Its alerts keep their state over a change, a silence outlives it, and they end with the rule."""
    engine.spend(NOON, "6", user="alice")
    round_of(watch)
    new, shown = desk.put("cap", CAP, who="Eve")
    assert (new, shown["edited_by"], shown["told"][0].split()[0]) == (True, "Eve", "first")
    round_of(watch)
    assert paths(receiver) == ["/first"]
    assert watch.health()["rules"] == 1
    silences = Desk(folder=DataFolder(tmp_path), clock=desk.clock)
    silences.silence(["rule=cap", "user=bob"], ends=NOON + timedelta(hours=9), reason="known", who="Eve")
    assert desk.put("cap", CAP | {"limit_usd": 4, "channels": ["second"]}, who="Bob")[0] is False
    engine.spend(NOON, "4.5", user="bob")
    engine.spend(NOON, "4.5", user="carol")
    round_of(watch)
    assert paths(receiver) == ["/first", "/second"], "carol's; alice's is known and bob's silenced"
    assert "carol" in receiver.requests[1].body.decode()
    desk.delete("cap", who="Bob")
    round_of(watch)
    assert watch.health()["firing"] == 0
    assert (watch.health()["rules"], watch.health()["error"]) == (0, None)
    with pytest.raises(ConfigError, match='no edited rule "cap"'):
        desk.delete("cap", who="Bob")
    assert desk.put("cap", CAP, who="Eve")[0] is True, "a deleted one may be made again in the same millisecond"
    round_of(watch)
    assert watch.health()["rules"] == 1


def test_a_restart_knows_edited_rules_before_it_looks(
    engine: Engine, watch: Watch, desk: RuleDesk, receiver: Receiver, make_watch: Callable[..., Watch]
) -> None:
    """Else it would end their alerts as those of rules that are gone."""
    desk.put("cap", CAP, who="Eve")
    engine.spend(NOON, "6", user="alice")
    round_of(watch)
    assert desk.file
    found = RuleSource(desk.file).found
    again = make_watch(channels=found.channels, default=found.default)
    assert again.evaluate_once() == 0
    again.deliver_due()
    assert (again.health()["firing"], paths(receiver)) == (1, ["/first"])


def test_a_rule_whose_channel_is_gone_is_told_by_the_default_and_said_to_be_wrong(
    engine: Engine, watch: Watch, desk: RuleDesk, file: Path, receiver: Receiver
) -> None:
    desk.put("cap", CAP | {"channels": ["second"]}, who="Eve")
    file.write_text(FILE.replace("second: {kind: slack, url_env: SECOND}", ""))
    engine.spend(NOON, "6", user="alice")
    round_of(watch)
    assert paths(receiver) == ["/first"]
    assert 'cap: channels[0]: "second" is not a channel of this file' in watch.health()["error"]
    assert "is not a channel" in desk.rules()["rules"][0]["problem"]
    file.write_text(FILE)
    round_of(watch)
    assert watch.health()["error"] is None
    assert desk.rules()["rules"][0]["problem"] == ""


def test_a_name_that_both_have_is_the_files(
    engine: Engine, watch: Watch, desk: RuleDesk, file: Path, receiver: Receiver
) -> None:
    """Edited first, then exported into the file: one rule fires, and what is left is said and can be deleted."""
    desk.put("cap", CAP, who="Eve")
    file.write_text(FILE + desk.export().replace("limit_usd: 5", "limit_usd: 7"))
    engine.spend(NOON, "6", user="alice")
    round_of(watch)
    assert paths(receiver) == []
    assert "the rule file has a rule of this name" in watch.health()["error"]
    shown = desk.rules()["rules"]
    assert [(each["source"], each["rule"]["limit_usd"]) for each in shown] == [("file", 7), ("edited", 5)]
    with pytest.raises(ConflictError, match=r'"cap" is a rule of rules\.yaml: change it there'):
        desk.put("cap", CAP, who="Eve")
    desk.delete("cap", who="Eve")
    with pytest.raises(ConflictError, match=r'"cap" is a rule of rules\.yaml: take it out there'):
        desk.delete("cap", who="Eve")
    round_of(watch)
    assert watch.health()["error"] is None


def test_a_file_with_mistakes_changes_nothing_for_edited_rules(
    engine: Engine, watch: Watch, desk: RuleDesk, file: Path, receiver: Receiver
) -> None:
    desk.put("cap", CAP | {"channels": ["second"]}, who="Eve")
    round_of(watch)
    file.write_text("rules: [")
    engine.spend(NOON, "6", user="alice")
    round_of(watch)
    assert paths(receiver) == ["/second"]
    assert "is not YAML" in watch.health()["error"]
    told = desk.rules()
    assert "is not YAML" in told["file_problem"]
    assert [(each["name"], each["problem"]) for each in told["rules"]] == [("cap", "")]
    with pytest.raises(ConflictError, match="the rule file has mistakes"):
        desk.put("other", CAP, who="Eve")


def test_no_secret_of_the_file_is_shown_and_none_is_read_for_an_edited_rule(desk: RuleDesk, file: Path) -> None:
    hook = f"{{url: 'https://example.com/very-secret-path', secret: {SECRET}}}"
    file.write_text(f"{FILE}rules: [{{name: cap, kind: spend, window: 1h, limit_usd: 5, webhooks: [{hook}]}}]\n")
    shown = str(desk.rules())
    assert "https://example.com" in shown
    assert "very-secret-path" not in shown
    assert SECRET not in shown
    hook_of_file = {"url": "https://example.com", "secret_file": str(file)}
    with pytest.raises(ConfigError) as caught:
        desk.put("mine", CAP | {"webhooks": [hook_of_file]}, who="Eve")
    assert str(caught.value).startswith("webhooks: stand in rule files alone")
    assert "secret_file" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (CAP | {"window": "5 minutes"}, 'window: "5 minutes" is not a duration; write "5m"'),
        (CAP | {"channels": ["third"]}, 'channels[0]: "third" is not a channel of this file'),
        (CAP | {"name": "other"}, "name: is another one than in the address"),
        (CAP | {"where": {"model": "\ud800"}}, "characters that UTF-8 has"),
        (CAP | {"summary": "x" * 30_000}, "larger than 20,000 bytes"),
        (CAP | {"limit_usd": float("nan")}, "limit_usd: NaN is not an amount of dollars"),
        ({}, "kind: is missing"),
    ],
)
def test_a_mistake_is_said_with_its_path(desk: RuleDesk, content: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        desk.put("cap", content, who="Eve")
    assert told in str(caught.value)
    assert desk.rules()["rules"] == []


@pytest.mark.parametrize("name", ["", " ", "a\nb", "llmtrace.mine", "x" * 101, "\u202e"])
def test_a_name_that_is_none_is_refused(desk: RuleDesk, name: str) -> None:
    with pytest.raises(ConfigError, match="name: "):
        desk.put(name, CAP, who="Eve")


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
_sound = st.fixed_dictionaries(
    {"kind": st.just("spend"), "window": st.sampled_from(["1h", "24h"]), "limit_usd": st.integers(0, 10**9)},
    optional={
        "group_by": st.lists(st.sampled_from(["user", "model", "project"]), unique=True),
        "where": st.dictionaries(st.sampled_from(["model", "user"]), st.text(max_size=20)),
        "for": st.sampled_from(["0s", "10m"]),
        "severity": st.sampled_from(["warning", "critical"]),
        "summary": st.text("abc{}<>&'\"#:-\u00e9\u4e2d ", max_size=20),
    },
)
_any_rule = _sound | st.builds(
    lambda rule, more: rule | more,
    _sound,
    st.dictionaries(st.sampled_from(["kind", "window", "group_by", "where", "channels", "zzz"]), _json, max_size=2),
)


@settings(max_examples=80, deadline=None)
@given(name=st.text(max_size=12), content=_any_rule)
def test_what_is_taken_is_the_same_rule_in_a_file_and_the_rest_is_a_sentence(
    tmp_path_factory: pytest.TempPathFactory, name: str, content: dict[str, Any]
) -> None:
    folder = tmp_path_factory.mktemp("any")
    Journal(folder / "watch.db").close()
    desk = RuleDesk(folder=DataFolder(folder), file=None, connect=_nobody)
    try:
        desk.put(name, content, who="Eve")
    except ConfigError:
        assert desk.rules()["rules"] == []
        return
    (folder / "exported.yaml").write_text(desk.export(), encoding="utf-8")
    [rule] = rules.load(folder / "exported.yaml")
    assert rule == read_one({"name": name, **content}, "", RuleFile())


def _nobody() -> Any:
    raise AssertionError("nothing is connected")


def test_a_backtest_says_what_a_rule_would_have_told_and_stops_when_its_time_is_over(
    engine: Engine, desk: RuleDesk, clock: Clock
) -> None:
    engine.spend(NOON - timedelta(hours=3), "6", user="alice")
    asked = {"rule": CAP | {"window": "1h"}, "from": (NOON - timedelta(hours=5)).isoformat(), "every": "10m"}
    found = desk.backtest(asked)
    assert [(each["state"], each["group"]) for each in found["changes"]] == [
        ("firing", {"user": "alice"}),
        ("resolved", {"user": "alice"}),
    ]
    assert (found["evaluations"], found["complete"], found["every"]) == (31, True, "10m")
    desk.stop()
    assert (desk.backtest(asked)["evaluations"], desk.backtest(asked)["complete"]) == (1, False)
    cut = RuleDesk(folder=desk.folder, file=None, connect=engine.connect, clock=clock, budget_s=0.0).backtest(asked)
    assert (cut["evaluations"], cut["complete"], cut["reached"]) == (1, False, cut["from"])


def test_a_second_backtest_is_asked_to_come_again(desk: RuleDesk) -> None:
    asked = {"rule": CAP, "every": "1h"}
    second: RuleDesk = RuleDesk(folder=desk.folder, file=None, connect=lambda: second.backtest(asked))
    with pytest.raises(BusyError, match="ask again when it is done"):
        second.backtest(asked)
    assert not second._trying.locked(), "its place is free again"


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({}, "rule: write an object"),
        ({"rule": CAP | {"window": 3}}, 'rule.window: "3" is not a duration'),
        ({"rule": CAP, "from": "soon"}, 'from: "soon" is not a time'),
        ({"rule": CAP, "from": "2026-10-01"}, "from: is not before to, or more than 14 days before"),
        ({"rule": CAP, "to": "2026-10-01", "from": "2026-10-02"}, "from: is not before to"),
        ({"rule": CAP, "every": "1s"}, "every: makes more than"),
        ({"rule": CAP, "every": "0s"}, "every: makes more than"),
        ({"rule": CAP, "till": "now"}, '"till" is not a field'),
    ],
)
def test_a_backtest_that_cannot_be_is_refused(desk: RuleDesk, asked: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        desk.backtest(asked)
    assert told in str(caught.value)


def test_what_is_edited_on_either_of_two_collectors_is_held_by_both(
    engine: Engine, clock: Clock, tmp_path: Path, receiver: Receiver, file: Path
) -> None:
    """Edited where the other leads, fired there, and neither ended nor told again by the one that takes over."""
    pair: dict[str, tuple[Watch, RuleDesk]] = {}
    for name in ("a", "b"):
        source = RuleSource(file)
        (tmp_path / name).mkdir()
        watch = Watch(
            rules=(),
            channels=source.found.channels,
            default=source.found.default,
            connect=engine.connect,
            state_path=tmp_path / name / "watch.db",
            dashboard_url="http://localhost:8501",
            clock=clock,
            post=local_sender(),
            standby=name,
        )
        pair[name] = watch, RuleDesk(folder=DataFolder(tmp_path / name), file=file, connect=engine.connect, clock=clock)

    def tick(name: str) -> int:
        """A round of one; how many edited rules it has."""
        watch = pair[name][0]
        watch.keep_lease()
        watch.stand_by_once()
        watch.reload_edited()
        if watch.health()["standby"]["leads"]:
            watch.evaluate_once()
            watch.copy_once()
            watch.deliver_due()
            watch.copy_once()
        return int(watch.health()["rules"])

    engine.spend(NOON, "6", user="alice")
    assert (tick("a"), tick("b")) == (0, 0)
    pair["b"][1].put("cap", CAP, who="Eve")
    pair["a"][1].put("mine", CAP | {"limit_usd": 100}, who="Bob")
    for _ in range(2):
        tick("b"), tick("a")
    tick("b")
    assert [[each["name"] for each in desk.rules()["rules"]] for _, desk in pair.values()] == [["cap", "mine"]] * 2
    assert paths(receiver) == ["/first"]
    pair["b"][1].delete("mine", who="Eve")
    tick("b"), tick("a"), tick("b")
    assert [[each["name"] for each in desk.rules()["rules"]] for _, desk in pair.values()] == [["cap"]] * 2
    pair["a"][0].stop()
    assert tick("b") == 1
    assert pair["b"][0].health()["standby"]["leads"]
    assert pair["b"][0].health()["firing"] == 1
    assert paths(receiver) == ["/first"]
    pair["b"][0].stop()
