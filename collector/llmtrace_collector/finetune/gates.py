"""Which conversations are good enough to learn from: each gate has a name, and what it turned away is counted."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from llmtrace.redaction.redactor import Redactor
from llmtrace.redaction.structured import redact
from llmtrace_collector.finetune.conversations import Conversation, NoConversationError, messages_of, tools_of


@dataclass(frozen=True, kw_only=True)
class Gates:
    """What is asked of a conversation."""

    min_feedback: float | None = None
    """Least mean of what people said; None: nobody need have said anything, and nothing below 0.5 is taken."""
    min_scores: Mapping[str, float] = field(default_factory=dict)
    """Least mean of an evaluation, by name; without that evaluation it is turned away."""

    def reason_against(self, row: Mapping[str, Any], made: Conversation) -> str:
        """The name of the gate that turns it away; '' for none."""
        if made.corrected:  # what a person wrote is learnt instead of the answer
            return ""
        if made.feedback is None and self.min_feedback is not None:
            return "no_feedback"
        if made.feedback is not None and made.feedback < (0.5 if self.min_feedback is None else self.min_feedback):
            return "low_feedback"
        for name, least in self.min_scores.items():
            if name not in made.scores:
                return "no_score"
            if made.scores[name] < least:
                return "low_score"
        return _reason_of_signals(row)


def reason_of_call(row: Mapping[str, Any]) -> str:
    """Why nothing of a call may be learnt from, whatever people say; '' for none."""
    if row["failed"]:
        return "error"
    if row["origin"]:
        return "not_by_the_provider"
    return "guardrail" if row["verdict"] not in {"", "pass", "skipped"} else ""


def _reason_of_signals(row: Mapping[str, Any]) -> str:
    for name in ("output_refused", "output_truncated", "output_empty"):
        if row[name]:
            return name.removeprefix("output_")
    broken = ("json_valid", "schema_valid", "tool_calls_json_valid", "tool_calls_schema_valid")
    return "invalid" if any(row[name] is False for name in broken) else ""


@dataclass(kw_only=True)
class Sieve:
    """Lets through what passes, and counts what does not."""

    gates: Gates
    redactor: Redactor
    seen: int = 0
    turned_away: Counter[str] = field(default_factory=Counter)
    scrubbed: int = 0
    """Of those taken: in which something gave way to a marker."""

    def through(self, rows: Iterable[Mapping[str, Any]], *, passing: bool = True) -> list[Conversation]:
        """Each question and answer once, the newest; with `passing` those alone that pass all gates."""
        taken: dict[str, Conversation] = {}
        for row in rows:
            self.seen += 1
            try:
                made = self._made(row)
            except NoConversationError as error:
                self.turned_away[str(error)] += 1
                continue
            against = self.gates.reason_against(row, made)
            reason = reason_of_call(row) or (against if passing else "")
            key = fingerprint(made)
            if not reason and key in taken:
                reason = "duplicate"
            if reason:
                self.turned_away[reason] += 1
            else:
                taken[key] = replace(made, is_good=not against)
        return list(taken.values())

    def _made(self, row: Mapping[str, Any]) -> Conversation:
        asked, answered = messages_of(row)
        family = row["session_id"] or row["user_id"] or row["trace_id"]
        made = Conversation(
            asked=asked,
            answered=answered,
            tools=tools_of(row),
            project=row["project"],
            trace_id=row["trace_id"],
            span_id=row["span_id"],
            at=row["timestamp"],
            model=row["model"],
            family=f"{row['project']}\n{family}",
            input_tokens=row["input_tokens"],
            output_tokens=row["output_tokens"],
            feedback=row.get("feedback"),
            scores=row.get("scores") or {},
            corrected=row.get("correction") or "",
        )
        clean = replace(
            made,
            asked=tuple(redact(list(made.asked), self.redactor)),
            answered=redact(made.answered, self.redactor),
            tools=tuple(redact(list(made.tools), self.redactor)),
            corrected=self.redactor.text(made.corrected),
        )
        self.scrubbed += clean != made
        return clean


def fingerprint(made: Conversation) -> str:
    """The same for what says the same, but for case and blanks."""
    answer = {"role": "assistant", "content": made.corrected} if made.corrected else made.answered
    said = [
        {**message, "content": " ".join(message["content"].casefold().split())} for message in (*made.asked, answer)
    ]
    return hashlib.blake2b(json.dumps(said, sort_keys=True).encode(), digest_size=16).hexdigest()


def question(made: Conversation) -> str:
    """The same for what asks the same."""
    text = json.dumps([made.asked, made.tools], sort_keys=True, ensure_ascii=False)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def is_held_out(made: Conversation, share: float, seed: int) -> bool:
    """Whether it is for testing: all of a session, or none of it."""
    digest = hashlib.blake2b(f"{seed}\n{made.family}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") < share * 2**64
