"""The sections of a rule file that say who is told and when.

    route:
      group_by: [rule]
      group_wait: 30s
      group_interval: 5m
      repeat_interval: 4h
      channels: [team]
      routes: [{match: [severity=critical], channels: [on-call]}]
    inhibit: [{source: [rule=everything-down], target: [severity=warning], equal: [project]}]
    mute_times: [{name: nights, from: "22:00", to: "07:00", zone: Europe/Berlin}]
    flapping: {changes: 4, window: 1h}
    heartbeat: {interval: 5m, channels: [watchdog]}

`docs/reference/notices.md` is the reference of every key.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import time, timedelta
from zoneinfo import ZoneInfo, available_timezones

from llmtrace_collector.channels import Channel
from llmtrace_collector.watch.channels_section import read_names
from llmtrace_collector.watch.fields import Fields, one_of, seen
from llmtrace_collector.watch.measures import DIMENSIONS
from llmtrace_collector.watch.policy.matchers import Matcher, parse
from llmtrace_collector.watch.policy.settings import Flapping, Heartbeat, Inhibition, MuteTime, Policy, Route

LABELS = ("rule", "kind", "severity", *DIMENSIONS, "threshold")
"""What alerts can be matched and grouped by."""

_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)", re.ASCII)
_DEEPEST = 10
_SECOND = timedelta(seconds=1)
_ROUTE = "{group_by: [rule], repeat_interval: 4h}"
_INHIBIT = "{source: [severity=critical], target: [severity=warning], equal: [project]}"
_MUTE = '{name: nights, from: "22:00", to: "07:00", zone: Europe/Berlin}'
_FLAPPING = "{changes: 4, window: 1h}"
_HEARTBEAT = "{interval: 5m, channels: [watchdog]}"


@dataclass(frozen=True, kw_only=True)
class _Known:
    """What routes may name."""

    channels: dict[str, Channel]
    mute_times: Mapping[str, MuteTime]


def read(top: Fields, channels: dict[str, Channel], routed: frozenset[str]) -> Policy:
    """The policy of a file; mistakes are noted in `top`.

    Args:
        top: The file.
        channels: Its channels by name.
        routed: The rules that name no channels.
    """
    known = _Known(channels=channels, mute_times=_read_mute_times(top))
    route = Route()
    value = top.get("route")
    fields = None if value is None else top.mapping(value, "route", _ROUTE)
    if fields is not None:
        route = _read_route(fields, known, Route(), 0)
    return Policy(
        route=route,
        inhibitions=_read_inhibitions(top),
        flapping=_read_flapping(top),
        heartbeat=_read_heartbeat(top, channels),
        routed=routed,
    )


def _read_route(fields: Fields, known: _Known, above: Route, depth: int) -> Route:
    """A route; what it does not say is as above it."""
    matchers = read_matchers(fields, "match", needed=depth > 0) if depth else ()
    group_by = above.group_by if fields.get("group_by") is None else _read_labels(fields, "group_by")
    wait = fields.duration("group_wait", "30s", default=above.group_wait)
    interval = fields.duration("group_interval", "5m", default=above.group_interval)
    repeat = fields.duration("repeat_interval", "4h", default=above.repeat_interval or timedelta(0))
    chosen = above.channels if fields.get("channels") is None else read_names(fields, "channels", known.channels)
    mute = above.mute if fields.get("mute") is None else _read_mute(fields, known)
    base = Route(
        matchers=matchers,
        group_by=group_by,
        group_wait=wait or timedelta(0),
        group_interval=interval or timedelta(0),
        repeat_interval=repeat or None,
        channels=chosen,
        mute=mute,
    )
    routes = []
    for index, item in enumerate(fields.items("routes", "[{match: [severity=critical], channels: [on-call]}]")):
        path = fields.at(f"routes[{index}]")
        if depth >= _DEEPEST:
            fields.wrong(f"routes[{index}]", f"is deeper than {_DEEPEST} routes; write them side by side")
            continue
        below = fields.mapping(item, path, "{match: [severity=critical], channels: [on-call]}")
        if below is not None:
            routes.append(_read_route(below, known, base, depth + 1))
    fields.finish()
    return Route(**{**vars(base), "routes": tuple(routes)})


def read_matchers(fields: Fields, key: str, *, needed: bool = True) -> tuple[Matcher, ...]:
    """Matchers, a list or one alone."""
    value = fields.required(key, "[severity=critical]") if needed else fields.get(key)
    items = [value] if isinstance(value, str) else fields.items(key, "[severity=critical]")
    if needed and value is not None and not items and isinstance(value, list):
        fields.wrong(key, "is empty and would match everything; write it like [severity=critical]")
    found = []
    for index, item in enumerate(items):
        place = key if isinstance(value, str) else f"{key}[{index}]"
        try:
            matcher = parse(item if isinstance(item, str) else seen(item))
        except ValueError as error:
            fields.wrong(place, str(error))
            continue
        wrong = one_of(matcher.label, LABELS, "a label of alerts")
        if wrong:
            fields.wrong(place, wrong)
        else:
            found.append(matcher)
    return tuple(found)


def _read_labels(fields: Fields, key: str) -> tuple[str, ...]:
    found: list[str] = []
    for index, item in enumerate(fields.items(key, "[rule]")):
        wrong = one_of(item, LABELS, "a label of alerts")
        if item in found:
            wrong = f"{seen(item)} stands here twice; once is enough"
        if wrong:
            fields.wrong(f"{key}[{index}]", wrong)
        else:
            found.append(item)
    return tuple(found)


def _read_mute(fields: Fields, known: _Known) -> tuple[MuteTime, ...]:
    found = []
    for index, item in enumerate(fields.items("mute", "[nights]")):
        wrong = one_of(item, known.mute_times, "one of mute_times") if known.mute_times else "there are no mute_times"
        if wrong:
            fields.wrong(f"mute[{index}]", wrong)
        else:
            found.append(known.mute_times[item])
    return tuple(found)


def _read_mute_times(top: Fields) -> dict[str, MuteTime]:
    found: dict[str, MuteTime] = {}
    for index, item in enumerate(top.items("mute_times", f"[{_MUTE}]")):
        fields = top.mapping(item, f"mute_times[{index}]", _MUTE)
        if fields is None:
            continue
        mute = _read_mute_time(fields)
        fields.finish()
        if mute and mute.name in found:
            fields.wrong("name", f"{seen(mute.name)} stands here twice; names must be unique")
        elif mute:
            found[mute.name] = mute
    return found


def _read_mute_time(fields: Fields) -> MuteTime | None:
    name = fields.text("name", "nights")
    begins, ends = _read_clock(fields, "from", time(0)), _read_clock(fields, "to", time(0))
    days: set[int] = set(range(7)) if fields.get("weekdays") is None else set()
    for index, item in enumerate(fields.items("weekdays", "[sat, sun]")):
        wrong = one_of(item, _WEEKDAYS, "a day of the week")
        if wrong:
            fields.wrong(f"weekdays[{index}]", wrong)
        else:
            days.add(_WEEKDAYS.index(item))
    zone = fields.text("zone", "Europe/Berlin")
    if zone is not None and zone not in available_timezones():
        fields.wrong("zone", f"{seen(zone)} is no IANA time zone; write it like Europe/Berlin")
        return None
    if name is None or begins is None or ends is None or zone is None:
        return None
    return MuteTime(name=name, weekdays=frozenset(days), begins=begins, ends=ends, zone=ZoneInfo(zone))


def _read_clock(fields: Fields, key: str, default: time) -> time | None:
    value = fields.get(key)
    if value is None:
        return default
    found = _CLOCK.fullmatch(value) if isinstance(value, str) else None
    if not found:
        fields.wrong(key, f'{seen(value)} is no time of day; write it in quotes like "22:00"')
        return None
    return time(int(found[1]), int(found[2]))


def _read_inhibitions(top: Fields) -> tuple[Inhibition, ...]:
    found = []
    for index, item in enumerate(top.items("inhibit", f"[{_INHIBIT}]")):
        fields = top.mapping(item, f"inhibit[{index}]", _INHIBIT)
        if fields is None:
            continue
        source, target = read_matchers(fields, "source"), read_matchers(fields, "target")
        found.append(Inhibition(source=source, target=target, equal=_read_labels(fields, "equal")))
        fields.finish()
    return tuple(found)


def _read_flapping(top: Fields) -> Flapping | None:
    value = top.get("flapping")
    fields = None if value is None else top.mapping(value, "flapping", _FLAPPING)
    if fields is None:
        return None
    changes = 4 if fields.get("changes") is None else fields.get("changes")
    window = fields.duration("window", "1h")
    fields.finish()
    if not isinstance(changes, int) or isinstance(changes, bool) or not 3 <= changes <= 100:
        fields.wrong("changes", f"{seen(changes)} is not a whole number from 3 to 100; write it like 4")
        return None
    if window is not None and window < _SECOND:
        fields.wrong("window", "is no time at all; write it like 1h")
    return None if window is None else Flapping(changes=changes, window=window)


def _read_heartbeat(top: Fields, channels: dict[str, Channel]) -> Heartbeat | None:
    value = top.get("heartbeat")
    fields = None if value is None else top.mapping(value, "heartbeat", _HEARTBEAT)
    if fields is None:
        return None
    interval = fields.duration("interval", "5m")
    fields.required("channels", "[watchdog]")
    chosen = read_names(fields, "channels", channels)
    fields.finish()
    if interval is not None and interval < 10 * _SECOND:
        fields.wrong("interval", f"{seen(fields.get('interval'))} is too short; write 10s or more")
    return None if interval is None else Heartbeat(interval=interval, channels=chosen)
