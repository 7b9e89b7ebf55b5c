"""What every server process of ours does alike: bind a port, run uvicorn inside our own loop, stop on a signal."""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import logging
import os
import signal
import socket
import ssl
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

from llmtrace_collector.errors import CollectorError, ConfigError

SUPERVISED = "LLMTRACE_SUPERVISED"
"""Set to 1 by the supervisor: Ctrl-C then belongs to it, and SIGTERM is what stops this process."""

INSTANCE = "LLMTRACE_INSTANCE"
"""Set by the supervisor, a new random text at each start of a service."""

INSTANCE_HEADER = "llmtrace-instance"
"""On the answer about health: that text back. Another process on the same port cannot know it."""


def instance() -> dict[str, str]:
    """The header that says whose answer it is; nothing where no supervisor asked for one."""
    text = os.environ.get(INSTANCE, "")
    return {INSTANCE_HEADER: text} if text else {}


LOCAL_NAMES = frozenset({"127.0.0.1", "localhost", "::1", "host.docker.internal"})
"""What a program on this machine, or in a container on it, calls it in the Host header."""


def bind(host: str, port: int, option: str, *, shared: bool = False) -> socket.socket:
    """A listening TCP socket; a `shared` one can be bound by several processes of the same user at once.

    Raises:
        ConfigError: the port is taken, not allowed, or the address is not one of this machine.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        family, kind, protocol, _, address = found[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind(address)
        listener.listen(1024)
        listener.setblocking(False)
    except OSError as error:
        raise ConfigError(_why_not(host, port, option, error)) from error
    return listener


def _why_not(host: str, port: int, option: str, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} on {host} is already in use: stop the program that has it, or choose another with {option}"
    if error.errno == errno.EACCES:
        return f"port {port} on {host} is not allowed for this user: choose one above 1023 with {option}"
    return f"cannot listen on {host} port {port} ({error.strerror or error}): check --host and {option}"


def is_loopback(host: str) -> bool:
    """Only this machine can reach `host`."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class HttpServer(uvicorn.Server):
    """uvicorn without its own signal handling: the process decides when it stops."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leaves the signals alone."""
        yield


def http_server(app: Any, *, context: ssl.SSLContext | None = None, **options: Any) -> HttpServer:
    """An `HttpServer` for an ASGI app, quiet, with httptools; over TLS with a `context`."""
    given = {"http": "httptools", **options}
    config = uvicorn.Config(
        app, log_config=None, access_log=False, lifespan="off", server_header=False, proxy_headers=False, **given
    )
    if context:
        # uvicorn makes one of file names only, and would load it anew never.
        config.load()
        config.ssl = context
    return HttpServer(config)


async def stop_signal() -> None:
    """Returns when this process is asked to stop."""
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, asked.set)
    if os.environ.get(SUPERVISED) == "1":
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    else:
        loop.add_signal_handler(signal.SIGINT, asked.set)
    await asked.wait()


def run(name: str, main: Callable[[], Coroutine[Any, Any, None]]) -> int:
    """Runs a service to its end and gives the exit code: 0 stopped when asked, 2 with one sentence, 1 with a trace."""
    logging.basicConfig(level=logging.INFO, format=f"%(asctime)s {name} %(levelname)s %(message)s", stream=sys.stderr)
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    # They log each failed connection; what it means for the operator is said once, by us.
    logging.getLogger("clickhouse_connect").setLevel(logging.CRITICAL)
    # Not its parent "urllib3": clickhouse-connect sets that one's level again when it is imported.
    logging.getLogger("urllib3.connectionpool").setLevel(logging.CRITICAL)
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(main())
    except ConfigError as error:
        sys.stderr.write(f"llmtrace {name}: {error}\n")
        return 2
    except CollectorError as error:
        sys.stderr.write(f"llmtrace {name}: {error}\n")
        return 1
    return 0


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop
    return uvloop.new_event_loop
