"""Deletion: complete, exact in the rollups, provable, logged, and final for what arrives late."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from llmtrace_collector.errors import StoreDownError
from llmtrace_collector.gate import Gate
from llmtrace_collector.signals import Signal
from llmtrace_collector.upkeep import deletion, orders
from llmtrace_collector.upkeep.tables import ROLLUPS
from llmtrace_collector.upkeep.text import literal
from llmtrace_collector.wal.record import encode
from support.command import llmtrace
from support.landing import land
from support.otlp import CALL, post, request, span
from support.services import Stack, stack_at
from support.waiting import wait_for

pytestmark = pytest.mark.processes

HOUR_NS = 3600 * 10**9
NOW_NS = time.time_ns()


def call(user: str = "", *, hours: float = 0, trace: bytes = b"", session: str = "", **more: str) -> Span:
    """A call of some hours ago, with a body."""
    attributes: dict[str, Any] = {**CALL, "user.id": user, "session.id": session, "gen_ai.input.messages": "[]", **more}
    start = NOW_NS - int(hours * HOUR_NS) - 10**9
    return span(attributes, trace_id=trace or os.urandom(16), start_time_unix_nano=start)


def put(stack: Stack, project: str, *spans: Span) -> None:
    land(stack, Signal.TRACES, request(*spans), project=project)


def counts(stack: Stack, project: str) -> dict[str, int]:
    tables = ("spans", "span_content", "spans_quarantine")
    where = f"WHERE project = {literal(project)}"
    return {t: stack.reader().command(f"SELECT count() FROM {t} {where}") for t in tables}


def assert_rollups_are_the_spans(stack: Stack, project: str) -> None:
    """Each rollup, row by row, is what its view would make of the spans that are there."""
    client = stack.shard()
    for rollup in ROLLUPS:
        of_view = f"database = {literal(client.database)} AND name = {literal(rollup.view)}"
        select = client.query(f"SELECT as_select FROM system.tables WHERE {of_view}").result_rows[0][0]
        names = ", ".join(row[0] for row in client.query(f"DESCRIBE ({select})").result_rows)
        client.command(f"CREATE OR REPLACE TABLE expected AS {rollup.name}")
        client.command(f"INSERT INTO expected ({names}) SELECT {names} FROM ({select})")
        assert rows_of(client, rollup.name, project) == rows_of(client, "expected", project), rollup.name
    client.command("DROP TABLE expected SYNC")


def rows_of(client: Any, table: str, project: str) -> list[list[str]]:
    rows = client.query(f"SELECT * FROM {table} FINAL WHERE project = {literal(project)}").result_rows
    return sorted([str(sorted(value) if isinstance(value, list) else value) for value in row] for row in rows)


def test_a_user_is_gone_from_every_table_and_everybody_else_is_untouched(stack: Stack) -> None:
    shared, own = os.urandom(16), os.urandom(16)
    spans = [call("ada", hours=h) for h in (0, 1, 30, 200)] + [call("bob", hours=h) for h in (0, 1, 30, 200)]
    spans += [call("ada", trace=own, hours=2), call("", trace=own, hours=3), call("eve", hours=3)]
    spans += [call("ada", trace=shared), call("bob", trace=shared), call("", trace=shared)]
    spans += [span({**CALL, "user.id": who}, start_time_unix_nano=1) for who in ("ada", "bob")]
    put(stack, "whole", *spans)
    put(stack, "elsewhere", call("ada"))
    before = counts(stack, "whole")
    assert before == {"spans": 14, "span_content": 14, "spans_quarantine": 2}
    said = llmtrace(stack, "data", "delete", "--user", "ada", "--project", "whole", "--dry-run")[1]
    assert "spans                           8 would be deleted" in said
    assert counts(stack, "whole") == before
    code, said = llmtrace(
        stack, "data", "delete", "--user", "ada", "--project", "whole", "--who", "privacy desk", "--purge"
    )
    assert code == 0, said
    assert "counted again: 0 rows are left" in said
    assert counts(stack, "whole") == {"spans": 6, "span_content": 6, "spans_quarantine": 1}
    assert counts(stack, "elsewhere")["spans"] == 1, "another project's user of the same name"
    reader = stack.reader()
    assert reader.command("SELECT count() FROM spend_1m WHERE project = 'whole' AND user_id = 'ada'") == 0
    assert reader.command("SELECT groupUniqArray(user_id) FROM spans WHERE project = 'whole'") == "['bob','eve']"
    assert_rollups_are_the_spans(stack, "whole")
    masked = "SELECT groupUniqArray(table) FROM system.parts WHERE active AND has_lightweight_delete"
    assert reader.command(masked) in {"[]", "['deletion_traces']"}


def test_the_log_says_who_what_and_when_but_not_the_id_unless_asked(stack: Stack) -> None:
    put(stack, "logged", call("countess-lovelace"), call("mr-babbage"))
    llmtrace(stack, "data", "delete", "--user", "countess-lovelace", "--project", "logged", "--who", "ticket 17")
    llmtrace(stack, "data", "delete", "--user", "mr-babbage", "--project", "logged", "--keep-value")
    rows = stack.reader().query("SELECT * FROM deletions WHERE project = 'logged'").result_rows
    assert "countess" not in str(rows)
    assert "mr-babbage" in str(rows)
    said = llmtrace(stack, "data", "deletions", "--user", "countess-lovelace")[1]
    assert said.count("\n") == 1
    assert " done user " in said
    assert "2 rows, by ticket 17" in said
    assert llmtrace(stack, "data", "deletions", "--user", "nobody") == (0, "")


def test_a_session_a_trace_or_a_time_range_goes(stack: Stack) -> None:
    trace = os.urandom(16)
    put(stack, "kinds", call("a", session="s1", hours=5), call("b", session="s2", hours=5), call("c", trace=trace))
    put(stack, "kinds", call("d", trace=trace), call("e", hours=50), call("f", hours=60))
    assert llmtrace(stack, "data", "delete", "--session", "s1", "--project", "kinds")[0] == 0
    assert counts(stack, "kinds")["spans"] == 5
    assert llmtrace(stack, "data", "delete", "--trace", trace.hex().upper(), "--project", "kinds")[0] == 0
    assert counts(stack, "kinds")["spans"] == 3
    start, end = (time.strftime("%Y-%m-%dT%H:%M", time.gmtime(NOW_NS / 1e9 - h * 3600)) for h in (55, 45))
    assert llmtrace(stack, "data", "delete", "--from", start, "--to", end, "--project", "kinds")[0] == 0
    assert counts(stack, "kinds") == {"spans": 2, "span_content": 2, "spans_quarantine": 0}
    assert_rollups_are_the_spans(stack, "kinds")


def test_rollup_rows_of_a_user_go_although_the_spans_have_long_expired(stack: Stack) -> None:
    stack.owner().command(
        "INSERT INTO spend_1m (project, minute, model, user_id, calls)"
        " SELECT 'expired', now() - INTERVAL 39 DAY, 'm', arrayJoin(['old friend', 'another']), 3"
    )
    assert llmtrace(stack, "data", "delete", "--user", "old friend", "--project", "expired")[0] == 0
    assert (
        stack.reader().command("SELECT groupUniqArray(user_id) FROM spend_1m WHERE project = 'expired'")
        == "['another']"
    )


def test_while_spans_pour_in_nothing_of_others_is_lost_and_the_rollups_stay_exact(tmp_path: Path) -> None:
    with stack_at(tmp_path) as stack:
        stack.store()
        stack.collector()
        stack.wait_migrated()
        delete_under_load(stack)


def delete_under_load(stack: Stack) -> None:
    stop, sent, tried = threading.Event(), [], []

    def send() -> None:
        while not stop.is_set():
            users = ["load-a", "load-b"]
            tried.append(1)
            with suppress(OSError):
                if post(f"{stack.http_url}/v1/traces", request(*(call(user) for user in users)))[0] == 200:
                    sent.append(1)
            stop.wait(0.02)  # a pace, not a wait for anything

    senders = [threading.Thread(target=send) for _ in range(2)]
    for sender in senders:
        sender.start()
    wait_for(lambda: len(sent) > 20)
    results = [llmtrace(stack, "data", "delete", "--user", "load-a") for _ in range(2)]
    stop.set()
    for sender in senders:
        sender.join()
    assert [code for code, _ in results] == [0, 0], results
    of_b = "SELECT count() FROM spans WHERE user_id = 'load-b'"
    wait_for(lambda: stack.reader().command(of_b) >= len(sent), 60, what="what was acknowledged of others")
    # Its rows are seen table by table: a segment that is gone from the log is in all of them.
    traces = stack.data / "wal" / "traces"
    wait_for(lambda: not [*traces.glob("*.open"), *traces.glob("*.seg")], 60, what="the last segment to be done")
    assert len(sent) <= stack.reader().command(of_b) <= len(tried)
    assert_rollups_are_the_spans(stack, "default")


class Cut:
    """A client that dies before its nth write."""

    def __init__(self, client: Any, writes: int) -> None:
        self._client = client
        self.left = writes

    def __getattr__(self, name: str) -> Any:
        if name in {"command", "insert"}:
            if not self.left:
                raise StoreDownError("killed")
            self.left -= 1
        return getattr(self._client, name)


@pytest.mark.parametrize("writes", [1, 3, 6, 12])
def test_cut_short_before_some_write_it_is_finished_by_resuming(stack: Stack, writes: int) -> None:
    gate, project, user = Gate(stack.data), f"cut {writes}", f"cut-{writes}"
    put(stack, project, call(user, hours=1), call(user, hours=200), call("stays", hours=1))
    client = stack.shard()
    order = deletion.within(orders.order(kind="user", value=user, project=project, who="a test"), client)
    with pytest.raises(StoreDownError, match="killed"):
        deletion.carry_out(Cut(client, writes), order, gate=gate)  # type: ignore[arg-type]
    noted = {each.deletion.selection.deletion_id: each.deletion for each in orders.logged(client)}
    deletion.carry_out(client, deletion.within(noted.get(order.selection.deletion_id, order), client), gate=gate)
    found = stack.reader().query(f"SELECT user_id FROM spans WHERE project = '{project}'").result_rows
    assert found == [("stays",)]
    assert_rollups_are_the_spans(stack, project)


def leave(stack: Stack, kind: str, name: str, project: str, *bodies: bytes, received_ns: int = 0) -> Path:
    """Records as an earlier collector left them, in its log or with the dead letters."""
    folder = stack.data / "wal" / kind
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / name
    received_ns = received_ns or time.time_ns()
    file.write_bytes(b"".join(encode(project=project, received_ns=received_ns, request=body) for body in bodies))
    return file


def test_what_waited_in_a_log_is_deleted_when_it_is_stored_later_and_what_comes_after_the_request_stays(
    tmp_path: Path,
) -> None:
    with stack_at(tmp_path) as stack:
        stack.store()
        first = stack.collector()
        stack.wait_migrated()
        put(stack, "default", call("ada", hours=1), call("bob", hours=1))
        assert first.stop() == 0
        late = request(call("ada", hours=1), call("ada", hours=30), call("bob", hours=30))
        leave(stack, "traces", f"{time.time_ns():026d}-aaaaaaaa.seg", "default", late)
        code, said = llmtrace(stack, "data", "delete", "--user", "ada", "--wait", "0")
        assert code == 0
        assert "older spans still wait in the log" in said
        stack.collector()
        assert post(f"{stack.http_url}/v1/traces", request(call("ada")))[0] == 200
        wait_for(lambda: stack.reader().command("SELECT count() FROM deletions WHERE step = 'settled'") == 1, 120)
        found = stack.reader().query("SELECT user_id, count() FROM spans GROUP BY 1 ORDER BY 1").result_rows
        assert found == [("ada", 1), ("bob", 2)]
        assert counts(stack, "default")["span_content"] == 3
        assert stack.reader().command("SELECT sum(rows['spans']) FROM deletions WHERE step = 'late'") == 2
        assert_rollups_are_the_spans(stack, "default")


def test_dead_letters_of_a_user_go_and_those_of_others_stay(stack: Stack) -> None:
    broken = b"\x0a\x7f"  # ClickHouse would refuse it behind the sound part
    of = {who: request(call(who)) + broken for who in ("dead-ada", "dead-bob")}
    mixed = leave(stack, "dead/traces", "1-a.records", "letters", *of.values())
    mixed.with_suffix(".reason").write_text("it does not parse\nitems: 2\n")
    whole = leave(stack, "dead/traces", "1-b.records", "letters", of["dead-ada"])
    whole.with_suffix(".reason").write_text("it does not parse\nitems: 1\n")
    torn = leave(stack, "dead/traces", "1-c.records", "letters", of["dead-ada"])
    torn.write_bytes(torn.read_bytes()[:-3])
    newer = leave(stack, "dead/traces", "1-d.records", "letters", of["dead-ada"], received_ns=time.time_ns() + HOUR_NS)
    code, said = llmtrace(stack, "data", "delete", "--user", "dead-ada", "--project", "letters")
    assert code == 0
    assert "dead letters                    3 deleted" in said
    assert mixed.read_bytes().count(b"dead-bob") == 1
    assert b"dead-ada" not in mixed.read_bytes()
    assert not whole.exists()
    assert not whole.with_suffix(".reason").exists()
    assert not torn.exists()
    assert newer.exists()
    assert whole.with_suffix(".discarded").read_text().endswith("items: 1\n"), "the log's books count it"
    for left in (mixed, newer):
        left.unlink()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "say what to delete: --user, --session or --trace with an id, or --from and --to"),
        ({"--user": " "}, "--user: the id is empty"),
        ({"--trace": "abc"}, '--trace: "abc" is not a trace id; write its 32 hexadecimal digits'),
        ({"--from": "2026-01-02", "--to": "2026-01-01"}, "--from 2026-01-02 is not before --to 2026-01-01"),
        ({"--from": "yesterday"}, '--from: "yesterday" is not a time; write it like 2026-11-24T08:00'),
    ],
)
def test_what_cannot_be_deleted_is_said_in_one_sentence(
    tmp_path: Path, options: Mapping[str, str], message: str
) -> None:
    words = [word for option in options.items() for word in option]
    command = [sys.executable, "-m", "llmtrace.cli", "data", "delete", *words, "--data", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert message in done.stderr
