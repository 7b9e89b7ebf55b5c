"""The collector process: `python -m llmtrace_collector --data DIR`. The life of it, top to bottom.

open the log -> open the doors -> further receivers -> store and watch in threads -> asked to stop
             -> close all doors -> close the log -> store what is left -> end
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from socket import gethostname, socket
from typing import TYPE_CHECKING

from llmtrace_collector import storing, tls
from llmtrace_collector.access.guard import Guard
from llmtrace_collector.access.register import Register
from llmtrace_collector.channels import Allowed, Gateway, Sender
from llmtrace_collector.database import Address
from llmtrace_collector.doors import Doors, Reach, guard_of
from llmtrace_collector.errors import ConfigError
from llmtrace_collector.folder import DataFolder
from llmtrace_collector.gate import Gate
from llmtrace_collector.pricing.pricer import Pricer
from llmtrace_collector.receive.cors import Origins
from llmtrace_collector.receive.redacting import Change, changer
from llmtrace_collector.receivers import Receivers
from llmtrace_collector.report import ailing, report
from llmtrace_collector.serving import bind, run
from llmtrace_collector.status import Status
from llmtrace_collector.storing import Storing
from llmtrace_collector.tls import Tls
from llmtrace_collector.upkeep import retention
from llmtrace_collector.upkeep.audit import AuditCopy
from llmtrace_collector.upkeep.custodian import Custodian
from llmtrace_collector.wal import Wal, WalLimits
from llmtrace_collector.wal.places import receivers_in
from llmtrace_collector.wal.wal import recover_receiver
from llmtrace_collector.watch import RuleSource, Watch
from llmtrace_collector.watch.desk import Desk
from llmtrace_collector.watch.policy import Policy
from llmtrace_collector.watch.rule_desk import RuleDesk
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
    storing.add_to(parser)
    parser.add_argument("--store-timeout", type=float, default=30.0, help="seconds to wait for an answer to an insert")
    parser.add_argument("--rules", type=Path, help="the alert rules, YAML")
    parser.add_argument("--notify-allow", default="", help="where alerts may go though it is not public")
    parser.add_argument("--retention", type=Path, help="how long data is kept, YAML")
    parser.add_argument("--dashboard-url", default="http://127.0.0.1:8501", help="what links in alerts begin with")
    parser.add_argument("--wal-quota-mib", type=int, default=4096, help="most that may wait for ClickHouse on disk")
    parser.add_argument(
        "--wal-patience",
        type=float,
        default=WalLimits.patient_age_s,
        help="seconds that a segment of the log may grow while others wait for ClickHouse",
    )
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
    parser.add_argument(
        "--watch-lease",
        type=float,
        default=15.0,
        metavar="SECONDS",
        help="of several collectors on one store one watches; after so long without word of it another begins",
    )
    parser.add_argument("--price-interval", type=float, default=60.0, help="seconds between looks for unpriced calls")
    arguments = parser.parse_args()
    return run("collector", lambda: _serve(arguments))


@dataclass(frozen=True, kw_only=True)
class _Given:
    """The arguments, understood: what is wrong with them is said before anything is opened."""

    arguments: argparse.Namespace
    folder: DataFolder
    source: RuleSource | None
    """None: there are no rules in a file."""
    gateway: Gateway
    change: Change | None
    """What is taken out before the disk; None: nothing."""
    origins: Origins
    kept: Sequence[retention.Setting]
    reach: Reach
    guard: Guard
    storing: Storing

    @classmethod
    def of(cls, arguments: argparse.Namespace) -> _Given:
        """Reads the files they name.

        Raises:
            ConfigError: one of them cannot be meant.
        """
        folder = DataFolder(arguments.data)
        reach = Reach(host=arguments.host, tls=Tls.of(arguments), anyone=arguments.anyone)
        return cls(
            arguments=arguments,
            folder=folder,
            source=RuleSource(arguments.rules) if arguments.rules else None,
            gateway=Gateway(Allowed.parse(arguments.notify_allow)),
            change=changer(arguments.redact, arguments.redact_level),
            origins=Origins.parse(arguments.cors_origins),
            kept=retention.load(arguments.retention) if arguments.retention else [],
            reach=reach,
            guard=guard_of(folder, reach),
            storing=Storing.of(arguments, folder),
        )

    @property
    def is_shared(self) -> bool:
        """Several processes receive on the same ports."""
        return bool(self.arguments.receivers > 1)

    @property
    def address(self) -> Address:
        """Of ClickHouse."""
        return self.storing.address

    @property
    def connect(self) -> Callable[..., Client]:
        """See `Storing`."""
        return self.storing.connect


async def _serve(arguments: argparse.Namespace) -> None:
    given = _Given.of(arguments)
    folder = given.folder
    # clickhouse-connect and the system libraries may spool bodies: never into a folder that others read.
    tempfile.tempdir = str(_private(folder.path / "tmp"))
    with folder.lock("collector"):
        listener, status_listener = _listen(given)
        await asyncio.to_thread(_adopt, folder)
        quota = arguments.wal_quota_mib * 1024**2
        wal = Wal(folder.wal, WalLimits(quota_bytes=quota, patient_age_s=arguments.wal_patience))
        reach_store = partial(given.connect, database=None, timeout_s=arguments.store_timeout)
        writer = Writer(wal, given.address, reach_store, Gate(folder.path))
        status = Status(folder.wal, 0, wal.why_refusing)
        status.forget()
        receivers = Receivers(arguments.receivers - 1, _for_receivers(given), wal.look)
        writer.start()
        await _refuse_early(writer, arguments.clickhouse and given.address.shown)
        watch, keepers = _watch(given, wal), _keepers(given)
        status.refresh = partial(report, wal, writer, watch)
        doors = await Doors.open(
            wal,
            status,
            guard=given.guard,
            keys=Register(folder),
            desk=Desk(folder=folder),
            rule_desk=RuleDesk(folder=folder, file=arguments.rules, connect=given.connect),
            reach=given.reach,
            listener=listener,
            grpc_port=arguments.grpc_port,
            shared=given.is_shared,
            origins=given.origins,
            change=given.change,
            status_listener=status_listener,
        )
        if given.is_shared:
            status.start()
        receivers.start()
        watching = asyncio.create_task(_start_when_ready(writer, watch, *keepers))
        log.info(
            "spans are taken on http://%s:%d and grpc port %d", arguments.host, arguments.http_port, arguments.grpc_port
        )
        await doors.until_asked_to_stop()
        await asyncio.gather(doors.close(), asyncio.to_thread(receivers.stop))
        watching.cancel()
        await asyncio.to_thread(wal.close)
        await asyncio.to_thread(partial(writer.stop, drain_s=_DRAIN_S))
        await asyncio.to_thread(partial(watch.stop, timeout_s=5.0))
        for each in (*keepers, status):
            await asyncio.to_thread(each.stop)
        log.info("%s", doors.door.counters)


def _listen(given: _Given) -> tuple[socket, socket | None]:
    """The sockets of OTLP over HTTP and, where there is TLS, of health and metrics without.

    Raises:
        ConfigError: a port is taken.
    """
    arguments = given.arguments
    if given.is_shared:  # or a port that another program of this user has would be shared with it
        for port, option in ((arguments.http_port, "--http-port"), (arguments.grpc_port, "--grpc-port")):
            bind(arguments.host, port, option).close()
    listener = bind(arguments.host, arguments.http_port, "--http-port", shared=given.is_shared)
    return listener, bind("127.0.0.1", arguments.status_port, "--status-port") if given.reach.tls.cert else None


def _watch(given: _Given, wal: Wal) -> Watch:
    source = given.source
    return Watch(
        rules=source.found.rules if source else (),
        channels=source.found.channels if source else (),
        default=source.found.default if source else (),
        policy=source.found.policy if source else Policy(),
        connect=given.connect,
        state_path=given.folder.watch,
        dashboard_url=given.arguments.dashboard_url,
        interval_s=given.arguments.watch_interval,
        post=Sender(given.gateway),
        changed=source.changed if source else None,
        ailing=partial(ailing, wal),
        standby=gethostname() or "collector",
        lease_s=max(1.0, given.arguments.watch_lease),
    )


def _keepers(given: _Given) -> tuple[Custodian, AuditCopy, Pricer]:
    """Who look after what is stored, in the order in which they are started and stopped."""
    address, folder = given.address, given.folder
    return (
        Custodian(connect=given.connect, address=address, folder=folder, settings=given.kept),
        AuditCopy(folder.path, connect=given.connect, address=address),
        Pricer(
            connect=given.connect,
            address=address,
            folder=folder.path,
            interval_s=given.arguments.price_interval,
        ),
    )


def _adopt(folder: DataFolder) -> None:
    """Seals what receivers of an earlier start have left open; they end within seconds of their collector."""
    for number in receivers_in(folder.wal):
        with folder.lock(f"receiver-{number}"):
            recover_receiver(folder.wal, number)


def _for_receivers(given: _Given) -> list[str]:
    arguments, reach = given.arguments, given.reach
    told = ["--data", str(given.folder.path), "--host", arguments.host, "--http-port", str(arguments.http_port)]
    told += ["--grpc-port", str(arguments.grpc_port), "--wal-quota-mib", str(arguments.wal_quota_mib)]
    told += ["--wal-patience", str(arguments.wal_patience)]
    told += [*reach.tls.arguments, *(["--anyone"] if reach.anyone else [])]
    told += ["--redact", arguments.redact, "--redact-level", arguments.redact_level]
    told += [*given.storing.arguments, *(["--rules", str(arguments.rules)] if arguments.rules else [])]
    return [*told, "--cors-origins", arguments.cors_origins]


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
