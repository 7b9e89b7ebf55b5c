"""The life of the app's process: bind, configure Streamlit from here alone, serve, and end with code 0 when asked.

No file is read from or written to the user's home or working directory for our own settings, and nothing is sent out.
"""

from __future__ import annotations

import asyncio
import secrets
import signal
import socket
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Any

from llmtrace_dashboards import access, theme
from llmtrace_dashboards.oidc import Oidc
from llmtrace_dashboards.web.gate import Gate
from llmtrace_dashboards.web.headers import SecurityHeaders

SCRIPT = Path(__file__).parent / "web" / "app.py"


class PortTakenError(Exception):
    """The address cannot be bound; the message is a sentence."""


def bind(host: str, port: int) -> socket.socket:
    """A listening socket.

    Raises:
        PortTakenError: another process has the port, or the address is not of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise PortTakenError(
            f"cannot listen on {host}:{port} ({error.strerror or error}): stop what uses it, or choose another --port"
            " (of `llmtrace up`: --dashboard-port)"
        ) from error
    return listener


def options(host: str, port: int, allowed_hosts: list[str]) -> dict[str, Any]:
    """Every Streamlit option the app depends on."""
    return theme.options() | {
        "server.address": host,
        "server.port": port,
        "server.headless": True,
        "server.allowedHosts": allowed_hosts,
        "server.enableStaticServing": True,
        "server.fileWatcherType": "none",
        "server.runOnSave": False,
        "server.showEmailPrompt": False,
        "browser.gatherUsageStats": False,
        "client.toolbarMode": "viewer",
        "client.showErrorDetails": "none",
        "client.showErrorLinks": False,
        "logger.hideWelcomeMessage": True,
    }


def serve(
    listener: socket.socket,
    settings: dict[str, Any],
    people: Sequence[access.Person] = (),
    oidc: Oidc | None = None,
) -> None:
    """Serves the app on `listener` until SIGTERM or SIGINT; to `people` and those of `oidc` alone if there are any."""
    import uvicorn
    from starlette.middleware import Middleware
    from streamlit import config
    from streamlit.starlette import App
    from streamlit.web import bootstrap

    # uvicorn sends a signal it was stopped by once more when it is done: by then this is its handler.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _leave)
    config._main_script_path = str(SCRIPT)  # noqa: SLF001  where Streamlit looks for a config.toml of the app; we have none
    bootstrap.load_config_options(settings)
    sessions = access.Sessions(people, time.monotonic, others=oidc is not None)
    access.use(sessions)
    attempts = access.Attempts(time.monotonic)
    gate = Middleware(Gate, sessions=sessions, attempts=attempts, hosts=settings["server.allowedHosts"], oidc=oidc)
    # Nobody keeps what is signed with it for longer than a session: a secret of this start is enough.
    told = {"auth": oidc.streamlit(secrets.token_urlsafe(32))} if oidc else None
    server = uvicorn.Server(
        uvicorn.Config(
            App(SCRIPT, middleware=[Middleware(SecurityHeaders), gate], secrets=told),
            log_level="warning",
            access_log=False,
            server_header=False,
            ws="websockets-sansio",
            ws_max_size=16 * 1024**2,
            timeout_graceful_shutdown=3,
        )
    )
    asyncio.run(server.serve(sockets=[listener]))


def _leave(_number: int, _frame: FrameType | None) -> None:
    raise SystemExit(0)
