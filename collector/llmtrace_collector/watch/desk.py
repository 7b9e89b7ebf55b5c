"""What people see and ask of alerts, over watch.db: the command line and the admin API are two forms of it.

Who asked for what is in audit.jsonl, durably, before it is answered. The watch may be running in another process.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from llmtrace_collector.access.audit import Audit
from llmtrace_collector.errors import ConfigError
from llmtrace_collector.folder import DataFolder
from llmtrace_collector.watch import alerts
from llmtrace_collector.watch.groups import group_of
from llmtrace_collector.watch.journal import Journal
from llmtrace_collector.watch.policy import silences
from llmtrace_collector.watch.policy.matchers import Matcher, all_match, parse
from llmtrace_collector.watch.policy.silences import SQL, Silence, silencing
from llmtrace_collector.watch.states import State
from llmtrace_collector.watch.times import Clock, from_ms, iso, system_clock, to_ms

_LONGEST_TEXT = 500
_MOST_MATCHERS = 20


@dataclass(frozen=True, kw_only=True)
class Desk:
    """Of one data folder."""

    folder: DataFolder
    clock: Clock = system_clock
    spelled: str = ""
    """Stands before names of fields in sentences: `--` on the command line."""

    def alerts(self) -> list[dict[str, Any]]:
        """The alerts that are pending or firing, and why people are told of them or not."""
        now = self.clock()
        with self._open() as db:
            asked = silences.read(db)
            members = {(row["rule"], row["group_key"]): row for row in db.execute(SQL["all_members"])}
            return [_alert(alert, members.get((alert.rule, alert.key)), asked, now) for alert in alerts.live(db)]

    def silences(self) -> list[Silence]:
        """Those that are not over."""
        now = self.clock()
        with self._open() as db:
            return [one for one in silences.read(db) if now < one.ends]

    def silence(self, matchers: Sequence[str], *, ends: datetime, reason: str, who: str) -> Silence:
        """Nobody is told of alerts that all `matchers` mean, until `ends`.

        Raises:
            ConfigError: one of these cannot be it.
        """
        now = self.clock()
        silence = Silence(
            id=secrets.token_hex(4),
            matchers=self._matchers(matchers),
            begins=now,
            ends=ends,
            reason=self._text(reason, "reason"),
            who=self._text(who, "who"),
        )
        if silence.ends <= now:
            raise ConfigError(f"{self.spelled}until: {iso(silence.ends)} is over already; write a time to come")
        about = f"{' '.join(map(str, silence.matchers))} until {iso(ends)}: {reason}"
        with self._open() as db:
            silences.put(db, silence)
            self._note(who, "silence.create", silence.id, about)
        return silence

    def unsilence(self, silence_id: str, *, who: str) -> None:
        """Ends one now.

        Raises:
            ConfigError: there is none of that id that is in force.
        """
        with self._open() as db:
            if not silences.end(db, silence_id, self.clock()):
                raise ConfigError(f'there is no silence "{silence_id[:20]}" in force; see `llmtrace alerts list`')
            self._note(who, "silence.end", silence_id, "")

    def acknowledge(self, matchers: Sequence[str], *, reason: str, who: str) -> list[dict[str, Any]]:
        """Takes on the alerts that fire and that all `matchers` mean: no repeats until they resolve or get worse.

        Raises:
            ConfigError: there is none, or one of these cannot be it.
        """
        meant_by = self._matchers(matchers)
        about = {
            "who": self._text(who, "who"),
            "reason": self._text(reason, "reason"),
            "now_ms": to_ms(self.clock()),
        }
        with self._open() as db:
            rows = [row for row in db.execute(SQL["all_members"]) if row["firing"]]
            meant = [row for row in rows if all_match(meant_by, json.loads(row["labels"]))]
            for row in meant:
                db.execute(SQL["acknowledge"], about | {"rule": row["rule"], "group_key": row["group_key"]})
                self._note(who, "alert.acknowledge", row["rule"], f"{row['group_key']}: {reason}")
        if not meant:
            raise ConfigError("no alert that fires is meant by these matchers; see `llmtrace alerts list`")
        return [{"rule": row["rule"], "group": group_of(row["group_key"]), "acknowledged": True} for row in meant]

    def history(self, limit: int) -> list[dict[str, Any]]:
        """The notices of the last 30 days, newest first."""
        if limit < 1:
            raise ConfigError(f"{self.spelled}limit: {limit} is not 1 or more")
        with self._open() as db:
            found = [dict(row) for row in db.execute(SQL["history"], {"bound": limit})]
        for row in found:
            row["timestamp"] = iso(from_ms(row.pop("created_ms")))
        return found

    def _note(self, who: str, action: str, subject: str, detail: str) -> None:
        Audit(self.folder).note(who=who, action=action, project="", subject=subject, detail=detail)

    def _matchers(self, texts: Sequence[str]) -> tuple[Matcher, ...]:
        if not 0 < len(texts) <= _MOST_MATCHERS:
            raise ConfigError(f"{self.spelled}matchers: write 1 to {_MOST_MATCHERS}, such as user=alice")
        try:
            return tuple(parse(text) for text in texts)
        except ValueError as error:
            raise ConfigError(str(error)) from None

    def _text(self, text: str, name: str) -> str:
        if not text.strip() or not text.isprintable() or len(text) > _LONGEST_TEXT:
            raise ConfigError(f"{self.spelled}{name}: write one line of up to {_LONGEST_TEXT} characters")
        return text

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        with opened(self.folder) as db:
            yield db


@contextmanager
def opened(folder: DataFolder) -> Iterator[sqlite3.Connection]:
    """A transaction of watch.db; a watch that runs elsewhere takes turns with it."""
    if not folder.watch.exists():
        raise ConfigError(
            f"{folder.path} has no watch yet: start a collector there, or name another folder with --data"
        )
    journal = Journal(folder.watch)
    try:
        with journal.transaction() as db:
            yield db
    finally:
        journal.close()


def _alert(alert: alerts.Alert, member: sqlite3.Row | None, asked: Sequence[Silence], now: datetime) -> dict[str, Any]:
    group = group_of(alert.key)
    labels = json.loads(member["labels"]) if member else group | {"rule": alert.rule, "kind": alert.kind}
    firing = alert.standing.state is State.FIRING
    return {
        "type": "alert",
        "rule": alert.rule,
        "group": group,
        "shown": ", ".join(f"{name} {value}" for name, value in group.items()) or "-",
        "severity": labels.get("severity", "-"),
        "state": str(alert.standing.state),
        "since": iso(alert.standing.since) if alert.standing.since else "-",
        "value": float(alert.value),
        "limit": float(alert.limit),
        "event_id": alert.fired_event or "",
        "labels": labels,
        "told": iso(from_ms(member["sent_ms"])) if member and member["told"] and member["sent_ms"] else "-",
        "quiet": _quiet(labels, member, asked, now) if firing else "-",
    }


def _quiet(labels: Mapping[str, str], member: sqlite3.Row | None, asked: Sequence[Silence], now: datetime) -> str:
    """Why people are not told of an alert that fires; `-`: they are."""
    silence = silencing(asked, labels, now)
    if silence:
        return f"silence {silence.id}: {silence.reason}"
    if member is None:
        return "-"
    if member["acknowledged"]:
        return f"acknowledged by {member['ack_who']}: {member['ack_reason']}"
    return _IN_WORDS.get(member["quiet"], "-")


_IN_WORDS = {
    "muted": "a mute time of its route",
    "inhibited": "inhibited: another alert fires that stands for it",
    "group_wait": "waits for others of its group",
    "group_interval": "waits for the next notice of its group",
    "flapping": "flapping",
}
