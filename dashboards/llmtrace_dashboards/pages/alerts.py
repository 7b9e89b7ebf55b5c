"""What fires, since when, why, and was anyone told?"""

from __future__ import annotations

from functools import partial

from llmtrace_dashboards.panels import acting, alert, alerts, rules
from llmtrace_dashboards.panels.frame import frame
from llmtrace_dashboards.panels.panel import panel


def show() -> None:
    """Draws the page."""
    current = frame("Alerts", filtered=False)
    if current.view.alert:
        panel(partial(alert.detail, current), key="alert", height=400)
    panel(partial(alerts.standing, current), key="standing", title="Now", height=200)
    panel(partial(acting.firing, current), key="acting", title="Acknowledge or silence", height=200)
    panel(partial(acting.silences, current), key="silences", title="Silences", height=120)
    panel(partial(alerts.history, current), key="history", title="Changes in this range", height=200)
    panel(partial(alerts.deliveries, current), key="deliveries", title="Deliveries in this range", height=200)
    panel(partial(rules.rules, current), key="rules", title="Rules", height=200)
