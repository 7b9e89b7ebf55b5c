"""OTLP/JSON bodies as protobuf messages: msgspec reads the text, upb holds and writes the message.

    JSON text ──▶ structs of the body's own shape ──▶ protobuf message ──▶ the same bytes as any other sender's
                msgspec: kinds; skips unknown names  upb: ranges

OTLP's JSON is not quite protobuf's: ids are hexadecimal, enums are numbers, names are lowerCamelCase and nothing else.
64-bit integers come as strings or numbers, floats may be "NaN" or "Infinity", null is the same as left out.

All but attribute values is made from the protocol's descriptors, so that it cannot drift from them. Protobuf's own
`json_format` does a twentieth of the work in the same time, and has other rules for ids (docs/decisions/0014).

Sources: OTLP specification 1.11, "JSON Protobuf Encoding"; ProtoJSON.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any, TypeVar

import msgspec
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from msgspec.structs import astuple
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

MOST_VALUES = 8_000_000
"""Objects and commas in one body: as a value each takes far more memory than as text."""

MOST_LEVELS = 30
"""Of lists and maps in one value: upb reads a hundred nested messages, and a map takes three a level."""


class JsonError(Exception):
    """The body is not OTLP/JSON; the text says where and why."""


class TooManyValuesError(Exception):
    """More values than are taken in one body."""


_M = TypeVar("_M", bound=Message)


def read_json(body: bytes, kind: type[_M]) -> _M:
    """`body` as a message of `kind`.

    Raises:
        JsonError: it is not JSON, or a value is not of its field's kind.
        TooManyValuesError: more than `MOST_VALUES`, found before anything is built.
    """
    values = body.count(b"{") + body.count(b",")
    if values > MOST_VALUES:
        raise TooManyValuesError(f"the JSON holds about {values:,} values, the most is {MOST_VALUES:,}")
    message = kind()
    try:
        _filler(kind.DESCRIPTOR)(message, _decoder(kind.DESCRIPTOR).decode(body))
    except RecursionError as error:
        raise JsonError("it is nested too deeply") from error
    except (msgspec.MsgspecError, ValueError, TypeError) as error:
        raise JsonError(str(error)) from error
    return message


# --- attribute values: most of every body, so written out -----------------------------------------------------------


class _Value(msgspec.Struct, rename="camel", gc=False):
    string_value: str | None = None
    int_value: int | float | str | None = None
    bool_value: bool | None = None
    double_value: float | str | None = None
    array_value: _Values | None = None
    kvlist_value: _Pairs | None = None
    bytes_value: str | None = None


_ALL_BUT_ONE = len(_Value.__struct_fields__) - 1


class _Pair(msgspec.Struct, gc=False):
    key: str | None = None
    value: _Value | None = None


class _Values(msgspec.Struct, gc=False):
    values: list[_Value] | None = None


class _Pairs(msgspec.Struct, gc=False):
    values: list[_Pair] | None = None


def _put_pairs(target: Any, pairs: Iterable[_Pair], level: int = 0) -> None:
    add: Callable[[], KeyValue] = target.add
    for pair in pairs:
        entry = add()
        if pair.key is not None:
            entry.key = pair.key
        if pair.value is not None:
            _put_value(entry.value, pair.value, level)


def _put_value(target: AnyValue, value: _Value, level: int = 0) -> None:
    given = astuple(value)
    if given.count(None) != _ALL_BUT_ONE:
        _put_none(target, given)
        return
    text, whole, truth, real, items, pairs, raw = given
    if text is not None:
        target.string_value = text
    elif whole is not None:
        target.int_value = whole if type(whole) is int else _integer(whole)
    elif truth is not None:
        target.bool_value = truth
    elif real is not None:
        target.double_value = _double(real)
    elif raw is not None:
        target.bytes_value = _bytes(raw)
    elif pairs is not None:
        _check_level(level)
        target.kvlist_value.SetInParent()
        _put_pairs(target.kvlist_value.values, pairs.values or (), level + 1)
    else:
        _check_level(level)
        target.array_value.SetInParent()
        for item in items.values or ():
            _put_value(target.array_value.values.add(), item, level + 1)


def _put_none(target: AnyValue, given: tuple[Any, ...]) -> None:
    if given.count(None) < _ALL_BUT_ONE:
        raise ValueError("a value has more than one kind")
    target.SetInParent()


def _check_level(level: int) -> None:
    if level >= MOST_LEVELS:
        raise ValueError(f"a value has more than {MOST_LEVELS} levels")


# --- everything else: from the descriptors --------------------------------------------------------------------------

_Put = Callable[[Any, Any], None]
"""Puts one field of a struct into a message."""

_INTEGERS = {
    FieldDescriptor.TYPE_INT32,
    FieldDescriptor.TYPE_INT64,
    FieldDescriptor.TYPE_UINT32,
    FieldDescriptor.TYPE_UINT64,
    FieldDescriptor.TYPE_SINT32,
    FieldDescriptor.TYPE_FIXED32,
    FieldDescriptor.TYPE_FIXED64,
    FieldDescriptor.TYPE_SFIXED64,
}
_IDS = {"trace_id", "span_id", "parent_span_id"}


@cache
def _decoder(descriptor: Descriptor) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(_struct(descriptor))


@cache
def _struct(descriptor: Descriptor) -> Any:
    if descriptor is KeyValue.DESCRIPTOR:
        return _Pair
    if descriptor is AnyValue.DESCRIPTOR:
        return _Value
    fields = [(field.json_name, _kind(field), None) for field in descriptor.fields]
    return msgspec.defstruct(descriptor.name, fields, gc=False)


def _kind(field: FieldDescriptor) -> Any:
    one: Any
    if field.message_type is not None:
        one = _struct(field.message_type)
    elif field.enum_type is not None:
        one = int | float
    elif field.type in _INTEGERS:
        one = int | float | str
    elif field.type == FieldDescriptor.TYPE_DOUBLE:
        one = float | str
    else:
        one = bool if field.type == FieldDescriptor.TYPE_BOOL else str
    return list[one] | None if field.is_repeated else one | None


@cache
def _filler(descriptor: Descriptor) -> _Put:
    """What puts a struct into a message of this kind."""
    if descriptor is AnyValue.DESCRIPTOR:
        return _put_value
    plan = [(field.json_name, _put(field)) for field in descriptor.fields]
    choices = [[field.json_name for field in oneof.fields] for oneof in descriptor.oneofs if len(oneof.fields) > 1]

    def fill(message: Any, struct: Any) -> None:
        field = ""
        try:
            for value, (name, put) in zip(astuple(struct), plan, strict=True):
                if value is not None:
                    field = name
                    put(message, value)
        except (ValueError, TypeError) as error:
            raise JsonError(f"{field}: {error}") from error
        for names in choices:
            if sum(getattr(struct, each) is not None for each in names) > 1:
                raise JsonError(f"only one of {', '.join(names)} may be given")

    return fill


def _put(field: FieldDescriptor) -> _Put:
    name = field.name
    if field.message_type is not None:
        return _put_messages(field) if field.is_repeated else _put_message(field)
    convert = _converter(field)

    def put_one(message: Any, value: Any) -> None:
        setattr(message, name, convert(value))

    def put_many(message: Any, values: Any) -> None:
        getattr(message, name).extend(map(convert, values))

    return put_many if field.is_repeated else put_one


def _put_message(field: FieldDescriptor) -> _Put:
    name = field.name
    fill = _filler(field.message_type)

    def put(message: Any, value: Any) -> None:
        target = getattr(message, name)
        target.SetInParent()
        fill(target, value)

    return put


def _put_messages(field: FieldDescriptor) -> _Put:
    name = field.name
    if field.message_type is KeyValue.DESCRIPTOR:
        return lambda message, pairs: _put_pairs(getattr(message, name), pairs)

    fill = _filler(field.message_type)

    def put(message: Any, values: Any) -> None:
        add = getattr(message, name).add
        for value in values:
            fill(add(), value)

    return put


def _converter(field: FieldDescriptor) -> Callable[[Any], Any]:
    if field.name in _IDS:
        return binascii.unhexlify
    if field.type in _INTEGERS or field.enum_type is not None:
        return _integer
    return {FieldDescriptor.TYPE_DOUBLE: _double, FieldDescriptor.TYPE_BYTES: _bytes}.get(field.type, _as_it_is)


def _as_it_is(value: Any) -> Any:
    return value


def _integer(value: Any) -> int:
    if isinstance(value, str):
        if not value.removeprefix("-").isdecimal():
            raise ValueError(f'"{value[:40]}" is not a whole number')
        return int(value)
    if isinstance(value, float) and not value.is_integer():
        raise ValueError(f"{value} is not a whole number")
    return int(value)


_SPECIAL = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}


def _double(value: float | str) -> float:
    if not isinstance(value, str):
        return value
    if value in _SPECIAL:
        return _SPECIAL[value]
    if not re.fullmatch(r"-?[\d.]+([eE][+-]?\d+)?", value, re.ASCII):
        raise ValueError(f'"{value[:40]}" is not a number')
    return float(value)


def _bytes(value: str) -> bytes:
    """Base64, of either alphabet, with its padding or without."""
    plain = value.rstrip("=").replace("-", "+").replace("_", "/")
    return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
