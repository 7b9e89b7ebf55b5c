"""Any measure of the catalogue against fixed limits."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

from llmtrace_collector.watch.conditions.condition import Ask, Judged, Look, OfMeasure
from llmtrace_collector.watch.conditions.limits import Limits
from llmtrace_collector.watch.groups import EVERYTHING
from llmtrace_collector.watch.measures import MEASURES, Source, kept_in
from llmtrace_collector.watch.patience import NoData
from llmtrace_collector.watch.scans import Need, Point, number
from llmtrace_collector.watch.severity import Severity
from llmtrace_collector.watch.verdict import Number, Verdict
from llmtrace_collector.watch.windows import start
from llmtrace_collector.watch.words import lasting, shown

NOTHING = Point(at_s=0, calls=0, figures={})


@dataclass(frozen=True, kw_only=True)
class Threshold(OfMeasure):
    """A measure over a rolling window is above, or below, a limit."""

    kind: ClassVar[str] = "threshold"

    window: timedelta
    limits: Limits
    min_calls: int = 0
    """On fewer calls there is no figure."""

    @property
    def reach(self) -> timedelta:
        """The window."""
        return self.window

    def needs(self, ask: Ask) -> Mapping[str, Need]:
        """One figure by group."""
        dimensions = {*ask.rule.group_by, *ask.rule.where}
        source = kept_in(self.name, dimensions, window_s=int(self.window.total_seconds()))
        whole_minutes = source is Source.SPEND_1M
        return {
            "figure": Need(
                source=source,
                start=start(ask.now, self.window) if whole_minutes else ask.now - self.window,
                end=ask.now,
                figures={"value": MEASURES[self.name].select(source)},
                by=ask.rule.group_by,
                where=ask.rule.where,
            )
        }

    def judge(self, look: Look) -> Judged:
        """Groups with enough calls; of amounts also those that had none and are known."""
        points = look.readings["figure"].points
        found = {key: of_group[0] for key, of_group in points.items()}
        if MEASURES[self.name].adds and look.rule.patience.no_data in {NoData.OK, NoData.KEEP}:
            known = look.live if look.rule.group_by else {EVERYTHING: None}
            found |= {key: NOTHING for key in known if key not in found}
        return Judged(verdicts=dict(self._verdicts(found, look.live)))

    def _verdicts(self, found: Mapping[str, Point], live: Collection[str]) -> Iterator[tuple[str, Verdict]]:
        adds = MEASURES[self.name].adds
        for key, point in found.items():
            value = point.figures.get("value")
            if (value is None and not adds) or point.calls < self.min_calls:
                continue
            yield key, self.verdict(number(value), point.calls, told=key in live)

    def verdict(self, figure: Number, calls: int, *, told: bool) -> Verdict:
        """Of one group's figure; with a sentence where anybody may be told."""
        severity = self.limits.severity(figure)
        limit = self.limits.nearest(severity)
        return Verdict(
            severity=severity,
            holding=self.limits.holding(figure),
            value=figure,
            limit=limit,
            summary=self._sentence(figure, limit, calls, severity) if told or severity else "",
        )

    def _sentence(self, value: Number, limit: Number, calls: int, severity: Severity) -> str:
        measure = MEASURES[self.name]
        figure, most = shown(value, measure.unit), shown(limit, measure.unit)
        among = "" if measure.adds else f" of {calls:,} call{'' if calls == 1 else 's'}"
        side = "below" if self.limits.below else "above"
        side = side if severity is not Severity.NONE else "back on the good side of"
        head = measure.title[0].upper() + measure.title[1:]
        return f"{head}{among} over {lasting(self.window)}: {figure}, {side} the limit of {most}."
