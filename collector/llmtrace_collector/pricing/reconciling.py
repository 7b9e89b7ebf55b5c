"""The store's costs beside the provider's, by day, model and project."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from importlib.resources import files
from typing import TYPE_CHECKING, Final

from llmtrace.prices.listed import ListedModel, find_model
from llmtrace.servers import price_provider_of
from llmtrace_collector.pricing.invoice import Line

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

ALL: Final = "*"
"""In place of a project or model, where the invoice tells none: then nothing is split by it."""


@dataclass(frozen=True, kw_only=True)
class Own:
    """What the store has of a day, model and project."""

    day: date
    model: str
    project: str
    usd: Decimal
    calls: int
    unpriced: int


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One row of the comparison."""

    day: date
    model: str
    project: str
    own_usd: Decimal
    billed_usd: Decimal
    calls: int = 0
    unpriced: int = 0
    """Calls without a cost: they explain why ours is less."""

    @property
    def usd(self) -> Decimal:
        """What was billed and is not in the store; negative: the store has more."""
        return self.billed_usd - self.own_usd


def compare(
    own: Iterable[Own],
    billed: Sequence[Line],
    *,
    provider: str = "openai",
    projects: Mapping[str, str] | None = None,
) -> list[Difference]:
    """Rows for all that either side has; amounts are added up exactly.

    Models are the same when the price list has them in one row, so a snapshot meets its alias. `projects` says which of
    our projects a provider's id is.
    """
    named = projects or {}
    model_of = _canonical(provider) if any(line.model for line in billed) else lambda _: ALL
    has_projects = any(line.project for line in billed)
    rows: dict[tuple[date, str, str], Difference] = {}

    def add(day: date, model: str, project: str, change: Callable[[Difference], Difference]) -> None:
        key = (day, model_of(model), project if has_projects else ALL)
        empty = Difference(day=day, model=key[1], project=key[2], own_usd=Decimal(0), billed_usd=Decimal(0))
        rows[key] = change(rows.get(key, empty))

    for one in own:
        add(one.day, one.model, one.project, lambda row, one=one: _with(row, one.usd, Decimal(0), one))  # type: ignore[misc]
    for line in billed:
        project = named.get(line.project, line.project)
        add(line.day, line.model, project, lambda row, line=line: _with(row, Decimal(0), line.usd))  # type: ignore[misc]
    return [rows[key] for key in sorted(rows)]


def within(rows: Sequence[Difference], tolerance: str) -> bool:
    """Whether the sums agree: `tolerance` is dollars, or with % a share of what was billed."""
    billed = sum((row.billed_usd for row in rows), Decimal(0))
    difference = abs(sum((row.usd for row in rows), Decimal(0)))
    if tolerance.endswith("%"):
        return difference <= abs(billed) * Decimal(tolerance[:-1]) / 100
    return difference <= Decimal(tolerance)


def own_costs(client: Client, provider: str, start: date, end: date) -> list[Own]:
    """What the store has from one day to another, `end` included; what sampling left out is in it."""
    sql = (files("llmtrace_collector.pricing") / "sql" / "own.sql").read_text(encoding="utf-8")
    begin = datetime(start.year, start.month, start.day, tzinfo=UTC)
    after = datetime(end.year, end.month, end.day, tzinfo=UTC) + timedelta(days=1)
    rows = client.query(sql, parameters={"provider": provider, "start": begin, "end": after}).result_rows
    return [
        Own(day=day, model=model, project=project, usd=usd, calls=calls, unpriced=unpriced)
        for day, model, project, usd, calls, unpriced in rows
    ]


def _with(row: Difference, own: Decimal, billed: Decimal, of: Own | None = None) -> Difference:
    return Difference(
        day=row.day,
        model=row.model,
        project=row.project,
        own_usd=row.own_usd + own,
        billed_usd=row.billed_usd + billed,
        calls=row.calls + (of.calls if of else 0),
        unpriced=row.unpriced + (of.unpriced if of else 0),
    )


def _canonical(provider: str) -> Callable[[str], str]:
    listed = price_provider_of(provider)

    def name(model: str) -> str:
        found = find_model(listed, model) if listed and model else None
        return found.name.partition("/")[2] if isinstance(found, ListedModel) else model.lower() or "(none)"

    return name
