"""The admin API of alerts, for holders of a key with the scope `operate` or `admin`. JSON in, JSON out.

    GET    /api/v1/alerts              what is pending or firing, and why people are told of it or not
    GET    /api/v1/silences            those that are not over
    POST   /api/v1/silences            {"matchers": ["user=alice"], "until": TIME or "for": "2h", "reason": ...} -> 201
    DELETE /api/v1/silences/ID         ends it now
    POST   /api/v1/acknowledgements    {"matchers": ["rule=daily-cap"], "reason": ...}

Whoever asks may say for whom in the header `x-llmtrace-actor`: "key:ID as NAME" is what others read.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Protocol

from llmtrace_collector.errors import ConfigError
from llmtrace_collector.receive.refused import Fault, RefusedError

PATHS = ("/api/v1/alerts", "/api/v1/silences", "/api/v1/acknowledgements")
_LONGEST = timedelta(days=366)
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class Silence(Protocol):
    """As the watch has one."""

    def as_json(self) -> dict[str, object]:
        """For people and programs."""


class Desk(Protocol):
    """What the watch lets people see and ask: `watch.desk.Desk`."""

    def alerts(self) -> list[dict[str, Any]]:
        """Alerts that are pending or firing."""

    def silences(self) -> Sequence[Silence]:
        """Those that are not over."""

    def silence(self, matchers: Sequence[str], *, ends: datetime, reason: str, who: str) -> Silence:
        """Makes one."""

    def unsilence(self, silence_id: str, *, who: str) -> None:
        """Ends one."""

    def acknowledge(self, matchers: Sequence[str], *, reason: str, who: str) -> list[dict[str, Any]]:
        """Takes alerts on."""


class AlertsAdmin:
    """Answers the requests to `PATHS`."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def answer(self, method: str, path: str, asked: Mapping[str, Any], who: str) -> tuple[int, dict[str, Any]]:
        """Status and body of one request.

        Raises:
            RefusedError: it is none of these, or cannot be done.
        """
        work = self._work(method, path, asked, who)
        if work is None:
            raise RefusedError(Fault.NOWHERE, f"there is no {method[:10]} {path[:100]}: see the admin API's page")
        try:
            return await asyncio.to_thread(work)
        except ConfigError as error:
            fault = Fault.NOWHERE if method == "DELETE" else Fault.MALFORMED
            raise RefusedError(fault, str(error)) from error

    def _work(self, method: str, path: str, asked: Mapping[str, Any], who: str) -> Any:
        if (method, path) == ("GET", PATHS[0]):
            return lambda: (200, {"alerts": self._desk.alerts()})
        if (method, path) == ("GET", PATHS[1]):
            return lambda: (200, {"silences": [one.as_json() for one in self._desk.silences()]})
        if (method, path) == ("POST", PATHS[1]):
            return partial(self._silence, asked, who)
        if method == "DELETE" and path.startswith(f"{PATHS[1]}/"):
            return partial(self._unsilence, path.removeprefix(f"{PATHS[1]}/"), who)
        return partial(self._acknowledge, asked, who) if (method, path) == ("POST", PATHS[2]) else None

    def _silence(self, asked: Mapping[str, Any], who: str) -> tuple[int, dict[str, Any]]:
        _only(asked, {"matchers", "until", "for", "reason"})
        made = self._desk.silence(_matchers(asked), ends=_end(asked), reason=_text(asked, "reason"), who=who)
        return 201, made.as_json()

    def _unsilence(self, silence_id: str, who: str) -> tuple[int, dict[str, Any]]:
        self._desk.unsilence(silence_id, who=who)
        return 200, {"id": silence_id, "ended": True}

    def _acknowledge(self, asked: Mapping[str, Any], who: str) -> tuple[int, dict[str, Any]]:
        _only(asked, {"matchers", "reason"})
        return 200, {"acknowledged": self._desk.acknowledge(_matchers(asked), reason=_text(asked, "reason"), who=who)}


def actor(key_id: str, header: bytes) -> str:
    """Who asks, for others to read.

    Raises:
        RefusedError: the header is no name.
    """
    name = header.decode("utf-8", "replace").strip()
    if len(name) > 100 or not name.isprintable():
        raise RefusedError(Fault.MALFORMED, "x-llmtrace-actor: write a name of up to 100 characters")
    return f"key:{key_id} as {name}" if name else f"key:{key_id}"


def _only(asked: Mapping[str, Any], known: set[str]) -> None:
    if unknown := asked.keys() - known:
        raise ConfigError(f'"{min(unknown)[:50]}" is not a field: {", ".join(sorted(known))} are')


def _matchers(asked: Mapping[str, Any]) -> list[str]:
    found = asked.get("matchers")
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise ConfigError('matchers: write a list of texts, such as ["user=alice"]')
    return found


def _text(asked: Mapping[str, Any], name: str) -> str:
    found = asked.get(name)
    if not isinstance(found, str):
        raise ConfigError(f"{name}: write a text")
    return found


def _end(asked: Mapping[str, Any]) -> datetime:
    until, length = asked.get("until"), asked.get("for")
    if (until is None) == (length is None):
        raise ConfigError("write one of until (2026-11-24T08:00Z) and for (2h): a silence has an end")
    now = datetime.now(UTC)
    if length is not None:
        text = str(length)
        if not (text[:-1].isascii() and text[:-1].isdigit() and len(text) < 8 and text[-1:] in _UNITS):
            raise ConfigError(f'for: "{text[:30]}" is not a duration; write it like 30m, 2h or 1d')
        ends = now + timedelta(seconds=int(text[:-1]) * _UNITS[text[-1]])
    else:
        try:
            ends = datetime.fromisoformat(str(until))
        except ValueError:
            raise ConfigError(f'until: "{str(until)[:40]}" is not a time; write it like 2026-11-24T08:00Z') from None
        ends = ends if ends.tzinfo else ends.replace(tzinfo=UTC)
    if ends - now > _LONGEST:
        raise ConfigError("until: a silence ends within a year; for longer, change the rule")
    return ends
