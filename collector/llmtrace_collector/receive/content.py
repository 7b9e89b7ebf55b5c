"""Which attributes and events carry what people and models said, in the conventions we know."""

from __future__ import annotations

import re
from typing import Final

from google.protobuf.message import Message

from llmtrace import semconv

LONGEST_CHARS: Final = 1_000
"""A longer text of an unknown name is taken for content too: names, ids and models are shorter."""

_OURS = (
    semconv.INPUT_MESSAGES,
    semconv.OUTPUT_MESSAGES,
    semconv.SYSTEM_INSTRUCTIONS,
    semconv.TOOL_DEFINITIONS,
    "gen_ai.tool.call.arguments",
    "gen_ai.tool.call.result",
    "gen_ai.retrieval.query.text",
    "gen_ai.retrieval.documents",
    "gen_ai.evaluation.explanation",
    "llmtrace.span.input",
    "llmtrace.span.output",
)

_PATTERNS = r"""
    gen_ai\.(prompt|completion)(\..*)?      older conventions and traceloop's indexed form
    gen_ai\.(user|system|assistant|tool)\.message|gen_ai\.choice
    traceloop\.entity\.(input|output)
    (input|output)\.value                   OpenInference, and what follows
    llm\.(input|output)_messages\..*
    llm\.(prompts|completions|prompt_template|function_call|tools)(\..*)?
    (embedding\.embeddings|retrieval\.documents|reranker\.(input|output)_documents)(\..*)?
    reranker\.query
    tool\.(parameters|json_schema)
    message\.content.*
    ai\.(prompt|response|toolCall|value|values|embedding|embeddings)(\..*(text|object|messages|toolCalls|tools|args|result|reasoning|content).*)?
    langfuse\.(observation|trace)\.(input|output)
    langsmith\.(inputs|outputs)|lk\.(user_)?(input|transcript)
    (request|response)_data                 Logfire, and what follows
    (all_messages_)?events|all_messages|final_result|tool_(arguments|response)
"""

_CONTENT = re.compile(
    "|".join(f"(?:{line.split()[0]})" for line in _PATTERNS.splitlines() if line.strip())
    + "|"
    + "|".join(re.escape(str(name)) for name in _OURS)
)

_EVENTS = re.compile(
    r"gen_ai\.(?:\w+\.message|choice|content\.(?:prompt|completion)|client\.inference\.operation\.details)"
)


def is_content(key: str) -> bool:
    """Whether an attribute of this name carries what was said."""
    return _CONTENT.fullmatch(key) is not None


def is_event_of_content(message: Message) -> bool:
    """Whether it is an event of a span, or a log record, that carries what was said."""
    fields = message.DESCRIPTOR.fields_by_name
    if "event_name" in fields:  # a log record; older ones name the event in an attribute
        names = [message.event_name, *(a.value.string_value for a in message.attributes if a.key == "event.name")]  # type: ignore[attr-defined]
    elif message.DESCRIPTOR.name == "Event":
        names = [message.name]  # type: ignore[attr-defined]
    else:
        return False
    return any(_EVENTS.fullmatch(name) for name in names)
