"""Whether the model or backend that answers is one this process has not seen, where it has seen another.

Providers serve from several backends at once, so a fingerprint that comes back is no change: only the first sight is.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from llmtrace.accounts import Account
    from llmtrace.readouts import Collected

What = Literal["model", "fingerprint"]

_MOST_WATCHED: Final = 256
"""Models asked for, at a host; the one not asked for longest is forgotten first."""
_MOST_SEEN: Final = 64
"""Of one; beyond it nothing is told any more: it changes all the time."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """Something answered for the first time."""

    what: What
    before: str
    now: str


@dataclass(slots=True)
class _Seen:
    last: str
    all: set[str] = field(default_factory=set)


class ChangesStage:
    """Fills ``changes``. On the worker's thread alone."""

    def __init__(self) -> None:
        self._watched: OrderedDict[tuple[str, str, What], _Seen] = OrderedDict()

    def __call__(self, _: Collected, account: Account) -> None:
        """Note what answered one call of the provider's."""
        call, reply = account.call, account.reply
        if account.answered_by is not None or not call.model:
            return
        told: tuple[tuple[What, str | None], ...] = (("model", reply.model), ("fingerprint", reply.system_fingerprint))
        found = (self._noted((call.server.address, call.model, what), now) for what, now in told if now)
        account.changes = tuple(change for change in found if change is not None)

    def _noted(self, key: tuple[str, str, What], now: str) -> Change | None:
        seen = self._watched.pop(key, None) or _Seen(last=now, all={now})
        self._watched[key] = seen
        if len(self._watched) > _MOST_WATCHED:
            self._watched.popitem(last=False)
        before, seen.last = seen.last, now
        if now in seen.all or len(seen.all) >= _MOST_SEEN:
            return None
        seen.all.add(now)
        return Change(what=key[2], before=before, now=now)
