"""Something is another one than before: the model behind an alias, the provider's build, a prompt's version.

No statistics: a value that the group has not had in the reference is a change, told at its first span. What was seen
before, two versions side by side among it, is known and never told again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar

from llmtrace_collector.watch.conditions.condition import Ask, Condition, Judged, Look
from llmtrace_collector.watch.groups import group_key, group_of
from llmtrace_collector.watch.measures import TABLES, Source
from llmtrace_collector.watch.scans import Need
from llmtrace_collector.watch.severity import Severity
from llmtrace_collector.watch.times import from_ms, to_ms
from llmtrace_collector.watch.verdict import Verdict
from llmtrace_collector.watch.words import lasting

FIELDS = ("response_model", "system_fingerprint", "service_tier", "prompt_version")
"""What can change."""
_RECENT = timedelta(minutes=15)
"""Looked over at every evaluation; what comes later than that is late."""
_MOST_VALUES = 200
_STATE = ""
"""In the memory, beside groups: whether there is one whose past is to be looked up. No group has this key."""
_TITLES = {
    "response_model": "the model that answers",
    "system_fingerprint": "the provider's build (system fingerprint)",
    "service_tier": "the service tier",
    "prompt_version": "the version of the prompt",
}


@dataclass(frozen=True, kw_only=True)
class Change(Condition):
    """A value that was not there before."""

    kind: ClassVar[str] = "change"

    name: str
    """One of `FIELDS`."""
    reference: timedelta
    """So far back values are known when the rule begins."""
    stays: timedelta
    """So long the alert fires."""

    @property
    def labels(self) -> tuple[str, ...]:  # type: ignore[override]
        """The new value is part of the alert's group."""
        return (self.name,)

    @property
    def reach(self) -> timedelta:
        """Back to the first span that was new."""
        return _RECENT

    def needs(self, ask: Ask) -> Mapping[str, Need]:
        """The values of late; at first, and when there is a new group, also those of the reference."""
        column = TABLES[Source.SPANS].columns[self.name]
        text = f"toValidUTF8(toString({column}))"
        figures = {"values": f"groupUniqArrayIf({_MOST_VALUES})({text}, {column} != '')"}

        def need(start: datetime, end: datetime) -> Need:
            return Need(
                source=Source.SPANS, start=start, end=end, figures=figures, by=ask.rule.group_by, where=ask.rule.where
            )

        found = {"recent": need(ask.now - _RECENT, ask.now)}
        if not ask.memory or ask.memory.get(_STATE):
            found["reference"] = need(ask.now - _RECENT - self.reference, ask.now - _RECENT)
        return found

    def judge(self, look: Look) -> Judged:
        """Values of late that are not known; what a group had before it was first seen is looked up first."""
        known = _learnt(look)
        verdicts = {}
        for key, of_group in known.items():
            for value, first_ms in of_group.items() if key != _STATE else ():
                name = group_key({**group_of(key), self.name: value})
                if first_ms and (name in look.live or look.now - from_ms(first_ms) < self.stays):
                    verdicts[name] = self._verdict(look, of_group, value, first_ms)
        return Judged(verdicts=verdicts, memory=known if known != look.memory else None)

    def _verdict(self, look: Look, of_group: Mapping[str, Any], value: str, first_ms: int) -> Verdict:
        fires = look.now - from_ms(first_ms) < self.stays
        before = sorted(other for other, at in of_group.items() if at < first_ms)
        shown = ", ".join(before[:3]) + (f" and {len(before) - 3} more" if len(before) > 3 else "")
        title = _TITLES[self.name]
        return Verdict(
            severity=look.rule.severity if fires else Severity.NONE,
            value=1,
            limit=0,
            summary=(
                f"{title[0].upper()}{title[1:]} is now {value}, not seen in the {lasting(self.reference)} before;"
                f" until now: {shown or 'none'}."
            ),
        )


def _learnt(look: Look) -> dict[str, dict[str, int]]:
    """By group, every value and when it was first seen, milliseconds; 0: before anybody looked."""
    known: dict[str, dict[str, int]] = {key: dict(values) for key, values in look.memory.items()}
    for key, values in _values(look, "reference"):
        for value in values:
            known.setdefault(key, {}).setdefault(value, 0)
    unknown = False
    for key, values in _values(look, "recent"):
        of_group = known.get(key)
        if of_group is None and "reference" not in look.readings:
            unknown = True
        elif of_group is None:
            known[key] = dict.fromkeys(values, 0)
        else:
            fresh = [value for value in values if value not in of_group]
            of_group.update(dict.fromkeys(fresh[: max(_MOST_VALUES - len(of_group), 0)], to_ms(look.now)))
    known[_STATE] = {"unknown": 1} if unknown else {}
    return known


def _values(look: Look, name: str) -> list[tuple[str, list[str]]]:
    reading = look.readings.get(name)
    found = reading.points.items() if reading else ()
    return [(key, sorted(points[0].figures["values"] or ())) for key, points in found]
