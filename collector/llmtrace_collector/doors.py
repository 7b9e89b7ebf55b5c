"""The doors of one process: HTTP and gRPC over one judgement, and what it tells about itself."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable
from functools import partial

from llmtrace_collector.access import KeyRing, KeysUnreadableError, Scope
from llmtrace_collector.access.guard import Guard
from llmtrace_collector.errors import CollectorError, ConfigError
from llmtrace_collector.folder import DataFolder
from llmtrace_collector.names import INGEST_KEY
from llmtrace_collector.receive.connection import IDLE_S, Connection, Connections, most_connections
from llmtrace_collector.receive.cors import Origins
from llmtrace_collector.receive.door import Door
from llmtrace_collector.receive.grpc import serve_grpc
from llmtrace_collector.receive.http import HttpReceiver
from llmtrace_collector.serving import LOCAL_NAMES, HttpServer, http_server, is_loopback, stop_signal
from llmtrace_collector.status import Status
from llmtrace_collector.wal import Appender

_GRACE_S = 5


def guard_of(folder: DataFolder, host: str) -> Guard:
    """Who guards the doors: keys of the folder and the shared one; nobody comes in without where others reach us.

    Raises:
        ConfigError: the keys of the folder cannot be read.
    """
    ring = KeyRing(folder.path)
    guard = Guard(ring, shared_key=os.environ.get(INGEST_KEY, ""), required=not is_loopback(host))
    try:
        guard.asks(Scope.READ)
    except KeysUnreadableError as error:
        raise ConfigError(str(error)) from error
    return guard


class Doors:
    """Open from `open` to `close`."""

    def __init__(
        self, door: Door, server: HttpServer, serving: asyncio.Task[None], stop_grpc: Callable[[float], Awaitable[None]]
    ) -> None:
        self.door = door
        self._server = server
        self._serving = serving
        self._stop_grpc = stop_grpc

    @classmethod
    async def open(
        cls,
        wal: Appender,
        status: Status,
        *,
        guard: Guard,
        host: str,
        listener: socket.socket,
        grpc_port: int,
        shared: bool,
        origins: Origins,
    ) -> Doors:
        """Opens both; `shared` ports are those that other processes of ours listen on too.

        Raises:
            ConfigError: the gRPC port is taken.
        """
        door = Door(wal, guard=guard, hosts=LOCAL_NAMES if is_loopback(host) else ())
        stop_grpc = await serve_grpc(door, host, grpc_port, shared=shared)
        server = http_server(
            HttpReceiver(door, status, origins),
            http=partial(Connection, all_connections=Connections(most_connections())),
            timeout_graceful_shutdown=_GRACE_S,
            timeout_keep_alive=IDLE_S,
        )
        return cls(door, server, asyncio.create_task(server.serve(sockets=[listener])), stop_grpc)

    async def until_asked_to_stop(self) -> None:
        """Returns when this process is asked to stop.

        Raises:
            CollectorError: a server has ended by itself.
        """
        asked = asyncio.create_task(stop_signal())
        await asyncio.wait({asked, self._serving}, return_when=asyncio.FIRST_COMPLETED)
        if not asked.done():
            raise CollectorError("the HTTP server has ended by itself")

    async def close(self) -> None:
        """Takes nothing new and answers what has begun."""
        self._server.should_exit = True
        await asyncio.gather(self._serving, self._stop_grpc(_GRACE_S))
