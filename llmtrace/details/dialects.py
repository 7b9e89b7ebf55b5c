"""What providers say in an OpenAI body beyond OpenAI: Azure, OpenRouter, Groq, Perplexity, xAI."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from llmtrace import semconv as names
from llmtrace.details.fields import Bodies, Details, Field, at, told
from llmtrace.reading.filters import read_filters
from llmtrace.reading.json_values import Json, count, items, mapping, number, word

_ANSWERED: Final = (
    Field(names.RESPONSE_QUEUE_TIME, "usage.queue_time|x_groq.usage.queue_time", number),
    Field(names.USAGE_SEARCH_QUERIES, "usage.num_search_queries", count),
)
_XAI_TICKS: Final = Decimal(10) ** 10
"""xAI tells cost in ticks of 10^-10 US dollars (https://docs.x.ai/docs/key-information/consumption-and-rate-limits)."""


def read(bodies: Bodies) -> Details:
    """Filters, routing and reported cost, as far as there are any."""
    body = bodies.answered
    filters = read_filters(body)
    told_twice = max(len(items(body.get("citations"))), len(items(body.get("search_results"))))
    made: Details = {
        **told(_ANSWERED, body),
        names.RESPONSE_UPSTREAM: _provider(body.get("provider")),
        names.RESPONSE_NATIVE_FINISH_REASONS: _native_reasons(body),
        names.COST_REPORTED: _reported_cost(body),
        names.FILTER_PROMPT: filters.prompt or None,
        names.FILTER_COMPLETION: filters.completion or None,
        names.FILTER_WITHHELD: filters.withheld or None,
    }
    return {**made, names.RESPONSE_CITATIONS_COUNT: told_twice} if told_twice else made


def _provider(value: object) -> str | None:
    # Names of providers have blanks: "Google AI Studio".
    given = value if isinstance(value, str) and len(value) <= 64 else ""
    return given if word(given.replace(" ", "-")) else None


def _native_reasons(body: Json) -> tuple[str, ...] | None:
    reasons = [word(mapping(choice).get("native_finish_reason")) for choice in items(body.get("choices"))]
    return tuple(reason for reason in reasons if reason) or None


def _reported_cost(body: Json) -> str | None:
    cost = at(body, "usage.cost")
    amount = _amount(cost) if number(cost) is not None else _amount(mapping(cost).get("total_cost"))
    if amount is None and (ticks := count(at(body, "usage.cost_in_usd_ticks"))) is not None:
        amount = Decimal(ticks) / _XAI_TICKS
    return None if amount is None else format(amount.normalize(), "f")


def _amount(value: object) -> Decimal | None:
    given = number(value)
    if given is None or not 0 <= given < 1e9:
        return None
    return Decimal(repr(given)).quantize(Decimal("1e-12"))  # the shortest digits that are this float
