"""Features of the text of a call, for seeing drift without the text: lengths, counts, language, keyed sketches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from llmtrace.reading.languages import guess_language
from llmtrace.reading.turns import SYSTEM_ROLES, WIRES, Turn, beginning, tools_sent, turns_answered, turns_sent
from llmtrace.sketches import MAX_CHARS

if TYPE_CHECKING:
    from llmtrace.accounts import Account
    from llmtrace.readouts import Collected
    from llmtrace.sketches import Sketcher


@dataclass(frozen=True, kw_only=True, slots=True)
class InputFeatures:
    """What was sent. Lengths are in Unicode characters, files and base64 not counted."""

    message_count: int
    system_chars: int
    user_chars: int
    chars: int
    """Of all messages, results of tools and earlier answers included; tool definitions not."""
    image_count: int
    audio_count: int
    file_count: int
    language: str | None
    """Of what the user said; ``und`` when not sure, None when there is no text."""
    sketch: str | None
    """Of what the user said; None without a key."""
    prompt_fingerprint: str | None
    """Of system prompt and tools; None without a key."""


@dataclass(frozen=True, kw_only=True, slots=True)
class OutputFeatures:
    """What was answered, all choices together."""

    chars: int
    tool_call_count: int
    language: str | None
    sketch: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Features:
    """Features of one call."""

    input: InputFeatures
    output: OutputFeatures | None
    """None for a call without an answer in words."""
    key_id: str | None
    """Of the key of the sketches; None without one."""


class FeaturesStage:
    """Fills in the features of a call; without a sketcher, those that need no key."""

    def __init__(self, sketcher: Sketcher | None) -> None:
        self._sketcher = sketcher

    def __call__(self, _: Collected, account: Account) -> None:
        """The stage."""
        wire = account.call.operation.wire
        if wire not in WIRES or not account.sent:
            return
        answered = turns_answered(wire, account.body)
        account.features = Features(
            input=self._input(turns_sent(wire, account.sent), tools_sent(account.sent)),
            output=self._output(answered) if answered else None,
            key_id=self._sketcher.key_id if self._sketcher else None,
        )

    def _input(self, turns: list[Turn], tools: list[dict[str, object]]) -> InputFeatures:
        system = [turn for turn in turns if turn.role in SYSTEM_ROLES]
        user = [turn for turn in turns if turn.role == "user"]
        asked = beginning((text for turn in user for text in turn.texts), MAX_CHARS)
        rules = [text for turn in system for text in turn.texts]
        return InputFeatures(
            message_count=len(turns),
            system_chars=sum(turn.chars for turn in system),
            user_chars=sum(turn.chars for turn in user),
            chars=sum(turn.chars for turn in turns),
            image_count=sum(turn.images for turn in turns),
            audio_count=sum(turn.audio for turn in turns),
            file_count=sum(turn.files for turn in turns),
            language=guess_language(asked) if asked else None,
            sketch=self._sketch(asked),
            prompt_fingerprint=self._sketcher.fingerprint(rules, tools) if self._sketcher else None,
        )

    def _output(self, turns: list[Turn]) -> OutputFeatures:
        said = beginning((text for turn in turns for text in turn.texts), MAX_CHARS)
        return OutputFeatures(
            chars=sum(turn.chars for turn in turns),
            tool_call_count=sum(len(turn.calls) for turn in turns),
            language=guess_language(said) if said else None,
            sketch=self._sketch(said),
        )

    def _sketch(self, text: str) -> str | None:
        return self._sketcher.sketch(text) if self._sketcher else None
