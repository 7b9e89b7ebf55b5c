"""Reads what rules need: a few queries for all of them, and a sentence for each rule whose query fails."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from llmtrace_collector.errors import StoreError
from llmtrace_collector.watch import scans
from llmtrace_collector.watch.conditions import Ask
from llmtrace_collector.watch.engine import QueryError

if TYPE_CHECKING:
    from datetime import datetime

    from llmtrace_collector.watch.conditions.condition import Memory
    from llmtrace_collector.watch.engine import Engine
    from llmtrace_collector.watch.rule import Rule
    from llmtrace_collector.watch.scans import Need, Reading, Scan

MOST_SCANS = 20
"""In one evaluation; rules that need more wait for the next."""


@dataclass(kw_only=True)
class Looked:
    """What was read."""

    readings: dict[str, dict[str, Reading]] = field(default_factory=dict)
    """By rule and name of the need; only rules of which everything was read."""
    failed: dict[str, str] = field(default_factory=dict)
    """Why a rule could not be looked at, by its name."""
    no_store: str = ""
    """Why ClickHouse does not answer at all."""
    seconds: dict[str, float] = field(default_factory=dict)
    """Of the slowest scan of a rule."""


def look(
    engine: Engine,
    rules: Sequence[Rule],
    now: datetime,
    *,
    memories: Mapping[str, Memory],
    timer: Callable[[], float],
    most: int = MOST_SCANS,
) -> Looked:
    """Reads for as many of `rules` as take `most` scans, in their order."""
    found = Looked()
    needs: dict[str, Mapping[str, Need]] = {}
    chosen: dict[Scan, list[tuple[str, str, Need]]] = {}
    for rule in rules:
        try:
            own = rule.condition.needs(Ask(rule=rule, now=now - rule.delay, memory=memories.get(rule.name, {})))
        except ValueError as error:
            found.failed[rule.name] = f"{error}"
            continue
        new = {need.scan for need in own.values()} - chosen.keys()
        if needs and len(chosen) + len(new) > most:
            continue
        needs[rule.name] = own
        for name, need in own.items():
            chosen.setdefault(need.scan, []).append((rule.name, name, need))
    for scan, asked in chosen.items():
        _read(engine, scan, asked, found, timer)
    for name, own in needs.items():
        if name in found.failed or len(found.readings.get(name, {})) < len(own):
            found.readings.pop(name, None)
    return found


def _read(
    engine: Engine, scan: Scan, asked: Sequence[tuple[str, str, Need]], found: Looked, timer: Callable[[], float]
) -> None:
    names = {rule for rule, _, _ in asked}
    if found.no_store:
        return
    began = timer()
    try:
        readings = scans.read(engine, scan, [need for _, _, need in asked])
    except QueryError as error:
        found.failed |= dict.fromkeys(names, f"{error}")
        return
    except StoreError as error:
        found.no_store = f"{error}"
        return
    took = timer() - began
    for (rule, name, _), reading in zip(asked, readings, strict=True):
        found.readings.setdefault(rule, {})[name] = reading
        found.seconds[rule] = max(found.seconds.get(rule, 0.0), took)
