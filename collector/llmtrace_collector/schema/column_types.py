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
    return f"Tuple({', '.join(_column(proto, part) for part in _parts(proto, message))})"


def flat_columns(proto: str, message: str, *, whole: frozenset[str]) -> dict[str, str]:
    """The columns of a message's fields and of those of the messages in it, by path (`spans.status.code`), with types.

    Messages in `whole` stay one column; one with a `oneof` must be among them.
    """
    found: dict[str, str] = {}
    for part in _parts(proto, message):
        kind = part["kind"]
        one = kind in _SCALARS or kind in whole
        inner = {"": _type(proto, kind)} if one else _below(flat_columns(proto, kind, whole=whole))
        found |= {part["name"] + path: f"Array({type_})" if part["many"] else type_ for path, type_ in inner.items()}
    return found


def _below(columns: dict[str, str]) -> dict[str, str]:
    return {f".{path}": type_ for path, type_ in columns.items()}


def _parts(proto: str, message: str) -> list[re.Match[str]]:
    body = next(body for name, body in _MESSAGE.findall(proto) if name == message)
    return list(_PART.finditer(body))


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
