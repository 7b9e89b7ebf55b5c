"""Values deeper than ClickHouse unfolds, made exact before they are kept: as the JSON text their column holds anyway.

Landing tables know values to a depth (`schema/otlp.py`); what lies below would be kept as bytes. Whether a request has
such a value is found in C: upb reads it by a schema that ends in a message with a required field, which nothing has,
and is asked whether all that is required is there. Only then the request is gone through in Python.

    attribute {"parts": [{"arguments": {"city": {"name": "Oslo"}}}]}              deeper than the table
           ─▶ attribute '{"parts":[{"arguments":{"city":{"name":"Oslo"}}}]}'     a string
"""

from __future__ import annotations

import base64
import json
import math
import re
from functools import cache
from typing import Any

from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass

from llmtrace_collector.schema.otlp import OTHER_DEPTH, SPAN_DEPTH, proto
from llmtrace_collector.signals import Signal

_MESSAGE = re.compile(r"^message (\w+) \{ (.*) \}$", re.MULTILINE)
_FIELD = re.compile(r"(repeated )?(\w+) (\w+)=(\d+);")
_NEVER = 536_870_911
"""The highest number a field may have: the required one."""


def has_deep(signal: Signal, body: bytes) -> bool:
    """Whether a request, which upb has read, has a value below the depth of the landing table."""
    try:
        return not _skeleton(signal).FromString(body).IsInitialized()
    except DecodeError:
        return True


def flatten_logs(request: Any) -> None:
    """Makes every value of a logs request that is too deep the JSON text it would be stored as."""
    for group in request.resource_logs:
        _flatten_pairs(group.resource.attributes, OTHER_DEPTH)
        for scope in group.scope_logs:
            for record in scope.log_records:
                _flatten_pairs(record.attributes, SPAN_DEPTH)
                _flatten(record.body, SPAN_DEPTH)


def _flatten_pairs(pairs: Any, depth: int) -> None:
    for pair in pairs:
        _flatten(pair.value, depth)


def _flatten(value: Any, depth: int) -> None:
    if _depth(value) > depth:
        value.string_value = _json(value)


def _depth(value: Any) -> int:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return 1 + max(map(_depth, value.array_value.values), default=0)
    if kind == "kvlist_value":
        return 1 + max((_depth(pair.value) for pair in value.kvlist_value.values), default=0)
    return 0


def _json(value: Any) -> str:
    """As `value_as_json` renders it in SQL: every pair in its order, bytes in base64, what is no number null."""
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return f"[{','.join(map(_json, value.array_value.values))}]"
    if kind == "kvlist_value":
        pairs = (
            f"{json.dumps(pair.key, ensure_ascii=False)}:{_json(pair.value)}" for pair in value.kvlist_value.values
        )
        return f"{{{','.join(pairs)}}}"
    if kind == "bytes_value":
        return json.dumps(base64.b64encode(value.bytes_value).decode())
    plain = getattr(value, kind) if kind in {"string_value", "bool_value", "int_value", "double_value"} else None
    return json.dumps(None if isinstance(plain, float) and not math.isfinite(plain) else plain, ensure_ascii=False)


@cache
def _skeleton(signal: Signal) -> type[Message]:
    """The request of `schema/otlp.py`, with nothing but containers, and an end that is never complete."""
    file = FileDescriptorProto(name=f"{signal}.proto", package=f"skeleton.{signal}", syntax="proto2")
    end = file.message_type.add(name="End")
    end.field.add(
        name="never", number=_NEVER, label=FieldDescriptorProto.LABEL_REQUIRED, type=FieldDescriptorProto.TYPE_BOOL
    )
    texts = dict(_MESSAGE.findall(proto(signal)))
    for name, text in texts.items():
        _add_fields(file.message_type.add(name=name), text, set(texts), file.package)
    pool = DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    made: type[Message] = GetMessageClass(pool.FindMessageTypeByName(f"{file.package}.Request"))
    return made


def _add_fields(message: DescriptorProto, text: str, known: set[str], package: str) -> None:
    for many, kind, name, number in _FIELD.findall(text):
        is_end = kind == "bytes" and name in {"array_value", "kvlist_value"}
        if kind in known or is_end:
            message.field.add(
                name=name,
                number=int(number),
                label=FieldDescriptorProto.LABEL_REPEATED if many else FieldDescriptorProto.LABEL_OPTIONAL,
                type=FieldDescriptorProto.TYPE_MESSAGE,
                type_name=f".{package}.{'End' if is_end else kind}",
            )
