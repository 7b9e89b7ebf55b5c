"""The doors of one process: HTTP and gRPC over one judgement, and what it tells about itself."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import ssl
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial

from llmtrace_collector.access import KeyRing, KeysUnreadableError, Scope
from llmtrace_collector.access.guard import Guard
from llmtrace_collector.access.register import Register
from llmtrace_collector.errors import CollectorError, ConfigError
from llmtrace_collector.folder import DataFolder
from llmtrace_collector.names import INGEST_KEY
from llmtrace_collector.receive.admin import Admin
from llmtrace_collector.receive.connection import IDLE_S, Connection, Connections, most_connections
from llmtrace_collector.receive.cors import Origins
from llmtrace_collector.receive.door import Door
from llmtrace_collector.receive.grpc import serve_grpc
from llmtrace_collector.receive.http import HttpReceiver, StatusOnly
from llmtrace_collector.receive.redacting import Change
from llmtrace_collector.serving import LOCAL_NAMES, HttpServer, http_server, is_loopback, stop_signal
from llmtrace_collector.status import Status
from llmtrace_collector.tls import RENEWED_WITHIN_S, Tls
from llmtrace_collector.wal import Appender
from llmtrace_collector.watch.desk import Desk
from llmtrace_collector.watch.rule_desk import RuleDesk

log = logging.getLogger(__name__)

_GRACE_S = 5


@dataclass(frozen=True, kw_only=True)
class Reach:
    """Who can come to the doors, and how."""

    host: str
    tls: Tls
    anyone: bool = False
    """Whoever can reach us may send, said in words by the operator."""

    @property
    def only_this_machine(self) -> bool:
        """Nobody else can."""
        return is_loopback(self.host)


def guard_of(folder: DataFolder, reach: Reach) -> Guard:
    """Who guards the doors: keys of the folder and the shared one.

    Raises:
        ConfigError: the keys of the folder cannot be read, or others can reach us and nothing keeps anybody out.
    """
    ring = KeyRing(folder.path)
    shared_key = os.environ.get(INGEST_KEY, "")
    kept_out = reach.only_this_machine or reach.tls.client_ca or reach.anyone
    try:
        if not kept_out and not shared_key and not ring.asks(Scope.INGEST):
            raise ConfigError(
                f"--host {reach.host} can be reached by others, so apps must give a key: set {INGEST_KEY} here and in"
                " the apps, or make keys with `llmtrace keys create`, or ask for certificates with --tls-client-ca, or"
                " leave --host away"
            )
    except KeysUnreadableError as error:
        raise ConfigError(str(error)) from error
    if not reach.only_this_machine and not reach.tls.cert:
        log.info("connections are not encrypted: give --tls-cert, or put a proxy with TLS in front")
    return Guard(ring, shared_key=shared_key, required=not kept_out)


class Doors:
    """Open from `open` to `close`."""

    def __init__(
        self,
        door: Door,
        servers: Sequence[HttpServer],
        serving: Sequence[asyncio.Task[None]],
        stop_grpc: Callable[[float], Awaitable[None]],
    ) -> None:
        self.door = door
        self.renewing: asyncio.Task[None] | None = None
        self.closing: Callable[[], None] | None = None
        self._servers = servers
        self._serving = serving
        self._stop_grpc = stop_grpc

    @classmethod
    async def open(
        cls,
        wal: Appender,
        status: Status,
        *,
        guard: Guard,
        keys: Register,
        desk: Desk,
        rule_desk: RuleDesk,
        reach: Reach,
        listener: socket.socket,
        grpc_port: int,
        shared: bool,
        origins: Origins,
        change: Change | None,
        status_listener: socket.socket | None = None,
    ) -> Doors:
        """Opens both; `shared` ports are those that other processes of ours listen on too.

        `change` takes out of requests what must not be kept. On `status_listener` health and metrics are answered
        without TLS.

        Raises:
            ConfigError: the gRPC port is taken.
        """
        door = Door(wal, guard=guard, hosts=LOCAL_NAMES if reach.only_this_machine else (), change=change)
        context, credentials = reach.tls.context(), reach.tls.grpc_credentials()
        stop_grpc = await serve_grpc(door, reach.host, grpc_port, shared=shared, credentials=credentials)
        receiver = HttpReceiver(door, status, origins, Admin(door, keys, desk, rule_desk))
        server = http_server(
            receiver,
            context=context,
            http=partial(Connection, all_connections=Connections(most_connections())),
            timeout_graceful_shutdown=_GRACE_S,
            timeout_keep_alive=IDLE_S,
        )
        serving = [asyncio.create_task(server.serve(sockets=[listener]))]
        servers = [server]
        if status_listener:
            servers.append(http_server(StatusOnly(receiver), timeout_graceful_shutdown=1))
            serving.append(asyncio.create_task(servers[-1].serve(sockets=[status_listener])))
        doors = cls(door, servers, serving, stop_grpc)
        doors.closing = rule_desk.stop
        if context:
            doors.renewing = asyncio.create_task(_renew(reach.tls, context))
        return doors

    async def until_asked_to_stop(self) -> None:
        """Returns when this process is asked to stop.

        Raises:
            CollectorError: a server has ended by itself.
        """
        asked = asyncio.create_task(stop_signal())
        await asyncio.wait({asked, *self._serving}, return_when=asyncio.FIRST_COMPLETED)
        if not asked.done():
            raise CollectorError("the HTTP server has ended by itself")

    async def close(self) -> None:
        """Takes nothing new and answers what has begun."""
        if self.closing:
            self.closing()
        if self.renewing:
            self.renewing.cancel()
        for server in self._servers:
            server.should_exit = True
        await asyncio.gather(*self._serving, self._stop_grpc(_GRACE_S))


async def _renew(tls: Tls, context: ssl.SSLContext) -> None:
    renewed = tls.renewals()
    while tls.cert:
        await asyncio.sleep(RENEWED_WITHIN_S)
        if renewed():
            context.load_cert_chain(tls.cert, tls.key)
