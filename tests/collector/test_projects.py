"""Two projects never meet: whatever a reader of one asks, the answer is as if the other were not there."""

from __future__ import annotations

import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from llmtrace_collector.access import Scope
from llmtrace_collector.access.register import Register
from llmtrace_collector.folder import DataFolder
from support.otlp import CALL, post, request, span
from support.services import Stack, stack_at
from support.waiting import wait_for

SECRET = "the plan of beta"

ANSWERED = [
    "SELECT count(), uniq(user_id), max(cost_usd), min(trace_id), any(name) FROM spans",
    "SELECT count(*) FROM llmtrace.spans",
    "SELECT DISTINCT project, user_id FROM spans ORDER BY user_id",
    "SELECT min(timestamp) > 0, max(timestamp) > 0, count() FROM spans GROUP BY project WITH TOTALS",
    "SELECT count() FROM (SELECT * FROM spans)",
    "WITH c AS (SELECT * FROM spans) SELECT count() FROM c AS spans",
    "SELECT count() FROM spans AS `llmtrace.schema_migrations`",
    "SELECT count() FROM spans AS schema_migrations",
    "SELECT count() FROM spans AS a, spans AS b",
    "SELECT count() FROM spans AS a FULL JOIN span_content AS b ON a.trace_id = b.trace_id",
    "SELECT count() FROM (SELECT user_id FROM spans UNION ALL SELECT user_id FROM spend_1m)",
    "SELECT 'bob' IN (SELECT user_id FROM spans), 'bob' NOT IN (SELECT user_id FROM spend_1m)",
    "SELECT count() FROM numbers(3) WHERE 'beta' IN (SELECT project FROM spans)",
    "SELECT (SELECT max(user_id) FROM spans), exists(SELECT 1 FROM spans WHERE user_id = 'bob')",
    "SELECT user_id FROM spans INTERSECT SELECT 'bob'",
    "SELECT lagInFrame(user_id) OVER (ORDER BY timestamp) FROM spans",
    "SELECT sum(calls) FROM spend_1m_mv",
    "SELECT sum(calls), max(user_id) FROM spend_1m",
    "SELECT count() FROM dim_values WHERE value = 'bob'",
    "SELECT count() FROM traces WHERE project != 'alpha'",
    "SELECT count() FROM span_content WHERE toString(tuple(*)) LIKE '%plan%'",
    "SELECT count() FROM retention",
    "SELECT count() FROM ingested WHERE project = 'beta'",
    "SELECT count() FROM otlp_traces",
    "SELECT user_id FROM spans FORMAT JSON",
    # Conditions that fail on others' rows, if they ever meet them.
    "SELECT count() FROM spans WHERE intDiv(1, user_id != 'bob')",
    "SELECT count() FROM spans WHERE NOT ignore(intDiv(1, project != 'beta'))",
    "SELECT count() FROM spans WHERE timestamp > now() - 3600 AND intDiv(1, user_id != 'bob')",
    "SELECT count() FROM spans WHERE project = 'beta' OR intDiv(1, user_id != 'bob')",
    "SELECT count() FROM (SELECT * FROM spans ORDER BY timestamp) WHERE intDiv(1, user_id != 'bob')",
    "SELECT count() FROM spans a JOIN spans b ON a.trace_id = b.trace_id WHERE intDiv(1, b.user_id != 'bob')",
    "SELECT count() FROM spans ARRAY JOIN [intDiv(1, user_id != 'bob')] AS x",
    "SELECT count() FROM spans WHERE toUInt8(if(user_id = 'bob', 'x', '1'))",
    "SELECT sum(intDiv(1, user_id != 'bob')) FROM spans",
]

REFUSED = [
    "SELECT count() FROM spans PREWHERE intDiv(1, user_id != 'bob')",
    "SELECT count() FROM spans pReWhErE user_id = 'bob'",
    # What tells of tables as a whole, or undoes the filter.
    "SELECT sum(rows) FROM system.parts",
    "SELECT sum(total_rows) FROM system.tables",
    "SELECT sum(data_compressed_bytes) FROM system.columns",
    "SELECT sum(table_rows) FROM information_schema.tables",
    "SELECT 1 WHERE 1 IN system.parts",
    "EXPLAIN ESTIMATE SELECT * FROM spans",
    "EXPLAIN indexes = 1 SELECT * FROM spans",
    "SELECT * FROM (EXPLAIN SELECT * FROM spans)",
    "SELECT count() FROM spans SETTINGS additional_table_filters = {}",
    "SET additional_table_filters = {}",
    "SELECT count() FROM spans; SELECT count() FROM spans",
    "SELECT count() FROM merge('llmtrace', 'spans')",
    "SELECT count() FROM remote('127.0.0.1', llmtrace.spans)",
]

SETTINGS = [
    {"additional_table_filters": "{}"},
    {"allow_experimental_analyzer": "0"},
    {"max_rows_to_read": "1"},
    {"query_plan_filter_push_down": "1"},
    {"readonly": "0", "query": "SELECT count() FROM spans"},
    {"database": "system", "query": "SELECT count() FROM parts"},
    {"database": "information_schema", "query": "SELECT count() FROM tables"},
    {"param_t": "parts", "query": "SELECT count() FROM system.{t:Identifier}"},
    {"param_t": "system.parts", "query": "SELECT count() FROM {t:Identifier}"},
    {"output_format_write_statistics": "1", "query": "SELECT count() FROM spans FORMAT JSON"},
]


class Two:
    """A stack with a key for sending and one for reading for each of two projects."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        register = Register(DataFolder(stack.data))
        self.keys = {
            (project, scope): register.create(name="k", project=project, scopes={scope}, who="tests")[1]
            for project in ("alpha", "beta")
            for scope in (Scope.INGEST, Scope.READ)
        }

    def send(self, project: str, user: str, text: str) -> None:
        content = f'[{{"role": "user", "parts": [{{"type": "text", "content": "{text}"}}]}}]'
        body = request(span({**CALL, "user.id": user, "gen_ai.input.messages": content}, name=f"call of {user}"))
        key = self.keys[project, Scope.INGEST]
        sent = wait_for(lambda: post(f"{self.stack.http_url}/v1/traces", body, authorization=f"Bearer {key}"))
        assert sent[0] == 200
        count = f"SELECT count() FROM spans WHERE user_id = '{user}'"
        wait_for(lambda: self.stack.owner().command(count) == 1, 40)

    def ask(self, project: str, statement: str, **more: str) -> tuple[int, str, str]:
        """Status, text, and the counts in the summary."""
        url = f"{self.stack.store_url}/?{urllib.parse.urlencode({'query': statement, **more})}"
        headers = {"X-ClickHouse-Key": self.keys[project, Scope.READ]}
        try:
            with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=60) as answer:
                counts = answer.headers["X-ClickHouse-Summary"].partition('"elapsed_ns"')[0]
                return answer.status, answer.read().decode(), counts
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode(), ""

    def everything(self, project: str) -> dict[str, tuple[int, str, str]]:
        asked = {statement: self.ask(project, statement) for statement in (*ANSWERED, *REFUSED)}
        return asked | {str(more): self.ask(project, "SELECT count() FROM spans", **more) for more in SETTINGS}


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Two]:
    with stack_at(tmp_path_factory.mktemp("two")) as stack:
        stack.store()
        stack.collector()
        stack.wait_migrated()
        yield Two(stack)


def test_no_answer_to_a_reader_of_one_project_changes_when_another_project_gets_data(two: Two) -> None:
    two.send("alpha", "ada", "hello")
    before = two.everything("alpha")
    two.send("beta", "bob", SECRET)
    after = two.everything("alpha")
    assert after == before
    assert before["SELECT count(*) FROM llmtrace.spans"][:2] == (200, "1\n")
    assert [text for status, text, _ in after.values() if "bob" in text and status == 200] == []
    # Or the comparison would mean little.
    assert [statement for statement in ANSWERED if after[statement][0] != 200] == []
    assert [statement for statement in REFUSED if after[statement][0] == 200] == []
    assert two.ask("beta", "SELECT name FROM spans")[1] == "call of bob\n"


def test_every_table_shows_a_reader_nothing_of_another_project(two: Two) -> None:
    owner = two.stack.owner()
    sql = "SELECT DISTINCT table FROM system.columns WHERE database = 'llmtrace' AND name = 'project'"
    tables = [row[0] for row in owner.query(sql).result_rows]
    assert {"spans", "span_content", "spend_1m", "log_records"} <= set(tables)
    for table in tables:
        status, text, _ = two.ask("beta", f"SELECT count() FROM `{table}` WHERE project != 'beta'")
        # What comes in (Null tables) cannot be read at all by some engines; nothing may be seen by any.
        assert (status, text) == (200, "0\n") or status >= 400, (table, text)
    assert two.ask("beta", "SELECT count() FROM alert_deliveries")[1] == "0\n"


def test_only_keys_for_reading_read_and_a_revoked_one_no_more(two: Two) -> None:
    sending = two.keys["alpha", Scope.INGEST]
    url = f"{two.stack.store_url}/?query=SELECT+count()+FROM+spans"
    assert post(url, None, X_ClickHouse_Key=sending)[0] == 403
    assert post(url, None, X_ClickHouse_Key="llmtrace_00000000_wrong")[0] == 403
    assert post(url, None)[:2] == (200, b"2\n")
    assert post(url, None, authorization=f"Bearer {two.keys['alpha', Scope.READ]}")[:2] == (200, b"1\n")
    register = Register(DataFolder(two.stack.data))
    key, text = register.create(name="gone", project="alpha", scopes={Scope.READ}, who="tests")
    wait_for(lambda: post(url, None, X_ClickHouse_Key=text)[0] == 200)
    register.revoke(key.id, who="tests")
    wait_for(lambda: post(url, None, X_ClickHouse_Key=text)[0] == 403)
    assert text.split("_", 2)[2] not in (two.stack.folder / "store.log").read_text()


def test_row_policies_for_a_server_are_sql_and_cover_every_table_with_a_project(two: Two) -> None:
    command = [sys.executable, "-m", "llmtrace.cli", "keys", "policies", "shop_reader", "--project", "shop"]
    command += ["--data", str(two.stack.data), "--store-port", str(two.stack.store_port)]
    statements = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    owner = two.stack.owner()
    # No server with users here: the engine parses them, and that is all that is shown.
    for statement in statements:
        assert owner.query("SELECT formatQuerySingleLine({s:String})", parameters={"s": statement}).result_rows
    for table in ("spans", "span_content", "spend_1m", "log_records"):
        assert any(f"llmtrace.`{table}` FOR SELECT USING project = 'shop' TO shop_reader" in s for s in statements)
        assert f"GRANT SELECT ON llmtrace.`{table}` TO shop_reader;" in statements


def test_where_a_key_is_required_nobody_reads_without_one_and_the_apps_own_reader_writes_nothing(
    tmp_path: Path,
) -> None:
    from llmtrace_collector.database import Address, connect
    from llmtrace_collector.errors import StoreRefusedError
    from llmtrace_collector.store.users import READER, everything_key

    with stack_at(tmp_path) as stack:
        stack.store("--require-read-key")
        with pytest.raises(StoreRefusedError):
            stack.reader()
        key = everything_key((stack.data / "store.key").read_text())
        client = connect(Address(host="127.0.0.1", port=stack.store_port, username=READER, password=key))
        assert client.command("SELECT 1") == 1
        with pytest.raises(Exception, match="ACCESS_DENIED"):
            client.command("CREATE TABLE x (a UInt8) ENGINE = Memory")
        client.close()
