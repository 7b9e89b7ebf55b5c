"""The collector process: `python -m llmtrace_collector --data DIR`. The life of it, top to bottom.

open the log -> open the doors -> further receivers -> store and watch in threads -> asked to stop
             -> close all doors -> close the log -> store what is left -> end
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from llmtrace_collector import tls
from llmtrace_collector.access.register import Register
from llmtrace_collector.channels import Allowed, Gateway, Sender
from llmtrace_collector.database import DATABASE, Address, connect
from llmtrace_collector.doors import Doors, Reach, guard_of
from llmtrace_collector.errors import ConfigError, StoreDownError
from llmtrace_collector.folder import DataFolder
from llmtrace_collector.gate import Gate
from llmtrace_collector.names import CLICKHOUSE_PASSWORD
from llmtrace_collector.pricing.pricer import Pricer
from llmtrace_collector.receive.cors import Origins
from llmtrace_collector.receive.redacting import changer
from llmtrace_collector.receivers import Receivers
from llmtrace_collector.report import report
from llmtrace_collector.schema.cluster import check_cluster
from llmtrace_collector.serving import bind, run
from llmtrace_collector.status import Status
from llmtrace_collector.store.http import OWNER
from llmtrace_collector.tls import Tls
from llmtrace_collector.upkeep import retention
from llmtrace_collector.upkeep.audit import AuditCopy
from llmtrace_collector.upkeep.custodian import Custodian
from llmtrace_collector.wal import Wal, WalLimits
from llmtrace_collector.wal.places import receivers_in
from llmtrace_collector.wal.wal import recover_receiver
from llmtrace_collector.watch import RuleSource, Watch
from llmtrace_collector.writer import Writer

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

log = logging.getLogger(__name__)

_FIRST_ANSWER_S = 5.0
"""For ClickHouse to answer at all before the doors open without it."""

_DRAIN_S = 15.0
"""For storing what is left when stopping; the log keeps the rest."""


def main() -> int:
    """Runs the collector until it is asked to stop; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m llmtrace_collector", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="the data folder")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--http-port", type=int, default=4318)
    parser.add_argument("--grpc-port", type=int, default=4317)
    parser.add_argument("--store-url", default="http://127.0.0.1:8123", help="the embedded store")
    parser.add_argument("--store-timeout", type=float, default=30.0, help="seconds to wait for an answer to an insert")
    parser.add_argument("--clickhouse", default="", help="a ClickHouse server instead of the embedded store")
    parser.add_argument("--cluster", default="", help="the cluster of which that server is a node")
    parser.add_argument("--user", default="", help="the user on that server; its password is in the environment")
    parser.add_argument("--rules", type=Path, help="the alert rules, YAML")
    parser.add_argument("--notify-allow", default="", help="where alerts may go though it is not public")
    parser.add_argument("--retention", type=Path, help="how long data is kept, YAML")
    parser.add_argument("--dashboard-url", default="http://127.0.0.1:8501", help="what links in alerts begin with")
    parser.add_argument("--wal-quota-mib", type=int, default=4096, help="most that may wait for ClickHouse on disk")
    parser.add_argument("--receivers", type=int, default=1, help="processes that receive on the same ports")
    parser.add_argument("--cors-origins", default="", help="origins whose pages may send spans, separated by commas")
    parser.add_argument("--anyone", action="store_true", help="whoever can reach us may send")
    parser.add_argument(
        "--status-port", type=int, default=4319, help="health and metrics without TLS, where there is TLS"
    )
    parser.add_argument("--redact", default="off", help="off, mask or drop-content")
    parser.add_argument("--redact-level", default="personal", help="what is looked for")
    tls.add_to(parser)
    parser.add_argument("--watch-interval", type=float, default=5.0, help="seconds between evaluations of the rules")
    parser.add_argument("--price-interval", type=float, default=60.0, help="seconds between looks for unpriced calls")
    arguments = parser.parse_args()
    return run("collector", lambda: _serve(arguments))


async def _serve(arguments: argparse.Namespace) -> None:
    folder = DataFolder(arguments.data)
    source = RuleSource(arguments.rules) if arguments.rules else None
    gateway = Gateway(Allowed.parse(arguments.notify_allow))
    change = changer(arguments.redact, arguments.redact_level)
    origins = Origins.parse(arguments.cors_origins)
    kept = retention.load(arguments.retention) if arguments.retention else []
    reach = Reach(host=arguments.host, tls=Tls.of(arguments), anyone=arguments.anyone)
    guard = guard_of(folder, reach)
    address = _address(arguments, folder)
    own_store = None if arguments.clickhouse else folder
    # clickhouse-connect and the system libraries may spool bodies: never into a folder that others read.
    tempfile.tempdir = str(_private(folder.path / "tmp"))
    shared = arguments.receivers > 1
    with folder.lock("collector"):
        if shared:  # or a port that another program of this user has would be shared with it
            for port, option in ((arguments.http_port, "--http-port"), (arguments.grpc_port, "--grpc-port")):
                bind(arguments.host, port, option).close()
        listener = bind(arguments.host, arguments.http_port, "--http-port", shared=shared)
        status_listener = bind("127.0.0.1", arguments.status_port, "--status-port") if reach.tls.cert else None
        await asyncio.to_thread(_adopt, folder)
        wal = Wal(folder.wal, WalLimits(quota_bytes=arguments.wal_quota_mib * 1024**2))
        reach_store = partial(_connect, own_store, address, database=None, timeout_s=arguments.store_timeout)
        writer = Writer(wal, address, reach_store, Gate(folder.path))
        status = Status(folder.wal, 0, wal.why_refusing)
        status.forget()
        status.refresh = partial(report, wal, writer)
        receivers = Receivers(arguments.receivers - 1, _for_receivers(arguments, folder, reach), wal.look)
        writer.start()
        await _refuse_early(writer, arguments.clickhouse and address.shown)
        watch = Watch(
            rules=source.found.rules if source else (),
            channels=source.found.channels if source else (),
            connect=partial(_connect, own_store, address),
            state_path=folder.watch,
            dashboard_url=arguments.dashboard_url,
            interval_s=arguments.watch_interval,
            post=Sender(gateway),
            changed=source.changed if source else None,
        )
        custodian = Custodian(
            connect=partial(_connect, own_store, address), address=address, folder=folder, settings=kept
        )
        audit = AuditCopy(folder.path, connect=partial(_connect, own_store, address), address=address)
        pricer = Pricer(
            connect=partial(_connect, own_store, address),
            address=address,
            folder=folder.path,
            interval_s=arguments.price_interval,
        )
        doors = await Doors.open(
            wal,
            status,
            guard=guard,
            keys=Register(folder),
            reach=reach,
            listener=listener,
            grpc_port=arguments.grpc_port,
            shared=shared,
            origins=origins,
            change=change,
            status_listener=status_listener,
        )
        if shared:
            status.start()
        receivers.start()
        watching = asyncio.create_task(_start_when_ready(writer, watch, custodian, audit, pricer))
        log.info(
            "spans are taken on http://%s:%d and grpc port %d", arguments.host, arguments.http_port, arguments.grpc_port
        )
        await doors.until_asked_to_stop()
        await asyncio.gather(doors.close(), asyncio.to_thread(receivers.stop))
        watching.cancel()
        await asyncio.to_thread(wal.close)
        await asyncio.to_thread(partial(writer.stop, drain_s=_DRAIN_S))
        await asyncio.to_thread(partial(watch.stop, timeout_s=5.0))
        await asyncio.to_thread(custodian.stop)
        await asyncio.to_thread(audit.stop)
        await asyncio.to_thread(pricer.stop)
        await asyncio.to_thread(status.stop)
        log.info("%s", doors.door.counters)


def _adopt(folder: DataFolder) -> None:
    """Seals what receivers of an earlier start have left open; they end within seconds of their collector."""
    for number in receivers_in(folder.wal):
        with folder.lock(f"receiver-{number}"):
            recover_receiver(folder.wal, number)


def _for_receivers(arguments: argparse.Namespace, folder: DataFolder, reach: Reach) -> list[str]:
    given = ["--data", str(folder.path), "--host", arguments.host, "--http-port", str(arguments.http_port)]
    given += ["--grpc-port", str(arguments.grpc_port), "--wal-quota-mib", str(arguments.wal_quota_mib)]
    given += [*reach.tls.arguments, *(["--anyone"] if reach.anyone else [])]
    given += ["--redact", arguments.redact, "--redact-level", arguments.redact_level]
    return [*given, "--cors-origins", arguments.cors_origins]


def _address(arguments: argparse.Namespace, folder: DataFolder) -> Address:
    if arguments.clickhouse:
        password = os.environ.get(CLICKHOUSE_PASSWORD, "")
        return Address.parse(
            arguments.clickhouse, username=arguments.user, password=password, cluster=check_cluster(arguments.cluster)
        )
    if arguments.cluster:
        raise ConfigError("--cluster needs --clickhouse: the embedded store is one node and no cluster")
    return Address.parse(arguments.store_url, username=OWNER, password=folder.store_key())


def _connect(
    own_store: DataFolder | None, address: Address, *, database: str | None = DATABASE, timeout_s: float = 30.0
) -> Client:
    """A client; the key of the embedded store is sent only while a store of this folder is running."""
    if own_store and not own_store.store_is_running():
        raise StoreDownError(f"no store of the data folder {own_store.path} is running")
    return connect(address, database=database, timeout_s=timeout_s)


async def _refuse_early(writer: Writer, server: str) -> None:
    """A store that refuses for good is the operator's to mend before anything is accepted.

    One that is down or slow is not waited for: spans are accepted and wait in the log.
    """
    await asyncio.to_thread(writer.tried.wait, _FIRST_ANSWER_S)
    if server and not writer.reached.is_set() and not writer.tried.is_set():
        seconds = f"{_FIRST_ANSWER_S:.0f} s"
        log.warning("ClickHouse at %s is silent or slow (%s): accepted spans wait in the log", server, seconds)
    if writer.refusal:
        await asyncio.to_thread(partial(writer.stop, drain_s=0.0))
        raise ConfigError(writer.refusal)


async def _start_when_ready(writer: Writer, *then: Watch | Custodian | AuditCopy | Pricer) -> None:
    while not await asyncio.to_thread(writer.migrated.wait, 0.5):
        """The tables are not there yet: ClickHouse is down."""
    for each in then:
        each.start()


def _private(path: Path) -> Path:
    path.mkdir(exist_ok=True, mode=0o700)
    return path


if __name__ == "__main__":
    sys.exit(main())
