"""watch.db as rows: which have changed, as JSON; and a watch.db made of such rows."""

from __future__ import annotations

import base64
import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from llmtrace_collector.watch.sql import statements

SQL = statements("standby.sql")
_EDITED = statements("edited.sql")

TABLES: Mapping[str, tuple[str, ...]] = {
    "alerts": ("rule", "group_key"),
    "members": ("rule", "group_key"),
    "bundles": ("bundle",),
    "tellings": ("bundle", "event_id"),
    "turns": ("rule", "group_key", "at_ms", "firing"),
    "silences": ("silence_id",),
    "edited_rules": ("name",),
    "heartbeats": ("endpoint",),
    "memories": ("rule", "what"),
    "notices": ("notice_id",),
    "endpoints": ("endpoint",),
    "adopted": ("member",),
}
"""What a watch that takes over must know, with primary keys. `outgoing` is not in it: rows on their way to the history
of alerts are this collector's own to deliver."""

ASKED = ("silences", "members", "edited_rules")
"""What people change on any collector, by whatever command or API: silences, acknowledgements of members, rules."""

_MOST = 20_000
"""Rows of one copy."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One row of watch.db; `content` None: it is gone."""

    source: str
    key: str
    content: Mapping[str, Any] | None
    number: int = 0

    def text(self) -> str:
        """The content as the store keeps it."""
        return "" if self.content is None else json.dumps(self.content, separators=(",", ":"))


def prepare(db: sqlite3.Connection, member: str) -> None:
    """Makes what notes changes; `member` is the id this watch has if it has none yet."""
    db.execute(SQL["begin"], {"member": member})
    for source, keys in TABLES.items():
        for event, side in (("INSERT", "NEW"), ("UPDATE", "NEW"), ("DELETE", "OLD")):
            key = ", ".join(f"{side}.{name}" for name in keys)
            db.execute(
                f"CREATE TRIGGER IF NOT EXISTS changed_{source}_{event.lower()} AFTER {event} ON {source}"  # noqa: S608
                " WHEN (SELECT paused FROM standby) = 0 BEGIN"
                # Not INSERT OR REPLACE: in a trigger the outer statement's word on conflicts holds.
                f" DELETE FROM changed WHERE source = '{source}' AND key = json_array({key});"
                " INSERT INTO changed (source, key, number)"
                f" VALUES ('{source}', json_array({key}), (SELECT coalesce(max(number), 0) + 1 FROM changed)); END"
            )


def changes(db: sqlite3.Connection) -> list[Row]:
    """Rows that have changed since they were copied, oldest change first; bounded."""
    found = db.execute(SQL["changes"], {"bound": _MOST}).fetchall()
    return [
        Row(source=row["source"], key=row["key"], content=_content(db, row["source"], row["key"]), number=row["number"])
        for row in found
    ]


def everything(db: sqlite3.Connection) -> None:
    """Notes every row as changed."""
    db.execute(SQL["forget_changes"])
    number = 0
    for source, keys in TABLES.items():
        for row in db.execute(f"SELECT {', '.join(keys)} FROM {source}").fetchall():  # noqa: S608  names of ours
            number += 1
            place = {"source": source, "key": json.dumps(list(row), separators=(",", ":")), "number": number}
            db.execute("INSERT INTO changed (source, key, number) VALUES (:source, :key, :number)", place)


def copied(db: sqlite3.Connection, rows: Iterable[Row]) -> None:
    """The store has them: what has changed since stays noted, and notices among them may go out."""
    db.execute(SQL["pause"], {"paused": 1})
    for row in rows:
        db.execute(SQL["copied"], {"source": row.source, "key": row.key, "number": row.number})
        if row.source == "notices" and row.content is not None:
            db.execute(SQL["copied_notice"], {"notice_id": row.content["notice_id"]})
    db.execute(SQL["pause"], {"paused": 0})


def replace(db: sqlite3.Connection, rows: Iterable[Row]) -> None:
    """Makes watch.db one of these rows."""
    db.execute(SQL["pause"], {"paused": 1})
    for source in TABLES:
        db.execute(f"DELETE FROM {source}")  # noqa: S608  names of ours
    for row in rows:
        if row.content is None or row.source not in TABLES:
            continue
        known = _columns(db, row.source)
        content = {name: _value(value) for name, value in row.content.items() if name in known}
        if row.source == "notices":
            content["shared"] = 1
        names = ", ".join(content)
        places = ", ".join(f":{name}" for name in content)
        db.execute(f"INSERT OR REPLACE INTO {row.source} ({names}) VALUES ({places})", content)  # noqa: S608  ours
    db.execute(SQL["forget_changes"])
    db.execute(SQL["pause"], {"paused": 0})


def adopt(db: sqlite3.Connection, asked: Sequence[Row]) -> None:
    """Takes in what people asked of a watch that stands by."""
    for row in asked:
        if row.content is None:
            continue
        if row.source == "silences":
            db.execute(SQL["asked_silence"], dict(row.content))
        elif row.source == "edited_rules":
            db.execute(_EDITED["put"], dict(row.content))
        elif row.source == "members" and row.content.get("acknowledged"):
            db.execute(SQL["asked_acknowledgement"], dict(row.content))


def _content(db: sqlite3.Connection, source: str, key: str) -> Mapping[str, Any] | None:
    keys = TABLES[source]
    where = " AND ".join(f"{name} = ?" for name in keys)
    row = db.execute(f"SELECT * FROM {source} WHERE {where}", json.loads(key)).fetchone()  # noqa: S608  names of ours
    return None if row is None else {name: _plain(row[name]) for name in row.keys()}  # noqa: SIM118  a sqlite3.Row


def _columns(db: sqlite3.Connection, source: str) -> set[str]:
    return {row["name"] for row in db.execute(f"PRAGMA table_info({source})")}


def _plain(value: Any) -> Any:
    return {"base64": base64.b64encode(value).decode()} if isinstance(value, bytes) else value


def _value(value: Any) -> Any:
    return base64.b64decode(value["base64"]) if isinstance(value, dict) else value


def content_of(text: str) -> Mapping[str, Any] | None:
    """What `Row.text` made a text of."""
    found: Mapping[str, Any] | None = json.loads(text) if text else None
    return found


def rule_of(row: Row) -> str:
    """The rule of a row whose key begins with it."""
    return str(json.loads(row.key)[0])
