"""Signals of quality that need no judge: confidence, refusal and truncation, validity of what was to be JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from llmtrace.reading.confidence import Confidence, read_confidence
from llmtrace.reading.structured import Validity, judge_output, judge_tool_calls
from llmtrace.reading.verdicts import Verdict, judge, read_choices

if TYPE_CHECKING:
    from llmtrace.accounts import Account
    from llmtrace.readouts import Collected


@dataclass(frozen=True, kw_only=True, slots=True)
class Signals:
    """Each is None where the call gives nothing to tell it from."""

    confidence: Confidence | None = None
    verdict: Verdict | None = None
    output: Validity | None = None
    """Of the answer, against the format that was asked for."""
    tool_calls: Validity | None = None
    """Of the arguments, against the parameters of the functions."""


def signals_stage(_: Collected, account: Account) -> None:
    """The signals of a call that was answered."""
    wire, sent, body = account.call.operation.wire, account.sent, account.body
    if wire not in ("chat", "responses", "completions") or not body:
        return
    confidence = read_confidence(wire, sent, body)
    # A stream that broke has an answer as far as it came; an error told by the provider is none.
    if account.failure is not None and account.timing.stream_end is None:
        account.signals = Signals(confidence=confidence)
        return
    finished = account.failure is None and account.timing.stream_end in (None, "completed")
    choices = read_choices(wire, body)
    account.signals = Signals(
        confidence=confidence,
        verdict=judge(choices, finished=finished),
        output=judge_output(wire, sent, choices, finished=finished),
        tool_calls=judge_tool_calls(sent, choices, finished=finished),
    )
