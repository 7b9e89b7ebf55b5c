"""What ``llmtrace.context`` takes: checked where it is written, bounded so that no span grows without end.

A wrong type is a mistake in the program, and raises. A value that is too long or one too many comes with the data, and
must not stop the app: it is cut, and a line says so once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from llmtrace import faults
from llmtrace.calls import Identity, Label
from llmtrace.identity import MAX_LABELS, MAX_TAGS
from llmtrace.semconv import ATTRIBUTES

Id = str | int | UUID
LabelValue = str | bool | int | float | Sequence[str] | Sequence[bool] | Sequence[int] | Sequence[float]

MAX_CHARACTERS: Final = 1024
MAX_TAG_CHARACTERS: Final = 128
MAX_ENTRIES: Final = 64

RESERVED: Final = ("gen_ai.", "llmtrace.", "openai.", "otel.", "telemetry.", "service.")
"""Beginnings of names that are not the user's, besides those of ``semconv``."""

_INT64: Final = 1 << 63


def identity_of(
    *,
    user: Id | None = None,
    session: Id | None = None,
    conversation: Id | None = None,
    prompt: str | tuple[str, str | int] | None = None,
    feature: str | None = None,
    team: str | None = None,
    tags: Iterable[str] = (),
    attributes: Mapping[str, LabelValue] | None = None,
) -> Identity:
    """What the arguments of ``context`` say.

    Raises:
        TypeError: One is not what it must be.
        ValueError: An attribute has a name that is not the user's.
    """
    name, version = _prompt(prompt)
    return Identity(
        user=_id("user", user),
        session=_id("session", session),
        conversation=_id("conversation", conversation),
        prompt_name=name,
        prompt_version=version,
        feature=_text("feature", feature),
        team=_text("team", team),
        tags=_tags(tags),
        labels=_labels(attributes),
    )


def labels_of(attributes: Mapping[str, LabelValue], *, of: str) -> tuple[tuple[str, Label], ...]:
    """Attributes of the user's own, checked; ``of`` says in an error whose argument they are."""
    return _labels(attributes, of=of)


def _id(name: str, value: object) -> str | None:
    if value is None or isinstance(value, str):
        return _text(name, value)
    if isinstance(value, int | UUID) and not isinstance(value, bool):
        return str(value)
    raise TypeError(f"context({name}=...): {type(value).__name__} is no id; give a str, an int or a UUID")


def _text(name: str, value: object) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise TypeError(f"context({name}=...): {type(value).__name__} is no text; give a str")
    return _cut(name, value, MAX_CHARACTERS) or None


def _prompt(prompt: object) -> tuple[str | None, str | None]:
    if prompt is None or isinstance(prompt, str):
        return _text("prompt", prompt), None
    if isinstance(prompt, tuple) and len(prompt) == 2 and isinstance(prompt[0], str):
        return _text("prompt", prompt[0]), _id("prompt", prompt[1])
    raise TypeError(f'context(prompt=...): give a name, or a name and a version: ("greeting", "3"); not {prompt!r:.80}')


def _tags(tags: Any) -> tuple[str, ...]:
    if isinstance(tags, str | bytes | Mapping) or not isinstance(tags, Iterable):
        raise TypeError(f'context(tags=...): give a list of strings: ["beta"]; not {tags!r:.80}')
    found = list(dict.fromkeys(tags))
    for tag in found:
        if not isinstance(tag, str):
            raise TypeError(f"context(tags=...): a tag is a str, not {type(tag).__name__}")
    return tuple(_cut("tags", tag, MAX_TAG_CHARACTERS) for tag in _first("tags", found, MAX_TAGS) if tag)


def _labels(attributes: object, *, of: str = "context") -> tuple[tuple[str, Label], ...]:
    if attributes is None:
        return ()
    if not isinstance(attributes, Mapping):
        raise TypeError(f'{of}(attributes=...): give a dict: {{"app.screen": "home"}}; not {attributes!r:.80}')
    checked = [(_label_name(name, of), _label(name, value, of)) for name, value in attributes.items()]
    return tuple(_first("attributes", checked, MAX_LABELS))


def _label_name(name: object, of: str) -> str:
    if not isinstance(name, str) or not name:
        raise TypeError(f"{of}(attributes=...): {name!r:.80} is no name; give a str")
    if name in ATTRIBUTES or name.startswith(RESERVED):
        raise ValueError(f'{of}(attributes=...): "{name:.80}" has a meaning already; choose another, such as "app.x"')
    return _cut("attributes", name, MAX_TAG_CHARACTERS)


def _label(name: str, value: object, of: str) -> Label:
    if isinstance(value, str | bool | int | float):
        scalar: Label = _scalar(value)
        return scalar
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray | memoryview):
        entries = tuple(_scalar(entry) for entry in _first("attributes", value, MAX_ENTRIES))
        if all(isinstance(entry, str | bool | int | float) for entry in entries) and len(set(map(type, entries))) <= 1:
            return entries
    raise TypeError(
        f'{of}(attributes=...): "{name:.80}" is of type {type(value).__name__}; give a str, a bool, an int, a float, '
        "or a list of one of these"
    )


def _scalar(value: Any) -> Any:
    if isinstance(value, str):
        return _cut("attributes", value, MAX_CHARACTERS)
    if isinstance(value, int) and not -_INT64 <= value < _INT64:
        return str(value)  # OTLP has 64 bits, and one that does not fit costs its whole batch
    return value


def _cut(name: str, value: str, limit: int) -> str:
    if len(value) > limit:
        faults.say_once(f"cut-{name}", "llmtrace: context(%s=...): cut after %d characters", name, limit)
        return value[:limit]
    return value


def _first(name: str, values: Sequence[Any], limit: int) -> Sequence[Any]:
    if len(values) > limit:
        faults.say_once(f"many-{name}", "llmtrace: context(%s=...): the first %d of them are kept", name, limit)
    return values[:limit]
