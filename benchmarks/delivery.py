"""Are alerts lost or doubled on the way to receivers that fail while the collector is killed at every step?

    python -m benchmarks.delivery [--users 1250] [--receivers 4] [--kills 80] [--seed 1]

Every user overspends and stops: a firing and a resolved for each of the receivers, 10,000 deliveries by default,
decided by the real watch over a real store process, sent over real sockets to signed webhooks. An attempt meets a
fault with probability 0.3: 500, 503, 429 and 502 with Retry-After, a redirect, no answer within the timeout, a reset,
a close before the answer, an acknowledgement that is lost after the receiver has kept the notice. The watch runs in a
process of its own that kills itself with SIGKILL before or after a commit, before or after an attempt, at a random
one of each; another one goes on. Its clock is virtual: when nothing is due it jumps to what is due next, so the
schedule's hours take no time.

Lost must be 0; what comes twice must have the id and the body of the first time.
"""

from __future__ import annotations

import argparse
import base64
import json
import logging
import multiprocessing
import os
import signal
import socket
import sqlite3
import struct
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from random import Random
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from standardwebhooks import Webhook as Verifier

from benchmarks.durability import _owner
from llmtrace_collector.channels import Allowed, Answer, Gateway, Sender
from llmtrace_collector.database import Address, connect
from llmtrace_collector.schema.migrate import migrate
from llmtrace_collector.store.users import OWNER
from llmtrace_collector.watch import RuleSource, Watch
from llmtrace_collector.watch.journal import Journal
from llmtrace_collector.watch.times import from_ms, to_ms
from support.services import stack_at

SECRET = "whsec_" + base64.b64encode(b"a secret of twenty-four!").decode()
NOON = datetime(2026, 11, 22, 12, 0, 30, tzinfo=UTC)
TIMEOUT_S = 0.5
FAULTS = ("500", "503", "429", "502", "302", "hang", "reset", "close", "lost ack", "lost ack by reset")
MOST_FAULTS = 7
"""For one notice, so that none comes to the end of its ten attempts."""
STEPS = ("before commit", "after commit", "before attempt", "after attempt")


class Receivers:
    """All receivers behind one port, told apart by path; remembers what it was given and fails as the seed has it."""

    def __init__(self, seed: int) -> None:
        self.kept: dict[tuple[str, str], bytes] = {}
        self.doubles: Counter[str] = Counter()
        self.faults: Counter[str] = Counter()
        self.attempts = 0
        self._failed: Counter[tuple[str, str]] = Counter()
        self._random = Random(seed)
        self._lock = threading.Lock()

    def fault(self, path: str, message_id: str) -> str:
        """What an attempt meets; empty: nothing."""
        with self._lock:
            self.attempts += 1
            if self._random.random() > 0.3 or self._failed[path, message_id] >= MOST_FAULTS:
                return ""
            self._failed[path, message_id] += 1
            chosen = self._random.choice(FAULTS)
            self.faults[chosen] += 1
            return chosen

    def keep(self, path: str, message_id: str, body: bytes) -> None:
        """Remembers a notice, and whether it is the first of its id."""
        with self._lock:
            known = self.kept.setdefault((path, message_id), body)
            if known is not body:
                self.doubles["the same" if known == body else "ANOTHER BODY"] += 1


class Handler(BaseHTTPRequestHandler):
    """One request: kept or not, answered or not, as the fault has it."""

    receivers: Receivers

    def do_POST(self) -> None:
        """Takes a delivery."""
        size = int(self.headers["content-length"])
        body = self.rfile.read(size)
        if len(body) < size:  # the sender was killed in the middle of it
            return
        message_id = self.headers["webhook-id"]
        _check(body, self.headers)
        fault = self.receivers.fault(self.path, message_id)
        if fault in {"", "lost ack", "lost ack by reset"}:
            self.receivers.keep(self.path, message_id, body)
        if fault == "hang":
            time.sleep(TIMEOUT_S * 1.5)
        if "reset" in fault:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
        elif fault not in {"hang", "close", "lost ack"}:
            self._answer(int(fault or 204))

    def _answer(self, status: int) -> None:
        self.send_response(status)
        if status in {429, 502, 503}:
            self.send_header("retry-after", "7")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Says nothing."""

    def handle(self) -> None:
        """A client that is gone is part of the experiment."""
        with suppress(OSError):
            super().handle()

    def finish(self) -> None:
        """The same."""
        with suppress(OSError, ValueError):
            super().finish()


def _check(body: bytes, headers: Any) -> None:
    """The signature by the reference implementation; not the time, which is virtual."""
    moment = datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)
    expected = Verifier(SECRET).sign(headers["webhook-id"], moment, body.decode())
    assert expected == headers["webhook-signature"], "the signature is wrong"


@dataclass(frozen=True, kw_only=True)
class Life:
    """One process of the watch."""

    folder: Path
    address: Address
    step: str
    count: int
    """It is killed when it comes to `step` for this time."""
    seed: int


def live(life: Life) -> None:
    """The watch until everything is delivered, or until it is killed."""
    logging.disable(logging.WARNING)
    folder, clock_file = life.folder, life.folder / "clock"
    now = [from_ms(int(clock_file.read_text()))]
    left = [life.count]

    def come_to(name: str) -> None:
        left[0] -= name == life.step
        if name == life.step and left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    _steps_of_journal(come_to)
    sender = Sender(Gateway(Allowed.parse("127.0.0.1")), timeout_s=TIMEOUT_S)

    def post(message: Any) -> Answer:
        come_to("before attempt")
        answer = sender(message)
        come_to("after attempt")
        return answer

    watch = Watch(
        rules=RuleSource(folder / "rules.yaml").found.rules,
        connect=lambda: connect(life.address),
        state_path=folder / "watch.db",
        dashboard_url="http://localhost:8501",
        clock=lambda: now[0],
        random=Random(life.seed),
        post=post,
    )
    for phase in ("firing", "resolved"):
        if (folder / phase).exists():
            continue
        if phase == "resolved" and now[0] < NOON + timedelta(minutes=5):
            _set(clock_file, now, NOON + timedelta(minutes=5))
        watch.evaluate_once()
        _deliver_all(watch, folder / "watch.db", clock_file, now)
        (folder / phase).touch()
    while watch.mirror_once():
        pass
    watch.stop()


def _deliver_all(watch: Watch, journal: Path, clock_file: Path, now: list[datetime]) -> None:
    while True:
        for thread in [*watch._helpers.values()] if watch._send_helpers() else []:
            thread.join()
        due = _next_due(journal)
        if due is None:
            return
        if due > now[0]:
            _set(clock_file, now, due)


def _next_due(journal: Path) -> datetime | None:
    with sqlite3.connect(journal, timeout=10) as db:
        found = db.execute(
            "SELECT min(max(n.due_ms, coalesce(e.not_before_ms, 0)))"
            " FROM notices AS n LEFT JOIN endpoints AS e USING (endpoint) WHERE n.status = 'waiting'"
            # A resolved waits for its firing, whatever its own time.
            " AND NOT EXISTS (SELECT 1 FROM notices AS f WHERE f.event_id = n.resolves AND f.endpoint = n.endpoint"
            " AND f.status = 'waiting')"
        ).fetchone()[0]
    db.close()
    return None if found is None else from_ms(found)


def _set(clock_file: Path, now: list[datetime], moment: datetime) -> None:
    temporary = clock_file.with_suffix(".new")
    temporary.write_text(str(to_ms(moment)))
    temporary.replace(clock_file)
    now[0] = moment


def _steps_of_journal(come_to: Any) -> None:
    inner = Journal.transaction

    @contextmanager
    def transaction(self: Journal) -> Iterator[sqlite3.Connection]:
        with inner(self) as db:
            changes = db.total_changes
            yield db
            wrote = db.total_changes != changes
            if wrote:
                come_to("before commit")
        if wrote:
            come_to("after commit")

    Journal.transaction = transaction  # type: ignore[method-assign]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, default=1_250)
    parser.add_argument("--receivers", type=int, default=4)
    parser.add_argument("--kills", type=int, default=80)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        _run(Path(folder), given)


def _run(folder: Path, given: argparse.Namespace) -> None:
    receivers = Receivers(given.seed)
    Handler.receivers = receivers
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    hooks = ", ".join(
        f"{{url: 'http://127.0.0.1:{server.server_port}/{number}', secret: {SECRET}}}"
        for number in range(given.receivers)
    )
    (folder / "rules.yaml").write_text(
        f"rules: [{{name: cap, kind: spend, group_by: [user], window: 1m, limit_usd: 5, webhooks: [{hooks}]}}]"
    )
    (folder / "clock").write_text(str(to_ms(NOON)))
    started = time.perf_counter()
    with stack_at(folder) as stack:
        stack.store()
        client = _owner(stack)
        migrate(client)
        minute = NOON.replace(second=0)
        rows = [["shop", minute, "gpt-5", f"user {number}", 1, Decimal(6)] for number in range(given.users)]
        names = ["project", "minute", "model", "user_id", "calls", "cost_usd"]
        client.insert("llmtrace.spend_1m", rows, column_names=names)
        key = (stack.data / "store.key").read_text()
        address = Address(host="127.0.0.1", port=stack.store_port, username=OWNER, password=key)
        kills = _lives(folder, address, given)
        rows = client.query("SELECT outcome, count() FROM llmtrace.alert_deliveries GROUP BY outcome").result_rows
        events = client.query(
            "SELECT toString(state), uniqExact(event_id), count() FROM llmtrace.alert_events GROUP BY 1 ORDER BY 1"
        ).result_rows
    _report(receivers, given, kills, time.perf_counter() - started)
    print(f"alert_deliveries: {dict(rows)}; alert_events (state, ids, rows): {events}")
    server.shutdown()


def _lives(folder: Path, address: Address, given: argparse.Namespace) -> Counter[str]:
    """One process after the other, each killed at a step of its own, the last one until everything is done."""
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(["benchmarks.durability", "clickhouse_connect", "llmtrace_collector.watch"])
    random = Random(given.seed)
    kills: Counter[str] = Counter()
    code, number = None, 0
    while code != 0:
        step = STEPS[number % len(STEPS)] if number < given.kills else "none"
        most = 4 if number < 2 * len(STEPS) else 4 * given.users * given.receivers // max(given.kills, 1)
        count = random.randint(1, max(most, 2))
        life = Life(folder=folder, address=address, step=step, count=count, seed=number)
        process = processes.Process(target=live, args=[life])
        process.start()
        process.join()
        code = process.exitcode
        assert code in {0, -signal.SIGKILL}, code
        kills[step] += code == -signal.SIGKILL
        number += 1
    return kills


def _report(receivers: Receivers, given: argparse.Namespace, kills: Counter[str], seconds: float) -> None:
    planned = given.users * given.receivers * 2
    told = Counter(json.loads(body)["type"] for body in receivers.kept.values())
    print(f"deliveries planned {planned:,}, arrived {len(receivers.kept):,} ({dict(told)})")
    print(f"lost {planned - len(receivers.kept)}; doubled {dict(receivers.doubles)}")
    print(f"attempts seen {receivers.attempts:,}, faults {sum(receivers.faults.values()):,}: {dict(receivers.faults)}")
    print(f"killed {sum(kills.values())} times: {dict(+kills)}; {seconds:.0f} s in all, timeout {TIMEOUT_S} s")


if __name__ == "__main__":
    main()
