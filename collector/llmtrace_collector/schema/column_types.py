"""Column types from .proto text: one description of a message, so that schema and table cannot drift apart.

Reads the plain form that `schema/otlp.py` writes: one message a line, fields `[repeated] KIND NAME=NUMBER;`, and
`oneof NAME { ... }`, which becomes an Enum8 column of that name telling which branch was set.
"""

from __future__ import annotations

import re
from functools import cache

_MESSAGE = re.compile(r"^message (\w+) \{ (.*) \}$", re.MULTILINE)
_PART = re.compile(r"oneof (?P<oneof>\w+) \{(?P<branches>.*?)\}|(?P<many>repeated )?(?P<kind>\w+) (?P<name>\w+)=\d+;")
_BRANCH = re.compile(r"(\w+) (\w+)=(\d+);")
_SCALARS = {
    "string": "String",
    "bytes": "String",
    "bool": "Bool",
    "double": "Float64",
    "int32": "Int32",
    "sint32": "Int32",
    "int64": "Int64",
    "sfixed64": "Int64",
    "uint32": "UInt32",
    "fixed32": "UInt32",
    "uint64": "UInt64",
    "fixed64": "UInt64",
}


@cache
def column_type(proto: str, message: str) -> str:
    """The ClickHouse type of a message of this schema."""
    body = next(body for name, body in _MESSAGE.findall(proto) if name == message)
    return f"Tuple({', '.join(_column(proto, part) for part in _PART.finditer(body))})"


def _column(proto: str, part: re.Match[str]) -> str:
    if part["oneof"] is None:
        one = _type(proto, part["kind"])
        return f"{part['name']} {f'Array({one})' if part['many'] else one}"
    branches = _BRANCH.findall(part["branches"])
    numbers = ",".join(f"'{name}'={number}" for _, name, number in branches)
    columns = (f"{name} {_type(proto, kind)}" for kind, name, _ in branches)
    return f"{part['oneof']} Enum8('none'=0,{numbers}), {', '.join(columns)}"


def _type(proto: str, kind: str) -> str:
    return _SCALARS.get(kind) or column_type(proto, kind)
