"""Rows as they leave the app: in a file, or at the terminal."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def as_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows with the same names as CSV, lists with commas; no rows, no text.

    A text that a spreadsheet would take for a formula gets an apostrophe in front. Source: OWASP, CSV injection.
    """
    out = io.StringIO()
    written = csv.writer(out)
    written.writerows(rows[:1])
    for row in rows:
        values = (", ".join(value) if isinstance(value, list) else value for value in row.values())
        written.writerow([_inert(value) if isinstance(value, str) else value for value in values])
    return out.getvalue()


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
