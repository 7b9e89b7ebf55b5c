"""Guardrails for the form of a text: its length, its language, whether it is the JSON that was asked for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from llmtrace.guardrails.verdicts import CLEAN, Guard, Opinion, Stage, Subject
from llmtrace.reading.languages import UNKNOWN, guess_language
from llmtrace.reading.schemas import Unchecked, satisfies

_OUTPUT = frozenset({Stage.OUTPUT})


@dataclass(frozen=True, kw_only=True, slots=True)
class Length(Guard):
    """Texts of fewer or more characters than allowed."""

    name: str = "length"
    min_chars: int = 0
    max_chars: int = 1_000_000

    def check(self, subject: Subject) -> Opinion:
        """Whether it is too short or too long."""
        size = len(subject.text)
        if size > self.max_chars:
            return Opinion(flagged=True, categories=("too long",))
        return Opinion(flagged=True, categories=("too short",)) if size < self.min_chars else CLEAN


@dataclass(frozen=True, kw_only=True, slots=True)
class Language(Guard):
    """Texts in another language than allowed, guessed from script and commonest words; short texts are skipped."""

    name: str = "language"
    allowed: tuple[str, ...]
    """BCP 47 primary languages, such as ``en``."""
    min_chars: int = 24

    def check(self, subject: Subject) -> Opinion:
        """Which language it is in, if it is none of these."""
        if len(subject.text) < self.min_chars:
            return Opinion(skipped="too short")
        language = guess_language(subject.text)
        if language == UNKNOWN:
            return Opinion(skipped="language not known")
        return CLEAN if language in self.allowed else Opinion(flagged=True, categories=(language,))


@dataclass(frozen=True, kw_only=True, slots=True)
class JsonSchema(Guard):
    """Answers that are not JSON of this schema, judged by the extra ``schemas`` within its bounds."""

    name: str = "json schema"
    stages: frozenset[Stage] = _OUTPUT
    schema: Mapping[str, Any] | None = None
    """None: any JSON will do."""

    def check(self, subject: Subject) -> Opinion:
        """Whether it is.

        Raises:
            RuntimeError: the schema cannot be judged by, with why.
        """
        try:
            value = json.loads(subject.text)
        except (ValueError, RecursionError):
            return Opinion(flagged=True, categories=("not json",))
        if self.schema is None:
            return CLEAN
        found = satisfies(value, self.schema)
        if isinstance(found, Unchecked):
            if found.reason == "validator_missing":
                raise RuntimeError('jsonschema-rs is missing; install it with: pip install "llmtrace-otel[schemas]"')
            raise RuntimeError(found.reason)  # noqa: TRY004  of the schema, not of a type
        return CLEAN if found else Opinion(flagged=True, categories=("not of the schema",))
