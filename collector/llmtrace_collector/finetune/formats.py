"""The forms trainers take, a line each.

- openai, together, fireworks: ``{"messages": [...]}`` with the answer last; openai also ``tools``
- dpo: OpenAI's preference form, ``{"input", "preferred_output", "non_preferred_output"}``; so Together's and Fireworks'
- trl: Hugging Face TRL's preference form, ``{"prompt", "chosen", "rejected"}``, of messages

Sources: OpenAI and Azure "supervised fine-tuning" and "direct preference optimization"; docs.together.ai "Data
preparation"; docs.fireworks.ai "Supervised fine-tuning"; TRL "Dataset formats".
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal

from llmtrace_collector.finetune.conversations import Conversation, Message
from llmtrace_collector.finetune.gates import question

Format = Literal["openai", "dpo", "together", "fireworks", "trl"]
FORMATS: Final[tuple[Format, ...]] = ("openai", "dpo", "together", "fireworks", "trl")
PAIRS: Final = frozenset({"dpo", "trl"})
_CHAT_ALONE: Final = frozenset({"together", "fireworks"})
LEAST_GAP: Final = 0.3
"""Of feedback, between the better and the worse of two answers to one question."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line, and where it comes from."""

    content: dict[str, Any]
    origin: Conversation
    other: Conversation | None = None
    """The worse of a pair, where it is another call."""


def lines(made: Iterable[Conversation], form: Format) -> Iterator[Line | str]:
    """Lines in this form; in place of one that it cannot hold, the name of the reason."""
    for each in made:
        answer = {"role": "assistant", "content": each.corrected} if each.corrected else each.answered
        if form in _CHAT_ALONE and (reason := _not_plain([*each.asked, answer])):
            yield reason
            continue
        content: dict[str, Any] = {"messages": [*each.asked, answer]}
        if form == "openai" and each.tools:
            content["tools"] = list(each.tools)
        yield Line(content=content, origin=each)


def pairs(made: Iterable[Conversation], form: Format) -> Iterator[Line | str]:
    """A correction is preferred to its answer; of answers to one question, that of the best feedback to the worst."""
    by_question: dict[str, list[Conversation]] = defaultdict(list)
    for each in made:
        if each.corrected:
            chosen = {"role": "assistant", "content": each.corrected}
            if "tool_calls" in each.answered or each.corrected == each.answered["content"]:
                yield "not_comparable"
            else:
                yield Line(content=_pair(each, chosen, each.answered, form), origin=each)
        elif each.feedback is not None:
            by_question[question(each)].append(each)
    for several in by_question.values():
        best = max(several, key=lambda one: (one.is_good, one.feedback or 0.0))
        worst = min(several, key=lambda one: one.feedback or 0.0)
        gap = (best.feedback or 0.0) - (worst.feedback or 0.0)
        if not best.is_good or gap < LEAST_GAP or best.answered == worst.answered:
            yield from ["no_pair"] * len(several)
        elif "tool_calls" in best.answered or "tool_calls" in worst.answered:
            yield from ["not_comparable"] * len(several)
        else:
            yield Line(content=_pair(best, best.answered, worst.answered, form), origin=best, other=worst)


def _pair(asked: Conversation, chosen: Message, rejected: Message, form: Format) -> dict[str, Any]:
    if form == "trl":
        return {"prompt": list(asked.asked), "chosen": [chosen], "rejected": [rejected]}
    given: dict[str, Any] = {"messages": list(asked.asked)}
    if asked.tools:
        given |= {"tools": list(asked.tools), "parallel_tool_calls": True}
    return {"input": given, "preferred_output": [chosen], "non_preferred_output": [rejected]}


def _not_plain(messages: list[Message]) -> str:
    """Why a trainer of plain chats would refuse it; '' when it would not."""
    if any(message["role"] == "tool" or "tool_calls" in message for message in messages):
        return "tools_not_taken"
    roles = [message["role"] for message in messages]
    turns = roles[1:] if roles[0] == "system" else roles
    expected = ["user" if place % 2 == 0 else "assistant" for place in range(len(turns))]
    return "" if turns == expected else "turns_do_not_alternate"
