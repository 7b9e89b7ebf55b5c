"""Native as clickhouse-go decodes it (lib/proto/block.go), its columns read by the types of clickhouse-connect."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from clickhouse_connect.datatypes.registry import get_from_name
from clickhouse_connect.driver.ctypes import RespBuffCls
from clickhouse_connect.driver.exceptions import StreamCompleteException
from clickhouse_connect.driver.query import QueryContext


class _Source:
    def __init__(self, body: bytes) -> None:
        self.gen: Iterator[bytes] = iter([body] if body else [])

    def close(self) -> None:
        """Nothing is open."""


def decoded(body: bytes) -> dict[str, list[Any]]:
    """Columns by name, of all blocks; of none where the body is empty."""
    columns: dict[str, list[Any]] = {}
    source, context = RespBuffCls(_Source(body)), QueryContext()
    while True:
        try:
            field = source.read_leb128()
        except StreamCompleteException:
            return columns
        info = (field, source.read_byte(), source.read_leb128(), bytes(source.read_bytes(4)), source.read_leb128())
        assert info == (1, 0, 2, b"\xff\xff\xff\xff", 0)
        count, rows = source.read_leb128(), source.read_leb128()
        for _ in range(count):
            name, kind = source.read_leb128_str(), source.read_leb128_str()
            assert source.read_byte() == 0, "clickhouse-go does not support custom serialization"
            values = get_from_name(kind).read_column(source, rows, context) if rows else []
            columns.setdefault(name, []).extend(values)
