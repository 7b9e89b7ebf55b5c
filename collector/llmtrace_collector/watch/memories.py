"""What conditions keep between evaluations, in watch.db: known values, known groups. Lost when their rule changes."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from llmtrace_collector.watch.journal import SQL

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection, Mapping

    from llmtrace_collector.watch.rule import Rule

CONDITION = "condition"
GROUPS = "groups"


def shape_of(rule: Rule) -> str:
    """Of what a memory is kept for: another condition, grouping or filter, and it means nothing."""
    text = repr((rule.condition, rule.group_by, sorted(rule.where.items())))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def get(db: sqlite3.Connection, rule: Rule, what: str) -> Mapping[str, Any]:
    """What was kept; empty when nothing was."""
    row = db.execute(SQL["memory"], {"rule": rule.name, "what": what, "shape": shape_of(rule)}).fetchone()
    found: dict[str, Any] = json.loads(row["content"]) if row else {}
    return found


def put(db: sqlite3.Connection, rule: Rule, what: str, content: Mapping[str, Any]) -> None:
    """Keeps it instead of what was kept."""
    row = {"rule": rule.name, "what": what, "shape": shape_of(rule), "content": json.dumps(content)}
    db.execute(SQL["put_memory"], row)


def forget_others(db: sqlite3.Connection, rules: Collection[str]) -> None:
    """Forgets what was kept for rules that are gone."""
    for row in db.execute(SQL["remembering"]).fetchall():
        if row["rule"] not in rules:
            db.execute(SQL["forget_memory"], {"rule": row["rule"]})
