"""The migrations on a cluster: the same statements, each in the form that makes replicated and distributed tables.

    database llmtrace, on every node                       database llmtrace_shard, on every node
    otlp_traces_flat (Null) ─▶ otlp_spans ──────────────▶  otlp_spans (Null) ─ ... ─▶ spans, rollups, ... (Replicated)
                                      (Distributed,        of the shard that the hash of the trace id names
                                       by trace)
    spans, traces, costs, ... (Distributed)   ◀─────────   spans, traces, costs, ...

Two databases with the same names in them: readers and collectors know the first and see one table; what looks after
a shard (upkeep/shards.py) speaks to the second and runs the statements it runs on one server. Only what a body is
inserted into and the views that unfold it are in the first, because a body has spans of many traces.

`Layout` learns from all migrations what each name is; `form` turns one statement. What it does not know it refuses, so
that a new kind of statement in a migration is noticed by the tests and not by a cluster.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from llmtrace_collector.database import DATABASE, SHARD_DATABASE
from llmtrace_collector.errors import ConfigError
from llmtrace_collector.schema.words import Word, find, replaced, words_of
from llmtrace_collector.signals import Signal

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

LANDINGS = frozenset(f"otlp_{name}{check}" for name in (*Signal, f"{Signal.TRACES}_flat") for check in ("", "_check"))
"""What bodies are inserted into: on every node, in the first database."""

DEDUP_SECONDS = 7 * 86_400
"""How long a replicated table remembers a token (beside the number of them); ClickHouse's own default is an hour."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")
_OF_COLUMNS = {
    *(("ADD", "COLUMN"), ("MODIFY", "COLUMN"), ("DROP", "COLUMN"), ("COMMENT", "COLUMN"), ("RENAME", "COLUMN")),
    ("ALTER", "COLUMN"),
}
"""Changes that a distributed table needs too."""
_OF_STORAGE = {
    *(("ADD", "INDEX"), ("DROP", "INDEX"), ("MATERIALIZE", "INDEX"), ("MATERIALIZE", "COLUMN")),
    *(("MODIFY", "SETTING"), ("MODIFY", "TTL")),
}
"""Changes of what is on disk alone."""


def check_cluster(name: str) -> str:
    """The name of a cluster, '' for none.

    Raises:
        ConfigError: it cannot be one.
    """
    if name and not _NAME.fullmatch(name):
        raise ConfigError(
            f'--cluster: "{name[:100]}" is not the name of a cluster: it is one of `remote_servers` in the'
            " configuration of ClickHouse, made of letters, digits, _ and -"
        )
    return name


@dataclass(frozen=True, kw_only=True)
class Thing:
    """What a name is."""

    kind: str
    """`landing`, `table`, `view`, or `trigger` for a materialised view."""
    database: str
    """Where it lives."""
    key: str = ""
    """SQL for the shard of a row, of a table."""


@dataclass(kw_only=True)
class Layout:
    """What each name of the schema is, learnt from its statements in order."""

    things: dict[str, Thing] = field(default_factory=dict)

    @classmethod
    def of(cls, statements: Iterable[str]) -> Layout:
        """Of all statements that there are."""
        layout = cls()
        for sql in statements:
            layout.learn(sql)
        return layout

    def learn(self, sql: str) -> None:
        """Takes in a statement; only those that create something say anything."""
        words = words_of(sql)
        at = _name_at(words)
        if words[0].keyword != "CREATE":
            return
        name = words[at].name
        if words[1].keyword == "TABLE":
            self.things.setdefault(name, self._table(sql, words, name))
        elif words[1].keyword == "VIEW":
            self.things.setdefault(name, Thing(kind="view", database=SHARD_DATABASE))
        else:
            unfolds = any(words[n].name in LANDINGS for n in _sources(words))
            self.things[name] = Thing(kind="trigger", database=DATABASE if unfolds else SHARD_DATABASE)

    def _table(self, sql: str, words: list[Word], name: str) -> Thing:
        if name in LANDINGS:
            return Thing(kind="landing", database=DATABASE)
        at = find(words, "AS")
        key = self.things[words[at + 1].name].key if at >= 0 else _key(sql, words)
        return Thing(kind="table", database=SHARD_DATABASE, key=key)

    def form(self, sql: str, cluster: str) -> list[str]:
        """One statement as what a cluster runs instead, in order.

        Raises:
            ValueError: it is of a kind that is not known here.
        """
        words = words_of(sql)
        name = words[_name_at(words)].name
        thing = self.things.get(name)
        if thing is None:
            raise ValueError(f"no migration creates {name}")
        first = words[0].keyword
        if first == "CREATE":
            own = self._created(sql, words, thing, cluster)
            return [own, _twin(name, thing, cluster)] if thing.kind in {"table", "view"} else [own]
        if first == "ALTER":
            return self._altered(sql, words, thing, cluster)
        if first == "DROP" and thing.kind == "trigger":
            return [_placed(sql, words, thing.database, cluster)]
        raise ValueError(f"a cluster has no form of this statement: {sql[:80]}")

    def _created(self, sql: str, words: list[Word], thing: Thing, cluster: str) -> str:
        changes = [_name_change(words, thing.database, cluster)]
        if thing.kind in {"view", "trigger"}:
            changes += self._qualified(words, thing)
        elif (other := find(words, "AS")) >= 0:
            changes.append(_prefix(words[other + 1], thing.database))
        if thing.kind == "table":
            changes += _replicated(words)
        return replaced(sql, changes)

    def _qualified(self, words: list[Word], thing: Thing) -> list[tuple[int, int, str]]:
        """Names of tables in a view get their database: what a view reads is where the view is."""
        changes = [_prefix(words[at], thing.database) for at in _sources(words)]
        for at in _sources(words):
            if words[at].name not in self.things:
                raise ValueError(f"{words[at].name} is read and no migration creates it")
        target = find(words, "TO")
        if thing.kind == "trigger" and words[0].keyword == "CREATE":
            changes.append(_prefix(words[target + 1], thing.database))
        return changes

    def _altered(self, sql: str, words: list[Word], thing: Thing, cluster: str) -> list[str]:
        at = _name_at(words) + 1
        if thing.kind == "trigger":
            if tuple(w.keyword for w in words[at : at + 2]) != ("MODIFY", "QUERY"):
                raise ValueError(f"of a materialised view only the query is changed: {sql[:80]}")
            changes = [_name_change(words, thing.database, cluster), *self._qualified(words, thing)]
            return [replaced(sql, changes)]
        own = _placed(sql, words, thing.database, cluster)
        kinds = _changes(words[at:])
        if thing.kind == "table" and kinds <= _OF_COLUMNS:
            return [own, _placed(sql, words, DATABASE, cluster)]
        if kinds <= _OF_STORAGE or (thing.kind == "landing" and kinds <= _OF_COLUMNS):
            return [own]
        raise ValueError(f"a cluster has no form of this statement: {sql[:80]}")


def databases(cluster: str) -> list[str]:
    """What makes the two databases."""
    return [f"CREATE DATABASE IF NOT EXISTS {name} ON CLUSTER `{cluster}`" for name in (DATABASE, SHARD_DATABASE)]


def cluster_of(client: Client) -> str:
    """The cluster that the tables of a database were made for; '': for one server."""
    rows = client.query(
        "SELECT engine_full FROM system.tables"
        " WHERE database = {database:String} AND name = 'schema_migrations' AND engine = 'Distributed'",
        parameters={"database": DATABASE},
    ).result_rows
    return words_of(str(rows[0][0]))[2].text.strip("'") if rows else ""


def _twin(name: str, thing: Thing, cluster: str) -> str:
    """The distributed table of the same name in the first database."""
    key = f", {thing.key}" if thing.key else ""
    return (
        f"CREATE TABLE IF NOT EXISTS {DATABASE}.{name} ON CLUSTER `{cluster}` AS {thing.database}.{name}"
        f" ENGINE = Distributed('{cluster}', '{thing.database}', '{name}'{key})"
    )


def _name_at(words: list[Word]) -> int:
    """Where the name of what a statement is about stands."""
    at = 1
    while words[at].keyword in {"TABLE", "VIEW", "MATERIALIZED", "IF", "NOT", "EXISTS"}:
        at += 1
    return at


def _placed(sql: str, words: list[Word], database: str, cluster: str) -> str:
    return replaced(sql, [_name_change(words, database, cluster)])


def _name_change(words: list[Word], database: str, cluster: str) -> tuple[int, int, str]:
    name = words[_name_at(words)]
    return name.start, name.end, f"{database}.{name.text} ON CLUSTER `{cluster}`"


def _prefix(word: Word, database: str) -> tuple[int, int, str]:
    return word.start, word.start, f"{database}."


def _sources(words: list[Word]) -> list[int]:
    """Where names of tables stand behind FROM and JOIN; names of WITH are none."""
    named = {
        word.name
        for word, *after in zip(words, words[1:], words[2:], words[3:], strict=False)
        if after[0].keyword == "AS" and after[1].text == "(" and after[2].keyword in {"SELECT", "WITH"}
    }
    found, opened = [], [-1]
    for at, word in enumerate(words[:-1]):
        if word.text in "([":
            opened.append(at)
        elif word.text in ")]":
            opened.pop()
        elif word.keyword in {"FROM", "JOIN"} and words[at - 1].keyword != "ARRAY":
            # `trim(BOTH ' ' FROM x)` has a FROM of its own.
            in_query = opened[-1] < 0 or words[opened[-1] + 1].keyword in {"SELECT", "WITH"}
            if in_query and words[at + 1].is_name and words[at + 1].name not in named:
                found.append(at + 1)
    return found


def _replicated(words: list[Word]) -> list[tuple[int, int, str]]:
    """Changes that make a table of the MergeTree family replicated within its shard; none for others."""
    engine = words[find(words, "ENGINE") + 2]
    if not engine.text.endswith("MergeTree"):
        return []
    name = words[_name_at(words)].name
    # {shard} and {replica} are macros of each server; the rest is written out, so that a new replica finds the same.
    path = f"'/clickhouse/tables/{{shard}}/{SHARD_DATABASE}/{name}', '{{replica}}'"
    changes = [(engine.start, engine.end, f"Replicated{engine.text}({path})")]
    window = find(words, "NON_REPLICATED_DEDUPLICATION_WINDOW")
    if window >= 0:
        size = words[window + 2]
        changes += [
            (words[window].start, words[window].end, "replicated_deduplication_window"),
            (size.end, size.end, f", replicated_deduplication_window_seconds = {DEDUP_SECONDS}"),
        ]
    return changes


def _key(sql: str, words: list[Word]) -> str:
    """SQL for what places a row: its trace; else its request; else what the table is sorted by.

    Never chance: a repeated insert must find the shard it went to before, or its token is not known there.
    """
    columns = {
        words[at + 1].name for at, word in enumerate(words[:-1]) if word.text in "(," and words[at + 1].depth == 1
    }
    if "received_ns" in columns:
        by_trace = "if(trace_id = '', toString(received_ns), trace_id)" if "trace_id" in columns else "received_ns"
        return f"cityHash64({by_trace})"
    if "trace_id" in columns:
        return "cityHash64(trace_id)"
    at = find(words, "ORDER", "BY") + 2
    end = next((w.start for w in words[at:] if w.depth == 0 and w.keyword in {"TTL", "SETTINGS"}), len(sql))
    return f"cityHash64({sql[words[at].start : end].strip().removeprefix('(').removesuffix(')')})"


def _changes(words: list[Word]) -> set[tuple[str, str]]:
    """The kinds of changes of an ALTER, from its commands."""
    starts = [0, *(at + 1 for at, word in enumerate(words) if word.text == "," and word.depth == 0)]
    return {(words[at].keyword, words[at + 1].keyword) for at in starts}
