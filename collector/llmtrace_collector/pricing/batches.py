"""Changing costs, an hour at a time: each change once, whatever is killed in between.

    begun     a row of cost_batches
    adjust    one INSERT ... SELECT, one block: all rows of the batch or none   (token: the hour and its batches so far)
    settle    for each rollup: the view NAME_later over the batch's rows        (token: the batch and the rollup)
    done      a row of cost_batches, with the sums

Two who change the same hour at once have the same token in `adjust`, so the rows of one of them are dropped. What was
begun and is not done is settled by whoever looks next, once its statement cannot be running any more; the tokens make
it harmless when it was settled already.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from llmtrace_collector.database import database_of
from llmtrace_collector.gate import Gate
from llmtrace_collector.pricing.book import Book
from llmtrace_collector.pricing.rates import Interval, Model, intervals
from llmtrace_collector.upkeep.text import literal

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

ROLLUPS = ("spend_1m", "span_1h", "service_1h", "traces", "dim_values")
"""What is added to them stands in the view of their name with `_later`."""

GRACE_S = 150
"""A batch that was begun longer ago than this runs no more: its statement may take 120 s at most."""

_MOST = 50_000
"""Storing waits for a batch: a second or two."""

_ONE_BLOCK = {
    "max_threads": 1,
    "max_block_size": 10_000_000,
    "min_insert_block_size_rows": 10_000_000,
    "min_insert_block_size_bytes": 0,
    "max_bytes_before_external_group_by": 500_000_000,
    "deduplicate_insert_select": "enable_even_for_bad_queries",
    "max_execution_time": 120,
}


@dataclass(frozen=True, kw_only=True)
class Change:
    """What is to be done to calls."""

    reason: str
    """`first`: those without a cost; `again`: those that were priced from a list, too."""
    who: str
    model: str = ""
    """This one alone; '': all."""


@dataclass(frozen=True, kw_only=True)
class Changed:
    """What was done, or would be."""

    spans: int = 0
    old_usd: Decimal = Decimal(0)
    new_usd: Decimal = Decimal(0)

    def __add__(self, other: Changed) -> Changed:
        return Changed(
            spans=self.spans + other.spans, old_usd=self.old_usd + other.old_usd, new_usd=self.new_usd + other.new_usd
        )


class Batches:
    """Changes costs by the prices of one book."""

    def __init__(self, client: Client, book: Book, gate: Gate | None = None) -> None:
        self._client = client
        self._gate = gate
        self._book = book
        self._known: dict[datetime, set[Model]] = {}
        """Models whose rates of a month are in `model_rates`. Always a whole month, so that no two rows overlap."""

    def price(self, hour: datetime, change: Change) -> Changed:
        """Changes the calls of an hour; does nothing while another batch of this hour is under way."""
        if not self._find_rates(hour, change):
            return Changed()
        whole = Changed()
        while not self.is_busy(hour):
            with _passing(self._gate):
                done = self._run(hour, change)
            whole += done
            if done.spans < _MOST:
                break
        return whole

    def is_busy(self, hour: datetime) -> bool:
        """Another batch of this hour is under way, or was left and is not finished yet."""
        return any(pending["hour"] == hour for pending in _pending(self._client))

    def preview(self, hour: datetime, change: Change) -> Changed:
        """What `price` would do."""
        if not self._find_rates(hour, change):
            return Changed()
        sql = _sql("dry").replace("{costed}", _costed())
        (row,) = self._client.query(sql, parameters=self._parameters(hour, change)).result_rows
        return Changed(spans=row[0], old_usd=row[1] or Decimal(0), new_usd=row[2] or Decimal(0))

    def _run(self, hour: datetime, change: Change) -> Changed:
        batch = f"{hour:%Y%m%dT%H}-{secrets.token_hex(6)}"
        sql = "SELECT countIf(state = 'done') FROM cost_batches WHERE hour = {hour:DateTime('UTC')}"
        before = self._client.query(sql, parameters={"hour": hour}).result_rows[0][0]
        about = {"reason": change.reason, "changed_by": change.who, "book": self._book.name}
        self._client.command(
            "INSERT INTO cost_batches SELECT {batch:String}, 'begun', now64(6), {hour:DateTime('UTC')},"
            " {reason:String}, {changed_by:String}, {book:String}, 0, 0, 0",
            parameters={"batch": batch, "hour": hour, **about},
        )
        self._client.command(
            _sql("adjust").replace("{costed}", _costed()),
            parameters={**self._parameters(hour, change), "batch": batch, "most": _MOST},
            settings={**_ONE_BLOCK, "insert_deduplication_token": f"cost-{hour:%Y%m%dT%H}-{before}"},
        )
        return _settle(self._client, batch, hour, about)

    def _find_rates(self, hour: datetime, change: Change) -> int:
        """Sees to it that the rates of all that was called in this hour are in the table; how many models those are."""
        sql = _sql("models").replace("{calls}", _sql("_calls"))
        rows = self._client.query(sql, parameters=self._parameters(hour, change)).result_rows
        models = {Model(provider=provider, model=model, tier=tier) for provider, model, tier, _ in rows}
        month = hour.replace(day=1, hour=0)
        after = (month + timedelta(days=32)).replace(day=1)
        if models - self._known.setdefault(month, set()):
            self._known[month] |= self._recorded(month, after)
        for model in models - self._known[month]:
            self._record(model, intervals(self._book.prices, model, month, after))
            self._known[month].add(model)
        return len(models)

    def _recorded(self, month: datetime, after: datetime) -> set[Model]:
        rows = self._client.query(
            "SELECT DISTINCT provider, model, tier FROM model_rates WHERE book = {book:String}"
            " AND valid_from >= {month:DateTime('UTC')} AND valid_from < {after:DateTime('UTC')}",
            parameters={"book": self._book.name, "month": month, "after": after},
        ).result_rows
        return {Model(provider=provider, model=model, tier=tier) for provider, model, tier in rows}

    def _record(self, model: Model, found: list[Interval]) -> None:
        now = datetime.now(UTC)
        self._client.insert(
            "model_rates",
            [list(_row(self._book.name, model, each, now)) for each in found],
            column_names=_COLUMNS,
        )

    def _parameters(self, hour: datetime, change: Change) -> dict[str, Any]:
        return {
            "start": hour,
            "end": hour + timedelta(hours=1),
            "book": self._book.name,
            "again": change.reason == "again",
            "model": change.model,
            "reason": change.reason,
            "who": change.who,
        }


def finish(client: Client, *, grace_s: float = GRACE_S, gate: Gate | None = None) -> int:
    """Settles what was begun and left; how many batches."""
    left = [pending for pending in _pending(client) if pending["age_s"] >= grace_s]
    for pending in left:
        with _passing(gate):
            _settle(client, pending["batch"], pending["hour"], pending)
    return len(left)


def _settle(client: Client, batch: str, hour: datetime, about: dict[str, Any]) -> Changed:
    start, end = hour, hour + timedelta(hours=1)
    of_batch = (
        f"batch = {literal(batch)} AND timestamp >= toDateTime({int(start.timestamp())}, 'UTC')"
        f" AND timestamp < toDateTime({int(end.timestamp())}, 'UTC')"
    )
    add_up(client, of_batch, batch)
    given = {"batch": batch, "hour": hour, "start": start, "end": end}
    given |= {"reason": about["reason"], "who": about["changed_by"], "book": about["book"]}
    client.command(_sql("done"), parameters=given)
    sql = (
        "SELECT spans, old_usd, new_usd FROM cost_batches"
        " WHERE hour = {hour:DateTime('UTC')} AND batch = {batch:String} AND state = 'done' LIMIT 1"
    )
    (row,) = client.query(sql, parameters=given).result_rows
    return Changed(spans=row[0], old_usd=row[1], new_usd=row[2])


def add_up(client: Client, where: str, token: str) -> None:
    """Adds to every rollup what the rows of `cost_adjustments` change for which the SQL `where` holds; once a token."""
    for rollup in ROLLUPS:
        select = client.query(
            "SELECT as_select FROM system.tables WHERE database = {database:String} AND name = {view:String}",
            parameters={"database": database_of(client), "view": f"{rollup}_later"},
        ).result_rows[0][0]
        columns = ", ".join(row[0] for row in client.query(f"DESCRIBE ({select})").result_rows)
        client.command(
            f"INSERT INTO {rollup} ({columns}) SELECT {columns} FROM ({select})"
            f" SETTINGS additional_table_filters = {{'{database_of(client)}.cost_adjustments': {literal(where)}}}",
            settings={**_ONE_BLOCK, "insert_deduplication_token": f"{token}-{rollup}"},
        )


def _pending(client: Client) -> list[dict[str, Any]]:
    result = client.query(_sql("pending"))
    return [{**row, "hour": row["hour"].replace(tzinfo=UTC)} for row in result.named_results()]


def _passing(gate: Gate | None) -> AbstractContextManager[None]:
    """Nobody makes rollups again, or takes a backup, between a change and its sums."""
    return gate.passing() if gate else nullcontext()


_COLUMNS = (
    "book", "provider", "model", "tier", "valid_from", "valid_to", "reason", "price_model", "price_version", "above",
    "input", "cache_read", "cache_write", "output", "reasoning", "request", "recorded_at",
)  # fmt: skip


def _row(book: str, model: Model, each: Interval, now: datetime) -> Iterator[Any]:
    rates = each.rates
    yield from (book, model.provider, model.model, model.tier, each.start, each.end)
    yield from (rates.reason, rates.price_model, rates.price_version, list(rates.above))
    yield from (list(rates.input), list(rates.cache_read), list(rates.cache_write))
    yield from (list(rates.output), list(rates.reasoning), rates.request, now)


def _costed() -> str:
    return _sql("_costed").replace("{calls}", _sql("_calls"))


@cache
def _sql(name: str) -> str:
    return (files("llmtrace_collector.pricing") / "sql" / f"{name}.sql").read_text(encoding="utf-8")
