"""Mail over a real SMTP server: what arrives, how it is secured, and what a server that does not want it answers."""

from __future__ import annotations

import asyncio
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope
from hypothesis import given
from hypothesis import strategies as st

from channels.samples import email, notice
from llmtrace_collector.channels import Allowed, Gateway, Sender
from llmtrace_collector.channels.mail import content
from llmtrace_collector.channels.message import Security

NOW = datetime(2026, 11, 22, 12, 10, 31, tzinfo=UTC)


class Box:
    """Takes mail, as RFC 5321 and 5322 want it, or answers as it is told."""

    def __init__(self) -> None:
        self.envelopes: list[Envelope] = []
        self.refuses: dict[str, str] = {}
        self.answer = "250 taken"
        self.secured: list[bool] = []

    async def handle_RCPT(self, server: Any, session: Any, envelope: Envelope, address: str, options: Any) -> str:
        if address in self.refuses:
            return self.refuses[address]
        envelope.rcpt_tos.append(address)
        return "250 fine"

    async def handle_DATA(self, server: Any, session: Any, envelope: Envelope) -> str:
        raw = envelope.content
        assert isinstance(raw, bytes)
        assert b"\n" not in raw.replace(b"\r\n", b"")
        assert all(len(line) <= 998 for line in raw.split(b"\r\n"))
        assert raw.isascii()
        self.envelopes.append(envelope)
        self.secured.append(session.ssl is not None)
        return self.answer

    @property
    def mails(self) -> list[EmailMessage]:
        return [message_from_bytes(envelope.content, policy=default) for envelope in self.envelopes]  # type: ignore[arg-type]


@contextmanager
def server(box: Box, *, tls: ssl.SSLContext | None = None, **options: Any) -> Iterator[int]:
    """An SMTP server on a free port; with `tls` it speaks TLS from the first byte."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    async def listen() -> asyncio.Server:
        return await loop.create_server(lambda: SMTP(box, loop=loop, **options), "127.0.0.1", 0, ssl=tls)

    async def end(listening: asyncio.Server) -> None:
        listening.close()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        await asyncio.sleep(0)

    listening = asyncio.run_coroutine_threadsafe(listen(), loop).result(10)
    try:
        yield listening.sockets[0].getsockname()[1]
    finally:
        asyncio.run_coroutine_threadsafe(end(listening), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def send(channel: Any, told: str = "alert.firing", *, timeout_s: float = 10.0, **more: Any) -> Any:
    sender = Sender(Gateway(Allowed.parse("127.0.0.1,localhost")), timeout_s=timeout_s)
    return sender(channel.message(notice(told, **more), NOW))


@pytest.fixture
def certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """A server's context for `localhost`, trusted by whoever asks the system."""
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    new = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    subprocess.run([*new, *names, "-keyout", str(key), "-out", str(cert)], check=True, capture_output=True)
    monkeypatch.setenv("SSL_CERT_FILE", str(cert))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return context


def test_a_mail_has_the_same_words_as_text_and_html_and_a_thread_of_its_alert() -> None:
    box = Box()
    with server(box) as port:
        assert send(email(port)).status == 250
        assert send(email(port)).status == 250
        assert send(email(port), "alert.resolved").status == 250
    first, again, resolved = box.mails
    assert first["Subject"] == "FIRING: user-daily-cap (user alice)"
    assert first["To"] == "on-call@example.com"
    assert first["Auto-Submitted"] == "auto-generated"
    assert first["Message-ID"] == again["Message-ID"]
    assert box.envelopes[0].content == box.envelopes[1].content
    assert first["References"] == resolved["References"]
    plain, page = (part.get_content() for part in first.iter_parts())
    assert "Calls of user alice cost $5.25 over 1d, more than the limit of $5.00." in plain
    assert "See the calls: http://127.0.0.1:8501/traces?from=" in plain
    assert "<td>$5.25</td>" in page


@given(st.text(st.characters(exclude_categories=[])) | st.just("x\r\nBcc: evil@example.com\r\n\r\nbody"))
def test_no_name_makes_a_header_or_a_tag(name: str) -> None:
    raw = content(notice(group={"user": name}, rule=name), "llmtrace@example.com", ("on-call@example.com",))
    mail = message_from_bytes(raw, policy=default)
    assert set(mail.keys()) == {
        "From", "To", "Subject", "Date", "Message-ID", "References", "Auto-Submitted", "MIME-Version", "Content-Type",
    }  # fmt: skip
    assert len(list(mail.iter_parts())) == 2


def test_tags_in_names_are_shown_and_not_run() -> None:
    raw = content(notice(group={"user": '<img src=x onerror="x">'}), "a@example.com", ("b@example.com",))
    _, page = (part.get_content() for part in message_from_bytes(raw, policy=default).iter_parts())
    assert "&lt;img src=x onerror=&quot;x&quot;&gt;" in page
    assert "<img" not in page


def test_starttls_secures_the_mail_and_the_login(certificate: ssl.SSLContext) -> None:
    box, seen = Box(), []

    def login(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        seen.append((data.login, data.password))
        return AuthResult(success=data.password == b"right", handled=False)

    options = {"tls_context": certificate, "authenticator": login, "auth_required": True, "require_starttls": True}
    with server(box, **options) as port:
        right = email(port, security=Security.STARTTLS, host="localhost", username="llmtrace", password="right")
        wrong = email(port, security=Security.STARTTLS, host="localhost", username="llmtrace", password="hidden")
        assert send(right).status == 250
        assert send(wrong).error == "the mail server does not accept the login (535)"
    assert box.secured == [True]
    assert (b"llmtrace", b"right") in seen


def test_tls_from_the_first_byte_checks_the_name(certificate: ssl.SSLContext) -> None:
    box = Box()
    with server(box, tls=certificate) as port:
        assert send(email(port, security=Security.TLS, host="localhost")).status == 250
        other = send(email(port, security=Security.TLS, host="127.0.0.1"))
        assert other.error == "the TLS certificate or handshake is not accepted"
    assert len(box.mails) == 1


def test_without_starttls_on_offer_nothing_is_sent() -> None:
    box = Box()
    with server(box) as port:
        answer = send(email(port, security=Security.STARTTLS))
    assert "does not offer" in answer.error
    assert box.envelopes == []


def test_a_refusal_is_told_by_its_code_and_without_an_address() -> None:
    box = Box()
    box.refuses = {"on-call@example.com": "550 no such user on-call@example.com"}
    with server(box) as port:
        assert send(email(port)).error == "the mail server refused all recipients (550)"
        box.refuses = {}
        box.answer = "451 try later"
        assert send(email(port)).error == "the mail server answered 451"


def test_a_mail_that_some_recipients_get_is_delivered_and_says_who_many_did_not() -> None:
    box = Box()
    box.refuses = {"gone@example.com": "550 gone"}
    with server(box) as port:
        both = replace(email(port), recipients=("on-call@example.com", "gone@example.com"))
        answer = send(both)
    assert (answer.status, answer.error) == (250, "the server refused 1 of 2 recipients")


@pytest.mark.parametrize("security", list(Security))
def test_a_server_that_drips_is_cut_off_when_the_time_is_up(security: Security) -> None:
    def drip(connection: socket.socket) -> None:
        with suppress(OSError):
            while True:
                connection.sendall(b"2")
                time.sleep(0.05)

    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            connection, _ = listening.accept()
            with connection:
                drip(connection)

        thread = threading.Thread(target=serve)
        thread.start()
        answer = send(email(listening.getsockname()[1], security=security), timeout_s=0.5)
        thread.join(20)
        assert not thread.is_alive()
    assert answer.status == 0
    assert "no answer within 0.5 s" in answer.error or (security is Security.TLS and "TLS" in answer.error)


def test_a_server_that_is_closed_for_now_is_told_by_its_code() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.sendall(b"554 not today\r\n")
                connection.recv(100)

        thread = threading.Thread(target=serve)
        thread.start()
        answer = send(email(listening.getsockname()[1]))
        thread.join(20)
    assert answer.error == "the mail server answered 554"


def test_a_mail_server_in_a_private_network_is_asked_only_where_that_is_allowed() -> None:
    answer = Sender()(email(25).message(notice(), NOW))
    assert answer.error.startswith("the address 127.0.0.1 (loopback) is not public")
