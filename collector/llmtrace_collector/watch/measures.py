"""What rules can measure, as data: a name, a unit, and the SQL that makes the figure of a group from each table.

| source | kept by | dimensions | figures |
|---|---|---|---|
| `spend_1m` | minute, 40 days | project, user, model | calls, errors, tokens, cost |
| `span_1h` | hour, 400 days | project, operation, model, provider | the same |
| `spans` | span, 90 days | all | all |
| `scores` | score, 400 days | project, service, environment, score | scores and feedback |
| `spans_quarantine` | span, 30 days | project, reason | what the collector could not take for true |

Amounts are estimates of all calls where sampling left some out and the spans tell it; shares and quantiles are of the
calls that are stored. A share has a part and a whole, so that windows can be added and tested.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from llmtrace.semconv import GUARDRAIL_VERDICT


class Source(StrEnum):
    """Tables of figures, the cheapest first."""

    SPEND_1M = "spend_1m"
    SPAN_1H = "span_1h"
    SPANS = "spans"
    SCORES = "scores"
    QUARANTINE = "spans_quarantine"


class Unit(StrEnum):
    """What a figure counts."""

    COUNT = ""
    USD = "USD"
    SECONDS = "s"
    TOKENS = "tokens"
    SHARE = "share"
    LOG = "ln"


@dataclass(frozen=True, kw_only=True)
class Table:
    """How a source is read."""

    time: str
    """The column of time."""
    step_s: int
    """A row is of so many seconds; 0: of a moment."""
    only: str
    """A condition on every row; `1` for none."""
    columns: Mapping[str, str]
    """SQL by dimension."""


TABLES: Mapping[Source, Table] = MappingProxyType(
    {
        Source.SPEND_1M: Table(
            time="minute", step_s=60, only="1", columns={"project": "project", "user": "user_id", "model": "model"}
        ),
        Source.SPAN_1H: Table(
            time="hour",
            step_s=3600,
            only="is_call",
            columns={"project": "project", "operation": "operation", "model": "model", "provider": "provider"},
        ),
        Source.SPANS: Table(
            time="timestamp",
            step_s=0,
            only="is_call",
            columns={
                "project": "project",
                "user": "user_id",
                "model": "model",
                "response_model": "response_model",
                "provider": "provider",
                "operation": "operation",
                "service": "service_name",
                "environment": "environment",
                "feature": "feature",
                "team": "team",
                "prompt": "prompt_name",
                "prompt_version": "prompt_version",
                "session": "session_id",
                "service_tier": "service_tier",
                "system_fingerprint": "system_fingerprint",
                "error_type": "error_type",
            },
        ),
        Source.SCORES: Table(
            time="timestamp",
            step_s=0,
            only="error_type = ''",
            columns={
                "project": "project",
                "service": "service_name",
                "environment": "environment",
                "score": "name",
            },
        ),
        Source.QUARANTINE: Table(
            time="received_at", step_s=0, only="1", columns={"project": "project", "reason": "reason"}
        ),
    }
)

DIMENSIONS: tuple[str, ...] = tuple(dict.fromkeys(name for table in TABLES.values() for name in table.columns))
"""What rules group and filter by, in the order in which groups are shown."""

NAMELESS = frozenset({"user", "session"})
"""Dimensions whose empty value is nobody: it makes no group."""


@dataclass(frozen=True, kw_only=True)
class Measure:
    """A figure of a group."""

    name: str
    title: str
    """In sentences: "the error rate"."""
    unit: Unit = Unit.COUNT
    sql: Mapping[Source, str] = field(default_factory=dict)
    """The figure, by source; NULL where there is none."""
    part: Mapping[Source, str] = field(default_factory=dict)
    """Of a share: what is counted, by source."""
    whole: Mapping[Source, str] = field(default_factory=dict)
    """Of a share: among how many."""
    value: str = ""
    """SQL of one row of `spans`, where the figure is of values of single calls: what drift compares."""
    adds: bool = False
    """A window without calls has the figure 0."""
    lower_is_worse: bool = False

    def sources(self) -> Iterable[Source]:
        """Where it can be read from."""
        return self.sql.keys() or self.part.keys()

    def select(self, source: Source) -> str:
        """The figure, as SQL."""
        if self.sql:
            return self.sql[source]
        return f"({self.part[source]}) / nullIf({self.whole[source]}, 0)"


_WEIGHT = "sampling_weight"
_FAILED = "status_code = 'ERROR'"
_ALL = "sum(calls) + sum(unsampled_calls)"
_LAG = "greatest(toUnixTimestamp64Nano(received_at) - toUnixTimestamp64Nano(timestamp) - toInt64(duration_ns), 0)"


def _amount(  # noqa: PLR0917 - a row of the table below
    name: str, title: str, spend: str, spans: str, hour: str = "", unit: Unit = Unit.COUNT
) -> Measure:
    sql = {Source.SPEND_1M: spend} if spend else {}
    sql |= {Source.SPAN_1H: hour} if hour else {}
    return Measure(name=name, title=title, unit=unit, sql=sql | {Source.SPANS: spans}, adds=True)


def _quantiles(prefix: str, title: str, column: str) -> list[Measure]:
    return [
        Measure(
            name=f"{prefix}_p{percent}",
            title=f"the {percent}th percentile of {title}" if percent != 50 else f"the median {title}",
            unit=Unit.SECONDS,
            sql={Source.SPANS: f"quantileOrNull({percent / 100})({column}) / 1e9"},
            value=f"{column} / 1e9",
        )
        for percent in (50, 90, 95, 99)
    ]


def _share(name: str, title: str, part: str, told: str, *, lower_is_worse: bool = False) -> Measure:
    """Of the calls of which it is told."""
    return Measure(
        name=name,
        title=title,
        unit=Unit.SHARE,
        part={Source.SPANS: f"countIf({part})"},
        whole={Source.SPANS: f"countIf({told})"},
        lower_is_worse=lower_is_worse,
    )


def _a_call(name: str, title: str, column: str, unit: Unit) -> Measure:
    return Measure(name=name, title=title, unit=unit, sql={Source.SPANS: f"avgOrNull({column})"}, value=column)


MEASURES: Mapping[str, Measure] = MappingProxyType(
    {
        measure.name: measure
        for measure in (
            _amount("calls", "calls", _ALL, f"sum({_WEIGHT})", "sum(spans) + sum(unsampled_spans)"),
            _amount(
                "errors",
                "failed calls",
                "sum(errors) + sum(unsampled_errors)",
                f"sumIf({_WEIGHT}, {_FAILED})",
                "sumIf(spans + unsampled_spans, failed)",
            ),
            Measure(
                name="error_rate",
                title="the error rate",
                unit=Unit.SHARE,
                part={
                    Source.SPEND_1M: "sum(errors)",
                    Source.SPAN_1H: "sumIf(spans, failed)",
                    Source.SPANS: f"countIf({_FAILED})",
                },
                whole={Source.SPEND_1M: "sum(calls)", Source.SPAN_1H: "sum(spans)", Source.SPANS: "count()"},
            ),
            *_quantiles("latency", "latency", "duration_ns"),
            *_quantiles("ttft", "time to first token", "time_to_first_token_ns"),
            _amount(
                "input_tokens",
                "input tokens",
                "sum(input_tokens) + sum(unsampled_input_tokens)",
                f"sum(ifNull(input_tokens, 0) * {_WEIGHT})",
                "sum(input_tokens) + sum(unsampled_input_tokens)",
                Unit.TOKENS,
            ),
            _amount(
                "output_tokens",
                "output tokens",
                "sum(output_tokens) + sum(unsampled_output_tokens)",
                f"sum(ifNull(output_tokens, 0) * {_WEIGHT})",
                "sum(output_tokens) + sum(unsampled_output_tokens)",
                Unit.TOKENS,
            ),
            _a_call("input_tokens_per_call", "input tokens a call", "input_tokens", Unit.TOKENS),
            _a_call("output_tokens_per_call", "output tokens a call", "output_tokens", Unit.TOKENS),
            _amount(
                "cost_usd",
                "the cost",
                "sum(cost_usd) + sum(unsampled_cost_usd)",
                "sum(ifNull(corrected_cost_usd, toDecimal128(0, 12)))",
                "sum(cost_usd) + sum(unsampled_cost_usd)",
                Unit.USD,
            ),
            _a_call("cost_per_call", "the cost of a call", "toFloat64(cost_usd)", Unit.USD),
            Measure(
                name="guardrail_rate",
                title="the share of calls that a guardrail did not let pass",
                unit=Unit.SHARE,
                part={Source.SPANS: f"countIf(attributes['{GUARDRAIL_VERDICT}'] NOT IN ('', 'pass'))"},
                whole={Source.SPANS: "count()"},
            ),
            Measure(
                name="cache_hit_share",
                title="the share of input tokens from the provider's cache",
                unit=Unit.SHARE,
                part={Source.SPEND_1M: "sum(cached_input_tokens)", Source.SPANS: "sum(ifNull(cached_input_tokens, 0))"},
                whole={Source.SPEND_1M: "sum(input_tokens)", Source.SPANS: "sum(ifNull(input_tokens, 0))"},
                lower_is_worse=True,
            ),
            _share("refusal_rate", "the share of refusals", "output_refused = true", "isNotNull(output_refused)"),
            _share(
                "truncation_rate",
                "the share of answers cut at the token limit",
                "output_truncated = true",
                "isNotNull(output_truncated)",
            ),
            _share("empty_rate", "the share of empty answers", "output_empty = true", "isNotNull(output_empty)"),
            _share("invalid_json_rate", "the share of invalid JSON", "json_valid = false", "isNotNull(json_valid)"),
            _share(
                "invalid_schema_rate",
                "the share of answers that break their schema",
                "schema_valid = false",
                "isNotNull(schema_valid)",
            ),
            _share(
                "invalid_tool_call_rate",
                "the share of tool calls with invalid arguments",
                "tool_calls_json_valid = false OR tool_calls_schema_valid = false",
                "isNotNull(tool_calls_json_valid)",
            ),
            Measure(
                name="confidence",
                title="the mean log-probability of output tokens",
                unit=Unit.LOG,
                sql={Source.SPANS: "avgOrNull(mean_logprob)"},
                value="mean_logprob",
                lower_is_worse=True,
            ),
            Measure(
                name="unlikely_share",
                title="the share of unlikely output tokens",
                unit=Unit.SHARE,
                sql={Source.SPANS: "avgOrNull(unlikely_share)"},
                value="unlikely_share",
            ),
            _amount(
                "unpriced",
                "calls without a known price",
                "sum(unpriced) + sum(unsampled_unpriced)",
                f"sumIf({_WEIGHT}, NOT ({_FAILED}) AND isNull(cost_usd))",
                "sum(unpriced) + sum(unsampled_unpriced)",
            ),
            Measure(
                name="unpriced_rate",
                title="the share of calls without a known price",
                unit=Unit.SHARE,
                part={
                    Source.SPEND_1M: "sum(unpriced)",
                    Source.SPAN_1H: "sum(unpriced)",
                    Source.SPANS: f"countIf(NOT ({_FAILED}) AND isNull(cost_usd))",
                },
                whole={Source.SPEND_1M: "sum(calls)", Source.SPAN_1H: "sum(spans)", Source.SPANS: "count()"},
            ),
            _amount("retries", "retries", "", "sum(toUInt64OrZero(attributes['llmtrace.retry.count']))"),
            _share(
                "retry_rate",
                "the share of calls that were tried again",
                "mapContains(attributes, 'llmtrace.retry.count')",
                "1",
            ),
            Measure(
                name="rate_limit_headroom",
                title="the least share of the rate limit that was left",
                unit=Unit.SHARE,
                sql={
                    Source.SPANS: "minOrNull(toFloat64OrNull(attributes['llmtrace.rate_limit.requests.remaining'])"
                    " / nullIf(toFloat64OrNull(attributes['llmtrace.rate_limit.requests.limit']), 0))"
                },
                lower_is_worse=True,
            ),
            *_quantiles("ingest_lag", "the time from the end of a call to its receipt", _LAG),
            Measure(
                name="quarantined",
                title="spans whose ids or times cannot be true",
                sql={Source.QUARANTINE: "count()"},
                adds=True,
            ),
            Measure(
                name="score",
                title="the mean score",
                sql={Source.SCORES: "avgOrNull(value)"},
                lower_is_worse=True,
            ),
            Measure(
                name="score_fail_rate",
                title="the share of failed evaluations",
                unit=Unit.SHARE,
                part={Source.SCORES: "countIf(lower(label) IN ('fail', 'failed', 'bad', 'incorrect', 'thumbs_down'))"},
                whole={Source.SCORES: "countIf(label != '')"},
            ),
        )
    }
)

CALLS = {
    Source.SPEND_1M: "sum(calls)",
    Source.SPAN_1H: "sum(spans)",
    Source.SPANS: "count()",
    Source.SCORES: "count()",
    Source.QUARANTINE: "count()",
}
"""How many rows of the application are behind a figure: what minimum volumes are held against."""


def source_of(name: str, dimensions: Iterable[str], *, window_s: int = 0, parts: bool = False) -> Source | None:
    """The cheapest table that has this figure by these dimensions over such a window; None: no table has.

    `span_1h` is taken for windows of two days and more alone, as it knows whole hours only.
    """
    measure = MEASURES[name]
    for source in Source:
        table = TABLES[source]
        known = source in (measure.part if parts else measure.sources())
        coarse = table.step_s >= 3600 and window_s < 2 * 86_400
        if known and not coarse and set(dimensions) <= set(table.columns):
            return source
    return None


def kept_in(name: str, dimensions: Iterable[str], *, window_s: int = 0, parts: bool = False) -> Source:
    """The same, of a figure that must be there.

    Raises:
        ValueError: no table has it.
    """
    source = source_of(name, dimensions, window_s=window_s, parts=parts)
    if source is None:
        raise ValueError(f"{name} is not kept by {', '.join(sorted(dimensions))}")
    return source
