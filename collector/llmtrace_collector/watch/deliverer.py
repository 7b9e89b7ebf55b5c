"""Takes notices out of the outbox to their receivers: one after the other to each, side by side to different ones."""

from __future__ import annotations

import logging
import threading
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from llmtrace_collector.watch import mirror, outbox, retries, signing
from llmtrace_collector.watch.retries import Answer, Verdict
from llmtrace_collector.watch.times import Clock, from_ms, iso

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable
    from random import Random

    from llmtrace_collector.watch.counters import Counters
    from llmtrace_collector.watch.journal import Journal
    from llmtrace_collector.watch.post import Post
    from llmtrace_collector.watch.rule import Rule, Webhook
    from llmtrace_collector.watch.troubles import Troubles

_log = logging.getLogger("llmtrace_collector.watch")

_UNRECORDED = timedelta(days=1)
"""When the last attempt of a schedule is due again, should its outcome never be recorded."""


class Deliverer:
    """Sends what is due."""

    def __init__(
        self,
        *,
        rules: Iterable[Rule],
        journal: Journal,
        post: Post,
        clock: Clock,
        random: Random,
        troubles: Troubles,
        counters: Counters,
    ) -> None:
        self._by_rule = {(rule.name, w.endpoint): w for rule in rules for w in rule.webhooks}
        self._by_endpoint = {webhook.endpoint: webhook for webhook in self._by_rule.values()}
        self._journal = journal
        self._post = post
        self._clock = clock
        self._random = random
        self._troubles = troubles
        self._counters = counters
        self._counting = threading.Lock()
        """Protects the counters: receivers are served side by side."""
        with journal.transaction() as db:
            outbox.recover(db, clock(), self._by_endpoint)

    def due_endpoints(self) -> list[str]:
        """The receivers that have something due now."""
        with self._journal.transaction() as db:
            return outbox.due_endpoints(db, self._clock())

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
            notice = outbox.next_due(db, endpoint, now)
            if notice is None:
                return False
            webhook = self._webhook(notice)
            obstacle = _obstacle(notice, webhook)
            if obstacle or webhook is None:
                self._give_up(db, notice, now, obstacle)
                return True
            attempt = notice["attempts"] + 1
            delay = retries.delay_after(attempt, self._random)
            outbox.claim(db, notice["notice_id"], attempt, now + (delay or _UNRECORDED))
        answer = self._attempt(webhook, notice, now)
        with self._journal.transaction() as db:
            self._settle(db, notice, attempt, delay, answer)
        return True

    def _webhook(self, notice: sqlite3.Row) -> Webhook | None:
        """The receiver with its secret, as the rules have it now: the rule's own first, else any rule's."""
        endpoint = notice["endpoint"]
        return self._by_rule.get((notice["rule"], endpoint)) or self._by_endpoint.get(endpoint)

    def _attempt(self, webhook: Webhook, notice: sqlite3.Row, now: datetime) -> Answer:
        body = notice["body"]
        headers = signing.headers(
            webhook.key, message_id=notice["event_id"], timestamp_s=int(now.timestamp()), body=body
        )
        return self._post(webhook.url, body, headers)

    def _settle(
        self, db: sqlite3.Connection, notice: sqlite3.Row, attempt: int, delay: timedelta | None, answer: Answer
    ) -> None:
        now = self._clock()
        verdict = retries.judge(answer)
        wait = max(delay or timedelta(0), retries.asked_delay(answer.retry_after, now))
        if verdict is Verdict.THROTTLE:
            outbox.throttle(db, notice["endpoint"], now + wait)
        if verdict is Verdict.GONE:
            outbox.disable(db, notice["endpoint"], now)
        if verdict is Verdict.DELIVERED:
            status, outcome = "delivered", "delivered"
        elif verdict is Verdict.GONE or delay is None:
            status, outcome = "failed", "failed"
        else:
            status, outcome = "waiting", "retry"
        outbox.settle(db, notice["notice_id"], status, now + wait)
        error = answer.error or _said(answer.status)
        mirror.put_attempt(db, notice, at=now, attempt=attempt, outcome=outcome, status=answer.status, error=error)
        self._tell(notice, outcome, error)

    def _give_up(self, db: sqlite3.Connection, notice: sqlite3.Row, now: datetime, obstacle: str) -> None:
        """Fails a notice without an attempt, for everyone to see."""
        outbox.settle(db, notice["notice_id"], "failed", now)
        attempt = notice["attempts"]
        mirror.put_attempt(db, notice, at=now, attempt=attempt, outcome="failed", status=0, error=obstacle)
        self._count("failed")
        _log.warning("notice %s to %s is given up: %s", notice["event_id"], notice["webhook"], obstacle)

    def _tell(self, notice: sqlite3.Row, outcome: str, error: str) -> None:
        """Counts an attempt and shows whether the receiver works."""
        self._count(outcome)
        what = f"notices to {notice['webhook']} ({notice['endpoint'][:6]})"
        if outcome == "delivered":
            self._troubles.end(what)
        else:
            self._troubles.begin(what, f"{error}; {'given up' if outcome == 'failed' else 'tried again later'}")

    def _count(self, outcome: str) -> None:
        with self._counting:
            name = "retried" if outcome == "retry" else outcome
            setattr(self._counters, name, getattr(self._counters, name) + 1)


def _obstacle(notice: sqlite3.Row, webhook: Webhook | None) -> str:
    """Why a notice must not be sent; empty: it may."""
    if webhook is None:
        return "no rule names this webhook any more, so there is no secret to sign with"
    if notice["disabled_ms"] is not None:
        return f"the receiver answered 410 at {iso(from_ms(notice['disabled_ms']))} and is disabled since"
    if notice["firing_status"] == "failed":
        return "its alert.firing was never delivered, so there is nothing to resolve"
    return ""


def _said(status: int) -> str:
    return "" if 200 <= status < 300 else f"the receiver answered {status}"
