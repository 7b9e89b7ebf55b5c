"""Limits of a figure in a rule file: a number, or one for each severity; with units where the measure has one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmtrace_collector.watch import durations
from llmtrace_collector.watch.conditions.limits import Limits
from llmtrace_collector.watch.fields import Fields, number_of, seen
from llmtrace_collector.watch.measures import Unit

if TYPE_CHECKING:
    from llmtrace_collector.watch.severity import Severity
    from llmtrace_collector.watch.verdict import Number


def read_limits(fields: Fields, unit: Unit, severity: Severity) -> Limits | None:
    """`above` or `below`, and `recover`; a single limit is of `severity`."""
    sides = [side for side in ("above", "below") if fields.get(side) is not None]
    if len(sides) != 1:
        fields.wrong("above", "write either above or below, like above: 5 or above: {warning: 2, critical: 5}")
        return None
    [side] = sides
    value = fields.get(side)
    if isinstance(value, dict):
        both = Fields(value, fields.at(side), fields.mistakes)
        found = {name: _figure(both, name, unit) for name in ("warning", "critical") if both.get(name) is not None}
        both.finish()
        if not found:
            fields.wrong(side, "has neither warning nor critical; write it like {warning: 2, critical: 5}")
    else:
        found = {str(severity): _figure(fields, side, unit)}
    recover = _figure(fields, "recover", unit) if fields.get("recover") is not None else None
    if not found or None in found.values():
        return None
    limits = Limits(**found, recover=recover, below=side == "below")
    return limits if _in_order(fields, side, limits) else None


def _in_order(fields: Fields, side: str, limits: Limits) -> bool:
    sign = -1 if limits.below else 1
    if limits.warning is not None and limits.critical is not None and sign * limits.warning >= sign * limits.critical:
        fields.wrong(side, "the critical limit must be beyond the warning limit")
        return False
    first = limits.critical if limits.warning is None else limits.warning
    if limits.recover is not None and first is not None and sign * limits.recover > sign * first:
        fields.wrong(
            "recover", f"must be on the good side of the limit; {'above' if limits.below else 'below'} {first:g}"
        )
        return False
    return True


def _figure(fields: Fields, key: str, unit: Unit) -> Number | None:
    if unit is Unit.USD:
        return fields.dollars(key, "5")
    if unit is Unit.SECONDS:
        return seconds_of(fields, key, "2s")
    return fields.number(key, "5%" if unit is Unit.SHARE else "5")


def seconds_of(fields: Fields, key: str, example: str) -> float | None:
    """Seconds as a number, or with a unit: `2s`, `500ms`."""
    value = fields.required(key, example)
    if value is None:
        return None
    found = number_of(value)
    if found is None and isinstance(value, str) and value.endswith("ms"):
        part = number_of(value[:-2])
        found = None if part is None else part / 1000
    elif found is None:
        try:
            found = durations.parse(str(value)).total_seconds()
        except ValueError:
            found = number_of(str(value)[:-1]) if str(value).endswith("s") else None
    if found is None or found < 0:
        fields.wrong(key, f"{seen(value)} is no time in seconds; write it like {example} or 500ms")
        return None
    return found
