"""Native, framed as the clients of ClickHouse's protocol want it: those of clickhouse-go, such as Grafana's plugin.

A server that is told `client_protocol_version` puts before each block what it calls block info, and behind the type of
each column a byte that says whether its data are of another form; the engine is never told. Both are put in here::

    ..  block info         from version 1 on
    nc  number of columns
    nr  number of rows
    name type              of each column
    0                      from version 54454 on: no other form
    data                   as long as the type says, which is why types are read here

clickhouse-connect, of version 54405, reads its answers unframed as well: it finds out, and is left alone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from llmtrace_collector.store.refusals import ClickHouseError

FRAMED_FROM = 54454
"""DBMS_MIN_REVISION_WITH_CUSTOM_SERIALIZATION in ClickHouse's Protocol.h."""

_BLOCK_INFO = b"\x01\x00\x02\xff\xff\xff\xff\x00"
"""Field 1, is_overflows: no; field 2, bucket_num: -1; no more fields."""

_WIDTHS = {
    **dict.fromkeys(("UInt8", "Int8", "Bool", "Enum8", "Nothing", "Tuple()"), 1),
    **dict.fromkeys(("UInt16", "Int16", "Date", "Enum16", "BFloat16"), 2),
    **dict.fromkeys(("UInt32", "Int32", "Float32", "Date32", "DateTime", "IPv4", "Time"), 4),
    **dict.fromkeys(("UInt64", "Int64", "Float64", "DateTime64", "Time64"), 8),
    **dict.fromkeys(("UInt128", "Int128", "UUID", "IPv6"), 16),
    **dict.fromkeys(("UInt256", "Int256"), 32),
}
_OF_OTHERS = frozenset({"Array", "Map", "Nested", "Nullable", "SimpleAggregateFunction", "Tuple"})
_TOKEN = re.compile(r"'(?:[^'\\]|\\.)*'|`(?:[^`\\]|\\.)*`|[(),]|[^'`(),]+")
_ELEMENT_NAME = re.compile(r"(?:`(?:[^`\\]|\\.)*`|[A-Za-z_]\w*) (?=[A-Z])")


_MOST_TEXTS = 20_000_000
"""Each is passed over by hand: so many take a second."""

_DEEPEST = 50
"""A type of more brackets within each other is not read."""


def framed(body: bytes) -> bytes:
    """The blocks of `body`, each with its info, and each column with its byte.

    Raises:
        ClickHouseError: a column's end cannot be told, or there is too much to pass over.
    """
    reader = _Reader(body)
    pieces: list[bytes] = []
    while reader.at < len(body):
        pieces.append(_BLOCK_INFO)
        begin = reader.at
        columns, rows = reader.number(), reader.number()
        pieces.append(body[begin : reader.at])
        for _ in range(columns):
            begin = reader.at
            reader.text()
            name = reader.text().decode()
            pieces += [body[begin : reader.at], b"\x00"]
            begin = reader.at
            if rows:
                reader.column(name, rows)
            pieces.append(body[begin : reader.at])
    return b"".join(pieces)


@dataclass
class _Reader:
    body: bytes
    at: int = 0
    texts: int = 0
    """That were passed over."""

    def number(self) -> int:
        """A varint."""
        found = shift = 0
        while True:
            byte = self.body[self.at]
            self.at += 1
            found |= (byte & 0x7F) << shift
            if byte < 0x80:
                return found
            shift += 7

    def text(self) -> bytes:
        size = self.number()
        self.at += size
        return self.body[self.at - size : self.at]

    def word(self) -> int:
        self.at += 8
        return int.from_bytes(self.body[self.at - 8 : self.at], "little")

    def column(self, kind: str, rows: int) -> None:
        """Passes over a column: what its dictionaries begin with, then its data."""
        if kind.count("(") > _DEEPEST and _depth(kind) > _DEEPEST:
            raise _unknown(f"{kind[:40]}...")
        self.at += 8 * _dictionaries(kind)
        self._data(kind, rows)

    def _data(self, kind: str, rows: int) -> None:
        name, arguments = _parsed(kind)
        if name == "String":
            self._pass_texts(rows)
        elif name == "Nullable":
            self.at += rows
            self._data(arguments[0], rows)
        elif name == "LowCardinality":
            self._dictionary(arguments[0], rows)
        elif name in {"Array", "Map", "Nested"}:
            self._many(arguments, rows, named=name == "Nested")
        elif name == "Tuple" and arguments:
            for each in arguments:
                self._data(_ELEMENT_NAME.sub("", each, count=1), rows)
        elif name == "SimpleAggregateFunction":
            self._data(arguments[-1], rows)
        else:
            self.at += rows * _width(kind, name, arguments)

    def _pass_texts(self, rows: int) -> None:
        self.texts += rows
        if self.texts > _MOST_TEXTS:
            sentence = f"more than {_MOST_TEXTS:,} texts are not given in Native to this client; ask for fewer rows"
            raise ClickHouseError(396, "TOO_MANY_ROWS_OR_BYTES", sentence, status=400)
        body, at = self.body, self.at
        for _ in range(rows):
            size = body[at]
            if size < 0x80:
                at += 1 + size
            else:
                self.at = at
                self.text()
                at = self.at
        self.at = at

    def _many(self, elements: list[str], rows: int, *, named: bool) -> None:
        self.at += 8 * max(rows - 1, 0)
        items = self.word() if rows else 0
        for each in elements:
            self._data(_ELEMENT_NAME.sub("", each, count=1) if named else each, items)

    def _dictionary(self, kind: str, rows: int) -> None:
        if not rows:
            return
        index_bytes = 1 << (self.word() & 0xFF)
        name, arguments = _parsed(kind)
        self._data(arguments[0] if name == "Nullable" else kind, self.word())
        indexes = self.word()
        self.at += indexes * index_bytes


def _width(kind: str, name: str, arguments: list[str]) -> int:
    if name == "FixedString":
        return int(arguments[0])
    if name == "Decimal":
        precision = int(arguments[0])
        return next(width for most, width in ((9, 4), (18, 8), (38, 16), (76, 32)) if precision <= most)
    if name.startswith("Interval"):
        return 8
    width = _WIDTHS.get("Tuple()" if name == "Tuple" else name)
    if width is None:
        raise _unknown(kind)
    return width


def _unknown(kind: str) -> ClickHouseError:
    sentence = f"a column of the type {kind} is not given in Native to this client; select it with toString(...)"
    return ClickHouseError(50, "UNKNOWN_TYPE", sentence, status=400)


def _depth(kind: str) -> int:
    depth = deepest = 0
    for part in _TOKEN.findall(kind):
        depth += (part == "(") - (part == ")")
        deepest = max(deepest, depth)
    return deepest


def _dictionaries(kind: str) -> int:
    """How many there are in a type, each of which begins with its version."""
    name, arguments = _parsed(kind)
    if name == "LowCardinality":
        return 1
    return sum(_dictionaries(_ELEMENT_NAME.sub("", each, count=1)) for each in arguments if name in _OF_OTHERS)


def _parsed(kind: str) -> tuple[str, list[str]]:
    """`Map(String, Array(UInt8))` as `Map` and its two arguments."""
    name, bracket, inner = kind.partition("(")
    arguments, depth = [""], 0
    for part in _TOKEN.findall(inner[:-1] if bracket else ""):
        depth += (part == "(") - (part == ")")
        if part == "," and not depth:
            arguments.append("")
        else:
            arguments[-1] += part
    return name, [each.strip() for each in arguments if each.strip()]
