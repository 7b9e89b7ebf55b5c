"""Slack by incoming webhook and Block Kit (https://docs.slack.dev/reference/block-kit/blocks).

Texts of strangers stand in `plain_text` objects, where no markup is read; in the two places that are mrkdwn, `&`, `<`
and `>` are escaped, so that neither links nor `<!channel>` can be made.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from llmtrace_collector.channels.channel import HttpChannel
from llmtrace_collector.channels.message import Request
from llmtrace_collector.channels.notice import Notice
from llmtrace_collector.channels.text import PLAIN, fit

_HEADER = 150
_SECTION = 3_000
_FIELD = 2_000
_MOST_FIELDS = 10
_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_IN_LINK = {"<": "%3C", ">": "%3E", "|": "%7C", "&": "&amp;", " ": "%20"}


@dataclass(frozen=True, kw_only=True)
class Slack(HttpChannel):
    """A channel of a Slack workspace; its URL is a secret."""

    kind: ClassVar[str] = "slack"

    def message(self, notice: Notice, at: datetime) -> Request:  # noqa: ARG002 - as `Channel` has it
        """See `Channel`."""
        return self.post(payload(notice))


def payload(notice: Notice) -> dict[str, Any]:
    """The message: header, sentence, up to ten facts, links."""
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": _plain(notice.title, _HEADER)},
        {"type": "section", "text": _plain(notice.summary, _SECTION)},
    ]
    if notice.facts:
        facts = [_plain(f"{name}: {value}", _FIELD) for name, value in notice.facts[:_MOST_FIELDS]]
        blocks.append({"type": "section", "fields": facts})
    links = " · ".join(
        f"<{link}|{words}>"
        for words, link in (("See the calls", _link(notice.link)), ("Runbook", _link(notice.runbook)))
        if link
    )
    if links:
        blocks.append({"type": "section", "text": {"type": "mrkdwn", "text": links}})
    return {"text": fit(f"{notice.title}. {notice.summary}", _SECTION, _ESCAPES), "blocks": blocks}


def _plain(text: str, most: int) -> dict[str, Any]:
    return {"type": "plain_text", "text": fit(text, most, PLAIN) or "-", "emoji": False}


def _link(url: str) -> str:
    """Escaped for mrkdwn; one that does not fit is worth nothing, and left out."""
    escaped = "".join(_IN_LINK.get(character, character) for character in url)
    return escaped if len(escaped) < _SECTION // 2 - 50 else ""
