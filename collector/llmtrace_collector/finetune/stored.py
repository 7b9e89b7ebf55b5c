"""Calls of the store with what was said of them, as rows for the gates."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from statistics import fmean
from typing import TYPE_CHECKING, Any

from llmtrace_collector.database import rows

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Which calls."""

    start: datetime
    end: datetime
    """The first moment after."""
    project: str = ""
    feature: str = ""
    model: str = ""
    limit: int = 10_000
    """At most so many are looked at, the newest."""

    @property
    def params(self) -> dict[str, Any]:
        """For the queries."""
        return dict(self.__dict__)


def stored_calls(client: Client, asked: Asked) -> Iterator[Mapping[str, Any]]:
    """Rows of `sql/calls.sql` with `feedback`, `correction` and `scores`."""
    said = _Said(rows(client, _sql("feedback"), asked.params))
    judged = _Said(rows(client, _sql("scores"), asked.params))
    for row in rows(client, _sql("calls"), asked.params):
        opinions = said.of(row)
        values = [each["value"] for each in opinions if each["value"] is not None]
        scores: dict[str, list[float]] = defaultdict(list)
        for each in judged.of(row):
            scores[each["name"]].append(each["mean"])
        yield {
            **row,
            "feedback": fmean(values) if values else None,
            "correction": next((each["correction"] for each in opinions if each["correction"]), ""),
            "scores": {name: fmean(found) for name, found in scores.items()},
        }


class _Said:
    """By span, and by the answer's id where no span was named."""

    def __init__(self, found: list[dict[str, Any]]) -> None:
        self._by: dict[tuple[str, ...], list[dict[str, Any]]] = defaultdict(list)
        for each in found:
            if each["trace_id"]:
                self._by[each["project"], each["trace_id"], each["span_id"]].append(each)
            elif each["response_id"]:
                self._by[each["project"], each["response_id"]].append(each)

    def of(self, row: Mapping[str, Any]) -> list[dict[str, Any]]:
        keys: list[tuple[str, ...]] = [(row["project"], row["trace_id"], row["span_id"])]
        if row["response_id"]:
            keys.append((row["project"], row["response_id"]))
        return [each for key in keys for each in self._by.get(key, ())]


def _sql(name: str) -> str:
    return (files("llmtrace_collector.finetune") / "sql" / f"{name}.sql").read_text(encoding="utf-8")
