"""The sections of a rule file that say who is told and when: what they mean, and every mistake with its path."""

from __future__ import annotations

from datetime import time, timedelta
from pathlib import Path

import pytest

from llmtrace_collector.errors import ConfigError
from llmtrace_collector.watch.policy import Policy
from llmtrace_collector.watch.rules import read
from watch.helpers import SECRET

RULES = """
rules:
  - {name: a, kind: spend, window: 24h, limit_usd: 5}
  - {name: b, kind: spend, window: 24h, limit_usd: 5, channels: []}
channels:
  team: {kind: slack, url: https://example.com/slack}
  pager: {kind: slack, url: https://example.com/pager}
"""


def policy(tmp_path: Path, text: str) -> Policy:
    file = tmp_path / "rules.yaml"
    file.write_text(RULES + text)
    return read(file, environ={}).policy


def test_a_file_without_a_policy_has_the_one_that_changes_nothing(tmp_path: Path):
    """Existing files stay valid and mean what they meant."""
    assert policy(tmp_path, "") == Policy(routed=frozenset({"a"}))


def test_everything_that_can_be_said_is_read(tmp_path: Path):
    """A route inherits what it does not say."""
    found = policy(
        tmp_path,
        """
route:
  group_by: [rule]
  group_wait: 30s
  group_interval: 5m
  repeat_interval: 4h
  channels: [team]
  mute: [nights]
  routes:
    - {match: [severity=critical, 'user=~"a.*"'], channels: [pager], mute: [], repeat_interval: 30m}
inhibit: [{source: [rule=a], target: rule=b, equal: [user]}]
mute_times: [{name: nights, weekdays: [mon, sun], from: "22:00", to: "07:00", zone: Europe/Berlin}]
flapping: {window: 30m}
heartbeat: {interval: 5m, channels: team}
""",
    )
    [below] = found.route.routes
    assert (found.route.group_by, found.route.group_wait, found.route.repeat_interval) == (
        ("rule",),
        timedelta(seconds=30),
        timedelta(hours=4),
    )
    assert [str(matcher) for matcher in below.matchers] == ['severity="critical"', 'user=~"a.*"']
    assert (below.group_wait, below.repeat_interval, below.mute) == (timedelta(seconds=30), timedelta(minutes=30), ())
    assert [channel.name for channel in below.channels or ()] == ["pager"]
    [mute] = found.route.mute
    assert (mute.weekdays, mute.begins, mute.ends, str(mute.zone)) == ({0, 6}, time(22), time(7), "Europe/Berlin")
    assert found.inhibitions[0].equal == ("user",)
    assert found.flapping
    assert (found.flapping.changes, found.flapping.window) == (4, timedelta(minutes=30))
    assert found.heartbeat
    assert [channel.name for channel in found.heartbeat.channels] == ["team"]
    assert found.route.of({"severity": "critical", "user": "alice"}) is below
    assert found.route.of({"severity": "critical", "user": "bob"}) is found.route


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("route: [1]", "route: a list stands where a mapping belongs"),
        ("route: {group_wait: soon}", 'route.group_wait: "soon" is not a duration'),
        ("route: {group_by: [rul]}", 'route.group_by[0]: "rul" is not a label of alerts; did you mean "rule"?'),
        ("route: {match: [rule=a]}", "route.match: is not a known key"),
        ("route: {routes: [{channels: [team]}]}", "route.routes[0].match: is missing"),
        ("route: {routes: [{match: []}]}", "route.routes[0].match: is empty and would match everything"),
        ("route: {routes: [{match: [a]}]}", 'route.routes[0].match[0]: "a" is no matcher'),
        ('route: {routes: [{match: ["user=~(a"]}]}', "route.routes[0].match[0]: "),
        ("route: {routes: [{match: usr=a}]}", 'route.routes[0].match: "usr" is not a label of alerts'),
        ("route: {channels: [nobody]}", 'route.channels[0]: "nobody" is not a channel of this file'),
        ("route: {mute: [nights]}", "route.mute[0]: there are no mute_times"),
        ("mute_times: [{name: n, zone: Berlin}]", 'mute_times[0].zone: "Berlin" is no IANA time zone'),
        ("mute_times: [{name: n, zone: UTC, from: 22}]", "mute_times[0].from: 22 is no time of day"),
        ("mute_times: [{name: n, zone: UTC, weekdays: [son]}]", 'mute_times[0].weekdays[0]: "son" is not a day'),
        ("inhibit: [{source: [rule=a]}]", "inhibit[0].target: is missing"),
        ("flapping: {changes: 1, window: 1h}", "flapping.changes: 1 is not a whole number from 3 to 100"),
        ("heartbeat: {interval: 1s, channels: [team]}", 'heartbeat.interval: "1s" is too short'),
        ("heartbeat: {interval: 1m}", "heartbeat.channels: is missing"),
    ],
)
def test_a_mistake_is_told_with_its_full_path(tmp_path: Path, text: str, mistake: str):
    """What was seen, where, and what to do."""
    with pytest.raises(ConfigError) as caught:
        policy(tmp_path, text)
    assert f"rules.yaml: {mistake}" in str(caught.value)


def test_the_example_is_sound():
    """It can be started from as it stands."""
    environ = {
        "SLACK_URL": "https://example.com/slack",
        "PAGERDUTY_KEY": "k" * 32,
        "ALERT_WEBHOOK_SECRET": SECRET,
    }
    found = read(Path(__file__).parents[2] / "docs/examples/notices.yaml", environ=environ)
    assert found.policy.routed == {"user-hourly", "everything-hourly"}
    at_night = found.policy.route.of({"rule": "everything-hourly"})
    assert [channel.name for channel in at_night.channels or ()] == ["on-call", "team"]
