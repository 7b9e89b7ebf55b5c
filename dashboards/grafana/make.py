"""Writes the dashboards of `dashboards/` from the statements of `sql/`: `python3 dashboards/grafana/make.py`.

`-- include: <name>` lines of a statement are replaced by the file `_<name>.sql`, as deep as the line stands.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
SOURCE = {"type": "grafana-clickhouse-datasource", "uid": "llmtrace"}
PLUGIN = "4.20.0"
APP = "http://127.0.0.1:8501"

BLUE, ORANGE, PALE = "#5AA9F5", "#F5A34D", "#ADDEFE"
ERROR, WARN, GOOD, OTHER = "#FF6B6B", "#F5A34D", "#34D399", "#8A94A3"
"""The app's dark palette (`llmtrace_dashboards.theme`), Grafana being dark by default."""

TRACE = "${app}/trace?trace_id=${__value.raw:percentencode}"
ALERT = "${app}/alerts?a=${__value.raw:percentencode}"

UNITS = {
    "Spend": "currencyUSD",
    "Error rate": "percentunit",
    **dict.fromkeys(("p50", "p95", "p99", "First token p50", "First token p95", "Latency", "First token"), "s"),
}
WHOLE_HOURS = "Beyond two days: from the rollup by hour, whole hours, percentiles within 4.5 %."


def sql(name: str) -> str:
    """The statement, whole."""
    lines: list[str] = []
    for line in (HERE / "sql" / f"{name}.sql").read_text(encoding="utf-8").splitlines():
        found = re.fullmatch(r"( *)-- include: (\w+)", line)
        lines += [found[1] + inner for inner in sql(f"_{found[2]}").splitlines()] if found else [line]
    return "\n".join(lines)


def target(name: str, *, series: bool) -> dict[str, Any]:
    """A query of a panel; a series has a line for each number and each value of its text columns."""
    return {
        "datasource": SOURCE,
        "editorType": "sql",
        "format": 0 if series else 1,
        "pluginVersion": PLUGIN,
        "queryType": "timeseries" if series else "table",
        "rawSql": sql(name),
        "refId": "A",
    }


def panel(
    kind: str,
    title: str,
    name: str,
    size: tuple[int, int],
    *,
    description: str = "",
    unit: str = "short",
    colour: str = "",
    named_by: str = "",
    overrides: tuple[dict[str, Any], ...] = (),
    **more: Any,
) -> dict[str, Any]:
    """A panel; `size` is its width and height on the grid of 24 columns, where it stands follows from its place.

    `named_by` is the text column that tells its lines apart.
    """
    defaults: dict[str, Any] = {"unit": unit, "color": {"mode": "palette-classic-by-name"}, "custom": {}}
    if colour:
        defaults["color"] = {"mode": "fixed", "fixedColor": colour}
    found = {
        "type": kind,
        "title": title,
        "description": description,
        "datasource": SOURCE,
        "gridPos": {"w": size[0], "h": size[1]},
        "targets": [target(name, series=kind == "timeseries")],
        "fieldConfig": {"defaults": defaults, "overrides": list(overrides)},
        "maxDataPoints": 240,
    }
    if named_by:
        defaults["displayName"] = f"${{__field.labels.{named_by}}}"
    if custom := more.pop("custom", None):
        defaults["custom"] = custom
    return found | more


def field(name: str, **properties: Any) -> dict[str, Any]:
    """What is told of one column; `custom__x` stands for `custom.x`."""
    return {
        "matcher": {"id": "byName", "options": name},
        "properties": [{"id": key.replace("__", "."), "value": value} for key, value in properties.items()],
    }


def fixed(name: str, colour: str, **more: Any) -> dict[str, Any]:
    """A column of one colour."""
    return field(name, color={"mode": "fixed", "fixedColor": colour}, **more)


def linked(name: str, title: str, url: str) -> dict[str, Any]:
    """A column whose cells lead to the app."""
    return field(name, links=[{"title": title, "url": url, "targetBlank": True}])


def bars(title: str, name: str, size: tuple[int, int], **more: Any) -> dict[str, Any]:
    """Stacked bars."""
    custom = {"drawStyle": "bars", "fillOpacity": 80, "lineWidth": 0, "stacking": {"mode": "normal", "group": "A"}}
    return panel("timeseries", title, name, size, custom=custom, interval="1m", **more)


def lines(title: str, name: str, size: tuple[int, int], **more: Any) -> dict[str, Any]:
    """Lines over time, joined where an interval of up to two hours is empty."""
    custom = {"drawStyle": "line", "lineWidth": 2, "fillOpacity": 0, "showPoints": "auto", "spanNulls": 7_200_000}
    return panel("timeseries", title, name, size, custom=custom, interval="1m", **more)


def table(title: str, name: str, size: tuple[int, int], **more: Any) -> dict[str, Any]:
    """A table, with the units of known columns, and links of those that name a trace or an alert."""
    known = [field(column, unit=unit) for column, unit in UNITS.items() if f'"{column}"' in sql(name)]
    links = [
        linked(column, title, url)
        for column, title, url in (("Trace", "Open the trace", TRACE), ("Event", "Open the alert", ALERT))
        if f'"{column}"' in sql(name)
    ]
    overrides = (*known, *links, *more.pop("overrides", ()))
    return panel("table", title, name, size, overrides=overrides, options={"showHeader": True}, **more)


def figures(title: str, name: str, size: tuple[int, int], *overrides: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Figures of one row, side by side."""
    options = {
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "colorMode": "value",
        "graphMode": "none",
        "textMode": "value_and_name",
    }
    known = tuple(field(column, unit=unit) for column, unit in UNITS.items() if f'"{column}"' in sql(name))
    return panel("stat", title, name, size, options=options, colour=BLUE, overrides=(*known, *overrides), **more)


def variable(name: str, label: str) -> dict[str, Any]:
    """A filter of any number of values."""
    return {
        "type": "query",
        "name": name,
        "label": label,
        "datasource": SOURCE,
        "query": {"editorType": "sql", "rawSql": sql(f"values_of_{name}"), "refId": name},
        "definition": sql(f"values_of_{name}"),
        "multi": True,
        "includeAll": True,
        "current": {"text": ["All"], "value": ["$__all"]},
        "options": [],
        "refresh": 2,
        "sort": 0,
        "regex": "",
        "hide": 0,
    }


def app_address() -> dict[str, Any]:
    """Where the app is: not taken from the address of the page, or a link could lead elsewhere."""
    return {"type": "constant", "name": "app", "label": "llmtrace", "query": APP, "hide": 2, "skipUrlSync": True}


def alerts_on_charts() -> dict[str, Any]:
    """Marks where alerts fire."""
    return {
        "name": "Alerts",
        "datasource": SOURCE,
        "enable": True,
        "iconColor": ERROR,
        "target": target("annotation", series=False) | {"refId": "annotation"},
    }


FILTERS = (
    ("project", "Project"),
    ("model", "Model"),
    ("service", "Service"),
    ("environment", "Environment"),
)
PERCENTILES = (fixed("p50", PALE), fixed("p95", BLUE), fixed("p99", ORANGE))
LATENCY = {"unit": "s", "overrides": PERCENTILES, "description": WHOLE_HOURS}
STATES = field(
    "State",
    mappings=[
        {
            "type": "value",
            "options": {
                "firing": {"text": "● firing", "color": ERROR},
                "pending": {"text": "○ pending", "color": WARN},
                "resolved": {"text": "✓ resolved", "color": GOOD},
            },
        }
    ],
    custom__cellOptions={"type": "color-text"},
)
TOTALS = (fixed("Errors", ERROR), fixed("Error rate", ERROR, decimals=2), fixed("Without a price", WARN))

OVERVIEW = [
    figures("Calls and spend", "totals", (14, 4), *TOTALS, description=WHOLE_HOURS),
    figures("Latency", "latency_totals", (10, 4), description=WHOLE_HOURS),
    bars("Calls", "calls_over_time", (12, 8), overrides=(fixed("Succeeded", BLUE), fixed("Failed", ERROR))),
    bars("Spend by model", "spend_by_model_over_time", (12, 8), unit="currencyUSD", named_by="model"),
    lines("Latency", "latency_over_time", (12, 8), **LATENCY),
    lines("Time to first token", "first_token_over_time", (12, 8), **LATENCY),
    table("Models", "by_model", (24, 8), description=WHOLE_HOURS),
    table("Newest traces with failed calls", "failing_traces", (24, 9)),
]
SPEND = [
    figures("Calls and spend", "totals", (10, 8), *TOTALS, description=WHOLE_HOURS),
    lines(
        "Spend of this month, added up",
        "spend_of_month",
        (14, 8),
        unit="currencyUSD",
        colour=BLUE,
        timeFrom="now/M",
        description="Whole hours since the first of the month.",
    ),
    bars("Spend by model", "spend_by_model_over_time", (24, 8), unit="currencyUSD", named_by="model"),
    table("Models", "by_model", (24, 8), description=WHOLE_HOURS),
    table("Users", "spend_by_user", (12, 9)),
    table("Features", "spend_by_feature", (12, 9)),
    table(
        "Calls without a price",
        "unpriced",
        (10, 9),
        description="Their tokens are known and their price is not: they are in no sum of dollars.",
    ),
    table("Most expensive traces", "dearest_traces", (14, 9)),
]
HEATMAP_OPTIONS = {
    "calculate": False,
    "cellGap": 1,
    "color": {"mode": "scheme", "scheme": "Blues", "scale": "exponential", "exponent": 0.5, "steps": 32},
    "rowsFrame": {"layout": "le", "value": "Calls"},
    "yAxis": {"axisPlacement": "left", "unit": "s", "reverse": False},
    "tooltip": {"mode": "single", "yHistogram": True},
}
RELIABILITY = [
    panel(
        "heatmap",
        "How long calls take",
        "latency_heatmap",
        (24, 9),
        description=f"Calls by latency in seconds. {WHOLE_HOURS}",
        options=HEATMAP_OPTIONS,
        interval="1m",
    ),
    lines("Latency", "latency_over_time", (12, 8), **LATENCY),
    lines("Time to first token", "first_token_over_time", (12, 8), **LATENCY),
    bars("Failed calls by type", "errors_by_type", (12, 8), named_by="type"),
    bars("Calls", "calls_over_time", (12, 8), overrides=(fixed("Succeeded", BLUE), fixed("Failed", ERROR))),
    table("Providers", "by_provider", (24, 6), description=WHOLE_HOURS),
    table("Services", "by_service", (24, 7), description=WHOLE_HOURS),
    table("Slowest calls", "slowest_calls", (24, 9)),
]
ALERTS = [
    figures("Now", "alerts_firing", (6, 8), fixed("Firing", ERROR), fixed("Pending", WARN)),
    table("Firing and pending", "alerts_now", (18, 8), overrides=(STATES,), description="As of the end of the range."),
    table("What happened", "alert_history", (24, 10), overrides=(STATES,)),
    bars(
        "Deliveries",
        "deliveries_over_time",
        (8, 9),
        named_by="outcome",
        overrides=tuple(
            fixed(outcome, colour)
            for outcome, colour in (("delivered", GOOD), ("retry", WARN), ("failed", ERROR), ("held", OTHER))
        ),
    ),
    table("Attempts to deliver", "alert_deliveries", (16, 9)),
]


def dashboard(name: str, title: str, panels: list[dict[str, Any]], filters: tuple[tuple[str, str], ...]) -> str:
    """A dashboard as JSON, its panels laid out from left to right and from top to bottom."""
    x = y = 0
    placed: list[dict[str, Any]] = []
    for number, each in enumerate(panels, 1):
        size = each["gridPos"]
        if x + size["w"] > 24:
            x, y = 0, y + placed[-1]["gridPos"]["h"]
        placed.append(each | {"id": number, "gridPos": {"x": x, "y": y, **size}})
        x += size["w"]
    made = {
        "uid": f"llmtrace-{name}",
        "title": f"llmtrace: {title}",
        "tags": ["llmtrace"],
        "schemaVersion": 39,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        "timezone": "utc",
        "time": {"from": "now-24h", "to": "now"},
        "refresh": "1m",
        "links": [
            {"type": "dashboards", "title": "llmtrace", "tags": ["llmtrace"], "includeVars": True, "keepTime": True}
        ],
        "annotations": {"list": [alerts_on_charts()]},
        "templating": {"list": [*(variable(*each) for each in filters), app_address()]},
        "panels": placed,
    }
    return json.dumps(made, indent=2, ensure_ascii=False) + "\n"


def dashboards() -> dict[str, str]:
    """The text of every file, by its name."""
    return {
        "overview.json": dashboard("overview", "Overview", OVERVIEW, FILTERS),
        "spend.json": dashboard("spend", "Spend", SPEND, FILTERS),
        "latency.json": dashboard("latency", "Latency and reliability", RELIABILITY, FILTERS),
        "alerts.json": dashboard("alerts", "Alerts", ALERTS, FILTERS[:1]),
    }


if __name__ == "__main__":
    for file, text in dashboards().items():
        (HERE / "dashboards" / file).write_text(text, encoding="utf-8")
