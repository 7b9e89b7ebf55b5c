"""Rules: those of the file to read, edited ones to change, and what one would have told over the last 14 days."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote

import streamlit as st
import yaml

from llmtrace_dashboards import collector, figures
from llmtrace_dashboards.access import AccessError, Role
from llmtrace_dashboards.charts import alert as charts
from llmtrace_dashboards.collector import CollectorError
from llmtrace_dashboards.components.table import Column, cell, table
from llmtrace_dashboards.panels import acting, actor
from llmtrace_dashboards.panels.current import Current
from llmtrace_dashboards.state.ranges import DAY_MS, Window

_MOST_BYTES = 20_000
_BACKTEST_S = 60.0
_PACES = ("1h", "15m", "5m")
_MOST_BANDS = 60
_NEW = "name: \nkind: spend\ngroup_by: [user]\nwindow: 24h\nlimit_usd: 5\n"
_RULES = (
    Column(key="name", label="Rule", kind="wrap"),
    Column(key="source", label="From"),
    Column(key="told", label="Tells", kind="wrap"),
    Column(key="by", label="Edited by", kind="wrap"),
    Column(key="problem", label="Problem", kind="wrap"),
)
_BANDS = (
    Column(key="group", label="For", kind="wrap"),
    Column(key="start", label="Would have fired"),
    Column(key="end", label="Until"),
    Column(key="lasted", label="For so long", align="end"),
    Column(key="value", label="Value", align="end"),
    Column(key="limit", label="Limit", align="end"),
)


def read(text: str) -> dict[str, Any]:
    """The rule that `text` is, as JSON has it.

    Raises:
        ValueError: it is no YAML of one rule; the message is a sentence.
    """
    if len(text.encode()) > _MOST_BYTES:
        raise ValueError(f"The rule is larger than {_MOST_BYTES:,} bytes")
    try:
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, Loader=yaml.SafeLoader)):
            raise ValueError("Write everything out: a rule has no YAML aliases (*name)")
        rule = yaml.safe_load(text)
        json.dumps(rule)
    except yaml.MarkedYAMLError as error:
        at = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise ValueError(f"{at}this is not YAML ({error.problem})") from None
    except (yaml.YAMLError, RecursionError) as error:
        raise ValueError(f"This is not YAML ({type(error).__name__})") from None
    except TypeError:
        raise ValueError("A value is a date or of another kind that rules have none of: put it in quotes") from None
    if not isinstance(rule, dict) or not all(isinstance(key, str) for key in rule):
        raise ValueError("Write the keys of one rule, such as name: daily-cap")
    name = rule.get("name")
    if not isinstance(name, str) or not name.strip():
        raise ValueError("name: write what the rule is called")
    return rule


def bands(changes: Sequence[Mapping[str, Any]], end: str) -> list[dict[str, Any]]:
    """When each group would have fired, first to last; what still fires lasts until `end`."""
    found: list[dict[str, Any]] = []
    open_ones: dict[str, dict[str, Any]] = {}
    for change in changes:
        key = json.dumps(change["group"], sort_keys=True)
        band = open_ones.get(key)
        if change["state"] == "firing" and band is None:
            open_ones[key] = band = dict(change) | {"start": change["at"], "end": end}
            found.append(band)
        elif change["state"] in {"resolved", "inactive"} and band is not None:
            open_ones.pop(key)["end"] = change["at"]
    return found


def rules(current: Current) -> None:
    """The list, and the editor for whoever may."""
    acting.told("rules")
    if collector.present() is None:
        st.caption("Rules are listed where the app may ask the collector.")
        return
    found = acting.asked("rules", "rules")
    if found is None:
        return
    rows = [
        {
            "name": one["name"],
            "source": one["source"],
            "told": ", ".join(one["told"]),
            "by": one["edited_by"] or "",
            "problem": cell(one["problem"], tone="error") if one["problem"] else "",
        }
        for one in found
    ]
    table(_RULES, rows, label="Rules", key="rules")
    by_name = {one["name"]: one for one in found}
    chosen = st.selectbox("Rule", ["", *by_name], format_func=lambda n: n or "A new rule", key="rule_chosen")
    one = by_name.get(chosen)
    written = _NEW if one is None else yaml.safe_dump(one["rule"], sort_keys=False, allow_unicode=True)
    if not actor.may(Role.ADMIN):
        st.code(written, language="yaml")
        st.caption("To change rules needs the role admin.")
        return
    if one and one["source"] == "file":
        st.caption("A rule of the file is changed there. Edited here it becomes another rule, under another name.")
        written = yaml.safe_dump({**one["rule"], "name": f"{chosen}-copy"}, sort_keys=False, allow_unicode=True)
    _editor(current, chosen, written, edited=bool(one and one["source"] == "edited"))


def _editor(current: Current, chosen: str, written: str, *, edited: bool) -> None:
    key = f"rule_text_{chosen}"
    with st.form(f"rule_{chosen}", border=True):
        st.text_area("The rule as YAML", value=written, height=260, key=key)
        every = st.selectbox("Try it every", _PACES, key=f"every_{chosen}", help="What lasts shorter may be missed.")
        with st.container(horizontal=True):
            tried = st.form_submit_button("Try on the last 14 days", icon=":material/history:")
            st.form_submit_button("Save", icon=":material/save:", on_click=_save, args=(key,))
            if edited:
                st.form_submit_button("Delete", icon=":material/delete:", on_click=_delete, args=(chosen,))
    if tried:
        _try(current, st.session_state[key], every)


def _save(key: str) -> None:
    try:
        rule = read(st.session_state[key])
    except ValueError as error:
        st.session_state["said_rules"] = ("error", str(error))
        return
    name = rule.pop("name")
    acting.act(Role.ADMIN, "PUT", f"rules/{quote(name, safe='')}", rule, done=f"Saved: {name}", key="rules")


def _delete(name: str) -> None:
    acting.act(Role.ADMIN, "DELETE", f"rules/{quote(name, safe='')}", done=f"Deleted: {name}", key="rules")


def _try(current: Current, text: str, every: str) -> None:
    try:
        actor.require(Role.ADMIN)
        body = {"rule": read(text), "every": every}
        asked = collector.present()
        answer = asked.ask("POST", "rules/backtest", body, timeout_s=_BACKTEST_S) if asked else {}
    except (AccessError, CollectorError, ValueError) as error:
        with st.container(border=True):
            st.markdown(":red[:material/error: **Not tried**]")
            st.text(str(error))
        return
    found = bands(answer["changes"], answer["reached"])
    if not answer["complete"]:
        st.caption(
            f"It came only to {figures.clock(_ms(answer['reached']), current.zone)}: try a rule with fewer groups."
        )
    if not found:
        st.caption(f"It would not have fired in the last 14 days ({answer['evaluations']:,} evaluations).")
        return
    st.caption(f"It would have fired {figures.plural(len(found), 'time')}, evaluated every {answer['every']}.")
    window = Window(start_ms=current.now_ms - 14 * DAY_MS, end_ms=current.now_ms)
    shown = [
        {"group": row["group"], "told": f"{row['start']} to {row['end']}, {row['lasted']}"}
        | {"start_ms": _ms(one["start"]), "end_ms": _ms(one["end"])}
        for one, row in zip(found, (_band(one, current) for one in found), strict=True)
    ]
    st.vega_lite_chart(
        charts.bands(shown[:_MOST_BANDS], window, current.zone, current.palette),
        theme=None,
        alt="When each group would have fired in the last 14 days",
        key="chart_bands",
        width="stretch",
    )
    table(_BANDS, [_band(one, current) for one in found], label="Would have fired", key="bands")


def _band(one: Mapping[str, Any], current: Current) -> dict[str, Any]:
    start, end = _ms(one["start"]), _ms(one["end"])
    return {
        "group": ", ".join(f"{name} {value}" for name, value in one["group"].items()) or "everything",
        "start": figures.clock(start, current.zone),
        "end": figures.clock(end, current.zone),
        "lasted": figures.duration((end - start) * 1e6),
        "value": f"{float(one['value']):.4g} {one['unit']}".strip(),
        "limit": f"{float(one['limit']):.4g}",
    }


def _ms(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)
