"""What the provider says it billed: OpenAI's costs API in JSON, or a CSV, read into lines by day, model and project.

https://platform.openai.com/docs/api-reference/usage/costs
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Final

from llmtrace_collector.errors import ConfigError

_COLUMNS: Final = {
    "day": ("date", "day", "start_time_iso", "start_time"),
    "model": ("model", "line_item", "model_name", "snapshot_id"),
    "project": ("project", "project_id", "project_name"),
    "usd": ("cost", "amount", "amount_value", "cost_usd", "usd", "amount.value"),
    "currency": ("currency", "amount_currency", "amount.currency"),
}
"""What a column is called, the first that is there."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line of an invoice."""

    day: date
    model: str
    """As the provider calls it, without what of it was billed ("gpt-4o, input"); '': not told."""
    project: str
    """The provider's id; '': not told."""
    usd: Decimal


def read(path: Path) -> list[Line]:
    """The lines of a file.

    Raises:
        ConfigError: it cannot be read, or is neither; with the place of what is wrong.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read ({error})") from error
    try:
        lines = list(_json(text) if text.lstrip()[:1] in {"{", "["} else _csv(text))
    except _Wrong as wrong:
        raise ConfigError(f"{path}: {wrong}") from wrong
    if not lines:
        raise ConfigError(f"{path} has no costs in it: export a range that has some")
    return lines


class _Wrong(Exception):  # noqa: N818 - never seen by anybody
    """Where and what."""


def _json(text: str) -> Iterator[Line]:
    for page, where in _pages(text):
        buckets = page.get("data") if isinstance(page, dict) else None
        if not isinstance(buckets, list):
            raise _Wrong(f"{where} has no list `data` of buckets: save the whole answer of /v1/organization/costs")
        for at, bucket in enumerate(buckets):
            yield from _bucket(bucket, f"{where}data[{at}]")
        if page.get("has_more") and page.get("next_page") and where == "":
            raise _Wrong("has_more is true: fetch the other pages too, and put all answers into one file")


def _pages(text: str) -> Iterator[tuple[Any, str]]:
    """One answer, a list of them, or one a line."""
    try:
        whole = json.loads(text, parse_float=Decimal)
    except json.JSONDecodeError as error:
        rows = [(number, row) for number, row in enumerate(text.splitlines(), 1) if row.strip()]
        try:
            found = [(json.loads(row, parse_float=Decimal), f"line {number}: ") for number, row in rows]
        except json.JSONDecodeError:
            raise _Wrong(f"line {error.lineno}, column {error.colno}: {error.msg}") from error
        yield from found
        return
    if isinstance(whole, list):
        yield from ((page, f"[{at}].") for at, page in enumerate(whole))
    else:
        yield whole, ""


def _bucket(bucket: Any, where: str) -> Iterator[Line]:
    start = bucket.get("start_time") if isinstance(bucket, dict) else None
    if not isinstance(start, int):
        raise _Wrong(f"{where}.start_time is {start!r}, which is no time in seconds")
    results = bucket.get("results", bucket.get("result"))
    if not isinstance(results, list):
        raise _Wrong(f"{where}.results is no list")
    for at, result in enumerate(results):
        place = f"{where}.results[{at}]"
        amount = result.get("amount") if isinstance(result, dict) else None
        if not isinstance(amount, dict):
            hint = " (this is the usage API: reconcile needs its costs)" if "usage" in str(result)[:60] else ""
            raise _Wrong(f"{place}.amount is missing{hint}")
        yield Line(
            day=datetime.fromtimestamp(start, tz=UTC).date(),
            model=_model(result.get("line_item")),
            project=str(result.get("project_id") or ""),
            usd=_usd(amount.get("value"), amount.get("currency", "usd"), f"{place}.amount"),
        )


def _csv(text: str) -> Iterator[Line]:
    rows = csv.DictReader(text.splitlines())
    names = {name.strip().lower(): name for name in rows.fieldnames or () if name}
    columns = {kind: next((names[n] for n in known if n in names), "") for kind, known in _COLUMNS.items()}
    for kind in ("day", "usd"):
        if not columns[kind]:
            raise _Wrong(f"line 1: there is no column {' or '.join(_COLUMNS[kind])}; the first line must name columns")
    for row in rows:
        where = f"line {rows.line_num}"
        if None in row or None in row.values():
            raise _Wrong(f"{where}: has not as many fields as the first line")
        yield Line(
            day=_day(row[columns["day"]], where),
            model=_model(_cell(row, columns["model"])),
            project=_cell(row, columns["project"]),
            usd=_usd(row[columns["usd"]].strip().removeprefix("$"), _cell(row, columns["currency"]) or "usd", where),
        )


def _cell(row: Mapping[str, str], column: str) -> str:
    return row[column].strip() if column else ""


def _day(text: str, where: str) -> date:
    try:
        return datetime.fromtimestamp(int(text), tz=UTC).date() if text.isdigit() else date.fromisoformat(text[:10])
    except (ValueError, OverflowError, OSError) as error:
        raise _Wrong(f'{where}: "{text}" is no day; it must begin like 2026-11-24') from error


def _usd(value: Any, currency: Any, where: str) -> Decimal:
    if str(currency).lower() != "usd":
        raise _Wrong(f'{where}: is in "{currency}", costs here are US dollars')
    try:
        found = Decimal(str(value))
    except InvalidOperation:
        found = Decimal("NaN")
    if not found.is_finite():
        raise _Wrong(f'{where}: "{value}" is no amount')
    return found


def _model(line_item: Any) -> str:
    return str(line_item or "").partition(",")[0].strip()
