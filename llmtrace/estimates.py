"""Tokens of a call that was answered and did not report them: estimated, and kept apart from what is reported.

Most streams are such calls (``stream_options.include_usage`` not set), and those that were closed early or cut off.
What cannot be counted from the bodies is named, and then there is no estimate of the cost.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from llmtrace.calls import Usage
from llmtrace.reading.json_values import Json, mapping, text
from llmtrace.reading.token_counts import input_tokens, output_tokens, plain_tokens
from llmtrace.reading.turns import WIRES, Turn, tools_sent, turns_answered, turns_sent

if TYPE_CHECKING:
    from decimal import Decimal

    from llmtrace.accounts import Account
    from llmtrace.reading.token_counts import Counter
    from llmtrace.readouts import Collected
    from llmtrace.telling import Stage
    from llmtrace.tokenizers import Tokenizers

MAX_CHARS: Final = 100_000
"""Of the text that is counted: at most about 30 ms. What is beyond is taken to have as many tokens a character."""
EXTRAPOLATED: Final = ":extrapolated"

# Models of OpenAI's that reason where nobody sees it (developers.openai.com/api/docs/guides/reasoning). Some can be
# asked not to, which the answer does not tell.
_REASONS: Final = re.compile(r"(?:^|/)(?:o\d|gpt-[5-9](?!.*chat)|codex)")


@dataclass(frozen=True, kw_only=True, slots=True)
class Estimate:
    """Estimated tokens of one call."""

    input: int
    output: int | None
    """Of what came; None when that is not known: nothing came, or it was too long to keep."""
    method: str
    """Name of the encoding or ``approximation``; with ``:extrapolated`` when there was more text than is counted."""
    excludes: tuple[str, ...] = ()
    """What is in the call and not in the counts: ``images``, ``reasoning``, ..."""
    cost_usd: Decimal | None = None
    """At list price, as if nothing was cached; None when something is excluded, or the price is not known."""


class EstimateStage:
    """Estimates the tokens of a call that has none reported; ``price`` is the stage that prices calls."""

    def __init__(self, tokenizers: Tokenizers, price: Stage) -> None:
        self._tokenizers = tokenizers
        self._price = price

    def __call__(self, collected: Collected, account: Account) -> None:
        """The stage."""
        if not _is_to_be_estimated(account):
            return
        account.estimate = self._estimate(account, is_whole=collected.kept_whole)
        account.estimate = replace(account.estimate, cost_usd=self._cost(collected, account, account.estimate))

    def _estimate(self, account: Account, *, is_whole: bool) -> Estimate:
        wire, sent = account.call.operation.wire, account.sent
        method, count = self._tokenizers.counter(account.reply.model or account.call.model)
        bounded = _Bounded(count, MAX_CHARS)
        asked, answered = turns_sent(wire, sent), turns_answered(wire, account.body)
        if wire in ("chat", "responses"):
            entered = input_tokens(asked, tools_sent(sent), _schema(wire, sent), bounded)
        else:
            entered = plain_tokens(asked, bounded)
        came = output_tokens(answered, bounded) if is_whole and answered else None
        return Estimate(
            input=entered,
            output=0 if wire == "embeddings" else came,
            method=method + (EXTRAPOLATED if bounded.extrapolated else ""),
            excludes=tuple(dict.fromkeys(_excluded(account, asked, answered))),
        )

    def _cost(self, collected: Collected, account: Account, estimate: Estimate) -> Decimal | None:
        if estimate.excludes or estimate.output is None:
            return None
        usage = Usage(input=estimate.input, output=estimate.output)
        priced = replace(account, reply=replace(account.reply, usage=usage, usage_malformed=False), failure=None)
        self._price(collected, priced)
        return getattr(priced.cost, "usd", None)


class _Bounded:
    """Counts so many characters, and takes the rest to be like them."""

    def __init__(self, count: Counter, limit_chars: int) -> None:
        self.extrapolated = False
        self._count = count
        self._room = limit_chars
        self._chars = 0
        self._tokens = 0.0

    def __call__(self, text: str) -> float:
        seen = text[: self._room]
        tokens = self._count(seen) if seen else 0.0
        self._room -= len(seen)
        self._chars += len(seen)
        self._tokens += tokens
        if len(seen) == len(text):
            return tokens
        self.extrapolated = True
        return tokens + (len(text) - len(seen)) * self._tokens / self._chars


def _is_to_be_estimated(account: Account) -> bool:
    if account.call.operation.wire not in WIRES or not account.sent or account.answered_by is not None:
        return False
    if account.reply.usage is not None or not account.call.operation.is_billed:
        return False
    if account.timing.stream_end is not None:
        return account.failure is None or bool(account.body.get("choices") or account.body.get("output"))
    return account.failure is None and bool(account.body) and _is_over(account)


def _is_over(account: Account) -> bool:
    return account.reply.status in (None, "completed", "incomplete")


def _schema(wire: str, sent: Json) -> object:
    if wire == "responses":
        return mapping(mapping(sent.get("text")).get("format")).get("schema")
    return mapping(mapping(sent.get("response_format")).get("json_schema")).get("schema")


def _excluded(account: Account, asked: list[Turn], answered: list[Turn]) -> Iterator[str]:
    sent = account.sent
    for turn in (*asked, *answered):
        if turn.images:
            yield "images"
        if turn.audio:
            yield "audio"
        if turn.files:
            yield "files"
    if any(text(tool.get("type")) not in (None, "function", "custom") for tool in tools_sent(sent)):
        yield "hosted_tools"
    if sent.get("previous_response_id") or sent.get("conversation") or isinstance(sent.get("prompt"), dict):
        yield "stored_context"
    model = account.reply.model or account.call.model or ""
    if _REASONS.search(model) and not any(turn.thoughts for turn in answered):
        yield "reasoning"
