"""Attributes of what is derived from a call, as opposed to what it reported: pure, one function for each part."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmtrace import semconv as names

if TYPE_CHECKING:
    from opentelemetry.util.types import AttributeValue

    from llmtrace.accounts import Account
    from llmtrace.signals import Signals


def derived_attributes(account: Account) -> dict[str, AttributeValue | None]:
    """Everything derived that an account has; None is not written."""
    return {**(_signals(account.signals) if account.signals else {})}


def _signals(signals: Signals) -> dict[str, AttributeValue | None]:
    made: dict[str, AttributeValue | None] = {}
    if sure := signals.confidence:
        made |= {
            names.CONFIDENCE_TOKENS: sure.tokens,
            names.CONFIDENCE_UNLIKELY_TOKENS: sure.unlikely_tokens,
            names.CONFIDENCE_LOW_SHARE: sure.low_share,
            names.CONFIDENCE_MEAN_LOGPROB: sure.mean_logprob,
            names.CONFIDENCE_MIN_LOGPROB: sure.min_logprob,
            names.CONFIDENCE_PERPLEXITY: sure.perplexity,
        }
    if verdict := signals.verdict:
        made |= {
            names.OUTPUT_REFUSED: verdict.refused,
            names.OUTPUT_TRUNCATED: verdict.truncated,
            names.OUTPUT_EMPTY: verdict.empty,
        }
    if output := signals.output:
        made |= {
            names.OUTPUT_JSON_VALID: output.json_valid,
            names.OUTPUT_SCHEMA_VALID: output.schema_valid,
            names.OUTPUT_UNCHECKED_REASON: output.reason,
        }
    if calls := signals.tool_calls:
        made |= {
            names.TOOL_CALLS_JSON_VALID: calls.json_valid,
            names.TOOL_CALLS_SCHEMA_VALID: calls.schema_valid,
            names.TOOL_CALLS_UNCHECKED_REASON: calls.reason,
        }
    return made
