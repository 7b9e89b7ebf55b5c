"""The keys of each kind of rule, read into its condition; every mistake with its path."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from llmtrace_collector.watch.conditions import (
    Anomaly,
    Budget,
    Change,
    Condition,
    Drift,
    Objective,
    Retirement,
    Sequential,
    Spend,
    Threshold,
)
from llmtrace_collector.watch.conditions.anomaly import SCORE, Direction
from llmtrace_collector.watch.conditions.budget import Burn
from llmtrace_collector.watch.conditions.change import FIELDS
from llmtrace_collector.watch.conditions.objective import SLOW
from llmtrace_collector.watch.conditions.sequential import SKETCHES, TEXTS
from llmtrace_collector.watch.fields import Fields, number_of, one_of, seen
from llmtrace_collector.watch.limit_fields import read_limits, seconds_of
from llmtrace_collector.watch.measures import DIMENSIONS, MEASURES, TABLES, Source, Unit, source_of
from llmtrace_collector.watch.periods import Length
from llmtrace_collector.watch.severity import Severity
from llmtrace_collector.watch.spend import GROUP_KEYS

LONGEST_WINDOW = timedelta(days=40)
"""As long as spend_1m keeps its rows."""
_LONGEST_OF_SPANS = timedelta(days=7)
"""Spans of longer windows take too much reading at every evaluation."""
_MINUTE = timedelta(minutes=1)
_LONGEST_REFERENCE = timedelta(days=90)
_SEVERITIES = {"warning": Severity.WARNING, "critical": Severity.CRITICAL}
_STEPS = {"5m": timedelta(minutes=5), "15m": timedelta(minutes=15), "1h": timedelta(hours=1), "1d": timedelta(days=1)}


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What of a rule a condition depends on."""

    fields: Fields
    group_by: tuple[str, ...]
    where: Mapping[str, str]
    severity: Severity

    @property
    def dimensions(self) -> set[str]:
        """Grouped or filtered by."""
        return {*self.group_by, *self.where}


def read_severity(fields: Fields) -> Severity:
    """`severity` of a rule; critical unless it says otherwise."""
    return _SEVERITIES[fields.choice("severity", _SEVERITIES, "a severity", "critical") or "critical"]


def _spend(asked: Asked) -> Condition | None:
    fields = asked.fields
    if fields.get("period") is not None:
        return _budget(asked)
    window = _window(fields, LONGEST_WINDOW, whole="spend is kept by the minute")
    limit = fields.dollars("limit_usd", "5")
    _only(asked, GROUP_KEYS, "spend over a rolling window")
    if asked.where:
        fields.wrong(
            "where", "spend over a rolling window has no filter; group by it, or use kind threshold on cost_usd"
        )
    return None if window is None or limit is None else Spend(window=window, limit_usd=limit)


def _budget(asked: Asked) -> Condition | None:
    fields = asked.fields
    length = fields.choice("period", [*Length], "a period")
    zone = _zone(fields)
    limit = fields.dollars("limit_usd", "500")
    if fields.get("window") is not None:
        fields.wrong("window", "a budget is of a period; leave window out, or leave period out for a rolling window")
    thresholds = _shares(fields, "thresholds", (0.8, 1.0))
    forecast = _shares(fields, "forecast", ())
    burns = _burns(fields)
    if not source_of("cost_usd", asked.dimensions):
        _only(asked, DIMENSIONS, "spend")
    if length is None or zone is None or limit is None or None in (thresholds, forecast, burns):
        return None
    if not (thresholds or forecast or burns):
        fields.wrong("thresholds", "is empty, and there is neither forecast nor burn_rates: the rule could never fire")
        return None
    return Budget(
        length=Length(length),
        zone=zone,
        limit_usd=limit,
        thresholds=thresholds or (),
        forecast=forecast or (),
        burns=burns or (),
    )


def _threshold(asked: Asked) -> Condition | None:
    fields = asked.fields
    name = _measure(asked)
    window = _window(fields, LONGEST_WINDOW)
    limits = read_limits(fields, MEASURES[name].unit if name else Unit.COUNT, asked.severity)
    least = fields.whole("min_calls", "20", 0)
    if name is None or window is None or limits is None or least is None:
        return None
    source = source_of(name, asked.dimensions, window_s=int(window.total_seconds()))
    if source in {Source.SPANS, Source.SCORES, Source.QUARANTINE} and window > _LONGEST_OF_SPANS:
        fields.wrong(
            "window",
            f"{seen(fields.get('window'))} is too long for {name} by these groups, read from spans; write 7d at most",
        )
        return None
    return Threshold(name=name, window=window, limits=limits, min_calls=least)


def _objective(asked: Asked) -> Condition | None:
    fields = asked.fields
    shares = [name for name, measure in MEASURES.items() if measure.part and Source.SCORES not in measure.part]
    name = fields.choice("measure", [*SLOW, *shares], "a measure of an objective")
    target = fields.number("target", "99.9%")
    within = seconds_of(fields, "within", "2s") if name in SLOW else 0.0
    budget = fields.duration("budget", "30d", timedelta(days=30))
    least = fields.whole("min_calls", "20", 20)
    if target is not None and not 0 < target < 1:
        fields.wrong("target", f"{seen(fields.get('target'))} is no share of good calls; write it like 99.9%")
        target = None
    if budget is not None and not timedelta(days=7) <= budget <= timedelta(days=90):
        fields.wrong("budget", f"{seen(fields.get('budget'))} is out of range; write between 7d and 90d")
        budget = None
    if name in shares and not source_of(name or "", asked.dimensions, parts=True):
        _only(asked, DIMENSIONS, str(name))
    if name is None or target is None or within is None or budget is None or least is None:
        return None
    return Objective(name=name, target=target, within_s=within, budget=budget, min_calls=least)


def _anomaly(asked: Asked) -> Condition | None:
    fields = asked.fields
    name = _measure(asked)
    step = fields.choice("step", _STEPS, "a step", "1h")
    direction = fields.choice("direction", [*Direction], "a direction", "both")
    score = _score(fields)
    effect = _positive(fields, "min_effect", 0.5)
    least = fields.whole("min_calls", "20", 20)
    if name is not None and MEASURES[name].unit is Unit.LOG:
        fields.wrong("measure", f"{name} is below zero and has no baseline; use kind drift or threshold")
        return None
    if name is None or step is None or direction is None or score is None or effect is None or least is None:
        return None
    return Anomaly(
        name=name,
        step=_STEPS[step],
        direction=Direction(direction),
        score=score,
        min_effect=effect,
        min_calls=least,
    )


def _score(fields: Fields) -> float | None:
    found = fields.number("score", "0.9999", SCORE)
    if found is not None and not 0.9 <= found < 1:
        fields.wrong(
            "score", f"{seen(fields.get('score'))} is out of range; write between 0.9 and 0.999999, such as 0.9999"
        )
        return None
    return found


_METHODS = ("windows", "sequential")


def _sequential(asked: Asked) -> Condition | None:
    """Call by call: numbers by `measure`, categories by `category`, captured text by `text`."""
    fields = asked.fields
    given = [what for what in ("measure", "category", "text") if fields.get(what) is not None]
    if len(given) != 1:
        fields.wrong("measure", "write one of measure, category and text: what is looked at of each call")
        return None
    numbers = [name for name, measure in MEASURES.items() if measure.value]
    choices = {
        "measure": ("number", numbers, "a measure of single calls"),
        "category": ("category", list(TABLES[Source.SPANS].columns), "something calls have"),
        "text": ("text", [*TEXTS, *SKETCHES], "a captured text, or sketches of it"),
    }
    what, known, told = choices[given[0]]
    name = fields.choice(given[0], known, told)
    what = "sketch" if name in SKETCHES else what
    window = fields.choice("window", _STEPS, "a window of drift", "1d")
    reference = fields.duration("reference", "14d", timedelta(days=14))
    arl0 = fields.number("arl0", "10000", 10_000.0)
    if arl0 is not None and not 100 <= arl0 <= 1e9:
        fields.wrong("arl0", f"{seen(fields.get('arl0'))} is out of range; write 100 to 1000000000, such as 10000")
        arl0 = None
    if reference is not None and not timedelta(hours=1) <= reference <= _LONGEST_REFERENCE:
        fields.wrong("reference", f"{seen(fields.get('reference'))} is out of range; write between 1h and 90d")
        reference = None
    if what == "category" and name in asked.dimensions:
        fields.wrong("category", f"{name} is grouped or filtered by already: all calls of a group have the same")
        name = None
    if name is None or window is None or reference is None or arl0 is None:
        return None
    return Sequential(what=what, name=name, window=_STEPS[window], reference=reference, arl0=arl0)


def _drift(asked: Asked) -> Condition | None:
    fields = asked.fields
    method = fields.choice("method", _METHODS, "a way to compare", "windows")
    if method == "sequential":
        return _sequential(asked)
    known = [n for n, m in MEASURES.items() if (m.value or m.part) and Source.SPANS in m.sources()]
    name = fields.choice("measure", known, "a measure that drift can compare")
    window = fields.choice("window", _STEPS, "a window of drift", "1h")
    effect = _positive(fields, "min_effect", 0.25)
    least = fields.whole("min_calls", "50", 50)
    reference = _reference(asked)
    if name is None or window is None or effect is None or least is None or reference is None:
        return None
    span, fixed, against = reference
    if span is not None and span < 2 * _STEPS[window]:
        fields.wrong("reference", f"{seen(fields.get('reference'))} is shorter than two windows; write 7d, say")
        return None
    return Drift(
        name=name,
        window=_STEPS[window],
        reference=span,
        fixed=fixed,
        against=against,
        min_effect=effect,
        min_calls=max(least, 2),
    )


def _change(asked: Asked) -> Condition | None:
    fields = asked.fields
    name = fields.choice("field", FIELDS, "something whose change is seen")
    reference = fields.duration("reference", "14d", timedelta(days=14))
    stays = fields.duration("stays", "1h", timedelta(hours=1))
    if name in asked.group_by:
        fields.wrong("field", f"{name} is grouped by already; group by what it belongs to, such as model")
        return None
    if reference is not None and not _MINUTE <= reference <= _LONGEST_REFERENCE:
        fields.wrong("reference", f"{seen(fields.get('reference'))} is out of range; write between 1m and 90d")
        return None
    if name is None or reference is None or stays is None:
        return None
    return Change(name=name, reference=reference, stays=max(stays, _MINUTE))


def _before(fields: Fields, key: str, days: int) -> timedelta | None:
    return timedelta(days=days) if fields.get(key) is None else fields.duration(key, f"{days}d")


def _retirement(asked: Asked) -> Condition | None:
    fields = asked.fields
    example = "{gpt-4o-2024-08-06: 2026-12-01}"
    given = fields.mapping(fields.get("models"), fields.at("models"), example)
    window = timedelta(days=1) if fields.get("window") is None else _window(fields, _LONGEST_OF_SPANS)
    warning = fields.duration("warn_before", "30d") if fields.get("warn_before") is not None else timedelta(days=30)
    critical = (
        fields.duration("critical_before", "7d") if fields.get("critical_before") is not None else timedelta(days=7)
    )
    if given is None:
        return None
    days: dict[str, date] = {}
    for name in list(fields.get("models")):
        found = moment(given, str(name))
        if found is not None:
            days[str(name)] = found.date()
    given.finish()
    if not days:
        fields.wrong("models", f"has no model with its last day; write it like {example}")
    if not days or window is None or warning is None or critical is None:
        return None
    if "model" not in asked.group_by:
        fields.wrong("group_by", "a rule of models that end is about each of them; write group_by: [model]")
        return None
    return Retirement(models=days, window=window, warning=warning, critical=critical)


KINDS: Mapping[str, Callable[[Asked], Condition | None]] = {
    "spend": _spend,
    "threshold": _threshold,
    "objective": _objective,
    "anomaly": _anomaly,
    "drift": _drift,
    "change": _change,
    "retirement": _retirement,
}


def _measure(asked: Asked) -> str | None:
    fields = asked.fields
    name = fields.choice("measure", MEASURES, "a measure")
    if name is None or source_of(name, asked.dimensions):
        return name
    columns = {column for source in MEASURES[name].sources() for column in TABLES[source].columns}
    _only(asked, [key for key in DIMENSIONS if key in columns], name)
    return None


def _only(asked: Asked, known: Sequence[str], what: str) -> None:
    """Dimensions that a kind, or a measure, does not have."""
    for index, key in enumerate(asked.group_by):
        if key not in known:
            asked.fields.wrong(f"group_by[{index}]", f"{what} is not kept by {key}; known: {', '.join(known)}")
    for key in asked.where:
        if key not in known:
            asked.fields.wrong(f"where.{key}", f"{what} is not kept by {key}; known: {', '.join(known)}")


def _window(fields: Fields, longest: timedelta, whole: str = "windows are of whole minutes") -> timedelta | None:
    window = fields.duration("window", "24h")
    if window is not None and not _MINUTE <= window <= longest:
        fields.wrong("window", f"{seen(fields.get('window'))} is out of range; write between 1m and {longest.days}d")
    elif window is not None and window % _MINUTE:
        fields.wrong("window", f"{seen(fields.get('window'))} is not in whole minutes; {whole}")
    else:
        return window
    return None


def _positive(fields: Fields, key: str, default: float) -> float | None:
    found = fields.number(key, f"{default:g}", default)
    if found is not None and not 0 < found <= 1e6:
        fields.wrong(key, f"{seen(fields.get(key))} is out of range; write a number above 0, such as {default:g}")
        return None
    return found


def _shares(fields: Fields, key: str, default: tuple[float, ...]) -> tuple[float, ...] | None:
    if fields.get(key) is None:
        return default
    found = []
    for index, item in enumerate(fields.items(key, "[0.8, 1.0]")):
        share = number_of(item)
        if share is None or not 0 < share <= 10:
            fields.wrong(f"{key}[{index}]", f"{seen(item)} is no share of the budget; write it like 80% or 0.8")
            return None
        found.append(share)
    return tuple(sorted(set(found)))


def _burns(fields: Fields) -> tuple[Burn, ...] | None:
    example = "{window: 1h, times: 10}"
    found = []
    for index, item in enumerate(fields.items("burn_rates", f"[{example}]")):
        own = fields.mapping(item, fields.at(f"burn_rates[{index}]"), example)
        if own is None:
            return None
        window = own.duration("window", "1h")
        times = _positive(own, "times", 10.0)
        own.finish()
        if window is not None and not timedelta(minutes=12) <= window <= timedelta(days=7):
            own.wrong("window", f"{seen(own.get('window'))} is out of range; write between 12m and 7d")
            window = None
        if window is None or times is None:
            return None
        found.append(Burn(window=window, times=times))
    return tuple(found)


def _zone(fields: Fields) -> ZoneInfo | None:
    name = fields.get("zone")
    try:
        return ZoneInfo("UTC" if name is None else name)
    except (ValueError, TypeError, OSError, KeyError):
        fields.wrong("zone", f"{seen(name)} is not an IANA time zone; write it like Europe/Berlin")
        return None


def _reference(
    asked: Asked,
) -> tuple[timedelta | None, tuple[datetime, datetime] | None, tuple[str, str] | None] | None:
    """How long back, from when to when, or which other calls."""
    fields = asked.fields
    value = fields.get("reference")
    if value is None:
        return timedelta(days=7), None, None
    if not isinstance(value, dict):
        span = fields.duration("reference", "7d")
        if span is not None and span > _LONGEST_REFERENCE:
            fields.wrong("reference", f"{seen(value)} is out of range; write 90d at most")
            return None
        return None if span is None else (span, None, None)
    own = Fields(value, fields.at("reference"), fields.mistakes)
    if own.get("from") is not None or own.get("to") is not None:
        start, end = moment(own, "from"), moment(own, "to")
        own.finish()
        if start is None or end is None:
            return None
        if start >= end:
            own.wrong("to", "is not after from")
            return None
        return None, (start, end), None
    if len(value) == 1:
        [(key, text)] = value.items()
        wrong = one_of(key, list(TABLES[Source.SPANS].columns), "something calls have")
        if not wrong and isinstance(text, str) and key not in asked.group_by:
            return None, None, (key, text)
    fields.wrong(
        "reference",
        'write a duration like 7d, {from: 2026-11-01, to: 2026-11-08}, or other calls like {prompt_version: "7"}',
    )
    return None


def moment(fields: Fields, key: str) -> datetime | None:
    """A date or a time; UTC unless it says otherwise."""
    value = fields.required(key, "2026-11-01")
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    if value is not None:
        try:
            found = datetime.fromisoformat(str(value))
        except ValueError:
            fields.wrong(key, f"{seen(value)} is no date or time; write it like 2026-11-01 or 2026-11-01T12:00:00Z")
        else:
            return found if found.tzinfo else found.replace(tzinfo=UTC)
    return None
