"""How fast a stream's tokens came: seconds per output token after the first one.

The conventions have this as a metric of servers only, ``gen_ai.server.time_per_output_token``; a client that is told
the number of tokens can tell it too: from the first event with content to the end, over the tokens after the first.
It is left untold where that would be another figure: tokens of several choices come side by side, a tool of the
provider runs in between, or some of the reasoning was hidden and only its summary streamed.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from llmtrace.reading.json_values import Json, items, mapping

if TYPE_CHECKING:
    from llmtrace.accounts import Account
    from llmtrace.calls import Reply, Timing, Usage
    from llmtrace.readouts import Collected

_NS = 1_000_000_000
_REASONING_TEXTS = ("reasoning_content", "reasoning")


def pace_stage(_: Collected, account: Account) -> None:
    """The pace of a stream that was read to its end."""
    pace_s = seconds_per_output_token(account.timing, account.reply, account.body)
    account.timing = replace(account.timing, per_output_token_s=pace_s)


def seconds_per_output_token(timing: Timing, reply: Reply, body: Json) -> float | None:
    """Seconds between two tokens; None when it cannot be told."""
    if timing.stream_end != "completed" or timing.first_token_ns is None:
        return None
    if reply.usage is None or reply.tools or len(items(body.get("choices"))) > 1:
        return None
    tokens = _streamed_tokens(reply.usage, body)
    took_ns = timing.end_ns - timing.first_token_ns
    # All at once is how a buffer between hands it over, no pace of the model.
    return took_ns / _NS / (tokens - 1) if tokens and tokens > 1 and took_ns > 0 else None


def _streamed_tokens(usage: Usage, body: Json) -> int | None:
    """Output tokens that came from the first event with content on: hidden reasoning came before it."""
    if usage.output is None or not usage.reasoning:
        return usage.output
    thoughts = [mapping(item) for item in items(body.get("output")) if mapping(item).get("type") == "reasoning"]
    if any(thought.get("content") for thought in thoughts):
        return usage.output
    if any(thought.get("summary") for thought in thoughts):
        return None
    messages = [mapping(mapping(choice).get("message")) for choice in items(body.get("choices"))]
    if any(message.get(key) for message in messages for key in _REASONING_TEXTS):
        return usage.output
    return usage.output - usage.reasoning
