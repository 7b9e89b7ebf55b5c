"""E-mail by SMTP: a plain and an HTML part of the same words.

Every mail of an alert stands in one thread, and an attempt that is repeated has the same Message-ID. Subjects are one
cleaned line, so no text of a stranger can begin another header; in HTML every text is escaped.
"""

from __future__ import annotations

import html
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import ClassVar

from llmtrace_collector.channels.channel import Channel
from llmtrace_collector.channels.message import Mail, Server
from llmtrace_collector.channels.notice import Notice
from llmtrace_collector.channels.text import fit

_SUBJECT = 200
_LINE = 4_000
_MOST_FACTS = 50
_DOMAIN = "llmtrace.invalid"
"""Of Message-IDs: no mail goes there (RFC 2606)."""


@dataclass(frozen=True, kw_only=True)
class Email(Channel):
    """Mail to one or several people by one server."""

    kind: ClassVar[str] = "email"

    server: Server
    sender: str
    recipients: tuple[str, ...]

    @property
    def place(self) -> str:
        """See `Channel`."""
        return f"{self.server.host}:{self.server.port}\n{','.join(self.recipients)}"

    @property
    def shown(self) -> str:
        """The server; addresses are people's own."""
        return f"smtp://{self.server.host}:{self.server.port}"

    def message(self, notice: Notice, at: datetime) -> Mail:  # noqa: ARG002 - as `Channel` has it
        """See `Channel`."""
        return Mail(
            server=self.server,
            sender=self.sender,
            recipients=self.recipients,
            content=content(notice, self.sender, self.recipients),
        )


def content(notice: Notice, sender: str, recipients: tuple[str, ...]) -> bytes:
    """The mail, byte for byte the same on every attempt."""
    mail = EmailMessage(policy=SMTP.clone(cte_type="7bit"))
    mail["From"] = f"llmtrace <{sender}>"
    mail["To"] = ", ".join(recipients)
    mail["Subject"] = fit(notice.title, _SUBJECT)
    mail["Date"] = format_datetime(notice.at)
    mail["Message-ID"] = f"<{_word(notice.id)}@{_DOMAIN}>"
    mail["References"] = f"<{notice.key}@{_DOMAIN}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content("\n".join(_lines(notice)) + "\n", cte="quoted-printable")
    mail.add_alternative(_html(notice), subtype="html", cte="quoted-printable")
    # The boundary between parts is random unless it is given.
    mail.set_boundary(f"=={_word(notice.id)}==")
    return mail.as_bytes()


def _word(text: str) -> str:
    return "".join(
        character for character in text if character.isascii() and (character.isalnum() or character in "_-")
    )


def _lines(notice: Notice) -> Iterator[str]:
    yield fit(notice.summary, _LINE)
    yield ""
    for name, value in notice.facts[:_MOST_FACTS]:
        yield f"{fit(name, _LINE)}: {fit(value, _LINE)}"
    for words, link in (("See the calls", notice.link), ("Runbook", notice.runbook)):
        if link:
            yield f"{words}: {fit(link, _LINE)}"


def _html(notice: Notice) -> str:
    rows = "".join(
        f"<tr><td>{_safe(name)}</td><td>{_safe(value)}</td></tr>" for name, value in notice.facts[:_MOST_FACTS]
    )
    links = " · ".join(
        f'<a href="{html.escape(link, quote=True)}">{words}</a>'
        for words, link in (("See the calls", notice.link), ("Runbook", notice.runbook))
        if link
    )
    title, summary = _safe(notice.title), _safe(notice.summary)
    return f"<html><body><h3>{title}</h3><p>{summary}</p><table>{rows}</table><p>{links}</p></body></html>\n"


def _safe(text: str) -> str:
    return html.escape(fit(text, _LINE), quote=True)
