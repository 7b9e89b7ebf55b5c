"""What a person said of an answer, as plain data: checked once, the same for the app and for the collector's door.

    about      a response id "chatcmpl-...", a span "TRACE_ID:SPAN_ID", a traceparent, or a trace id of 32 hex digits
    said       a score, a label, a comment, a correction: at least one of them

Nothing is asked of the store: what an opinion is about may come later, or never. Readers join the two.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from llmtrace import semconv

DEFAULT_NAME: Final = "rating"
WITHDRAWN: Final = "withdrawn"
"""A label that takes back what the same person said before under the same name."""
GOOD_WORDS: Final = frozenset({"pass", "passed", "up", "good", "yes", "true", "relevant", "correct"})
BAD_WORDS: Final = frozenset({"fail", "failed", "down", "bad", "no", "false", "irrelevant", "incorrect"})
"""As the app's means count them."""
MAX_WORD_CHARS: Final = 256
MAX_TEXT_CHARS: Final = 20_000
"""Of a comment, and of a correction."""
MOST_SCORE: Final = 1e9

_SPAN: Final = re.compile(r"(?:[0-9a-f]{2}-)?([0-9a-f]{32})(?:[:-]([0-9a-f]{16}))?(?:-[0-9a-f]{2})?", re.IGNORECASE)
_HEX: Final = re.compile(r"[0-9a-f]{16}", re.IGNORECASE)
_WORDS: Final = ("name", "label", "user", "session", "id")


class OpinionError(ValueError):
    """What was given is no opinion; the text says what to write instead."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Opinion:
    """One statement of one person about one answer."""

    id: str
    """Of the statement; what comes twice under one id was said once."""
    trace_id: str = ""
    """32 hex digits; '': see response_id."""
    span_id: str = ""
    """16 hex digits; '': about the whole trace."""
    response_id: str = ""
    name: str = DEFAULT_NAME
    """What was asked: rating, thumb, helpfulness."""
    score: float | None = None
    label: str = ""
    comment: str = ""
    correction: str = ""
    """What the answer should have been."""
    user: str = ""
    """'': somebody; then every statement is somebody else's."""
    session: str = ""

    @property
    def is_good(self) -> bool | None:
        """Whether the answer was liked: by a score of 0.5 or more, or 0 or less, else by a word; None: neither."""
        if self.score is not None:
            return True if self.score >= 0.5 else False if self.score <= 0 else None
        word = self.label.casefold()
        return True if word in GOOD_WORDS else False if word in BAD_WORDS else None

    @property
    def attributes(self) -> dict[str, str | float]:
        """Those of its event."""
        told: dict[str, str | float | None] = {
            semconv.FEEDBACK_ID: self.id,
            semconv.RESPONSE_ID: self.response_id,
            semconv.FEEDBACK_NAME: self.name,
            semconv.FEEDBACK_VALUE: self.score,
            semconv.FEEDBACK_LABEL: self.label,
            semconv.FEEDBACK_COMMENT: self.comment,
            semconv.FEEDBACK_CORRECTION: self.correction,
            semconv.USER_ID: self.user,
            semconv.SESSION_ID: self.session,
        }
        return {name: value for name, value in told.items() if value is not None and value != ""}


def opinion(about: str, said: Mapping[str, object]) -> Opinion:
    """What was said `about` an answer.

    Args:
        about: A response id, ``TRACE_ID:SPAN_ID``, a W3C traceparent, or a trace id.
        said: Fields of `Opinion` but the first three; None and '' are not said.

    Raises:
        OpinionError: It is about nothing, says nothing, or a field is not what it must be.
    """
    given = {name: value for name, value in said.items() if value is not None and value != ""}
    if unknown := given.keys() - {*_WORDS, "score", "comment", "correction"}:
        raise OpinionError(
            f'"{min(unknown)[:50]}" is not a field: score, label, comment, correction, user, session, name and id are'
        )
    words = {name: _text(given, name, MAX_WORD_CHARS) for name in _WORDS}
    texts = {name: _text(given, name, MAX_TEXT_CHARS) for name in ("comment", "correction")}
    score = _score(given["score"]) if "score" in given else None
    if score is None and not any((words["label"], *texts.values())):
        raise OpinionError("feedback says nothing: give a score, a label, a comment or a correction")
    trace_id, span_id, response_id = _target(about)
    return Opinion(
        id=words["id"],
        trace_id=trace_id,
        span_id=span_id,
        response_id=response_id,
        name=words["name"] or DEFAULT_NAME,
        score=score,
        label=words["label"],
        comment=texts["comment"],
        correction=texts["correction"],
        user=words["user"],
        session=words["session"],
    )


def _target(about: str) -> tuple[str, str, str]:
    about = about.strip()
    if found := _SPAN.fullmatch(about):
        trace_id, span_id = found[1].lower(), (found[2] or "").lower()
        if int(trace_id, 16) and (not span_id or int(span_id, 16)):
            return trace_id, span_id, ""
        raise OpinionError(f'"{about}" names no span: its id is all zeros, as where nothing is traced')
    if _HEX.fullmatch(about):
        raise OpinionError(f'"{about}" is a span id alone: write TRACE_ID:{about}, or the response id of the answer')
    if not about or len(about) > MAX_WORD_CHARS or not about.isprintable():
        raise OpinionError(
            "feedback is about nothing: give the answer's response id (response.id), TRACE_ID:SPAN_ID or a traceparent"
        )
    return "", "", about


def _text(given: Mapping[str, object], name: str, most: int) -> str:
    value = given.get(name, "")
    if not isinstance(value, str):
        raise OpinionError(f"{name}: {type(value).__name__} is no text")
    if len(value) > most:
        raise OpinionError(f"{name}: {len(value):,} characters are too many; the most is {most:,}")
    return value


def _score(value: object) -> float:
    if isinstance(value, bool):
        return float(value)
    if not isinstance(value, int | float) or not math.isfinite(value) or abs(value) > MOST_SCORE:
        raise OpinionError(f"score: {value!r:.50} is not a number that can be averaged; write 0 to 1, say, or -1 and 1")
    return float(value)
