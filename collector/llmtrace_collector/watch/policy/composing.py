"""The notice of a bundle: which JSON goes out, under which id. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from llmtrace_collector.channels.notice import key_of
from llmtrace_collector.watch.policy.deciding import Member, Why
from llmtrace_collector.watch.times import iso

MOST_ALERTS = 50
"""Alerts that a notice lists; `data.count` counts them all."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A member with what is to be said of it."""

    rule: str
    key: str
    """The canonical JSON of its group."""
    event_id: str
    content: Mapping[str, Any]
    """The notice about it alone: type, timestamp, data."""
    member: Member
    labels: Mapping[str, str]


def dedup_key(bundle: str, alone: bool, entries: Sequence[Entry]) -> str:
    """Where services keep state by a key: the same for all notices of a bundle, over restarts and replicas."""
    return key_of(entries[0].rule, json.loads(entries[0].key)) if alone else f"llmtrace-{bundle}"


def event_id(bundle: str, entries: Sequence[Entry], why: Why, *, alone: bool, said: Sequence[str], count: int) -> str:
    """The `webhook-id`: of an alert alone that of its transition, unless that was used; else one derived from both."""
    if alone and entries[0].event_id not in said:
        return entries[0].event_id
    text = json.dumps([bundle, [entry.event_id for entry in entries], why, count])
    return "msg_" + hashlib.sha256(text.encode()).hexdigest()[:32]


def content(
    entries: Sequence[Entry], why: Why, now: datetime, *, key: str, labels: Mapping[str, str], alone: bool
) -> bytes:
    """The JSON that goes out.

    Args:
        entries: What is told of, worst first, at least one.
        why: Why people are told.
        now: The time.
        key: The dedup key.
        labels: What the group has in common; of no interest to an alert alone.
        alone: The notice is of one alert and has the form that it always had, with more keys.
    """
    told = _alone(entries[0], why, now) if alone else _several(entries, now, labels)
    told["data"] |= {"notice": str(why), "dedup_key": key}
    return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def _alone(entry: Entry, why: Why, now: datetime) -> dict[str, Any]:
    data = dict(entry.content["data"])
    at = entry.content["timestamp"]
    if why is Why.FLAPPING:
        data |= {"state": "firing", "summary": "It begins and ends again and again; it is told of when it is stable."}
    if why in {Why.FLAPPING, Why.REPEAT}:
        at = iso(now)
    return {"type": _type(entry.member.fires), "timestamp": at, "data": data}


def _several(entries: Sequence[Entry], now: datetime, labels: Mapping[str, str]) -> dict[str, Any]:
    firing = [entry for entry in entries if entry.member.fires]
    head = dict((firing or list(entries))[0].content["data"])
    rules = sorted({entry.rule for entry in entries})
    alerts = [dict(entry.content["data"]) | {"state": _state(entry.member.fires)} for entry in entries[:MOST_ALERTS]]
    kept = {name: head[name] for name in ("severity", "kind", "runbook", "link") if name in head}
    data = {
        **kept,
        "rule": rules[0] if len(rules) == 1 else f"{len(rules)} rules",
        "group": {name: value for name, value in labels.items() if name not in {"rule", "kind", "severity"}},
        "state": _state(bool(firing)),
        "since": min(str(entry.content["data"]["since"]) for entry in firing or entries),
        "summary": _summary(len(firing), len(entries) - len(firing), entries),
        "count": len(entries),
        "firing": len(firing),
        "alerts": alerts,
    }
    return {"type": _type(bool(firing)), "timestamp": iso(now), "data": data}


def _summary(firing: int, ended: int, entries: Sequence[Entry]) -> str:
    names = [
        entry.rule + "".join(f" {value}" for value in entry.content["data"]["group"].values()) for entry in entries[:5]
    ]
    counts = [f"{firing} firing"] * bool(firing) + [f"{ended} resolved"] * bool(ended)
    more = f" and {len(entries) - 5} more" if len(entries) > 5 else ""
    return f"{', '.join(counts)}: {', '.join(names)}{more}."


def _state(fires: bool) -> str:
    return "firing" if fires else "resolved"


def _type(fires: bool) -> str:
    return f"alert.{_state(fires)}"
