"""Ways out of the fence, each with the answer it gets; `support.attacks` has the list."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest

from llmtrace_collector.store.fence import TAKES_A_FUNCTION, allowed_functions
from support.attacks import ATTACKS, NO_BARE_NAME, NO_FORMAT, NO_TABLE
from support.otlp import post
from support.services import Stack, stack_at

SECRET = "kept from strangers"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with stack_at(tmp_path_factory.mktemp("attacked")) as running:
        (running.folder / "secret").write_text(SECRET)
        running.store()
        owner = running.owner()
        owner.command("CREATE TABLE notes (text String) ENGINE = MergeTree ORDER BY text")
        owner.insert("notes", [["kept"]], column_names=["text"])
        yield running


def asked(store: Stack, sql: str, headers: dict[str, str] | None = None, **url: str) -> tuple[int, str]:
    """Status and text of a statement in the body."""
    sql = sql.replace("@path@", str(store.folder / "secret")).replace("@out@", str(store.folder / "out"))
    status, body, _ = post(f"{store.store_url}/?{urlencode(url)}", sql.encode(), **headers or {})
    return status, body.decode(errors="replace")


@pytest.mark.parametrize(
    ("sql", "answer"), [(sql, answer) for answer, statements in ATTACKS.items() for sql in statements]
)
def test_an_attack_gets_this_answer(store: Stack, sql: str, answer: str) -> None:
    status, text = asked(store, sql, max_execution_time="2" if "TIMEOUT" in answer else "30")
    assert status >= 400
    assert answer in text
    assert SECRET not in text


HARMLESS = {
    "SELECT 1 -- FORMAT Template": "1\n",
    "SELECT 1 AS format ORDER BY format DESC": "1\n",
    "SELECT 1 AS FORMAT ORDER BY FORMAT DESC": "1\n",
    "SELECT 1 --\r; DROP TABLE notes": "1\n",
    "SELECT $x$; DROP TABLE notes$x$": "; DROP TABLE notes\n",
    "SELECT text FROM notes -- \u2028; DROP TABLE notes": "kept\n",
    "WITH file AS (SELECT 1) SELECT * FROM file": "1\n",
    "SELECT arrayMap(x -> upper(x), ['a']), arraySort(['b', 'a']), arrayMax([1])": "['A']\t['a','b']\t1\n",
}


@pytest.mark.parametrize("sql", HARMLESS)
def test_what_only_looks_like_one_is_answered(store: Stack, sql: str) -> None:
    assert asked(store, sql) == (200, HARMLESS[sql])


PARAMETERS = [
    ("SELECT {x:String}", {"param_x": "'; DROP TABLE notes; --"}, 200, "DROP TABLE notes"),
    ("SELECT {x:Array(String)}", {"param_x": "['a', file('x')]"}, 500, "cannot be parsed"),
    ("SELECT {x:UInt8}", {"param_x": "file('x')"}, 400, "cannot be parsed as UInt8"),
    ("SELECT {f:Identifier}", {"param_f": "file('x')"}, 400, "Unknown expression identifier"),
    ("SELECT arrayMap({f:Identifier}, ['@path@'])", {"param_f": "file"}, 403, NO_BARE_NAME),
    ("SELECT * FROM {t:Identifier}", {"param_t": "notes SETTINGS readonly = 0"}, 404, "Unknown table expression"),
    ("SELECT * FROM {t:Identifier}", {"param_t": "system.processes"}, 403, NO_TABLE),
    ("SELECT 1", {"param_llmtrace_sql": "DROP TABLE notes"}, 403, "are reserved"),
    ("SELECT arrayMap(file, ['@path@'])", {"allow_experimental_analyzer": "0"}, 403, NO_BARE_NAME),
    ("SELECT 1", {"allow_ddl": "1"}, 403, "cannot be changed without the store's key"),
    ("SELECT 1", {"allow_introspection_functions": "1"}, 403, "cannot be changed"),
    ("SELECT 1", {"additional_result_filter": "1"}, 403, "cannot be changed"),
    ("SELECT 1", {"profile": "default"}, 403, "cannot be changed"),
    ("SELECT 1", {"SQL_x": "1"}, 403, "cannot be changed"),
    ("SELECT 1", {"database": "system"}, 403, "system cannot be the database here"),
    ("SELECT 1", {"database": "llmtrace; DROP TABLE notes"}, 404, "does not exist"),
    ("SELECT 1", {"default_format": "Template"}, 400, NO_FORMAT),
    ("SELECT 1", {"session_timezone": "../../etc/passwd"}, 400, "Invalid time zone"),
    ("SELECT 1", {"user": "llmtrace"}, 403, "Authentication failed"),
    ("SELECT 1", {"role": "admin", "quota_key": "x", "session_id": "x", "query_id": "' OR 1"}, 200, "1\n"),
    ("SELECT 1", {"log_comment": "'; SET readonly = 0; --"}, 200, "1\n"),
]
LOWERED = {
    "readonly": ("0", "1"),
    "max_execution_time": ("0", "30"),
    "max_memory_usage": ("99999999999", "1073741824"),
    "max_result_rows": ("-1", "5000000"),
    "max_result_bytes": ("1e18", "268435456"),
    "result_overflow_mode": ("break", "throw"),
    "timeout_overflow_mode": ("break", "throw"),
    "max_block_size": ("65536; SET readonly = 0", "8192"),
}


@pytest.mark.parametrize(("sql", "url", "status", "answer"), PARAMETERS)
def test_nothing_gets_in_by_the_url(store: Stack, sql: str, url: dict[str, str], status: int, answer: str) -> None:
    got = asked(store, sql, **url)
    assert (got[0], answer in got[1], SECRET in got[1]) == (status, True, False), got


@pytest.mark.parametrize("name", LOWERED)
def test_a_limit_stays_whatever_is_asked(store: Stack, name: str) -> None:
    wanted, stays = LOWERED[name]
    sql = f"SELECT value FROM system.settings WHERE name = '{name}'"
    assert asked(store, sql, **{name: wanted}) == (200, f"{stays}\n")


def test_threads_are_given_up_to_a_number(store: Stack) -> None:
    sql = "SELECT value FROM system.settings WHERE name = 'max_threads'"
    assert asked(store, sql, max_threads="3")[1] == "3\n"
    assert asked(store, sql, max_threads="100000")[1] == asked(store, sql)[1]


@pytest.mark.parametrize(
    ("headers", "status", "answer"),
    [
        ({"X_ClickHouse_Database": "system"}, 404, "UNKNOWN_TABLE"),
        ({"X_ClickHouse_Format": "Template"}, 404, "UNKNOWN_TABLE"),
        ({"X_ClickHouse_User": "llmtrace", "X_ClickHouse_Key": ""}, 403, "Authentication failed"),
        ({"X_ClickHouse_User": "llmtrace-reader", "X_ClickHouse_Key": ""}, 403, "Authentication failed"),
        ({"X_ClickHouse_User": "llmtrace", "X_ClickHouse_SSL_Certificate_Auth": "on"}, 403, "Authentication failed"),
        ({"Authorization": "Basic bGxtdHJhY2U6"}, 403, "Authentication failed"),
        ({"Authorization": "Basic !!"}, 403, "Authentication failed"),
        ({"Authorization": "Bearer x"}, 403, "Authentication failed"),
        ({"Content_Encoding": "lz4"}, 400, "does not inflate"),
        ({"Content_Encoding": "x"}, 400, "is not offered"),
        ({"Host": "evil.example"}, 403, "does not answer to the host name"),
        ({"content-type": "multipart/form-data"}, 400, "Missing boundary"),
    ],
)
def test_nothing_gets_in_by_a_header(store: Stack, headers: dict[str, str], status: int, answer: str) -> None:
    got = asked(store, "SELECT * FROM disks", headers)
    assert (got[0], answer in got[1]) == (status, True), got


def test_no_allowed_function_but_those_known_for_it_takes_another_by_its_bare_name(store: Stack) -> None:
    owner = store.owner()
    known = {name.lower(): name for (name,) in owner.query("SELECT name FROM system.functions").result_rows}
    shapes = ("{}(file, ['@path@'])", "{}(file, map('@path@', 1))")
    takes = set()
    for name in allowed_functions() & known.keys():
        for shape in shapes:
            # As the owner: the fence would refuse some for other reasons.
            text = _as_owner(store, f"SELECT {shape.format(known[name])}")
            if "UNKNOWN_IDENTIFIER" not in text:
                takes.add(name)
    # These are asked before their names are looked up, or do not parse.
    takes -= {"exists", "cast", "neighbor", "runningaccumulate", "runningdifference", "position", "substring"}
    takes -= {"group_concat", "groupconcat", "string_agg"}
    assert takes == TAKES_A_FUNCTION & known.keys()


def _as_owner(store: Stack, sql: str) -> str:
    key = (store.data / "store.key").read_text()
    return asked(store, sql, {"X_ClickHouse_User": "llmtrace", "X_ClickHouse_Key": key})[1]


def test_after_all_that_the_table_is_as_it_was_and_no_file_was_written(store: Stack) -> None:
    assert asked(store, "SELECT text FROM notes") == (200, "kept\n")
    assert not Path(store.folder / "out").exists()
