"""From an account to attributes, as the GenAI conventions spell them: pure, for whatever is written."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from llmtrace import semconv as names
from llmtrace.attempts import lost_s
from llmtrace.derived import derived_attributes
from llmtrace.prices import Cost, Unpriced
from llmtrace.reading.limits import encoded

if TYPE_CHECKING:
    from opentelemetry.util.types import AttributeValue

    from llmtrace.accounts import Account
    from llmtrace.calls import (
        Attempt,
        Block,
        Call,
        Content,
        Failure,
        Headers,
        Identity,
        Operation,
        Parameters,
        RateLimit,
        Reply,
        Server,
        Timing,
        Usage,
    )
    from llmtrace.changes import Change
    from llmtrace.reading.json_values import Json

Attributes = dict[str, "AttributeValue | None"]
"""What is None is not written."""

_NS = 1_000_000_000


@dataclass(frozen=True, kw_only=True, slots=True)
class BlockKind:
    """How the conventions spell one kind of the app's own spans."""

    operation: str | None = None
    named: str | None = None
    """The attribute that has its name."""
    goes_in: str = names.SPAN_INPUT
    comes_out: str = names.SPAN_OUTPUT
    is_remote: bool = False
    """Whether it asks somebody outside of the process."""


BLOCK_KINDS: Final = {
    "function": BlockKind(),
    "tool": BlockKind(
        operation="execute_tool",
        named=names.TOOL_NAME,
        goes_in=names.TOOL_CALL_ARGUMENTS,
        comes_out=names.TOOL_CALL_RESULT,
    ),
    "retrieval": BlockKind(
        operation="retrieval",
        named=names.DATA_SOURCE_ID,
        goes_in=names.RETRIEVAL_QUERY,
        comes_out=names.RETRIEVAL_DOCUMENTS,
        is_remote=True,
    ),
    "agent": BlockKind(operation="invoke_agent", named=names.AGENT_NAME),
    "workflow": BlockKind(operation="invoke_workflow", named=names.WORKFLOW_NAME),
    "plan": BlockKind(operation="plan", named=names.AGENT_NAME),
}
"""Spans of ``docs/gen-ai/gen-ai-agent-spans.md`` and the retrieval span of ``gen-ai-spans.md``."""


def span_name(operation: Operation, model: str | None) -> str:
    """``{operation} {model}``, or the operation alone."""
    return f"{operation.name} {model}" if model else operation.name


def start_attributes(operation: Operation, server: Server, model: str | None) -> dict[str, AttributeValue]:
    """What is known when a call begins, and a sampler may want to know."""
    attributes: dict[str, AttributeValue] = {
        names.OPERATION_NAME: operation.name,
        names.PROVIDER_NAME: server.provider,
        names.SERVER_ADDRESS: clean(server.address),
    }
    if operation.protocol:
        attributes[names.NETWORK_PROTOCOL_NAME] = operation.protocol
    if server.port is not None:
        attributes[names.SERVER_PORT] = server.port
    if model:
        attributes[names.REQUEST_MODEL] = clean(model)
    return attributes


def account_attributes(account: Account) -> dict[str, AttributeValue]:
    """Everything but content that an account tells, beyond what was known at the start."""
    told: Attributes = {
        **_call(account.call),
        **_reply(account.reply, account.timing),
        **_conversation(account.call, account.reply),
        **_headers(account.headers),
        **_retries(account.attempts, account.timing),
        **_cost(account.cost),
        **account.marks,
        names.REPLY_SAVED_USD: _decimal(account.saved.usd) if account.saved else None,
        names.ROUTER_COUNTERFACTUAL_USD: _decimal(account.counterfactual.usd) if account.counterfactual else None,
        **derived_attributes(account),
        **(failure_attributes(account.failure) if account.failure else {}),
    }
    known = {name: value for name, value in told.items() if value is not None}
    details = dict(account.details)
    if names.PROMPT_NAME in known:  # the app's word for the prompt goes before that of the request, with its version
        details.pop(names.PROMPT_VERSION, None)
    return cleaned({**details, **known})


def change_attributes(change: Change) -> dict[str, AttributeValue]:
    """What the event of a change of model or fingerprint has."""
    return cleaned({names.CHANGE_WHAT: change.what, names.CHANGE_BEFORE: change.before, names.CHANGE_NOW: change.now})


def attempt_attributes(attempt: Attempt) -> dict[str, AttributeValue]:
    """Those of the event of an attempt that was made again."""
    return cleaned(
        {
            names.RETRY_ATTEMPT: attempt.number,
            names.RETRY_WAIT: attempt.wait_s,
            names.ERROR_TYPE: attempt.error,
            names.HTTP_STATUS_CODE: attempt.status_code,
            **_headers(attempt.headers),
        }
    )


def content_attributes(content: Content | None) -> dict[str, AttributeValue]:
    """The messages as JSON texts; empty when there are none."""
    return {name: clean(encoded(value)) for name, value in structured_content(content).items()}


def structured_content(content: Content | None) -> dict[str, list[Json]]:
    """The messages as they are; empty when there are none."""
    if content is None:
        return {}
    told = {
        names.INPUT_MESSAGES: content.input_messages,
        names.OUTPUT_MESSAGES: content.output_messages,
        names.SYSTEM_INSTRUCTIONS: content.system_instructions,
        names.TOOL_DEFINITIONS: content.tool_definitions,
    }
    return {name: value for name, value in told.items() if value}


def block_name(block: Block) -> str:
    """Name of the app's own span, as the conventions have it for its kind."""
    operation = BLOCK_KINDS[block.kind].operation
    return " ".join(filter(None, (operation, block.name))) or block.kind


def block_attributes(
    block: Block, identity: Identity, *, input_: str | None, output: str | None
) -> dict[str, AttributeValue]:
    """Everything but a failure that one of the app's own spans tells."""
    kind, is_tool = BLOCK_KINDS[block.kind], block.kind == "tool"
    return cleaned(
        {
            **identity_attributes(identity),
            names.OPERATION_NAME: kind.operation,
            **({kind.named: block.name} if kind.named else {}),
            names.CODE_FUNCTION_NAME: block.function,
            names.TOOL_TYPE: "function" if is_tool else None,
            names.TOOL_DESCRIPTION: block.description if is_tool else None,
            names.TOOL_CALL_ID: block.call_id if is_tool else None,
            kind.goes_in: input_,
            kind.comes_out: output,
        }
    )


def cleaned(attributes: Attributes) -> dict[str, AttributeValue]:
    """``attributes`` without those that are None, and with texts that UTF-8 can spell."""
    return {name: _cleaned(value) for name, value in attributes.items() if value is not None}


def clean(text: str) -> str:
    """``text`` without lone surrogates: JSON can spell them, UTF-8 cannot, and one would cost its whole batch."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _cleaned(value: AttributeValue) -> AttributeValue:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, tuple):
        return tuple(clean(entry) if isinstance(entry, str) else entry for entry in value)
    return value


def _call(call: Call) -> Attributes:
    return {
        names.REQUEST_MODEL: call.model,
        names.REQUEST_STREAM: True if call.stream else None,
        names.OPENAI_API_TYPE: call.operation.api_type,
        names.HTTP_METHOD: call.operation.method,
        **identity_attributes(call.identity),
        **_parameters(call.parameters),
    }


def identity_attributes(identity: Identity) -> Attributes:
    """For whom and for what; the user's own attributes first, for they win over nothing."""
    return {
        **dict(identity.labels),
        names.USER_ID: identity.user,
        names.SESSION_ID: identity.session,
        names.CONVERSATION_ID: identity.conversation,
        names.PROMPT_NAME: identity.prompt_name,
        names.PROMPT_VERSION: identity.prompt_version,
        names.FEATURE: identity.feature,
        names.TEAM: identity.team,
        names.TAGS: identity.tags or None,
    }


def _conversation(call: Call, reply: Reply) -> Attributes:
    asked = call.identity.conversation or call.conversation
    return {names.CONVERSATION_ID: asked or reply.conversation}


def _reply(reply: Reply, timing: Timing) -> Attributes:
    return {
        names.RESPONSE_ID: reply.id,
        names.RESPONSE_MODEL: reply.model,
        names.RESPONSE_FINISH_REASONS: reply.finish_reasons or None,
        names.RESPONSE_STATUS: reply.status,
        names.OPENAI_RESPONSE_SERVICE_TIER: reply.service_tier,
        names.OPENAI_RESPONSE_SYSTEM_FINGERPRINT: reply.system_fingerprint,
        names.RESPONSE_STREAM_END: timing.stream_end,
        names.RESPONSE_TIME_TO_FIRST_CHUNK: _seconds(timing.start_ns, timing.first_chunk_ns),
        names.RESPONSE_TIME_TO_FIRST_TOKEN: _seconds(timing.start_ns, timing.first_token_ns),
        names.RESPONSE_TIME_PER_OUTPUT_TOKEN: timing.per_output_token_s,
        **(_usage(reply.usage) if reply.usage else {}),
        **{names.TOOL_CALLS[ran.tool]: ran.count for ran in reply.tools if ran.tool in names.TOOL_CALLS},
    }


def _headers(headers: Headers) -> Attributes:
    return {
        names.RESPONSE_REQUEST_ID: headers.request_id,
        names.RESPONSE_PROCESSING_TIME: headers.processing_s,
        names.RESPONSE_REGION: headers.region,
        **_rate_limit(headers.requests, *names.RATE_LIMIT_REQUESTS),
        **_rate_limit(headers.tokens, *names.RATE_LIMIT_TOKENS),
    }


def _rate_limit(told: RateLimit, limit: str, remaining: str, reset: str) -> Attributes:
    return {limit: told.limit, remaining: told.remaining, reset: told.reset_s}


def _retries(attempts: tuple[Attempt, ...], timing: Timing) -> Attributes:
    return {names.RETRY_COUNT: len(attempts) or None, names.RETRY_LOST_TIME: lost_s(attempts, timing)}


def _cost(cost: Cost | Unpriced | None) -> Attributes:
    if cost is None:
        return {}
    if isinstance(cost, Unpriced):
        return {names.COST_UNPRICED_REASON: cost.reason}
    return {
        names.COST_USD: _decimal(cost.usd),
        names.COST_SOURCE: cost.source,
        names.COST_TIER: cost.tier,
        names.COST_PRICE_MODEL: cost.price_model,
        names.COST_PRICE_VERSION: cost.version,
        names.COST_ASSUMED_PROVIDER: cost.assumed_provider,
        names.COST_EXCLUDES: cost.excludes or None,
        **{names.COST_PARTS[part]: _decimal(usd) for part, usd in cost.parts.items()},
        **{
            names.COST_UNIT_PRICES[kind]: _decimal(price)
            for kind, price in cost.unit_prices.items()
            if kind in names.COST_UNIT_PRICES
        },
    }


def failure_attributes(failure: Failure) -> Attributes:
    """How a call failed, without the message."""
    return {
        names.ERROR_TYPE: failure.type,
        names.ERROR_CODE: failure.code,
        names.ERROR_CAUSE: failure.cause,
        names.HTTP_STATUS_CODE: failure.status_code,
    }


def _parameters(sent: Parameters) -> Attributes:
    return {
        names.REQUEST_TEMPERATURE: sent.temperature,
        names.REQUEST_TOP_P: sent.top_p,
        names.REQUEST_MAX_TOKENS: sent.max_tokens,
        names.REQUEST_FREQUENCY_PENALTY: sent.frequency_penalty,
        names.REQUEST_PRESENCE_PENALTY: sent.presence_penalty,
        names.REQUEST_SEED: sent.seed,
        names.REQUEST_STOP_SEQUENCES: sent.stop_sequences,
        names.REQUEST_CHOICE_COUNT: None if sent.choice_count == 1 else sent.choice_count,
        names.REQUEST_ENCODING_FORMATS: (sent.encoding_format,) if sent.encoding_format else None,
        names.EMBEDDINGS_DIMENSION_COUNT: sent.dimensions,
        names.OUTPUT_TYPE: sent.output_type,
        names.OPENAI_REQUEST_SERVICE_TIER: None if sent.service_tier == "auto" else sent.service_tier,
    }


def _usage(usage: Usage) -> Attributes:
    return {name: getattr(usage, field) for field, name in names.USAGE.items()}


def _seconds(start_ns: int, at_ns: int | None) -> float | None:
    return None if at_ns is None else (at_ns - start_ns) / _NS


def _decimal(value: Decimal | None) -> str | None:
    """Plain digits, no trailing zeros: never an exponent, never a float on the way."""
    return None if value is None else format(value.normalize(), "f")
