"""What must not be kept is taken out of a request before anything of it touches the disk, where that is asked for.

    parsed request ──▶ every string, key, number and byte field of it ──▶ the same request, without ──▶ log
                        `mask`: what the instrument's own redaction finds gives way to a marker
                        `drop-content`: messages, arguments, results and long texts too

This is the slower, exact path: it goes through every value in Python, and is not taken at all when redaction is off. It
fails closed: a request it cannot go through is refused; bytes that are no text, and fields that OTLP does not name, are
taken out, for nobody can look into them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from llmtrace.redaction.kinds import marker
from llmtrace.redaction.policies import LEVELS, make_redactor
from llmtrace.redaction.redactor import Redactor
from llmtrace.redaction.structured import redact
from llmtrace_collector.errors import ConfigError
from llmtrace_collector.receive.content import LONGEST_CHARS, is_content, is_event_of_content

MODES: Final = ("off", "mask", "drop-content")

CONTENT: Final = marker("content")
BYTES: Final = marker("bytes")

_IDS = frozenset({"trace_id", "span_id", "parent_span_id"})

Change = Callable[[Message], None]
"""Takes out of a parsed request, in place, what must not be kept."""


def changer(mode: str, level: str) -> Change | None:
    """What `--redact` and `--redact-level` ask for; `None`: nothing.

    Raises:
        ConfigError: one of them is no such word.
    """
    if mode not in MODES:
        raise ConfigError(f'--redact: "{mode[:50]}" is none of {", ".join(MODES)}')
    if level not in LEVELS or level == "none":
        raise ConfigError(f'--redact-level: "{level[:50]}" is none of {", ".join(LEVELS)[6:]}')
    if mode == "off":
        return None
    return _Change(make_redactor(level), drop=mode == "drop-content")


class _Change:
    def __init__(self, redactor: Redactor, *, drop: bool) -> None:
        self._redactor = redactor
        self._drop = drop

    def __call__(self, request: Message) -> None:
        # upb keeps fields it does not know and would write them again, whatever is in them.
        request.DiscardUnknownFields()  # type: ignore[no-untyped-call,unused-ignore]
        self._message(request)

    def _message(self, message: Message) -> None:
        if isinstance(message, AnyValue):
            self._body(message)
            return
        dropped = self._drop and is_event_of_content(message)
        for field, value in message.ListFields():
            if field.type == FieldDescriptor.TYPE_MESSAGE:
                self._messages(value, dropped=dropped)
            elif field.type == FieldDescriptor.TYPE_STRING:
                _put(message, field.name, value, self._text)
            elif field.type == FieldDescriptor.TYPE_BYTES and field.name not in _IDS:
                _put(message, field.name, value, self._bytes)

    def _messages(self, value: Any, *, dropped: bool) -> None:
        for each in (value,) if isinstance(value, Message) else value:
            if dropped and isinstance(each, KeyValue | AnyValue):
                self._without_content(each)
            elif isinstance(each, KeyValue):
                self._pair(each)
            else:
                self._message(each)

    def _without_content(self, each: KeyValue | AnyValue) -> None:
        """Of an event that carries a message: its body, and attributes that are neither short nor names."""
        if isinstance(each, AnyValue):
            each.Clear()
            each.string_value = CONTENT
        elif each.key in {"gen_ai.system", "gen_ai.provider.name", "role", "index", "event.name"}:
            self._pair(each)
        else:
            each.key = self._redactor.text(each.key)
            each.value.Clear()
            each.value.string_value = CONTENT

    def _pair(self, pair: KeyValue) -> None:
        if self._drop and is_content(pair.key):
            pair.value.Clear()
            pair.value.string_value = CONTENT
            return
        before = self._plain(pair.value)
        ((key, after),) = redact({pair.key: before}, self._redactor).items()
        pair.key = key
        if after != before or type(after) is not type(before):
            _fill(pair.value, after)

    def _body(self, value: AnyValue) -> None:
        before = self._plain(value)
        after = redact(before, self._redactor)
        if after != before or type(after) is not type(before):
            _fill(value, after)

    def _plain(self, value: AnyValue) -> Any:
        """As JSON has it, bytes already without what was found in them, long texts without anything."""
        which = value.WhichOneof("value")
        if which == "array_value":
            return [self._plain(each) for each in value.array_value.values]
        if which == "kvlist_value":
            return _named((each.key, self._plain(each.value)) for each in value.kvlist_value.values)
        if which == "bytes_value":
            value.bytes_value = self._bytes(value.bytes_value)
        if which == "string_value" and self._drop and len(value.string_value) > LONGEST_CHARS:
            value.string_value = CONTENT
        return getattr(value, which) if which else None

    def _text(self, text: str) -> str:
        if self._drop and len(text) > LONGEST_CHARS:
            return CONTENT
        return str(redact(text, self._redactor))

    def _bytes(self, value: bytes) -> bytes:
        try:
            return self._text(value.decode()).encode()
        except UnicodeDecodeError:
            return BYTES.encode()


def _put(message: Message, name: str, value: Any, change: Callable[[Any], Any]) -> None:
    if isinstance(value, str | bytes):
        told = change(value)
        if told != value:
            setattr(message, name, told)
    else:
        value[:] = [change(each) for each in value]


def _named(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """A key that comes twice keeps both values: neither may pass unseen, nor be lost."""
    found: dict[str, Any] = {}
    for key, value in pairs:
        name, number = key, 2
        while name in found:
            name, number = f"{key} {number}", number + 1
        found[name] = value
    return found


def _fill(value: AnyValue, plain: Any) -> None:
    value.Clear()
    if isinstance(plain, bool):
        value.bool_value = plain
    elif isinstance(plain, int):
        value.int_value = plain
    elif isinstance(plain, float):
        value.double_value = plain
    elif isinstance(plain, bytes):
        value.bytes_value = plain
    elif isinstance(plain, str):
        value.string_value = plain
    elif isinstance(plain, list):
        value.array_value.SetInParent()
        for each in plain:
            _fill(value.array_value.values.add(), each)
    elif isinstance(plain, dict):
        value.kvlist_value.SetInParent()
        for key, each in plain.items():
            pair = value.kvlist_value.values.add()
            pair.key = key
            _fill(pair.value, each)
