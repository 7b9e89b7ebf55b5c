"""A further receiver process: `python -m llmtrace_collector.receiver --number K ...`, started by the collector.

It takes what comes on the shared ports into a log of its own, wal/receivers/K; the collector's writer empties it.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from llmtrace_collector import storing, telemetry, tls
from llmtrace_collector.access.register import Register
from llmtrace_collector.doors import Doors, Reach, guard_of
from llmtrace_collector.folder import DataFolder, made
from llmtrace_collector.receive.cors import Origins
from llmtrace_collector.receive.redacting import changer
from llmtrace_collector.serving import bind, run
from llmtrace_collector.status import Status
from llmtrace_collector.storing import Storing
from llmtrace_collector.tls import Tls
from llmtrace_collector.wal import ReceiverLog, WalLimits
from llmtrace_collector.wal.places import receiver_folder
from llmtrace_collector.watch.desk import Desk
from llmtrace_collector.watch.rule_desk import RuleDesk


def main() -> int:
    """Runs the receiver until it is asked to stop; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m llmtrace_collector.receiver", description=__doc__)
    parser.add_argument("--number", type=int, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--host", required=True)
    parser.add_argument("--http-port", type=int, required=True)
    parser.add_argument("--grpc-port", type=int, required=True)
    parser.add_argument("--wal-quota-mib", type=int, required=True)
    parser.add_argument("--wal-patience", type=float, required=True)
    parser.add_argument("--cors-origins", default="")
    parser.add_argument("--anyone", action="store_true", help="whoever can reach us may send")
    parser.add_argument("--redact", default="off", help="off, mask or drop-content")
    parser.add_argument("--redact-level", default="personal", help="what is looked for")
    parser.add_argument("--rules", type=Path, help="the alert rules, YAML")
    storing.add_to(parser)
    tls.add_to(parser)
    arguments = parser.parse_args()
    return run(f"receiver-{arguments.number}", lambda: _serve(arguments))


async def _serve(arguments: argparse.Namespace) -> None:
    folder = DataFolder(arguments.data)
    reach = Reach(host=arguments.host, tls=Tls.of(arguments), anyone=arguments.anyone)
    tempfile.tempdir = str(made(folder.path / "tmp"))
    with folder.lock(f"receiver-{arguments.number}"):
        listener = bind(arguments.host, arguments.http_port, "--http-port", shared=True)
        quota = arguments.wal_quota_mib * 1024**2
        limits = WalLimits(quota_bytes=quota, patient_age_s=arguments.wal_patience)
        wal = ReceiverLog(folder.wal, arguments.number, limits)
        telemetry.restore(receiver_folder(folder.wal, arguments.number) / "telemetry.json")
        status = Status(folder.wal, arguments.number, wal.why_refusing)
        status.start()
        doors = await Doors.open(
            wal,
            status,
            guard=guard_of(folder, reach),
            keys=Register(folder),
            desk=Desk(folder=folder),
            rule_desk=RuleDesk(folder=folder, file=arguments.rules, connect=Storing.of(arguments, folder).connect),
            reach=reach,
            listener=listener,
            grpc_port=arguments.grpc_port,
            shared=True,
            origins=Origins.parse(arguments.cors_origins),
            change=changer(arguments.redact, arguments.redact_level),
        )
        await doors.until_asked_to_stop()
        await doors.close()
        await asyncio.to_thread(wal.close)
        await asyncio.to_thread(status.stop)


if __name__ == "__main__":
    sys.exit(main())
