"""The panels of Health & settings about how llmtrace is set: versions, addresses, and the configuration as code."""

from __future__ import annotations

import shlex
from typing import Any

import streamlit as st
import yaml

from llmtrace_dashboards import collector, database, figures, installed
from llmtrace_dashboards.collector import CollectorError
from llmtrace_dashboards.components.plain import code
from llmtrace_dashboards.components.table import Column, table
from llmtrace_dashboards.panels import actor
from llmtrace_dashboards.panels.current import Current
from llmtrace_dashboards.queries import health as queries
from llmtrace_dashboards.state import clock

_SETTINGS = (Column(key="name", label="Setting"), Column(key="value", label="Value", kind="wrap"))
_NO_KEY = (
    "Rules are exported where the app may ask the collector: start it with `--collector URL` and a key in "
    f"`{collector.KEY}` (`llmtrace keys create app --scope admin`)."
)


def settings(current: Current) -> None:
    """What runs here, and how it is set."""
    rows = [{"name": name, "value": value} for name, value in _values(current).items()]
    table(_SETTINGS, rows, label="Settings", key="settings")


def _values(current: Current) -> dict[str, str]:
    address, known = database.address(), collector.nearby()
    person = actor.person()
    named = bool(person and person.name)
    chosen = "`tz` of the address" if current.view.tz else "of the browser"
    return {
        **installed.versions(),
        "time zone": f"{current.zone_name}, {chosen}",
        "currency": "US dollars",
        "store": f"{address.shown}, database {database.DATABASE}, as user {address.user}",
        "collector": known.shown if known else "none",
        "changes": "asked of the collector" if collector.present() else "none: the app has no key to the collector",
        "who may open the app": "people with a token" if named else "everybody who reaches its address",
    }


def rules() -> None:
    """The rules as a file that llmtrace reads, and how to try the way to their receivers."""
    known = collector.present()
    if known is None:
        st.caption(_NO_KEY)
        return
    try:
        found = known.ask("GET", "rules")
        text = as_rules(found)
    except CollectorError as error:
        st.markdown(":red[:material/cloud_off: **The collector does not answer as it should**]")
        st.text(str(error))
        return
    st.caption(
        f"{figures.plural(len(found['rules']), 'rule')} of {code(found['file'] or 'no file')} and of this app, for"
        " `--rules`. Channels, routes and webhooks stay in the rule file, with their secrets."
    )
    _file(text, "rules.yaml")
    st.caption("To send a test notice to a channel, the way alerts go:")
    named = found["channels"] or ["CHANNEL"]
    file = shlex.quote(found["file"] or "rules.yaml")
    lines = [f"llmtrace webhooks test {shlex.quote(name)} --rules {file}" for name in named]
    st.code("\n".join(lines), language=None, wrap_lines=True)


def as_rules(found: dict[str, Any]) -> str:
    """A rule file of the rules that the collector knows."""
    return _yaml({"rules": [one["rule"] for one in found["rules"]]})


def retention() -> None:
    """How long rows are kept, as a file that llmtrace reads; what is not set is not in it."""
    rows = database.rows(queries.kept(clock.now_ms()))
    if not rows:
        st.caption("Nothing is set: every table has the retention that it comes with.")
        return
    st.caption("What is set, for `llmtrace up --retention` and `llmtrace data retention set --file`.")
    _file(as_retention(rows), "retention.yaml")


def as_retention(rows: list[dict[str, Any]]) -> str:
    """A file of retention: days by table, and by project where it has some of its own."""
    whole: dict[str, Any] = {row["name"]: int(row["kept_days"]) for row in rows if not row["project"]}
    projects: dict[str, dict[str, int]] = {}
    for row in rows:
        if row["project"]:
            projects.setdefault(row["project"], {})[row["name"]] = int(row["kept_days"])
    return _yaml(whole | ({"projects": projects} if projects else {}))


def _yaml(content: Any) -> str:
    return str(yaml.safe_dump(content, sort_keys=False, allow_unicode=True))


def _file(text: str, name: str) -> None:
    st.code(text, language="yaml", height=240 if text.count("\n") > 11 else "content")
    st.download_button(
        name, text, file_name=name, mime="application/yaml", icon=":material/download:", on_click="ignore", key=name
    )
