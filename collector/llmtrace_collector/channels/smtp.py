"""Handing a mail to a server: STARTTLS or TLS with certificates checked, over an address the gateway has judged."""

from __future__ import annotations

import smtplib
import socket
import ssl
from contextlib import suppress

from llmtrace_collector.channels.gateway import BlockedError, Gateway, cut_off
from llmtrace_collector.channels.message import Answer, Mail, Security
from llmtrace_collector.channels.posting import in_words, secured, too_late


class _Client(smtplib.SMTP):
    """`smtplib.SMTP` that connects through the gateway and secures the connection before the first byte if asked."""

    def __init__(self, mail: Mail, gateway: Gateway, timeout_s: float) -> None:
        self._gateway = gateway
        self._secured = mail.server.security is Security.TLS
        super().__init__(local_hostname=_own_name(), timeout=timeout_s)
        self._host = mail.server.host  # whom STARTTLS is for; set by the base class only when it connects at once

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        connection = self._gateway.connect(host, port, timeout)
        if not self._secured:
            return connection
        self.sock = tls = secured(connection, host)  # here already, for who cuts it off
        tls.do_handshake()
        return tls


def _own_name() -> str:
    """What we call ourselves: the host's name where it is a whole one, else an address literal (RFC 5321, 4.1.3)."""
    name = socket.gethostname()
    return name if "." in name and name.isascii() else "[127.0.0.1]"


def send(mail: Mail, gateway: Gateway, timeout_s: float) -> Answer:
    """Hands the mail over; what the server or the network does is an answer, never an exception.

    When the server takes it for some recipients only, that is a delivery, and the answer's error says how many it
    refused: sending it to everybody again would help nobody.
    """
    held: list[_Client] = []
    try:
        with cut_off(timeout_s, lambda: held[0].sock if held else None) as late:
            try:
                refused = _hand_over(mail, gateway, timeout_s, held)
            except (OSError, smtplib.SMTPException):
                if not late.is_set():
                    raise
                return Answer(status=0, error=too_late(timeout_s))
    except smtplib.SMTPException as error:
        return Answer(status=0, error=_in_words(error))
    except (OSError, BlockedError) as error:
        return Answer(status=0, error=in_words(error, timeout_s))
    return Answer(
        status=250, error=f"the server refused {refused} of {len(mail.recipients)} recipients" if refused else ""
    )


def _hand_over(mail: Mail, gateway: Gateway, timeout_s: float, held: list[_Client]) -> int:
    """Puts the client into `held`, for who cuts it off; how many recipients were refused."""
    client = _Client(mail, gateway, timeout_s)
    held.append(client)
    try:
        code, said = client.connect(mail.server.host, mail.server.port)
        if code != 220:
            raise smtplib.SMTPConnectError(code, said)
        return _converse(client, mail)
    finally:
        with suppress(OSError, smtplib.SMTPException):
            client.quit()
        client.close()


def _converse(client: _Client, mail: Mail) -> int:
    if mail.server.security is Security.STARTTLS:
        client.starttls(context=ssl.create_default_context())
    if mail.server.username:
        client.login(mail.server.username, mail.server.password)
    return len(client.sendmail(mail.sender, mail.recipients, mail.content))


def _in_words(error: smtplib.SMTPException) -> str:
    """Codes and our own words: what servers say may hold addresses or more."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        codes = sorted({code for code, _ in error.recipients.values()})
        return f"the mail server refused all recipients ({', '.join(map(str, codes))})"
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return f"the mail server does not accept the login ({error.smtp_code})"
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return "the mail server does not offer what is asked for (STARTTLS or login)"
    if isinstance(error, smtplib.SMTPResponseException):
        return f"the mail server answered {error.smtp_code}"
    return "the connection was closed before an answer"
