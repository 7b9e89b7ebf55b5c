"""Takes transitions into bundles and, once everything is evaluated, tells people what is to be told now.

A transition is noted in its own transaction; what follows from it is decided at the end of the evaluation, when it is
known what else fires (a source that inhibits, alerts that go together). A process that dies in between finds the
members as they are, and tells at its next start.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from llmtrace_collector.channels import Channel
from llmtrace_collector.watch import mirror, notices, outbox
from llmtrace_collector.watch.groups import group_of
from llmtrace_collector.watch.own import channels_of
from llmtrace_collector.watch.policy import composing, heartbeat, silences
from llmtrace_collector.watch.policy.composing import Entry
from llmtrace_collector.watch.policy.deciding import SAID, Member, Pace, Why, decide
from llmtrace_collector.watch.policy.settings import Policy, Route
from llmtrace_collector.watch.policy.silences import SQL, Silence, silencing
from llmtrace_collector.watch.rule import Rule
from llmtrace_collector.watch.severity import Severity
from llmtrace_collector.watch.states import State
from llmtrace_collector.watch.times import from_ms, to_ms
from llmtrace_collector.watch.transition import Transition

GROUPED = ":group"
"""Stands in the outbox for the rule of notices about several alerts; no rule has such a name."""


@dataclass(frozen=True, kw_only=True)
class _Quiet:
    """What keeps people from being told, at one moment."""

    silences: Sequence[Silence]
    firing: Sequence[Mapping[str, str]]
    """The labels of everything that fires; empty where nothing inhibits."""
    now: datetime


class Teller:
    """Decides and writes into the outbox; all of it in transactions of the caller."""

    def __init__(self, *, rules: Iterable[Rule], policy: Policy, dashboard_url: str) -> None:
        self._dashboard_url = dashboard_url
        self.replace(rules, policy)

    def replace(self, rules: Iterable[Rule], policy: Policy) -> None:
        """Other rules and another policy from now on; bundles stay as they are."""
        self._rules = {rule.name: rule for rule in rules}
        self._policy = policy

    def note(self, db: sqlite3.Connection, transition: Transition, severity: Severity = Severity.CRITICAL) -> None:
        """Takes in an alert that began to fire, became another severity, or ended."""
        body = notices.body(transition, self._dashboard_url)
        identity = {"rule": transition.rule, "group_key": transition.key}
        known = db.execute(SQL["member"], identity).fetchone()
        firing = transition.state is State.FIRING
        if known is None and not firing:
            outbox.put_resolving(db, transition, body)  # it was told before there were bundles
            return
        labels = labels_of(transition, severity)
        bundle = known["bundle"] if known else self._open(db, identity, labels)
        row = {
            "bundle": bundle,
            "labels": json.dumps(labels),
            "firing": int(firing),
            "severity": int(severity),
            "changed_ms": to_ms(transition.at),
            "event_id": transition.event_id,
            "data": body.decode(),
        }
        db.execute(SQL["put_member"], identity | row)
        if self._policy.flapping and (known is None or bool(known["firing"]) is not firing):
            self._turn(db, identity, firing, transition.at)

    def _open(self, db: sqlite3.Connection, identity: Mapping[str, str], labels: Mapping[str, str]) -> str:
        route = self._policy.route.of(labels)
        alone = route.group_by is None
        common = {label: labels.get(label, "") for label in route.group_by or ()}
        what = list(identity.values()) if alone else [sorted(common.items()), [str(m) for m in route.matchers]]
        bundle = hashlib.sha256(json.dumps([alone, what]).encode()).hexdigest()[:32]
        db.execute(SQL["open_bundle"], {"bundle": bundle, "alone": int(alone), "labels": json.dumps(common)})
        return bundle

    def _turn(self, db: sqlite3.Connection, identity: Mapping[str, str], firing: bool, now: datetime) -> None:
        flapping = self._policy.flapping
        if flapping is None:
            return
        db.execute(SQL["put_turn"], {**identity, "at_ms": to_ms(now), "firing": int(firing)})
        after = {**identity, "after_ms": to_ms(now - flapping.window)}
        if db.execute(SQL["count_turns"], after).fetchone()["n"] >= flapping.changes:
            db.execute(SQL["mark_flapping"], {**identity, "flapping": 1})

    def tell(self, db: sqlite3.Connection, now: datetime, *, healthy: bool = True) -> int:
        """Tells of every bundle what is to be told now; how many notices' worth.

        Args:
            db: In a transaction.
            now: The time.
            healthy: Everything could be evaluated: the heart beats.
        """
        self._settle_flapping(db, now)
        repeat = self._policy.shortest_repeat
        due = {"repeat_before_ms": -1 if repeat is None else to_ms(now - repeat)}
        bundles = [row["bundle"] for row in db.execute(SQL["due_bundles"], due)]
        told = 0
        if bundles:
            firing = db.execute(SQL["firing_labels"]) if self._policy.inhibitions else ()
            labels = [json.loads(row["labels"]) for row in firing]
            quiet = _Quiet(silences=silences.read(db), firing=labels, now=now)
            told = sum(self._tell_of(db, bundle, quiet) for bundle in bundles)
            db.execute(SQL["drop_empty_bundles"])
        if healthy and self._policy.heartbeat:
            told += heartbeat.beat(db, self._policy.heartbeat, now, self._dashboard_url)
        return told

    def _settle_flapping(self, db: sqlite3.Connection, now: datetime) -> None:
        flapping = self._policy.flapping
        before_ms = to_ms(now - flapping.window) if flapping else to_ms(now)
        db.execute(SQL["prune_turns"], {"before_ms": before_ms})
        for row in db.execute(SQL["flapping_members"]).fetchall():
            identity = {"rule": row["rule"], "group_key": row["group_key"]}
            turns = db.execute(SQL["count_turns"], identity | {"after_ms": before_ms}).fetchone()["n"]
            if not turns:
                db.execute(SQL["mark_flapping"], identity | {"flapping": 0})

    def _tell_of(self, db: sqlite3.Connection, bundle: str, quiet: _Quiet) -> int:
        kept = db.execute(SQL["bundle"], {"bundle": bundle}).fetchone()
        entries = [self._entry(row, quiet) for row in db.execute(SQL["members_of"], {"bundle": bundle})]
        route = self._route(entries[0])
        sent = None if kept["sent_ms"] is None else from_ms(kept["sent_ms"])
        pace = Pace(
            group_wait=route.group_wait, group_interval=route.group_interval, repeat_interval=route.repeat_interval
        )
        answer = decide([entry.member for entry in entries], sent=sent, now=quiet.now, pace=pace)
        shown = [entry for entry in entries if entry.member.shown] if answer.tell else []
        if shown:
            self._send(db, kept, shown, answer.why, quiet.now)
        self._note_quiet(db, entries, answer.why, quiet.now)
        self._tidy(db, kept, entries, told=bool(shown))
        return int(bool(shown))

    @staticmethod
    def _note_quiet(db: sqlite3.Connection, entries: Sequence[Entry], why: Why, now: datetime) -> None:
        """Why people are not told of what fires, for them to see; in the history when it begins."""
        for entry in entries:
            held = entry.member.hushed or (why if why not in SAID else None)
            quiet = str(held) if entry.member.firing and held not in {None, Why.TOLD} else ""
            mark = {"rule": entry.rule, "group_key": entry.key, "quiet": quiet}
            if db.execute(SQL["mark_quiet"], mark).rowcount and quiet:
                mirror.put_held(db, entry.event_id, quiet, at=now)

    def _send(self, db: sqlite3.Connection, kept: sqlite3.Row, shown: Sequence[Entry], why: Why, now: datetime) -> None:
        bundle, alone = kept["bundle"], bool(kept["alone"])
        said = [row["event_id"] for row in db.execute(SQL["tellings_of"], {"bundle": bundle})]
        event_id = composing.event_id(bundle, shown, why, alone=alone, said=said, count=kept["notices"])
        key = composing.dedup_key(bundle, alone, shown)
        body = composing.content(shown, why, now, key=key, labels=json.loads(kept["labels"]), alone=alone)
        about = {
            "event_id": event_id,
            "rule": shown[0].rule if alone else GROUPED,
            "group_key": shown[0].key if alone else bundle,
            "body": body,
            "now_ms": to_ms(now),
        }
        if any(entry.member.fires for entry in shown):
            channels = self._channels_of(shown)
            if why is Why.REPEAT:  # what still waits says the same
                waiting = outbox.waiting_for(db, str(about["rule"]), str(about["group_key"]))
                channels = tuple(channel for channel in channels if channel.endpoint not in waiting)
            outbox.put_about(db, about, channels)
            db.execute(SQL["put_telling"], {"bundle": bundle, "event_id": event_id})
        else:
            db.execute(SQL["put_ending"], about | {"bundle": bundle})
            outbox.prune(db, now)
        for entry in shown:
            db.execute(SQL["mark_told"], {"rule": entry.rule, "group_key": entry.key})
        db.execute(SQL["mark_sent"], {"bundle": bundle, "now_ms": to_ms(now)})

    @staticmethod
    def _tidy(db: sqlite3.Connection, kept: sqlite3.Row, entries: Sequence[Entry], *, told: bool) -> None:
        """Forgets what has ended and, when nobody is left to hear of an end, what was said."""
        open_ = False
        for entry in entries:
            member = entry.member
            if not member.fires and (told or not member.told):
                db.execute(SQL["drop_member"], {"rule": entry.rule, "group_key": entry.key})
            else:
                open_ = open_ or member.told > 0 or (told and member.shown)
        if not open_ and (told or kept["sent_ms"] is not None):
            db.execute(SQL["drop_tellings"], {"bundle": kept["bundle"]})
            db.execute(SQL["rest"], {"bundle": kept["bundle"]})

    def _channels_of(self, shown: Sequence[Entry]) -> tuple[Channel, ...]:
        found: dict[Channel, None] = {}
        for entry in shown:
            own = channels_of(entry.rule, entry.key, self._rules)
            route = self._route(entry)
            routed = entry.rule in self._policy.routed and route.channels is not None
            found |= dict.fromkeys(route.channels or () if routed else own)
        by_endpoint = {channel.endpoint: channel for channel in reversed(found)}
        return tuple(channel for channel in found if by_endpoint[channel.endpoint] is channel)

    def _route(self, entry: Entry) -> Route:
        return self._policy.route.of(entry.labels)

    def _entry(self, row: sqlite3.Row, quiet: _Quiet) -> Entry:
        labels = json.loads(row["labels"])
        member = Member(
            firing=bool(row["firing"]),
            severity=row["severity"],
            changed=from_ms(row["changed_ms"]),
            told=row["told"],
            acknowledged=row["acknowledged"],
            hushed=self._hushed(labels, quiet),
            flapping=bool(row["flapping"]),
            flapping_told=bool(row["flapping_told"]),
        )
        content = json.loads(row["data"])
        return Entry(
            rule=row["rule"],
            key=row["group_key"],
            event_id=row["event_id"],
            content=content,
            member=member,
            labels=labels,
        )

    def _hushed(self, labels: Mapping[str, str], quiet: _Quiet) -> Why | None:
        if silencing(quiet.silences, labels, quiet.now):
            return Why.SILENCED
        if any(mute.holds(quiet.now) for mute in self._policy.route.of(labels).mute):
            return Why.MUTED
        if any(one.inhibits(labels, quiet.firing) for one in self._policy.inhibitions):
            return Why.INHIBITED
        return None


def labels_of(transition: Transition, severity: Severity) -> dict[str, str]:
    """What matchers see of an alert: its group, and `rule`, `kind` and `severity`."""
    return group_of(transition.key) | {"rule": transition.rule, "kind": transition.kind, "severity": str(severity)}
