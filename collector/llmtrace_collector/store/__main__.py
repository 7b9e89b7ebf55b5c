"""The store process: `python -m llmtrace_collector.store --data DIR`."""

from __future__ import annotations

import argparse
import asyncio
import ipaddress
import logging
import os
import sys
import threading
from pathlib import Path

from llmtrace_collector.access import KeyRing
from llmtrace_collector.folder import DataFolder, made
from llmtrace_collector.serving import bind, http_server, run, stop_signal
from llmtrace_collector.store.engine import Engine, Limits
from llmtrace_collector.store.http import StoreApp
from llmtrace_collector.store.tokens import forget_unwritten

log = logging.getLogger(__name__)

_OWNER_ENDS_S = 8.0
_ENGINE_CLOSES_S = 8.0
"""When stopping; below what the supervisor waits. What was acknowledged is on disk either way."""


def main() -> int:
    """Runs the store until it is asked to stop; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m llmtrace_collector.store", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="the data folder")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8123)
    parser.add_argument("--memory-mib", type=int, default=2048, help="most memory for queries and inserts together")
    parser.add_argument("--require-read-key", action="store_true", help="nobody reads without a key")
    arguments = parser.parse_args()
    # The engine reads the process's zone for types without one; ours are all UTC.
    os.environ["TZ"] = "UTC"
    return run("store", lambda: _serve(arguments))


async def _serve(arguments: argparse.Namespace) -> None:
    folder = DataFolder(arguments.data)
    key = folder.store_key()
    # The engine keeps parsed format schemas below its working directory, which is the user's otherwise.
    os.chdir(made(folder.path / "schemas"))
    with folder.lock("store"):
        listener = bind(arguments.host, arguments.port, "--store-port")
        if cut := forget_unwritten(folder.engine):
            log.warning("the store was killed in the middle of an insert, which is repeated (%d tokens forgotten)", cut)
        engine = Engine(folder.engine, Limits(memory_bytes=arguments.memory_mib * 1024**2), backups=folder.backups)
        store = StoreApp(
            engine,
            key,
            allowed_hosts=_hosts(arguments.host),
            keys=KeyRing(folder.path),
            require_read_key=arguments.require_read_key,
        )
        server = http_server(store.app, timeout_graceful_shutdown=6)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        log.info("the store is ready on http://%s:%d, data in %s", arguments.host, arguments.port, folder.engine)
        await stop_signal()
        store.stop()
        server.should_exit = True
        await serving
        idle = store.close(_OWNER_ENDS_S)
        closing = threading.Thread(target=engine.close, name="close", daemon=True)
        closing.start()
        closing.join(_ENGINE_CLOSES_S if idle else 1.0)
        if not idle or closing.is_alive():
            # A statement that does not look at its clock would keep the interpreter from ending.
            logging.shutdown()
            os._exit(0)


def _hosts(host: str) -> frozenset[str]:
    """The Host names this store answers to: loopback's, its own, and any address where it listens on all."""
    names = {"127.0.0.1", "localhost", "::1", host.lower()}
    try:
        everywhere = ipaddress.ip_address(host).is_unspecified
    except ValueError:
        everywhere = False
    return frozenset(names | ({"*"} if everywhere else set()))


if __name__ == "__main__":
    sys.exit(main())
