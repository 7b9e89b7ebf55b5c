"""What ``llmtrace.context`` says, as W3C baggage: read where it comes in, and sent on only when that was asked for.

Baggage is a header that anybody may send, and that goes to everybody the app talks to: so only names that are allowed
are read, what is read never wins over what the app says itself, and nothing is sent without being told to.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, unquote

from opentelemetry import baggage
from opentelemetry.context import get_current

from llmtrace import semconv as names
from llmtrace.calls import Identity
from llmtrace.identity import MAX_TAGS
from llmtrace.labels import MAX_CHARACTERS, MAX_TAG_CHARACTERS

if TYPE_CHECKING:
    from opentelemetry.context import Context

_FIELDS: Final = {
    names.USER_ID: "user",
    names.SESSION_ID: "session",
    names.CONVERSATION_ID: "conversation",
    names.PROMPT_NAME: "prompt_name",
    names.PROMPT_VERSION: "prompt_version",
    names.FEATURE: "feature",
    names.TEAM: "team",
}


def carried(said: Identity, context: Context | None = None) -> Context:
    """``context``, the current one by default, with what is said added to its baggage."""
    if said.tags:
        # A comma is what the header itself is made of; inside a value only percent signs are safe everywhere.
        context = baggage.set_baggage(names.TAGS, ",".join(quote(tag, safe="") for tag in said.tags), context)
    for name, field in _FIELDS.items():
        if value := getattr(said, field):
            context = baggage.set_baggage(name, value, context)
    return get_current() if context is None else context


def inherited(context: Context, allowed: frozenset[str]) -> Identity | None:
    """What came in, as far as it is allowed; None for nothing, which is what it mostly is."""
    entries = baggage.get_all(context)
    if not entries or allowed.isdisjoint(entries):
        return None
    fields = {field: _text(entries, name) for name, field in _FIELDS.items() if name in allowed and name in entries}
    tags = _tags(entries) if names.TAGS in allowed else ()
    return Identity(tags=tags, **fields)  # type: ignore[arg-type]  # the fields of `_FIELDS` are texts


def _text(entries: Mapping[str, object], name: str) -> str | None:
    value = entries.get(name)
    return value[:MAX_CHARACTERS] or None if isinstance(value, str) else None


def _tags(entries: Mapping[str, object]) -> tuple[str, ...]:
    value = _text(entries, names.TAGS) or ""
    tags = (unquote(tag)[:MAX_TAG_CHARACTERS] for tag in value.split(","))
    return tuple(dict.fromkeys(tag for tag in tags if tag))[:MAX_TAGS]
