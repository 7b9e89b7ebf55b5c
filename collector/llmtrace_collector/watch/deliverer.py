"""Takes notices out of the outbox to their receivers: one after the other to each, side by side to different ones."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from llmtrace_collector.channels import Answer
from llmtrace_collector.channels import notice as notices
from llmtrace_collector.watch import circuit, mirror, outbox, rerouting, retries
from llmtrace_collector.watch.outbox import ALL, Leave
from llmtrace_collector.watch.retries import Verdict
from llmtrace_collector.watch.times import Clock, from_ms, iso
from llmtrace_collector.watch.transition import new_event_id

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable
    from random import Random

    from llmtrace_collector.channels import Channel, Post
    from llmtrace_collector.watch.counters import Counters
    from llmtrace_collector.watch.directory import Directory
    from llmtrace_collector.watch.journal import Journal
    from llmtrace_collector.watch.troubles import Troubles

_log = logging.getLogger("llmtrace_collector.watch")

_UNRECORDED = timedelta(days=1)
"""When the last attempt of a schedule is due again, should its outcome never be recorded."""


@dataclass(frozen=True, kw_only=True)
class _Attempt:
    """One that was claimed."""

    notice: sqlite3.Row
    channel: Channel
    number: int
    delay: timedelta | None
    """To the next one; None: this is the last."""


class Deliverer:
    """Sends what is due."""

    def __init__(
        self,
        *,
        directory: Directory,
        journal: Journal,
        post: Post,
        clock: Clock,
        random: Random,
        dashboard_url: str,
        troubles: Troubles,
        counters: Counters,
        leave: Callable[[], Leave | None] = lambda: ALL,
    ) -> None:
        """`leave` says which notices may go out now; None: none."""
        self._leave = leave
        self._journal = journal
        self._post = post
        self._clock = clock
        self._random = random
        self._dashboard_url = dashboard_url
        self._troubles = troubles
        self._counters = counters
        self._counting = threading.Lock()
        """Protects the counters: receivers are served side by side."""
        with journal.transaction() as db:
            outbox.recover(db, clock())
        self.replace(directory)

    def replace(self, directory: Directory) -> None:
        """Other channels from the next attempt on."""
        self._directory = directory
        with self._journal.transaction() as db:
            outbox.forget_others(db, directory.by_endpoint.values())

    def due_endpoints(self) -> list[str]:
        """The receivers that have something due now."""
        leave = self._leave()
        if leave is None:
            return []
        with self._journal.transaction() as db:
            return outbox.due_endpoints(db, self._clock(), leave)

    def serve(self, endpoint: str, *, stopping: Callable[[], bool] = lambda: False) -> int:
        """Sends a receiver everything that is due to it and returns how many notices were dealt with.

        Args:
            endpoint: The receiver.
            stopping: Asked before each notice; true leaves the rest for another time.
        """
        dealt = 0
        while not stopping() and self._deal_with_next(endpoint):
            dealt += 1
        return dealt

    def _deal_with_next(self, endpoint: str) -> bool:
        now = self._clock()
        with self._journal.transaction() as db:
            leave = self._leave()
            notice = None if leave is None else outbox.next_due(db, endpoint, now, leave)
            if notice is None:
                return False
            channel = self._directory.channel(notice["rule"], endpoint)
            obstacle = _obstacle(notice, channel)
            if obstacle or channel is None:
                self._give_up(db, notice, channel, now, obstacle)
                return True
            number = notice["attempts"] + 1
            delay = retries.delay_after(number, self._random)
            outbox.claim(db, notice["notice_id"], number, now + (delay or _UNRECORDED))
        answer = self._send(channel, notice, now)
        attempt = _Attempt(notice=notice, channel=channel, number=number, delay=delay)
        with self._journal.transaction() as db:
            self._settle(db, attempt, answer)
        return True

    def _send(self, channel: Channel, notice: sqlite3.Row, now: datetime) -> Answer:
        try:
            message = channel.message(notices.read(notice["event_id"], notice["body"]), now)
        except Exception as error:  # noqa: BLE001 a defect of ours must end as a failed notice, for others to get
            return Answer(status=0, error=f"no message can be made of the notice ({type(error).__name__})")
        return self._post(message)

    def _settle(self, db: sqlite3.Connection, attempt: _Attempt, answer: Answer) -> None:
        now, notice = self._clock(), attempt.notice
        verdict = retries.judge(answer)
        wait = max(attempt.delay or timedelta(0), retries.asked_delay(answer.retry_after, now))
        error = answer.error or _said(answer.status)
        outcome = _outcome(verdict, attempt.delay)
        outbox.settle(db, notice["notice_id"], "waiting" if outcome == "retry" else outcome, now + wait)
        number, status = attempt.number, answer.status
        mirror.put_attempt(db, notice, at=now, attempt=number, outcome=outcome, status=status, error=error)
        self._tell(notice, outcome, error)
        if verdict is Verdict.DELIVERED:
            outbox.restore_endpoint(db, notice["endpoint"])
            return
        rest = circuit.rest_after(outbox.failures_of(db, notice["endpoint"]) + 1)
        until = now + (wait if verdict is Verdict.THROTTLE else rest)
        failures = outbox.fail_endpoint(db, attempt.channel, until)
        if verdict is Verdict.GONE:
            self._disable(db, attempt, now, "the receiver answered 410")
        elif outcome == "failed" and failures >= len(retries.SCHEDULE_S):
            # With a success in between it is this notice that the receiver does not like, not all of them.
            self._disable(db, attempt, now, f"{failures} attempts in a row failed, the last one because {error}")
        if outcome == "failed":
            self._readdress(db, notice, now)

    def _disable(self, db: sqlite3.Connection, attempt: _Attempt, now: datetime, why: str) -> None:
        outbox.disable(db, attempt.channel, now, why)
        failed, rule = attempt.channel, attempt.notice["rule"]
        others = self._directory.substitutes(rule, failed.endpoint, outbox.disabled(db))
        event_id, url = new_event_id(self._random), self._dashboard_url
        rerouting.tell_of_failure(db, failed, others, event_id=event_id, now=now, why=why, dashboard_url=url)
        _log.warning("the channel %s is disabled: %s", failed, why)

    def _readdress(self, db: sqlite3.Connection, notice: sqlite3.Row, now: datetime) -> None:
        others = self._directory.substitutes(notice["rule"], notice["endpoint"], outbox.disabled(db))
        if notice["rule"] != rerouting.ABOUT_CHANNELS:
            rerouting.readdress(db, notice, others, now)

    def _give_up(
        self, db: sqlite3.Connection, notice: sqlite3.Row, channel: Channel | None, now: datetime, obstacle: str
    ) -> None:
        """Fails a notice without an attempt, for everyone to see."""
        outbox.settle(db, notice["notice_id"], "failed", now)
        attempt = notice["attempts"]
        mirror.put_attempt(db, notice, at=now, attempt=attempt, outcome="failed", status=0, error=obstacle)
        self._count("failed")
        _log.warning("notice %s to %s is given up: %s", notice["event_id"], notice["webhook"], obstacle)
        if channel is not None:
            self._readdress(db, notice, now)

    def _tell(self, notice: sqlite3.Row, outcome: str, error: str) -> None:
        """Counts an attempt and shows whether the receiver works."""
        self._count(outcome)
        what = f"notices to {notice['webhook']} ({notice['endpoint'].removeprefix('channel:')[:6]})"
        if outcome == "delivered":
            self._troubles.end(what)
        else:
            self._troubles.begin(what, f"{error}; {'given up' if outcome == 'failed' else 'tried again later'}")

    def _count(self, outcome: str) -> None:
        with self._counting:
            name = "retried" if outcome == "retry" else outcome
            setattr(self._counters, name, getattr(self._counters, name) + 1)


def _outcome(verdict: Verdict, delay: timedelta | None) -> str:
    if verdict is Verdict.DELIVERED:
        return "delivered"
    return "failed" if verdict is Verdict.GONE or delay is None else "retry"


def _obstacle(notice: sqlite3.Row, channel: Channel | None) -> str:
    """Why a notice must not be sent; empty: it may."""
    if channel is None:
        return "the rules name this channel no more, so its address and secret are not known"
    if notice["firing_status"] == "failed":
        return "its alert.firing was never delivered, so there is nothing to resolve"
    if notice["disabled_ms"] is not None:
        why = notice["disabled_why"] or "the receiver answered 410"
        return f"{why}; disabled since {iso(from_ms(notice['disabled_ms']))}"
    return ""


def _said(status: int) -> str:
    return "" if 200 <= status < 300 else f"the receiver answered {status}"
