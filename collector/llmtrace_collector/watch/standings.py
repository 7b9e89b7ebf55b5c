"""How each receiver stands: what waits for it, what it took, what was given up, and whether it rests or is disabled."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from llmtrace_collector.channels import Channel
from llmtrace_collector.watch import circuit
from llmtrace_collector.watch.journal import SQL, Journal
from llmtrace_collector.watch.times import from_ms, iso


@dataclass(frozen=True, kw_only=True)
class Receiver:
    """One receiver, of the rule file or of the outbox or of both."""

    endpoint: str
    name: str
    kind: str
    """Empty: the rule file that was given does not have it."""
    shown: str
    delivered: int = 0
    """Of the notices that are still kept, as the next two."""
    waiting: int = 0
    failed: int = 0
    state: str = "works"
    """`works`, `fails`, `rests`, or `disabled` and why."""

    def as_json(self) -> dict[str, Any]:
        """For scripts."""
        return asdict(self)


def receivers(journal: Journal | None, channels: Iterable[Channel]) -> list[Receiver]:
    """Those of `channels`, then those that only the outbox knows."""
    counts, states = _kept(journal)
    found = {
        channel.endpoint: {"name": channel.name or channel.shown, "kind": channel.kind, "shown": channel.shown}
        for channel in channels
    }
    for endpoint, row in counts.items():
        name = endpoint.removeprefix("channel:") if endpoint.startswith("channel:") else row["webhook"]
        found.setdefault(endpoint, {"name": name, "kind": "", "shown": row["webhook"]})
    return [
        Receiver(
            endpoint=endpoint,
            name=words["name"],
            kind=words["kind"],
            shown=words["shown"],
            delivered=counts[endpoint]["delivered"] if endpoint in counts else 0,
            waiting=counts[endpoint]["waiting"] if endpoint in counts else 0,
            failed=counts[endpoint]["failed"] if endpoint in counts else 0,
            state=states.get(endpoint, "works"),
        )
        for endpoint, words in found.items()
    ]


def _kept(journal: Journal | None) -> tuple[dict[str, Any], dict[str, str]]:
    if journal is None:
        return {}, {}
    with journal.transaction() as db:
        counts = {row["endpoint"]: row for row in db.execute(SQL["status_by_endpoint"])}
        states = {row["endpoint"]: _state(row) for row in db.execute(SQL["known_endpoints"])}
    return counts, states


def _state(row: Any) -> str:
    if row["disabled_ms"] is not None:
        return f"disabled since {iso(from_ms(row['disabled_ms']))}: {row['disabled_why']}"
    if row["failures"] >= circuit.THRESHOLD:
        return f"rests until {iso(from_ms(row['not_before_ms']))} after {row['failures']} failures in a row"
    return "fails" if row["failures"] else "works"
