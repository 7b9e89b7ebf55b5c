"""The embedded store does for clickhouse-connect what a ClickHouse server does: types, parameters, streams, inserts."""

from __future__ import annotations

import io
import ipaddress
import json
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import clickhouse_connect
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from clickhouse_connect.driver.exceptions import DatabaseError
from clickhouse_connect.driver.external import ExternalData

from support.services import Stack, stack_at


def utc(*parts: int) -> datetime:
    """As the client gives times: without a zone."""
    return datetime(*parts, tzinfo=UTC).replace(tzinfo=None)  # type: ignore[misc, arg-type]


WHEN = utc(2026, 1, 2, 3, 4, 5, 678901)
ROWS = 100_000


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with stack_at(tmp_path_factory.mktemp("connected")) as running:
        running.store()
        owner = running.owner()
        owner.command("CREATE TABLE many (n UInt64, s String) ENGINE = MergeTree ORDER BY n")
        owner.command(f"INSERT INTO many SELECT number, toString(number) FROM numbers({ROWS})")
        columns = "a UInt64, b Nullable(String), c Array(Int32), d DateTime64(3, 'UTC')"
        owner.command(f"CREATE TABLE into ({columns}) ENGINE = MergeTree ORDER BY a")
        yield running


def owner_with(store: Stack, **options: Any) -> Any:
    key = (store.data / "store.key").read_text()
    where = {"host": "127.0.0.1", "port": store.store_port, "database": "llmtrace"}
    return clickhouse_connect.get_client(**where, username="llmtrace", password=key, **options)


TYPES: dict[str, list[Any]] = {
    "Decimal(38, 12)": [Decimal("-99999999999999999999999999.999999999999"), Decimal(0)],
    "Decimal(76, 20)": [Decimal("12345678901234567890.00000000000000000001")],
    "Nullable(Decimal(38, 12))": [None, Decimal("0.000000000001")],
    "DateTime64(6, 'UTC')": [WHEN, utc(1969, 12, 31, 23, 59, 59, 999999)],
    "DateTime('Europe/Berlin')": [utc(2026, 7, 2, 3, 4, 5)],
    "Date": [date(2026, 1, 2)],
    "Date32": [date(1930, 1, 2)],
    "Map(String, UInt64)": [{"a": 1, "é": 2**63}, {}],
    "Map(LowCardinality(String), Array(Nullable(Float64)))": [{"a": [1.5, None]}],
    "Tuple(UInt8, String)": [(1, "b")],
    "Tuple(a UInt8, b String)": [{"a": 1, "b": "b"}],
    "Enum8('x' = 1, 'y' = -2)": ["y", "x"],
    "Nullable(Int32)": [None, -5],
    "LowCardinality(String)": ["é", ""],
    "LowCardinality(Nullable(String))": [None, "a"],
    "UUID": [uuid.UUID(int=5)],
    "IPv4": [ipaddress.IPv4Address("1.2.3.4")],
    "IPv6": [ipaddress.IPv6Address("fe80::1")],
    "Bool": [True, False],
    "Float64": [float("inf"), -0.0, 1e-300],
    "Int128": [-(2**100)],
    "UInt256": [2**200],
    "FixedString(4)": [b"ab\0\0"],
    "Array(Array(String))": [[["a"], []]],
    "JSON": [{"a": {"b": 1}, "c": [1, 2]}],
    "Variant(String, UInt64)": [7, "x"],
    "Dynamic": ["x"],
    "String": ["a\0b\t\n'\\", "x" * 100_000],
}


@pytest.mark.parametrize("kind", TYPES)
def test_values_of_every_type_come_back_as_they_went_in(store: Stack, kind: str) -> None:
    owner = store.owner()
    owner.command(f"CREATE OR REPLACE TABLE typed (k UInt8, x {kind}) ENGINE = MergeTree ORDER BY k")
    zoned = [v.replace(tzinfo=UTC) if isinstance(v, datetime) else v for v in TYPES[kind]]
    owner.insert("typed", [[k, v] for k, v in enumerate(zoned)], column_names=["k", "x"])
    got = [row[0] for row in store.reader().query("SELECT x FROM typed ORDER BY k").result_rows]
    assert got == TYPES[kind]


PARAMETERS: list[tuple[str, Any]] = [
    ("%(x)s", "it's \\ % ; --"),
    ("%(x)s", [1, 2]),
    ("%(x)s", None),
    ("{x:String}", "a\tb\nc\\d'e\0é"),
    ("{x:String}", "y" * 300_000),
    ("{x:Array(String)}", ["a'", "b\\", ""]),
    ("{x:Array(Nullable(Int64))}", [1, None]),
    ("{x:Nullable(Int64)}", None),
    ("{x:DateTime64(6, 'UTC')}", WHEN),
    ("{x:Date}", date(2026, 1, 2)),
    ("{x:Decimal(38, 12)}", Decimal("1.500000000001")),
    ("{x:UUID}", uuid.UUID(int=5)),
    ("{x:Bool}", True),
    ("{x:Tuple(Int64, String)}", (1, "a")),
    ("{x:IPv6}", ipaddress.IPv6Address("::1")),
]


@pytest.mark.parametrize(("place", "value"), PARAMETERS, ids=lambda v: str(v)[:30])
def test_parameters_arrive_as_they_are(store: Stack, place: str, value: Any) -> None:
    assert store.reader().query(f"SELECT {place}", parameters={"x": value}).result_rows == [(value,)]
    if place.startswith("{"):
        by_form = owner_with(store, form_encode_query_params=True)
        assert by_form.query(f"SELECT {place}", parameters={"x": value}).result_rows == [(value,)]


def test_settings_hold_for_a_query_or_a_client(store: Stack) -> None:
    sql = "SELECT value FROM system.settings WHERE name = 'max_threads'"
    assert store.owner().query(sql, settings={"max_threads": 2}).result_rows == [("2",)]
    client = owner_with(store, settings={"max_threads": 3})
    assert client.query(sql).result_rows == [("3",)]
    client.set_client_setting("max_threads", 4)
    assert client.query(sql).result_rows == [("4",)]
    assert store.reader().query("SELECT 1", settings={"query_id": "mine-1"}).query_id == "mine-1"


STREAMS = ["query_row_block_stream", "query_df_stream", "query_arrow_stream", "query_np_stream", "query_rows_stream"]


@pytest.mark.parametrize("kind", STREAMS)
@pytest.mark.parametrize("compress", [False, "lz4", "zstd", "gzip"])
def test_streams_give_every_row_and_can_be_left_early(store: Stack, kind: str, compress: bool | str) -> None:
    client = owner_with(store, compress=compress)
    with getattr(client, kind)("SELECT n, s FROM many") as stream:
        sizes = [1 if kind == "query_rows_stream" else len(block) for block in stream]
    assert sum(sizes) == ROWS
    with getattr(client, kind)("SELECT n, s FROM many") as stream:
        next(iter(stream))
    assert client.query("SELECT 1").result_rows == [(1,)]


def test_frames_and_raw_answers(store: Stack) -> None:
    reader = store.reader()
    two = "SELECT n, s FROM many ORDER BY n LIMIT 2"
    assert reader.query_df(two).to_dict("list") == {"n": [0, 1], "s": ["0", "1"]}
    assert reader.query_np("SELECT n FROM many ORDER BY n LIMIT 2").tolist() == [[0], [1]]
    assert reader.query_arrow(two).to_pylist() == [{"n": 0, "s": "0"}, {"n": 1, "s": "1"}]
    assert str(reader.query_df_arrow(two).dtypes["s"]) == "string[pyarrow]"
    assert reader.raw_query(two, fmt="JSONEachRow") == b'{"n":0,"s":"0"}\n{"n":1,"s":"1"}\n'
    assert pq.read_table(io.BytesIO(reader.raw_query(two, fmt="Parquet"))).num_rows == 2  # type: ignore[no-untyped-call]
    totals = "SELECT n % 2 AS k, count() AS c FROM many GROUP BY k WITH TOTALS ORDER BY k"
    assert json.loads(reader.raw_query(totals, fmt="JSON"))["totals"]["c"] == ROWS
    assert reader.query("SELECT n, s FROM many WHERE n > 1e9").result_rows == []
    assert reader.query("SELECT n, s FROM many LIMIT 0").column_names == ("n", "s")


ERRORS = [
    ("SELECT * FROM nowhere", 60, "UNKNOWN_TABLE"),
    ("SELECT nowhere FROM many", 47, "UNKNOWN_IDENTIFIER"),
    ("SELECT nofunc(1)", 46, "UNKNOWN_FUNCTION"),
    ("SELECT 1 / 'a'", 43, "ILLEGAL_TYPE_OF_ARGUMENT"),
    ("SELECT throwIf(1)", 395, "FUNCTION_THROW_IF_VALUE_IS_NON_ZERO"),
    ("SELECT toUInt8('x')", 6, "CANNOT_PARSE_TEXT"),
    ("SELECT CAST('a', 'Nope')", 50, "UNKNOWN_TYPE"),
    ("SELECT 1 LIMIT -", 62, "SYNTAX_ERROR"),
]


@pytest.mark.parametrize(("sql", "code", "name"), ERRORS, ids=lambda v: str(v)[:30])
def test_errors_carry_clickhouses_code_and_name(store: Stack, sql: str, code: int, name: str) -> None:
    with pytest.raises(DatabaseError) as raised:
        store.owner().query(sql)
    assert (raised.value.code, raised.value.name) == (code, name)
    with pytest.raises(DatabaseError) as raised:
        store.owner().query("SELECT 1", settings={"nope_x": 1})
    assert raised.value.code == 115


NOW = WHEN.replace(microsecond=678000, tzinfo=UTC)
NAMES = ["a", "b", "c", "d"]
ARROW = pa.table(
    {"a": pa.array([7], pa.uint64()), "b": ["é"], "c": [[1, 2]], "d": pa.array([NOW], pa.timestamp("ms", "UTC"))}
)


def parquet() -> bytes:
    body = io.BytesIO()
    pq.write_table(ARROW, body)  # type: ignore[no-untyped-call]
    return body.getvalue()


def raw(fmt: str, body: Any, **settings: Any) -> Callable[[Any], Any]:
    return lambda client: client.raw_insert("into", NAMES, insert_block=body, fmt=fmt, settings=settings)


DAY = "2026-01-02 03:04:05.678"
LINE = f'{{"a":7,"b":"é","c":[1,2],"d":"{DAY}"}}\n'.encode()
INSERTS: dict[str, Callable[[Any], Any]] = {
    "rows": lambda c: c.insert("into", [[7, "é", [1, 2], NOW]], column_names=NAMES),
    "columns": lambda c: c.insert("into", [[7], ["é"], [[1, 2]], [NOW]], column_names=NAMES, column_oriented=True),
    "rows without names": lambda c: c.insert("into", [[7, "é", [1, 2], NOW]]),
    "rows, waited for": lambda c: c.insert("into", [[7, "é", [1, 2], NOW]], settings={"async_insert": 1}),
    "a data frame": lambda c: c.insert_df(
        "into", pd.DataFrame({"a": [7], "b": ["é"], "c": [[1, 2]], "d": [pd.Timestamp(NOW)]})
    ),
    "arrow": lambda c: c.insert_arrow("into", ARROW),
    "CSV": raw("CSV", f'7,"é","[1,2]","{DAY}"\n'),
    "CSVWithNames": raw("CSVWithNames", f'd,c,b,a\n"{DAY}","[1,2]","é",7\n'),
    "CSV with a setting": raw("CSV", f'7;"é";"[1,2]";"{DAY}"\n', format_csv_delimiter=";"),
    "JSONEachRow": raw("JSONEachRow", LINE),
    "JSONEachRow in pieces": raw("JSONEachRow", iter([LINE[:10], LINE[10:]])),
    "TabSeparated": raw("TabSeparated", f"7\té\t[1,2]\t{DAY}\n"),
    "Values": raw("Values", f"(7, 'é', [1, 2], '{DAY}')"),
    "Parquet": raw("Parquet", parquet()),
    "a file": raw("Parquet", io.BytesIO(parquet())),
    "SQL": lambda c: c.command(f"INSERT INTO into VALUES (7, 'é', [1, 2], '{DAY}')"),
    "SQL and data": lambda c: c.command("INSERT INTO into FORMAT CSV", data=f'7,"é","[1,2]","{DAY}"\n'),
    "SELECT": lambda c: c.command(f"INSERT INTO into SELECT 7, 'é', [1, 2], '{DAY}'"),
}


@pytest.mark.parametrize("way", INSERTS)
def test_a_row_can_go_in_by_every_way(store: Stack, way: str) -> None:
    owner = store.owner()
    owner.command("TRUNCATE TABLE into")
    INSERTS[way](owner)
    assert store.reader().query("SELECT * FROM into").result_rows == [(7, "é", [1, 2], NOW.replace(tzinfo=None))]


def test_what_does_not_parse_is_refused_with_its_code_and_stores_nothing(store: Stack) -> None:
    owner = store.owner()
    owner.command("TRUNCATE TABLE into")
    with pytest.raises(DatabaseError) as raised:
        raw("CSV", f'7,"é","[1,2]","{DAY}"\nx\n')(owner)
    assert raised.value.code in {27, 117}
    assert owner.command("SELECT count() FROM into") == 0


def test_what_a_server_has_and_this_one_has_not_is_said(store: Stack) -> None:
    table = ExternalData(file_name="ext", data=b"1\n2\n", fmt="CSV", structure="x UInt8")
    with pytest.raises(DatabaseError, match="files, which are external tables, are not taken here"):
        store.reader().query("SELECT * FROM ext", external_data=table)
