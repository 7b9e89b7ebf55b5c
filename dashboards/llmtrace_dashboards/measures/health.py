"""Whether parts of llmtrace are well: from what they tell of themselves to a state, a figure and what to do."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from llmtrace_dashboards import figures

State = Literal["good", "warn", "error", "off"]
"""Off: nothing can be said, or there is nothing."""

WAITS_S = 60.0
"""What waits for the store longer is worth a look, five times as long an error; so is a watch that has not looked."""
LATE_NS = 60 * 10**9
"""Spans that come later than this after their end are worth a look."""
AHEAD_NS = 5 * 10**9
LEAST_ROOM = 0.1
"""Of the log's quota."""
OLD_DAYS = 60
"""A price list that was installed longer ago is worth a look."""


@dataclass(frozen=True, kw_only=True)
class Check:
    """One part, and how it is."""

    what: str
    state: State
    figure: str
    advice: str = ""
    """What to do, or what it means; it may repeat what others have written."""
    leads: str = ""
    """Where the figure leads to: an address in the app."""


COLLECTOR = ("Log to store", "Room in the log", "Accounts", "Dead letters", "Refused", "Watch", "Notices")
"""What the collector alone can tell."""


def silent(why: str, address: str) -> list[Check]:
    """The checks of a collector that tells nothing."""
    rest = [Check(what=what, state="off", figure="not known", advice="only the collector knows") for what in COLLECTOR]
    return [Check(what="Collector", state="error" if address else "off", figure=address or "none", advice=why), *rest]


def collector(told: Mapping[str, Any], refused: int, address: str, now_ms: int) -> list[Check]:
    """The checks of one that has told how it is, as `/readyz` has it."""
    accepting = told.get("accepting") or {}
    well = bool(accepting.get("ok"))
    return [
        Check(
            what="Collector",
            state="good" if well else "error",
            figure=address if well else f"{address} refuses",
            advice="" if well else f"senders keep what they have: {accepting.get('why')}",
        ),
        _to_store(told),
        _room(told.get("room") or {}),
        _accounts(told.get("items") or {}),
        _dead(int(told.get("dead_letters") or 0)),
        _refused(refused),
        _watch(told.get("watch") or {}, now_ms),
        _notices(told.get("watch") or {}),
    ]


def _to_store(told: Mapping[str, Any]) -> Check:
    store, waits = told.get("store") or {}, told.get("backlog") or {}
    size, oldest_s = int(waits.get("bytes") or 0), float(waits.get("oldest_s") or 0)
    figure = f"{figures.size(size)} wait, the oldest for {_seconds(oldest_s)}" if size else "nothing waits"
    state: State = "error" if oldest_s > 5 * WAITS_S else "warn" if oldest_s > WAITS_S else "good"
    if not store.get("reachable"):
        why = f"what is accepted waits on disk and nothing is lost: {store.get('why')}"
        return Check(what=COLLECTOR[0], state=max(state, "warn", key=_WORSE.index), figure=figure, advice=why)
    slow = "the store takes spans more slowly than they come: see the log of the collector"
    return Check(what=COLLECTOR[0], state=state, figure=figure, advice="" if state == "good" else slow)


def _room(room: Mapping[str, Any]) -> Check:
    left, quota = int(room.get("bytes") or 0), int(room.get("quota_bytes") or 0)
    if not quota:
        return Check(what=COLLECTOR[1], state="off", figure="not known")
    figure = f"{figures.size(left)} of {figures.size(quota)}"
    if left >= LEAST_ROOM * quota:
        return Check(what=COLLECTOR[1], state="good", figure=figure)
    advice = "when it is used up senders are refused: free disk, or see what waits with llmtrace wal inspect"
    return Check(what=COLLECTOR[1], state="warn" if left else "error", figure=figure, advice=advice)


def _accounts(items: Mapping[str, Any]) -> Check:
    missing = sum(int(terms.get("missing") or 0) for terms in items.values())
    accepted = sum(int(terms.get("accepted") or 0) for terms in items.values())
    if not missing:
        return Check(what=COLLECTOR[2], state="good", figure=f"{figures.count(accepted)} accepted, none missing")
    advice = "acknowledged and not to be found: llmtrace wal verify; if it is known why, llmtrace wal settle"
    return Check(what=COLLECTOR[2], state="error", figure=f"{figures.count(missing)} missing", advice=advice)


def _dead(count: int) -> Check:
    advice = "the store could not take them: llmtrace wal inspect says why, replay sends them again"
    state: State = "error" if count else "good"
    return Check(what=COLLECTOR[3], state=state, figure=figures.count(count), advice=advice if count else "")


def _refused(count: int) -> Check:
    advice = "since the collector was started, for want of room or for their size: its log says which"
    state: State = "warn" if count else "good"
    return Check(what=COLLECTOR[4], state=state, figure=figures.count(count), advice=advice if count else "")


def _watch(watch: Mapping[str, Any], now_ms: int) -> Check:
    standby, last = watch.get("standby") or {}, watch.get("last_evaluation")
    rules = figures.plural(int(watch.get("rules") or 0), "rule")
    if standby and not standby.get("leads"):
        return Check(what=COLLECTOR[5], state="good", figure=f"stands by for {standby.get('leader') or 'another'}")
    if watch.get("error"):
        return Check(what=COLLECTOR[5], state="error", figure=rules, advice=str(watch["error"]))
    if not last:
        return Check(what=COLLECTOR[5], state="warn", figure=rules, advice="it has not looked at its rules yet")
    last_ms = round(datetime.fromisoformat(str(last)).timestamp() * 1000)
    late_s = (now_ms - last_ms) / 1000
    state: State = "error" if late_s > 5 * WAITS_S else "warn" if late_s > WAITS_S else "good"
    advice = "nobody is told of anything until it looks again: see the log of the collector"
    figure = f"{rules}, looked {figures.ago(last_ms, now_ms)}"
    return Check(what=COLLECTOR[5], state=state, figure=figure, advice="" if state == "good" else advice)


def _notices(watch: Mapping[str, Any]) -> Check:
    waits, failed = int(watch.get("outbox") or 0), int(watch.get("outbox_failed") or 0)
    advice = "given up: llmtrace webhooks list says why, redeliver sends them again"
    figure = f"{figures.count(waits)} wait, {figures.count(failed)} given up"
    return Check(what=COLLECTOR[6], state="error" if failed else "good", figure=figure, advice=advice if failed else "")


def arriving(row: Mapping[str, Any], lately_ms: int, newest_ms: int | None, now_ms: int) -> Check:
    """How many spans a minute were received lately; `newest_ms`: of the newest span there is, None: there is none."""
    lately = int(row["lately"])
    span_of = figures.duration(lately_ms * 1e6)
    if lately:
        a_minute = figures.rate(lately * 60_000 / lately_ms)
        spans = "span" if a_minute == "1" else "spans"
        return Check(what="Arriving", state="good", figure=f"{a_minute} {spans} a minute, in the last {span_of}")
    if newest_ms is None:
        advice = "no span has ever arrived: call llmtrace.instrument() in your application, then llmtrace doctor"
        return Check(what="Arriving", state="off", figure="nothing yet", advice=advice)
    advice = f"the newest span is of {figures.ago(newest_ms, now_ms)}; llmtrace doctor says what may be wrong"
    return Check(what="Arriving", state="off", figure=f"nothing in {span_of}", advice=advice)


def lagging(row: Mapping[str, Any]) -> Check:
    """How long after their end spans are received; what then waits for the store is the collector's to tell."""
    if not int(row["spans"]):
        return Check(what="Lag", state="off", figure="no span in the last hour")
    p50, p95 = float(row["p50_ns"]), float(row["p95_ns"])
    figure = f"p50 {figures.duration(max(p50, 0))}, p95 {figures.duration(max(p95, 0))}"
    if p50 < -AHEAD_NS:
        return Check(
            what="Lag", state="warn", figure=figure, advice=f"senders' clocks are {figures.duration(-p50)} ahead"
        )
    late = p95 > LATE_NS
    advice = "from the end of a span to its receipt" + (": a sender holds spans back, or its clock is behind" * late)
    return Check(what="Lag", state="warn" if late else "good", figure=figure, advice=advice)


def quarantined(rows: Sequence[Mapping[str, Any]]) -> Check:
    """What could not be true in the last day, by reason."""
    if not rows:
        return Check(what="Quarantined", state="good", figure="none in 24 h")
    reasons = "; ".join(f"{row['signal']}, {row['reason']}: {figures.count(int(row['items']))}" for row in rows)
    total = figures.count(sum(int(row["items"]) for row in rows))
    return Check(what="Quarantined", state="warn", figure=f"{total} in 24 h", advice=f"in no figure. {reasons}")


def delivered(rows: Sequence[Mapping[str, Any]]) -> Check:
    """Whether receivers of alerts are reached."""
    if not rows:
        return Check(what="Deliveries", state="off", figure="none in 24 h")
    sums = {name: sum(int(row[name]) for row in rows) for name in ("delivered", "failed", "retried")}
    figure = f"{figures.count(sums['delivered'])} delivered, {figures.count(sums['failed'])} failed in 24 h"
    failing = [str(row["webhook"]) for row in rows if row["newest"] == "failed"]
    trying = [str(row["webhook"]) for row in rows if row["newest"] == "retry"]
    if failing:
        advice = f"the last attempt failed: {', '.join(failing)}"
        return Check(what="Deliveries", state="error", figure=figure, advice=advice)
    if trying:
        return Check(what="Deliveries", state="warn", figure=figure, advice=f"tried again: {', '.join(trying)}")
    if sums["failed"]:
        return Check(what="Deliveries", state="warn", figure=figure, advice="every receiver was reached since")
    return Check(what="Deliveries", state="good", figure=figure)


def rolled_up(row: Mapping[str, Any]) -> Check:
    """Whether the rollup by hour has the spans of the last day."""
    stored, rolled = int(row["stored"]), int(row["rolled"])
    if not stored and not rolled:
        return Check(what="Rollups", state="off", figure="no span in 24 h")
    behind_ms = max(int(row["newest_ms"]) - int(row["rolled_newest_ms"]), 0)
    if stored == rolled and not behind_ms:
        return Check(what="Rollups", state="good", figure=f"all {figures.plural(stored, 'span')} of 24 h")
    figure = f"{figures.count(rolled)} of {figures.plural(stored, 'span')}"
    if behind_ms:
        figure += f", {figures.duration(behind_ms * 1e6)} behind"
    advice = "long ranges are answered from them; after an update or a deletion they are made again"
    return Check(what="Rollups", state="warn", figure=figure, advice=advice)


def price_list(version: str, installed_ms: int | None, now_ms: int) -> Check:
    """How old the list of prices may be."""
    if installed_ms is None:
        return Check(what="Price list", state="off", figure=version or "none", advice="its age is not known")
    old = now_ms - installed_ms > OLD_DAYS * 86_400_000
    return Check(
        what="Price list",
        state="warn" if old else "good",
        figure=f"{version}, installed {figures.ago(installed_ms, now_ms)}",
        advice="prices may have changed since: pip install --upgrade genai-prices" if old else "",
    )


def priced(calls: int, unpriced: int, leads: str) -> Check:
    """Whether calls of the last day have a price."""
    if not calls:
        return Check(what="Prices", state="off", figure="no calls in 24 h")
    if not unpriced:
        return Check(what="Prices", state="good", figure=f"of all {figures.plural(calls, 'call')} of 24 h")
    advice = "not in any spend: name prices in a file of your own (LLMTRACE_PRICES), or upgrade genai-prices"
    figure = f"{figures.count(unpriced)} of {figures.plural(calls, 'call')} without one"
    return Check(what="Prices", state="warn", figure=figure, advice=advice, leads=leads)


def kept_for(engine: str) -> str:
    """How long rows of a table are kept, by what the engine says of it."""
    found = re.search(r" TTL .*?toIntervalDay\((?:transform\(.*, )?(\d+)\)", engine, re.DOTALL)
    if found:
        return figures.plural(int(found[1]), "day")
    return "by a rule of its own" if " TTL " in engine else "for good"


def _seconds(seconds: float) -> str:
    return figures.duration(seconds * 1e9)


_WORSE: Sequence[State] = ("off", "good", "warn", "error")
