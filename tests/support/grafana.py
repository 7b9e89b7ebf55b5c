"""What Grafana and its ClickHouse plugin make of a statement before it is sent, as read in their sources.

The browser first: `$__conditionalAll` (CHDatasource.applyConditionalAll), then variables (scenes, formatRegistry); the
plugin's server then: its macros (pkg/macros). What comes of it goes to the HTTP interface by clickhouse-go.
"""

from __future__ import annotations

import base64
import json
import re
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

ALL: tuple[str, ...] = ("$__all",)
_VARIABLE = re.compile(r"\$(\w+)|\$\{(\w+)(?::([^}]+))?\}")
_MACRO = re.compile(r"\$__(\w+)(?:\((\w+)\))?")
PROTOCOL = "54460"
"""What clickhouse-go 2.47 calls its version of the protocol."""


@dataclass(frozen=True, kw_only=True)
class Viewed:
    """A dashboard as somebody looks at it."""

    from_ms: int
    to_ms: int
    interval_s: int = 60
    variables: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Values by name; of what is not named, all."""

    def chosen(self, name: str) -> Sequence[str]:
        return self.variables.get(name, ALL)

    def expand(self, sql: str) -> str:
        """The statement that is sent."""
        return self._macros(self._variables(self._conditional_all(sql)))

    def _conditional_all(self, sql: str) -> str:
        macro = "$__conditionalAll("
        while (at := sql.rfind(macro)) != -1:
            condition, variable = _arguments(sql, at + len(macro) - 1)
            name = re.search(r"(?<=\$\{)\w+(?=\})|(?<=\$)\w+", variable)
            joined = ",".join(self.chosen(name[0])) if name else None
            phrase = "1=1" if joined in {"", "$__all"} else condition
            sql = sql.replace(f"{macro}{condition},{variable})", phrase, 1)
        return sql

    def _variables(self, sql: str) -> str:
        def value(found: re.Match[str]) -> str:
            name = found[1] or found[2]
            if name.startswith("__"):
                return found[0]
            kind, *arguments = (found[3] or "").split(":")
            assert kind == "customqueryparam", found[0]
            return "&".join(f"{arguments[0]}={quote(each, safe='')}" for each in self.chosen(name))

        return _VARIABLE.sub(value, sql)

    def _macros(self, sql: str) -> str:
        low, high = self.from_ms // 1000, self.to_ms // 1000

        def text(found: re.Match[str]) -> str:
            column = found[2]
            millis = f"fromUnixTimestamp64Milli({self.from_ms})", f"fromUnixTimestamp64Milli({self.to_ms})"
            known = {
                "fromTime": f"toDateTime({low})",
                "toTime": f"toDateTime({high})",
                "timeFilter_ms": f"{column} >= {millis[0]} AND {column} <= {millis[1]}",
                "timeInterval": f"toStartOfInterval(toDateTime({column}), INTERVAL {self.interval_s} second)",
                "dateFilter": f"{column} >= toDate('{_day(low)}') AND {column} <= toDate('{_day(high)}')",
            }
            return known[found[1]]

        return _MACRO.sub(text, sql)


def _arguments(sql: str, at: int) -> list[str]:
    """Of the macro whose bracket opens at `at`; brackets and commas in quotes count, too."""
    found, depth, start = [], 0, at + 1
    for here in range(at, len(sql)):
        if sql[here] == "(":
            depth += 1
        elif sql[here] == ")":
            depth -= 1
        if sql[here] == "," and depth == 1:
            found.append(sql[start:here])
            start = here + 1
        if depth == 0:
            return [*found, sql[start:here]]
    raise AssertionError(f"a bracket is not closed: {sql[at:]}")


def _day(seconds: int) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d")


def send(url: str, sql: str, *, form: str = "JSON", key: str = "", **settings: str) -> bytes:
    """The answer to a statement sent as clickhouse-go sends it for the plugin; without `key` as anybody."""
    given = {
        "database": "llmtrace",
        "default_format": form,
        "client_protocol_version": PROTOCOL,
        "max_execution_time": "35",
        **settings,
    }
    headers = {
        "Authorization": f"Basic {base64.b64encode(f'default:{key}'.encode()).decode()}",
        "Accept-Encoding": "gzip",
        "User-Agent": "grafana/13.2.2 clickhouse-datasource/4.20.0 clickhouse-go/2.47.0 (lv:go/1.26; os:linux)",
    }
    request = urllib.request.Request(f"{url}/?{urlencode(given)}", data=sql.encode(), headers=headers)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return bytes(answer.read())


def rows(url: str, sql: str, *, key: str = "") -> list[dict[str, Any]]:
    """The answer as rows."""
    return list(json.loads(send(url, sql, key=key, output_format_json_quote_64bit_integers="0"))["data"])
