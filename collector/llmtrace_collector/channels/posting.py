"""The one request of an attempt: certificates checked, no proxy, no redirect followed, nothing kept of the answer."""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
import time
from contextlib import closing, suppress

from llmtrace_collector.channels import urls
from llmtrace_collector.channels.gateway import BlockedError, Gateway, cut_off
from llmtrace_collector.channels.message import Answer, Request

_MOST_BODY_BYTES = 64 * 1024


def send(request: Request, gateway: Gateway, timeout_s: float) -> Answer:
    """Makes the request; what a receiver or the network does is an answer, never an exception."""
    try:
        url = urls.parse(request.url)
    except ValueError as error:
        return Answer(status=0, error=f"{error}")
    deadline = time.monotonic() + timeout_s
    try:
        held = [gateway.connect(url.host, url.port, timeout_s)]
        with cut_off(deadline - time.monotonic(), lambda: held[0]) as late:
            try:
                return _exchange(request, url, held, late)
            except (OSError, http.client.HTTPException):
                if not late.is_set():
                    raise
                return Answer(status=0, error=too_late(timeout_s))
    except (OSError, http.client.HTTPException, BlockedError) as error:
        return Answer(status=0, error=in_words(error, timeout_s))


def _exchange(request: Request, url: urls.Url, held: list[socket.socket], late: threading.Event) -> Answer:
    """The request over `held[0]`, which becomes the secured connection where the URL asks for one."""
    connection = http.client.HTTPConnection(url.host, url.port)
    connection.sock = held[0]
    with closing(connection):
        if url.secure:
            connection.sock = held[0] = tls = secured(held[0], url.host)
            tls.do_handshake()
        connection.putrequest("POST", url.target, skip_host=True, skip_accept_encoding=True)
        headers = {"host": url.authority, "content-length": str(len(request.body)), "connection": "close"}
        for name, value in (dict(request.headers) | headers).items():
            connection.putheader(name, value)
        connection.endheaders(request.body)
        response = connection.getresponse()
        if late.is_set():  # what was cut off within its headers looks like an answer
            raise TimeoutError
        answer = Answer(status=response.status, retry_after=response.headers.get("retry-after", ""))
        with suppress(OSError, http.client.HTTPException):  # the status has decided
            _drain(response)
        return answer


def secured(connection: socket.socket, host: str) -> ssl.SSLSocket:
    """`connection` with TLS for the name `host`, whatever address it leads to; the handshake is still to be made."""
    context = ssl.create_default_context()
    return context.wrap_socket(connection, server_hostname=host, do_handshake_on_connect=False)


def _drain(response: http.client.HTTPResponse) -> None:
    """Reads a short body, so that closing does not reset the connection under a receiver that still writes."""
    size = 0
    while size < _MOST_BODY_BYTES and (piece := response.read1(_MOST_BODY_BYTES)):
        size += len(piece)


def too_late(timeout_s: float) -> str:
    """What to say when the time is up."""
    return f"no answer within {timeout_s:g} s"


def in_words(error: Exception, timeout_s: float) -> str:
    """What to say of an error; its own text may hold the URL, which may be a secret."""
    if isinstance(error, BlockedError):
        return str(error)
    words: tuple[tuple[type[Exception], str], ...] = (
        (socket.gaierror, "the host name does not resolve"),
        (ConnectionRefusedError, "the connection is refused"),
        (TimeoutError, too_late(timeout_s)),
        (ssl.SSLError, "the TLS certificate or handshake is not accepted"),
        (ConnectionError, "the connection was closed before an answer"),
        (http.client.HTTPException, "the answer is not HTTP"),
    )
    return next((said for kind, said in words if isinstance(error, kind)), f"no answer ({type(error).__name__})")
