"""Any message of the protocol, for property tests: made from a seed, for drawing each field would take too long."""

from __future__ import annotations

import math
import random
import struct
from collections.abc import Callable
from typing import Any

from google.protobuf.descriptor import FieldDescriptor as Field
from google.protobuf.message import Message

_LETTERS = ["", "a", "Z", "0", " ", '"', "\\", "\x00", "\n", "é", "€", "\u2028", "\U0001f600"]
_EDGES = [0, 1, 127, 128, 2**31 - 1, 2**31, 2**32 - 1, 2**53, 2**53 + 1, 2**63 - 1, 2**63, 2**64 - 1]
_OF_PROFILES = {"key_strindex", "string_value_strindex"}
"""Point into a dictionary that only profiles have."""


def _text(dice: random.Random) -> str:
    return "".join(dice.choice(_LETTERS) for _ in range(dice.randrange(6)))


def _double(dice: random.Random) -> float:
    (any_bits,) = struct.unpack("d", dice.randbytes(8))
    return dice.choice(
        [0.0, -0.0, 1.0, 0.1, -1e300, 5e-324, float("inf"), any_bits if math.isfinite(any_bits) else 2.0]
    )


def _integer(low: int, high: int) -> Callable[[random.Random], int]:
    edges = [edge for number in _EDGES for edge in (number, -number) if low <= edge <= high]
    return lambda dice: dice.choice([dice.choice(edges), dice.randint(low, high)])


_INT32 = _integer(-(2**31), 2**31 - 1)
_INT64 = _integer(-(2**63), 2**63 - 1)
_UINT32 = _integer(0, 2**32 - 1)
_UINT64 = _integer(0, 2**64 - 1)
_SCALARS: dict[int, Callable[[random.Random], Any]] = {
    Field.TYPE_STRING: _text,
    Field.TYPE_BYTES: lambda dice: dice.randbytes(dice.choice([0, 1, 2, 3, 8, 16])),
    Field.TYPE_BOOL: lambda dice: dice.random() < 0.5,
    Field.TYPE_DOUBLE: _double,
    Field.TYPE_INT32: _INT32,
    Field.TYPE_SINT32: _INT32,
    Field.TYPE_ENUM: lambda dice: dice.choice([0, 1, 2, 3, 99]),
    Field.TYPE_INT64: _INT64,
    Field.TYPE_SFIXED64: _INT64,
    Field.TYPE_UINT32: _UINT32,
    Field.TYPE_FIXED32: _UINT32,
    Field.TYPE_UINT64: _UINT64,
    Field.TYPE_FIXED64: _UINT64,
}


def message_of(kind: type[Message], dice: random.Random, depth: int = 10) -> Message:
    """A message of `kind` with some of its fields, nested as deep as OTLP goes and a little deeper."""
    message = kind()
    taken: set[str] = set()
    fields = [field for field in kind.DESCRIPTOR.fields if field.name not in _OF_PROFILES]
    dice.shuffle(fields)
    for field in fields:
        oneof = field.containing_oneof.name if field.containing_oneof else ""
        # Nearly always down to the leaves that matter: a resource without spans says little.
        likely = 0.95 if field.is_repeated and field.message_type else 0.6
        if oneof not in taken and dice.random() < likely and _put(dice, message, field, depth):
            taken |= {oneof} - {""}
    return message


def _put(dice: random.Random, message: Message, field: Field, depth: int) -> bool:
    if field.message_type is None:
        if field.is_repeated:
            getattr(message, field.name).extend(_SCALARS[field.type](dice) for _ in range(dice.randrange(4)))
        else:
            setattr(message, field.name, _SCALARS[field.type](dice))
        return True
    if depth == 0:
        return False
    kind: type[Message] = field.message_type._concrete_class
    if field.is_repeated:
        getattr(message, field.name).extend(
            message_of(kind, dice, depth - 1) for _ in range(dice.choice([0, 1, 1, 1, 2, 3]))
        )
    else:
        getattr(message, field.name).CopyFrom(message_of(kind, dice, depth - 1))
        getattr(message, field.name).SetInParent()
    return True
