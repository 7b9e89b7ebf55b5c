"""What of an answer makes a cascade ask the next model; told from the reply alone, no judge asked."""

from __future__ import annotations

from typing import Any

from llmtrace import semconv
from llmtrace.chain import Asked, Reply
from llmtrace.reading.confidence import read_confidence
from llmtrace.reading.messages import reply_as_chat, request_as_chat
from llmtrace.reading.structured import judge_output, judge_tool_calls
from llmtrace.reading.verdicts import Choice, judge, read_choices
from llmtrace.router.policies import Cascade

_STRONG_VERDICTS = ("block", "redact", "flag")


def why_escalate(asked: Asked, reply: Reply, policy: Cascade, *, verdict_before: object = None) -> str | None:
    """The first signal the answer shows; None when it stands.

    ``verdict_before`` is what guardrails said before it was asked: a word on the request is none on the answer.
    """
    sent, body = _as_read(asked, reply)
    wire = asked.operation.wire
    choices = read_choices(wire, body)
    verdict = judge(choices, finished=True)
    shown = {
        "refusal": verdict is not None and verdict.refused is True,
        "truncated": verdict is not None and verdict.truncated is True,
        "empty": verdict is None or verdict.empty is True,
        "guardrail": _verdict_on_answer(asked, verdict_before) in _STRONG_VERDICTS,
    }
    for signal in policy.escalate:
        if shown[signal] if signal != "schema_invalid" else _is_invalid(wire, sent, choices):
            return signal
    if policy.min_logprob is not None:
        confidence = read_confidence(wire, sent, body)
        mean = confidence.mean_logprob if confidence is not None else None
        if mean is not None and mean < policy.min_logprob:
            return "low_logprob"
    return "app" if policy.when is not None and policy.when(asked.body, reply.json) else None


def _verdict_on_answer(asked: Asked, before: object) -> object:
    now = asked.marks.get(semconv.GUARDRAIL_VERDICT)
    return None if now == before else now


def _is_invalid(wire: str, sent: dict[str, Any], choices: list[Choice]) -> bool:
    """Whether the answer is not of the form that was asked for, or calls a tool with what it does not take."""
    judged = (
        judge_output(wire, sent, choices, finished=True),
        judge_tool_calls(sent, choices, finished=True),
    )
    return any(found is not None and False in (found.json_valid, found.schema_valid) for found in judged)


def _as_read(asked: Asked, reply: Reply) -> tuple[dict[str, Any], dict[str, Any]]:
    if asked.operation.dialect == "messages":
        return request_as_chat(dict(asked.body)), reply_as_chat(dict(reply.json))
    return dict(asked.body), dict(reply.json)
