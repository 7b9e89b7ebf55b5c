"""Native for clients of ClickHouse's protocol, such as clickhouse-go, which is what Grafana's plugin asks by."""

from __future__ import annotations

import urllib.error
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.grafana import send
from support.native import decoded
from support.services import SERVER, Stack, stack_at

pytestmark = pytest.mark.skipif(bool(SERVER), reason="a server frames by itself, and this is about the store")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with stack_at(tmp_path_factory.mktemp("native")) as running:
        running.store()
        yield running


def ask(store: Stack, sql: str) -> dict[str, list[Any]]:
    return decoded(send(store.store_url, sql, form="Native"))


def test_a_client_says_hello_and_pings(store: Stack) -> None:
    """What clickhouse-go asks when it connects, and whether it still is."""
    (hello,) = zip(*ask(store, "SELECT displayName(), version(), revision(), timezone()").values(), strict=True)
    assert hello[1].startswith("26.")
    assert hello[2] > 54454
    assert hello[3]
    assert ask(store, "SELECT 1") == {"1": [1]}


VALUES = [
    ("toUInt8(1)", 1),
    ("true", True),
    ("toInt128(-5)", -5),
    ("toInt256(-5)", -5),
    ("toFloat32(0.5)", 0.5),
    ("toNullable('x')", "x"),
    ("CAST(NULL, 'Nullable(Float64)')", None),
    ("NULL", None),
    ("toFixedString('abc', 3)", b"abc"),
    ("repeated", "é" * 300),
    ("toString(toDecimal32(1.5, 2))", "1.5"),
    ("[toDecimal32(1.5, 2), 2]", None),
    ("toDecimal64(1.5, 10)", None),
    ("toDecimal128(1.5, 12)", None),
    ("toDecimal256(1.5, 40)", None),
    ("toDateTime64('2026-01-02 03:04:05', 9, 'UTC')", None),
    ("toDate32('1930-01-02')", None),
    ("toUUID('61f0c404-5cb3-11e7-907b-a6006ad3dba0')", None),
    ("toIPv6('::1')", None),
    ("CAST('a', 'Enum8(\\'a, (LowCardinality(b\\' = 1, \\'a\\' = 2)')", "a"),
    ("CAST([], 'Array(LowCardinality(String))')", []),
    ("[[], [1, 2], [3]]", [[], [1, 2], [3]]),
    ("[toNullable('x'), NULL]", ["x", None]),
    ("toLowCardinality('x')", "x"),
    ("toLowCardinality(toNullable('x'))", "x"),
    ("[toLowCardinality('x'), 'y']", ["x", "y"]),
    ("map(toLowCardinality('a'), [toLowCardinality('b')])", {"a": ["b"]}),
    ("CAST(map(), 'Map(LowCardinality(String), String)')", {}),
    ("tuple(1, 'b', toLowCardinality('c'))", (1, "b", "c")),
    ("CAST((1, ['x']), 'Tuple(a UInt8, b Array(LowCardinality(String)))')", {"a": 1, "b": ["x"]}),
    ("CAST((1, 'x'), 'Tuple(`a b` UInt8, `Array(` String)')", {"a b": 1, "Array(": "x"}),
    ("CAST((1, [(2, 'x')]), 'Tuple(n Nullable(UInt8), o Array(Tuple(UInt16, String)))')", {"n": 1, "o": [(2, "x")]}),
    ("toIntervalDay(3)", None),
]


@pytest.mark.parametrize(("expression", "value"), VALUES)
def test_a_column_of_any_common_type_is_followed_by_the_next(store: Stack, expression: str, value: Any) -> None:
    """Were the length of one told wrongly, the next could not be read."""
    expression = "arrayStringConcat(arrayMap(x -> 'é', range(300)))" if expression == "repeated" else expression
    for suffix in (" FROM numbers(3)", ""):
        columns = ask(store, f"SELECT {expression} AS told, 'next' AS after{suffix}")
        assert columns["after"] == ["next"] * len(columns["told"])
        if value is not None:
            assert columns["told"][-1] == value


def test_many_blocks_are_many_frames_and_none_is_none(store: Stack) -> None:
    sql = "SELECT number, toLowCardinality(toString(number % 300)) AS text FROM numbers(30000)"
    columns = ask(store, sql)
    assert columns["number"] == list(range(30_000))
    assert columns["text"] == [str(n % 300) for n in range(30_000)]
    assert ask(store, "SELECT number FROM numbers(3) WHERE number > 5").get("number", []) == []


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=200), min_size=1, max_size=9))
def test_any_text_is_told_as_it_is(store: Stack, texts: list[str]) -> None:
    literals = ", ".join("unhex('" + text.encode().hex() + "')" for text in texts)
    columns = ask(store, f"SELECT arrayJoin([{literals}]) AS text, [text] AS again")
    assert columns == {"text": texts, "again": [[text] for text in texts]}


@pytest.mark.parametrize("expression", ["sumState(1)", "CAST(1, 'Dynamic')", "CAST((1., 2.), 'Point')"])
def test_what_cannot_be_told_apart_is_refused_in_a_sentence(store: Stack, expression: str) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        send(store.store_url, f"SELECT {expression} AS x", form="Native")
    assert "is not given in Native to this client; select it with toString(...)" in refused.value.read().decode()


def test_a_type_as_deep_as_nobody_needs_and_more_text_than_anybody_reads_are_refused(store: Stack) -> None:
    deep = "Array(" * 60 + "UInt8" + ")" * 60
    much = ", ".join(f"'' AS c{n}" for n in range(5)) + " FROM numbers(4500000)"
    for sql, why in ((f"CAST([], '{deep}') AS x", "Array(Array("), (much, "ask for fewer rows")):
        with pytest.raises(urllib.error.HTTPError) as refused:
            send(store.store_url, f"SELECT {sql}", form="Native")
        assert why in refused.value.read().decode()


def test_other_clients_and_other_formats_are_answered_as_before(store: Stack) -> None:
    unframed = b"\x01\x01\x011\x05UInt8\x01"
    assert send(store.store_url, "SELECT 1", form="Native", client_protocol_version="54405") == unframed
    assert send(store.store_url, "SELECT 1", form="Native", client_protocol_version="x") == unframed
    assert send(store.store_url, "SELECT 1 FORMAT CSV", form="Native") == b"1\n"
    assert store.reader().query("SELECT 1").result_rows == [(1,)]
