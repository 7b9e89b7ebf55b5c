"""Whose data a deletion is about, and the SQL that finds it in each table.

A user or a session is looked for in two ways: by its own id in rows that carry one, and by the traces in which it was
seen (`deletion_traces`), so that spans without a user in the user's traces, message bodies and scores go too. Rows of a
shared trace that name somebody else stay.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from llmtrace_collector.database import DATABASE
from llmtrace_collector.upkeep.tables import SPANS, Kept
from llmtrace_collector.upkeep.text import literal

EVERY_PROJECT = "*"
KINDS = ("user", "session", "trace", "time")


@dataclass(frozen=True, kw_only=True)
class Selection:
    """What is to be deleted."""

    deletion_id: str
    project: str
    """`EVERY_PROJECT`, or one."""
    kind: str
    """One of `KINDS`."""
    salt: str
    hash: str
    """Of salt and value, hexadecimal; '' for a time range alone."""
    value: str = ""
    """The value where it is known; '' where only its hash is: then each row's value is hashed and compared."""
    start: datetime | None = None
    end: datetime | None = None
    """The time range, end excluded; None: open."""
    requested_at: datetime
    """What was received later is not meant."""
    database: str = DATABASE
    """Whose tables are asked which traces and spans are meant: a mutation runs in none."""

    def means(self, value: str) -> bool:
        """Whether `value` is the one that is meant."""
        return hmac.compare_digest(digest(self.salt, value), self.hash)

    def condition(self, table: Kept) -> str | None:
        """SQL for the rows of a table that are meant; None: the table has nothing of this kind."""
        whose = self._whose(table)
        return None if whose is None else " AND ".join([*self._where(table), *([whose] if whose else [])])

    def seen(self) -> str:
        """SQL for the spans that name the user or session."""
        own = SPANS.user if self.kind == "user" else SPANS.session
        return " AND ".join([*self._where(SPANS), self.equal(own)])

    def at_any_time(self) -> Selection:
        """The same, whenever it was received."""
        return replace(self, requested_at=datetime(2200, 1, 1, tzinfo=UTC))

    def _where(self, table: Kept) -> list[str]:
        # Message bodies have no time of receipt: theirs is that of their span, which `_whose` looks at.
        cut = table.received or ("" if table.trace else table.time)
        found = [f"{cut} <= {moment(self.requested_at)}"] if cut else ["1"]
        if self.project != EVERY_PROJECT:
            found.append(f"project = {literal(self.project)}")
        if self.start:
            found.append(f"{table.time} >= {moment(self.start)}")
        if self.end:
            found.append(f"{table.time} < {moment(self.end)}")
        return found

    def _whose(self, table: Kept) -> str | None:
        if self.kind == "time":
            return ""
        if self.kind == "trace":
            return self.equal(table.trace) if table.trace else None
        own = table.user if self.kind == "user" else table.session
        found = [self.equal(own)] if own else []
        if table.trace:
            found.append(f"({own} = '' AND {self._of_spans(table)})" if own else self._of_spans(table))
        if table.response:
            # Of every shard: what names an answer alone, and no trace, may lie on another than its span.
            answers = f"SELECT response_id FROM {DATABASE}.spans WHERE response_id != '' AND {self.condition(SPANS)}"
            found.append(f"({table.trace} = '' AND {table.response} IN ({answers}))")
        return f"({' OR '.join(found)})" if found else None

    def _of_spans(self, table: Kept) -> str:
        """SQL: the row is of a trace that was noted, and not of a span in it that is somebody else's or newer."""
        traces = f"SELECT trace_id FROM {self.database}.deletion_traces WHERE deletion_id = {literal(self.deletion_id)}"
        of_trace = f"{table.trace} IN ({traces})"
        if table is SPANS or not table.span:
            return of_trace
        names = SPANS.user if self.kind == "user" else SPANS.session
        others = (
            f"SELECT trace_id, span_id FROM {self.database}.spans"
            f" WHERE trace_id IN ({traces}) AND (({names} != '' AND NOT {self.equal(names)})"
            f" OR received_at > {moment(self.requested_at)})"
        )
        return f"({of_trace} AND ({table.trace}, {table.span}) NOT IN ({others}))"

    def equal(self, expression: str) -> str:
        """SQL: the expression is the value that is meant."""
        if self.value:
            return f"{expression} = {literal(self.value)}"
        return f"lower(hex(SHA256(concat({literal(self.salt)}, {expression})))) = {literal(self.hash)}"


def digest(salt: str, value: str) -> str:
    """The hash a deletion is logged under."""
    return hashlib.sha256((salt + value).encode()).hexdigest()


def moment(when: datetime) -> str:
    """A time as SQL, to the microsecond."""
    return f"toDateTime64('{when:%Y-%m-%d %H:%M:%S.%f}', 6, 'UTC')"
