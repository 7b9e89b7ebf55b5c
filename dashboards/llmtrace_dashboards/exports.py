"""Rows as they leave the app: in a file, or at the terminal."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def as_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows with the same names as CSV, lists of words with commas, other nested values as JSON; no rows, no text.

    A text that a spreadsheet would take for a formula gets an apostrophe in front. Source: OWASP, CSV injection.
    """
    out = io.StringIO()
    written = csv.writer(out)
    written.writerows(rows[:1])
    for row in rows:
        written.writerow([_inert(value) if isinstance(value, str) else value for value in map(_flat, row.values())])
    return out.getvalue()


def as_parquet(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """Rows with the same names as a Parquet file; a column of values that are not of one type is of their texts."""
    from pyarrow import lib as pa
    from pyarrow.parquet import write_table

    names = list(rows[0]) if rows else []
    out = io.BytesIO()
    write_table(pa.table({name: _column([row[name] for row in rows]) for name in names}), out)  # type: ignore[no-untyped-call]
    return out.getvalue()


def _column(values: list[Any]) -> Any:
    from pyarrow import lib as pa

    plain = [json.dumps(value, default=str) if isinstance(value, dict) else value for value in values]
    try:
        return pa.array(plain)
    except (pa.ArrowException, OverflowError):
        return pa.array([None if value is None else str(value) for value in plain])


def _flat(value: Any) -> Any:
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return ", ".join(value)
    if isinstance(value, (dict, list, tuple)):
        return json.dumps(value, default=str, ensure_ascii=False)
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    return value.isoformat() if isinstance(value, (datetime, date)) else value


def _inert(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text


def exported(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of the list of traces or spans: times in UTC, durations in seconds, costs in US dollars."""
    started = datetime.fromtimestamp(int(row["start_ns"]) / 1e9, UTC).isoformat(timespec="milliseconds")
    cost = None if row["cost_usd"] is None else f"{row['cost_usd'].normalize():f}"
    tokens = {"input_tokens": row["input_tokens"], "output_tokens": row["output_tokens"], "cost_usd": cost}
    if "span_id" in row:
        return {
            "started": started,
            "trace_id": row["trace_id"],
            "span_id": row["span_id"],
            "name": row["name"],
            "service": row["service"],
            "duration_s": round(int(row["duration_ns"]) / 1e9, 6),
            "status": row["status"].lower(),
            "error": row["error_type"],
            **tokens,
            "user": row["user"],
            "model": row["model"],
        }
    return {
        "started": started,
        "trace_id": row["trace_id"],
        "root": row["root"],
        "service": row["service"],
        "duration_s": round(int(row["length_ns"]) / 1e9, 6),
        "spans": int(row["spans"]),
        "calls": int(row["calls"]),
        "errors": int(row["errors"]),
        **tokens,
        "unpriced": int(row["unpriced"]),
        "user": row["user"],
        "models": list(row["models"]),
    }
