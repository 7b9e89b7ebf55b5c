"""Attributes of what is derived from a call, as opposed to what it reported: pure, one function for each part."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmtrace import semconv as names

if TYPE_CHECKING:
    from opentelemetry.util.types import AttributeValue

    from llmtrace.accounts import Account
    from llmtrace.estimates import Estimate
    from llmtrace.features import Features
    from llmtrace.signals import Signals


def derived_attributes(account: Account) -> dict[str, AttributeValue | None]:
    """Everything derived that an account has; None is not written."""
    return {
        **(_signals(account.signals) if account.signals else {}),
        **(_features(account.features) if account.features else {}),
        **(_estimate(account.estimate) if account.estimate else {}),
    }


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


def _features(features: Features) -> dict[str, AttributeValue | None]:
    sent, answered = features.input, features.output
    made: dict[str, AttributeValue | None] = {
        names.INPUT_MESSAGE_COUNT: sent.message_count,
        names.INPUT_CHARS: sent.chars,
        names.INPUT_SYSTEM_CHARS: sent.system_chars,
        names.INPUT_USER_CHARS: sent.user_chars,
        names.INPUT_IMAGE_COUNT: sent.image_count or None,
        names.INPUT_AUDIO_COUNT: sent.audio_count or None,
        names.INPUT_FILE_COUNT: sent.file_count or None,
        names.INPUT_LANGUAGE: sent.language,
        names.INPUT_SKETCH: sent.sketch,
        names.PROMPT_FINGERPRINT: sent.prompt_fingerprint,
        names.SKETCH_KEY_ID: features.key_id,
    }
    if answered:
        made |= {
            names.OUTPUT_CHARS: answered.chars,
            names.OUTPUT_TOOL_CALL_COUNT: answered.tool_call_count or None,
            names.OUTPUT_LANGUAGE: answered.language,
            names.OUTPUT_SKETCH: answered.sketch,
        }
    return made


def _estimate(estimate: Estimate) -> dict[str, AttributeValue | None]:
    cost = estimate.cost_usd
    return {
        names.ESTIMATED_INPUT_TOKENS: estimate.input,
        names.ESTIMATED_OUTPUT_TOKENS: estimate.output,
        names.ESTIMATED_METHOD: estimate.method,
        names.ESTIMATED_EXCLUDES: estimate.excludes or None,
        names.ESTIMATED_COST_USD: None if cost is None else format(cost.normalize(), "f"),
    }
