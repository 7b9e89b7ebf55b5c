"""The request of an attempt on real sockets: names, certificates, and receivers that take their time."""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from channels.samples import SECRET, notice
from llmtrace_collector.channels import Allowed, Answer, Gateway, Sender, Webhook
from llmtrace_collector.channels.signing import key_of

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
Talk = Callable[[socket.socket], None]


@contextmanager
def listening(talk: Talk, *, context: ssl.SSLContext | None = None) -> Iterator[int]:
    """A server on loopback that talks to one client."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with suppress(OSError):
                connection, _ = server.accept()
                with connection if context is None else context.wrap_socket(connection, server_side=True) as stream:
                    talk(stream)

        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname()[1]
        thread.join(20)
        assert not thread.is_alive()


def received(stream: socket.socket) -> bytes:
    """The whole request: closing with some of it unread would reset the connection."""
    content = b""
    while b"\r\n\r\n" not in content:
        content += stream.recv(65_536)
    head, _, body = content.partition(b"\r\n\r\n")
    size = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
    while len(body) < size:
        body += stream.recv(65_536)
    return head


def to_loopback(host: str, port: int, **options: Any) -> list[tuple[Any, ...]]:
    return socket.getaddrinfo("127.0.0.1", port, **options)


def send(url: str, *, timeout_s: float = 10.0) -> Answer:
    sender = Sender(Gateway(Allowed.parse("127.0.0.1"), to_loopback), timeout_s=timeout_s)
    return sender(Webhook(name="x", url=url, keys=(key_of(SECRET),)).message(notice(), NOW))


def certificate(folder: Path, name: str) -> tuple[ssl.SSLContext, Path]:
    cert, key = folder / f"{name}.pem", folder / f"{name}.key"
    new = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    names = ["-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}"]
    subprocess.run([*new, *names, "-keyout", str(key), "-out", str(cert)], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return context, cert


def test_host_and_sni_are_the_names_though_an_address_is_connected_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context, cert = certificate(tmp_path, "hooks.example.com")
    monkeypatch.setenv("SSL_CERT_FILE", str(cert))
    seen: list[Any] = []
    context.sni_callback = lambda _, name, __: seen.append(name)

    def talk(stream: socket.socket) -> None:
        seen.append(received(stream).split(b"\r\n"))
        stream.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")

    with listening(talk, context=context) as port:
        assert send(f"https://hooks.example.com:{port}/a?b=c").status == 200
    name, lines = seen
    assert name == "hooks.example.com"
    assert lines[0] == b"POST /a?b=c HTTP/1.1"
    assert f"host: hooks.example.com:{port}".encode() in lines


@pytest.mark.parametrize("trusted", [True, False])
def test_a_certificate_of_another_name_or_of_nobody_is_not_accepted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trusted: bool
) -> None:
    context, cert = certificate(tmp_path, "other.example.com" if trusted else "hooks.example.com")
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(cert))
    with listening(lambda _: None, context=context) as port:
        answer = send(f"https://hooks.example.com:{port}/")
    assert answer == Answer(status=0, error="the TLS certificate or handshake is not accepted")


def drip(stream: socket.socket) -> None:
    received(stream)
    for byte in b"HTTP/1.1 200 OK\r\n" + b"x" * 10_000:
        stream.sendall(bytes([byte]))
        time.sleep(0.05)


def test_an_answer_that_drips_is_cut_off_when_the_time_is_up() -> None:
    with listening(drip) as port:
        answer = send(f"http://hooks.example.com:{port}/", timeout_s=1.0)
    assert answer == Answer(status=0, error="no answer within 1 s")


def test_no_answer_at_all_is_told_as_such() -> None:
    done = threading.Event()
    with listening(lambda _: done.wait(20) and None) as port:
        assert send(f"http://hooks.example.com:{port}/", timeout_s=0.3).error == "no answer within 0.3 s"
        done.set()


@pytest.mark.parametrize(
    ("said", "status", "error"),
    [
        (b"", 0, "the connection was closed before an answer"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nshort", 200, ""),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204, ""),
        (b"HTTP/1.1 500 Oh\r\n\r\n", 500, ""),
        (b"garbage\r\n\r\n", 0, "the answer is not HTTP"),
        (b"HTTP/1.1 200 OK\r\nx: " + b"y" * 70_000 + b"\r\n\r\n", 0, "the answer is not HTTP"),
    ],
)
def test_what_receivers_say(said: bytes, status: int, error: str) -> None:
    def talk(stream: socket.socket) -> None:
        received(stream)
        stream.sendall(said)

    with listening(talk) as port:
        answer = send(f"http://hooks.example.com:{port}/")
    assert (answer.status, answer.error) == (status, error)


def test_retry_after_is_handed_on() -> None:
    def talk(stream: socket.socket) -> None:
        received(stream)
        stream.sendall(b"HTTP/1.1 503 Later\r\nRetry-After: 120\r\ncontent-length: 0\r\n\r\n")

    with listening(talk) as port:
        assert send(f"http://hooks.example.com:{port}/").retry_after == "120"
