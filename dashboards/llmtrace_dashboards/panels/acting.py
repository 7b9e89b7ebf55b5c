"""Acting on alerts: acknowledge, silence, end a silence. The collector does it; what it says is shown in place."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import streamlit as st

from llmtrace_dashboards import collector, figures
from llmtrace_dashboards.access import AccessError, Role
from llmtrace_dashboards.collector import CollectorError
from llmtrace_dashboards.components.table import Column, cell, table
from llmtrace_dashboards.panels import actor
from llmtrace_dashboards.panels.current import Current

Alert = Mapping[str, Any]
_LENGTHS = ("30m", "1h", "2h", "4h", "8h", "1d", "3d", "7d")
_UNNAMED = "the app"
_ALERTS = (
    Column(key="rule", label="Rule", kind="wrap"),
    Column(key="shown", label="For", kind="wrap"),
    Column(key="quiet", label="Quiet because", kind="wrap"),
)
_SILENCES = (
    Column(key="matchers", label="Alerts with", kind="wrap"),
    Column(key="ends", label="Ends"),
    Column(key="reason", label="Reason", kind="wrap"),
    Column(key="who", label="By", kind="wrap"),
)


def ready(role: Role) -> bool:
    """Whether what needs `role` can be offered; if not, a sentence says what would make it so."""
    if collector.present() is None:
        st.caption(
            f"The app only reads: start it with `--collector URL` and a key in `{collector.KEY}`"
            " (`llmtrace keys create app --scope admin`) to change alerts here."
        )
        return False
    if not actor.may(role):
        st.caption(f"This needs the role {role.name.lower()}.")
        return False
    return True


def act(role: Role, method: str, path: str, body: Mapping[str, Any] | None = None, *, done: str, key: str) -> bool:
    """Asks the collector for a change as whoever sits here, and remembers what to say of it under `key`."""
    try:
        who = actor.require(role).name or _UNNAMED
        _collector().ask(method, path, body, who=who)
    except (AccessError, CollectorError) as error:
        st.session_state[f"said_{key}"] = ("error", str(error))
        return False
    st.session_state[f"said_{key}"] = ("good", done)
    st.session_state[f"new_{key}"] = True
    return True


def told(key: str) -> None:
    """What the last act said, once; as text, for it may repeat what was typed. Other panels show what changed, too."""
    if st.session_state.pop(f"new_{key}", False):
        st.rerun()
    tone, text = st.session_state.pop(f"said_{key}", ("", ""))
    if text:
        with st.container(border=True):
            st.markdown(
                ":red[:material/error: **Not done**]" if tone == "error" else ":green[:material/check: **Done**]"
            )
            st.text(text)


def matchers(alert: Alert) -> list[str]:
    """What means exactly this alert, as the collector spells it."""
    labels = {name: value for name, value in alert["labels"].items() if name not in {"kind", "severity"}}
    names = sorted(labels, key=lambda name: (name != "rule", name))
    return [f"{name}={json.dumps(labels[name], ensure_ascii=False)}" for name in names]


def firing(current: Current) -> None:
    """The alerts that fire, whether people are told of them, and what can be done about one."""
    told("firing")
    if not ready(Role.REVIEWER):
        return
    found = asked("alerts", "alerts")
    alerts = [one for one in found or () if one["state"] == "firing"]
    if found is None:
        return
    if not alerts:
        st.caption("No alert fires, so there is none to acknowledge.")
        return
    table(
        _ALERTS, [{name: one[name] for name in ("rule", "shown", "quiet")} for one in alerts], label="Firing", key="f"
    )
    ids = [one["event_id"] for one in alerts]
    chosen = st.selectbox(
        "Alert",
        range(len(alerts)),
        index=ids.index(current.view.alert) if current.view.alert in ids else 0,
        format_func=lambda n: f"{alerts[n]['rule']}: {alerts[n]['shown']}",
        key="acting_on",
    )
    _forms(alerts[min(chosen, len(alerts) - 1)])


def _forms(alert: Alert) -> None:
    meant = matchers(alert)
    at = alert["event_id"] or "-".join(meant)
    left, right = st.columns(2)
    with left, st.form(f"ack_{at}", border=True):
        st.markdown("**Acknowledge**")
        st.caption("Somebody is on it: no repeats until it resolves or gets worse.")
        st.text_input("What is being done", key=f"ack_reason_{at}", max_chars=500)
        st.form_submit_button("Acknowledge", on_click=_acknowledge, args=(meant, f"ack_reason_{at}"))
    with right, st.form(f"silence_{at}", border=True):
        st.markdown("**Silence**")
        st.text_area("Alerts with all of these, one a line", value="\n".join(meant), key=f"matchers_{at}")
        st.selectbox("Ends in", _LENGTHS, index=None, placeholder="Choose", key=f"for_{at}")
        st.text_input("Reason", key=f"reason_{at}", max_chars=500)
        st.form_submit_button("Silence", on_click=_silence, args=(at,))


def _acknowledge(meant: Sequence[str], reason: str) -> None:
    body = {"matchers": list(meant), "reason": st.session_state[reason]}
    act(Role.REVIEWER, "POST", "acknowledgements", body, done="The alert is acknowledged.", key="firing")


def _silence(at: str) -> None:
    length = st.session_state[f"for_{at}"]
    if not length:
        st.session_state["said_firing"] = ("error", "Ends in: choose when it ends; a silence has an end")
        return
    lines = [line.strip() for line in st.session_state[f"matchers_{at}"].splitlines() if line.strip()]
    body = {"matchers": lines, "for": length, "reason": st.session_state[f"reason_{at}"]}
    act(Role.REVIEWER, "POST", "silences", body, done=f"Silenced for {length}.", key="firing")


def silences(current: Current) -> None:
    """Those that are not over, and ending one now."""
    told("silences")
    if collector.present() is None:
        st.caption("Silences are listed where the app may ask the collector.")
        return
    found = asked("silences", "silences")
    if found is None:
        return
    if not found:
        st.caption("No silence is in force.")
        return
    rows = [
        {
            "matchers": " ".join(one["matchers"]),
            "ends": figures.clock(round(datetime.fromisoformat(one["ends"]).timestamp() * 1000), current.zone),
            "reason": one["reason"],
            "who": cell(one["who"], muted=True),
        }
        for one in found
    ]
    table(_SILENCES, rows, label="Silences", key="silences")
    if not actor.may(Role.REVIEWER):
        return
    with st.form("unsilence", border=False):
        names = {one["id"]: f"{one['id']}: {' '.join(one['matchers'])}" for one in found}
        st.selectbox("Silence", list(names), format_func=lambda one: names.get(one, one), key="unsilencing")
        st.form_submit_button("End it now", on_click=_unsilence)


def _unsilence() -> None:
    one = st.session_state["unsilencing"]
    act(Role.REVIEWER, "DELETE", f"silences/{one}", done=f"Silence {one} is ended.", key="silences")


def _collector() -> collector.Collector:
    found = collector.present()
    if found is None:
        raise CollectorError("The app knows no collector to ask")
    return found


def asked(path: str, name: str) -> Sequence[Mapping[str, Any]] | None:
    """What the collector knows; None: a sentence stands in its place."""
    try:
        found: Sequence[Mapping[str, Any]] = _collector().ask("GET", path)[name]
    except CollectorError as error:
        with st.container(border=True):
            st.markdown(":red[:material/cloud_off: **The collector does not answer as it should**]")
            st.text(str(error))
        return None
    return found
