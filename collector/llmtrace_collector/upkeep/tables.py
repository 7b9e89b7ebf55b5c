"""What is stored where, and whose it is: the catalogue that retention, deletion, export and backups go by.

A new table is one entry here: in `KEPT` when what came in is stored in it, in `ROLLUPS` when a view makes it from
`spans`, in `APART` when it is neither. A test compares the three with the real schema, so that none is forgotten.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Kept:
    """A table of what came in."""

    name: str
    time: str
    """Its time column, what a deletion or an export by time range goes by."""
    days: int
    """How long the schema keeps its rows."""
    received: str = ""
    """The column with the time of receipt; '': rows go with the spans they belong to."""
    user: str = ""
    """SQL for the user's id; '': it is known of their spans alone."""
    session: str = ""
    trace: str = ""
    """SQL for the trace id in lower-case hex; '': rows belong to no trace."""
    span: str = ""
    """SQL for the span id, by which rows without a user of their own are found."""
    response: str = ""
    """The column with the id of the answer it is about, for rows that name no trace."""

    @property
    def age_from(self) -> str:
        """SQL for the time the TTL counts from."""
        return f"toDateTime({self.time})"


@dataclass(frozen=True, kw_only=True)
class Rollup:
    """Sums over `spans` by a materialised view; made again for hours in which spans were deleted."""

    name: str
    view: str
    """Its SELECT is run over the touched hours, word for word."""
    time: str
    days: int
    bucket_s: int = 3600
    """Whole buckets of so many seconds are made again: a row must be of one alone."""
    user: str = ""
    """SQL for the user's id in a row, or ''."""
    bound: tuple[str, str] | tuple[()] = ()
    """What in the view's text bounds the names of one insert, and what stands there when a week is made again."""

    @property
    def age_from(self) -> str:
        """SQL for the time the TTL counts from."""
        return self.time


SPANS = Kept(
    name="spans",
    time="timestamp",
    days=90,
    received="received_at",
    user="user_id",
    session="session_id",
    trace="trace_id",
    span="span_id",
)

_USER = "attributes['user.id']"
_SESSION = "if(attributes['session.id'] != '', attributes['session.id'], attributes['gen_ai.conversation.id'])"
_OF_LOGS = {"received": "received_at", "trace": "trace_id", "span": "span_id"}
_ABOUT_CALLS = {**_OF_LOGS, "response": "response_id"}
_METRICS = ("gauge", "sum", "histogram", "exponential_histogram", "summary")

KEPT = (
    Kept(name="scores", time="timestamp", days=400, user=_USER, session=_SESSION, **_ABOUT_CALLS),
    Kept(name="feedback", time="timestamp", days=400, user="user_id", session="session_id", **_ABOUT_CALLS),
    Kept(name="log_records", time="timestamp", days=90, user=_USER, session=_SESSION, **_OF_LOGS),
    Kept(name="logs_quarantine", time="received_at", days=30, user=_USER, session=_SESSION, **_OF_LOGS),
    *(
        Kept(name=f"metrics_{kind}", time="timestamp", days=90, received="received_at", user=_USER, session=_SESSION)
        for kind in _METRICS
    ),
    Kept(name="metrics_quarantine", time="received_at", days=30, received="received_at", user=_USER, session=_SESSION),
    Kept(name="span_content", time="timestamp", days=30, trace="trace_id", span="span_id"),
    Kept(
        name="spans_deep",
        time="received_at",
        days=2,
        received="received_at",
        user=_USER,
        session=_SESSION,
        trace="trace_id",
        span="span_id",
    ),
    Kept(
        name="spans_quarantine",
        time="received_at",
        days=30,
        received="received_at",
        user=_USER,
        session=_SESSION,
        trace="trace_id",
    ),
    Kept(
        name="cost_adjustments",
        time="timestamp",
        days=90,
        user="user_id",
        session="session_id",
        trace="trace_id",
        span="span_id",
    ),
    Kept(name="alert_events", time="timestamp", days=400, user="group_values['user']"),
    SPANS,
)
"""In the order of deletion: what is found by its span comes before the spans."""

_BOUND = ("user_rank <= 1000,", "user_rank <= 1000000,")

ROLLUPS = (
    Rollup(name="spend_1m", view="spend_1m_mv", time="minute", days=40, user="user_id", bound=_BOUND),
    Rollup(name="span_1h", view="span_1h_mv", time="hour", days=400),
    Rollup(name="service_1h", view="service_1h_mv", time="hour", days=400),
    Rollup(name="traces", view="traces_mv", time="hour", days=90, user="user_id"),
    Rollup(
        name="dim_values",
        view="dim_values_mv",
        time="day",
        days=90,
        bucket_s=86_400,
        user="if(field = 'user', value, '')",
    ),
)

APART = {
    "alert_deliveries": "ids of events and hosts of receivers, nobody's data",
    "ingested": "counts by project and day, nobody's data",
    "audit_log": "who did what to the collector; a record that goes by itself proves nothing",
    "watch_leases": "which host watches, nobody's data",
    "watch_renewals": "which host watches, nobody's data",
    "watch_state": "the alerts of now, in the watch's own words; gone after three days unless they still stand",
    "watch_asked": "who silenced and acknowledged what; gone after 30 days",
    "model_rates": "prices of models",
    "cost_batches": "who changed costs, when and by how much in all",
    "schema_migrations": "which versions were applied",
    "retention": "how long tables are kept",
    "deletions": "what was deleted, by hash",
    "deletion_traces": "ids of traces that are deleted, for what arrives of them later",
    "imports": "which files were imported",
}
"""Tables that are neither, with the reason."""

AGEING: tuple[Kept | Rollup, ...] = (*KEPT, *ROLLUPS)
"""Tables whose rows go at some age."""
