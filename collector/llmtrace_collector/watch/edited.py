"""Rules that people have edited over the admin API, in watch.db beside those of the rule file.

rule file ──── read-only ────┐
                             ├─▶ merged ─▶ what the watch evaluates
edited_rules of watch.db ────┘             a name that both have is the file's
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from llmtrace_collector.errors import ConfigError
from llmtrace_collector.watch.policy import Policy
from llmtrace_collector.watch.rule import Rule
from llmtrace_collector.watch.rules import RuleFile, read_one
from llmtrace_collector.watch.sql import statements
from llmtrace_collector.watch.times import from_ms, to_ms

SQL = statements("edited.sql")

KEPT = timedelta(days=30)
"""How long it stays known that a rule was deleted, to watches that stood by meanwhile."""


@dataclass(frozen=True, kw_only=True)
class Edited:
    """One such rule; it was sound when it was edited, with the channels of the rule file as they were then."""

    name: str
    content: Mapping[str, Any]
    """With the keys of a rule file, `name` among them."""
    at: datetime
    who: str


@dataclass(frozen=True, kw_only=True)
class Merged:
    """What the watch evaluates."""

    rules: tuple[Rule, ...]
    policy: Policy
    problems: Mapping[str, str] = field(default_factory=dict)
    """Why an edited rule does not hold as it is written, by its name."""


def read(db: sqlite3.Connection) -> list[Edited]:
    """All of them, by name."""
    return [
        Edited(name=row["name"], content=json.loads(row["rule"]), at=from_ms(row["edited_ms"]), who=row["who"])
        for row in db.execute(SQL["all"])
    ]


def put(db: sqlite3.Connection, one: Edited) -> Edited:
    """Puts one in place of what had its name; as it is kept then: later than that, whatever the clocks say."""
    return replace(one, at=_put(db, one.name, json.dumps(one.content), one.at, one.who))


def remove(db: sqlite3.Connection, name: str, now: datetime, who: str) -> bool:
    """Deletes one; False: there is none of that name."""
    found = db.execute(SQL["one"], {"name": name}).fetchone()
    if found is None or not found["rule"]:
        return False
    _put(db, name, "", now, who)
    db.execute(SQL["prune"], {"before_ms": to_ms(now - KEPT)})
    return True


def _put(db: sqlite3.Connection, name: str, rule: str, now: datetime, who: str) -> datetime:
    before = db.execute(SQL["one"], {"name": name}).fetchone()
    edited_ms = max(to_ms(now), before["edited_ms"] + 1) if before else to_ms(now)
    db.execute(SQL["put"], {"name": name, "rule": rule, "edited_ms": edited_ms, "who": who})
    return from_ms(edited_ms)


def merged(file: RuleFile, edited: Sequence[Edited]) -> Merged:
    """The rules of the file, then the edited ones.

    One that names a channel which the file has no more is told as if it named none: it must not fall silent.
    """
    rules, problems = list(file.rules), {}
    names = {rule.name for rule in rules}
    routed = set(file.policy.routed)
    for one in edited:
        if one.name in names:
            problems[one.name] = "the rule file has a rule of this name, and that one holds; delete this one"
            continue
        rule, problem = _read(one, file)
        if problem:
            problems[one.name] = problem
        if rule:
            rules.append(rule)
        if problem or one.content.get("channels") is None:
            routed.add(one.name)
    policy = replace(file.policy, routed=frozenset(routed))
    return Merged(rules=tuple(rules), policy=policy, problems=problems)


def _read(one: Edited, file: RuleFile) -> tuple[Rule | None, str]:
    try:
        return read_one(one.content, "", file), ""
    except ConfigError as error:
        problem = str(error)
    try:
        return read_one({key: one.content[key] for key in one.content if key != "channels"}, "", file), problem
    except ConfigError:
        return None, problem
