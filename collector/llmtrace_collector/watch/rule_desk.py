"""What people see and ask of rules over the admin API: those of the rule file to read, edited ones to change.

Who changed what is in audit.jsonl with the whole rule, durably, before it is answered. The watch may be running in
another process, and takes what is edited at its next evaluation.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from llmtrace_collector.access.audit import Audit
from llmtrace_collector.errors import BusyError, ConfigError, ConflictError
from llmtrace_collector.folder import DataFolder
from llmtrace_collector.watch import backtest, durations, edited, rules
from llmtrace_collector.watch.desk import opened
from llmtrace_collector.watch.edited import Edited
from llmtrace_collector.watch.rule import Rule
from llmtrace_collector.watch.rules import RuleFile
from llmtrace_collector.watch.times import Clock, iso, system_clock

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

MOST_RULES = 1_000
"""Edited ones."""

_LARGEST_BYTES = 20_000
"""Of one rule as JSON."""

_LONGEST = timedelta(days=14)
_MINUTE = timedelta(minutes=1)
_USUAL_EVALUATIONS = 1_440
_MOST_EVALUATIONS = 20_161
"""Fourteen days by the minute."""


@dataclass(frozen=True, kw_only=True)
class RuleDesk:
    """Of one data folder."""

    folder: DataFolder
    file: Path | None
    """The rule file of its collector; None: it has none."""
    connect: Callable[[], Client]
    """For backtests, from a thread of their own."""
    clock: Clock = system_clock
    budget_s: float = 20.0
    """A backtest ends after so long with what it has found."""
    _trying: threading.Lock = field(default_factory=threading.Lock, repr=False)
    """Held while a backtest runs: one at a time in a process."""
    _stopping: threading.Event = field(default_factory=threading.Event, repr=False)

    def rules(self) -> dict[str, Any]:
        """Every rule with its source, and what stands against one."""
        file, problem = RuleFile(), ""
        try:
            file = self._read_file()
        except ConfigError as error:
            problem = str(error)
        with self._open() as db:
            found = edited.read(db)
        merged = edited.merged(file, found)
        held = {rule.name: rule for rule in merged.rules}
        shown = [_of_file(rule, file.written[rule.name]) for rule in file.rules]
        # A file that cannot be read now says nothing about channels: the watch goes on with what it had.
        problems = {} if problem else merged.problems
        shown += [_of_people(one, held.get(one.name), problems.get(one.name, "")) for one in found]
        return {
            "rules": shown,
            "file": self.file.name if self.file else "",
            "file_problem": problem,
            "channels": [channel.name for channel in file.channels],
        }

    def put(self, name: str, content: Mapping[str, Any], *, who: str) -> tuple[bool, dict[str, Any]]:
        """Makes or changes an edited rule; whether it is new, and the rule as `rules` shows it.

        Raises:
            ConfigError: with every mistake, one to a line; as `ConflictError`: a rule of the file has the name, the
                file has mistakes, or there are too many.
        """
        file = self._sound_file()
        named, rule = _sound(content, "", name, file)
        if any(other.name == name for other in file.rules):
            raise ConflictError(f'"{name}" is a rule of {_file_name(self.file)}: change it there, or take another name')
        with self._open() as db:
            before = {one.name for one in edited.read(db)}
            if name not in before and len(before) >= MOST_RULES:
                raise ConflictError(f"there are {MOST_RULES:,} edited rules, which is the most: delete one")
            one = edited.put(db, Edited(name=name, content=named, at=self.clock(), who=who))
            action = "rule.change" if name in before else "rule.create"
            self._note(who, action, name, json.dumps(named, ensure_ascii=False))
        return name not in before, _of_people(one, rule, "")

    def delete(self, name: str, *, who: str) -> None:
        """Deletes an edited rule; its alerts end at the next evaluation.

        Raises:
            ConfigError: there is none of that name; as `ConflictError`: it is one of the file.
        """
        with self._open() as db:
            removed = edited.remove(db, name, self.clock(), who)
            if removed:
                self._note(who, "rule.delete", name, "")
        if removed:
            return
        if any(other.name == name for other in self._sound_file().rules):
            raise ConflictError(f'"{name[:100]}" is a rule of {_file_name(self.file)}: take it out there')
        raise ConfigError(f'there is no edited rule "{name[:100]}"; GET /api/v1/rules has them all')

    def export(self) -> str:
        """The edited rules as YAML for a rule file."""
        with self._open() as db:
            found = [dict(one.content) for one in edited.read(db)]
        text: str = yaml.safe_dump({"rules": found}, sort_keys=False, allow_unicode=True, width=120)
        return text

    def backtest(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """What a rule would have told over what is stored: `rule`, and `from`, `to`, `every` if given.

        Raises:
            ConfigError: one of these cannot be it.
            BusyError: this process does one already.
            StoreError: ClickHouse does not answer.
        """
        unknown = asked.keys() - {"rule", "from", "to", "every"}
        if unknown:
            raise ConfigError(f'"{min(unknown)[:50]}" is not a field: every, from, rule, to are')
        content = asked.get("rule")
        if not isinstance(content, dict):
            raise ConfigError("rule: write an object with the keys of a rule")
        _, rule = _sound(content, "rule", str(content.get("name", "backtest")), self._sound_file())
        end = _time(asked, "to", self.clock())
        start = _time(asked, "from", end - _LONGEST)
        every = _every(asked, end - start)
        if not self._trying.acquire(blocking=False):
            raise BusyError("a backtest is under way already: ask again when it is done")
        try:
            return backtest.bounded(
                backtest.Backtest([rule], self.connect),
                start,
                end,
                every,
                budget_s=self.budget_s,
                stopping=self._stopping.is_set,
            )
        finally:
            self._trying.release()

    def stop(self) -> None:
        """Has a backtest end with what it has: the process is asked to stop."""
        self._stopping.set()

    def _sound_file(self) -> RuleFile:
        try:
            return self._read_file()
        except ConfigError as error:
            raise ConflictError(f"the rule file has mistakes, mend them first: {error}") from error

    def _read_file(self) -> RuleFile:
        return rules.read(self.file) if self.file else RuleFile()

    def _note(self, who: str, action: str, subject: str, detail: str) -> None:
        Audit(self.folder).note(who=who, action=action, project="", subject=subject, detail=detail)

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        with opened(self.folder) as db:
            yield db


def _sound(content: Mapping[str, Any], at: str, name: str, file: RuleFile) -> tuple[dict[str, Any], Rule]:
    """The rule with its name, if it is one; `at` is where it stands in what was asked."""
    if content.get("name", name) != name:
        raise ConfigError("name: is another one than in the address; leave it away")
    named = {"name": name, **{key: value for key, value in content.items() if key != "name"}}
    try:
        size = len(json.dumps(named, ensure_ascii=False).encode())
    except (UnicodeEncodeError, RecursionError):
        raise ConfigError(f"{at or 'the rule'}: holds what is no text; write characters that UTF-8 has") from None
    if size > _LARGEST_BYTES:
        raise ConfigError(f"{at or 'the rule'}: is larger than {_LARGEST_BYTES:,} bytes; shorten it")
    return named, rules.read_one(named, at, file)


def _file_name(file: Path | None) -> str:
    """As sentences name it."""
    return file.name if file else "the rule file"


def _of_file(rule: Rule, written: Mapping[str, Any]) -> dict[str, Any]:
    safe = {key: value for key, value in written.items() if key != "webhooks"}
    plain: dict[str, Any] = json.loads(json.dumps(safe, default=str))
    return {**_both(rule.name, "file", rule), "rule": plain, "problem": "", "edited_at": None, "edited_by": None}


def _of_people(one: Edited, rule: Rule | None, problem: str) -> dict[str, Any]:
    shown = _both(one.name, "edited", rule)
    return {**shown, "rule": dict(one.content), "problem": problem, "edited_at": iso(one.at), "edited_by": one.who}


def _both(name: str, source: str, rule: Rule | None) -> dict[str, Any]:
    told = [str(channel) for channel in rule.channels] if rule else []
    return {"name": name, "source": source, "told": told}


def _time(asked: Mapping[str, Any], key: str, default: datetime) -> datetime:
    text = asked.get(key)
    if text is None:
        return default
    try:
        found = datetime.fromisoformat(text)
    except (ValueError, TypeError):
        raise ConfigError(f'{key}: "{str(text)[:40]}" is not a time; write it like 2026-11-24T08:00Z') from None
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)


def _every(asked: Mapping[str, Any], length: timedelta) -> timedelta:
    if not timedelta(0) <= length <= _LONGEST:
        raise ConfigError(f"from: is not before to, or more than {_LONGEST.days} days before; write a shorter time")
    text = asked.get("every")
    if text is None:
        return max(_MINUTE, _MINUTE * -(-length // (_MINUTE * _USUAL_EVALUATIONS)))
    try:
        every = durations.parse(text if isinstance(text, str) else json.dumps(text))
    except ValueError as error:
        raise ConfigError(f"every: {error}") from None
    if every <= timedelta(0) or length / every > _MOST_EVALUATIONS:
        raise ConfigError(f"every: makes more than {_MOST_EVALUATIONS:,} evaluations; write a longer one")
    return every
