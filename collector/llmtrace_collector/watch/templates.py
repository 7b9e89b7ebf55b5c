"""The sentence of a rule's author: `{user} spent {value}`. Names in braces alone: a template reaches nothing else."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from llmtrace_collector.watch.measures import Unit
from llmtrace_collector.watch.verdict import Number
from llmtrace_collector.watch.words import shown

_NAME = re.compile(r"\{([a-z_]*)\}")
_LONGEST = 200
OWN = ("group", "value", "limit")


def unknown(template: str, keys: Collection[str]) -> list[str]:
    """Names in a template that nothing is known by."""
    return [name for name in _NAME.findall(template) if name not in OWN and name not in keys]


def filled(template: str, group: Mapping[str, str], value: Number, limit: Number, unit: Unit) -> str:
    """The template with its names replaced; a value is cut to 200 characters and never read as a template itself."""
    if not template:
        return ""
    known = {
        "group": ", ".join(f"{key} {text}" for key, text in group.items()),
        "value": shown(value, unit),
        "limit": shown(limit, unit),
    }

    def replaced(match: re.Match[str]) -> str:
        name = match[1]
        text = group.get(name) if name in group else known.get(name)
        return match[0] if text is None else text[:_LONGEST]

    return _NAME.sub(replaced, template)
