"""Who may do what in the app: people by their tokens, and sessions of a browser.

A token is long and random, so its digest needs no slow hash. Sessions live in this process: a restart asks again.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import re
import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

COOKIE = "llmtrace_session"
LASTS_S = 12 * 3600
"""How long a session is good for."""
LEAST_TOKEN = 20
"""Characters of a token."""

_MOST_SESSIONS = 1000
_NAME = re.compile(r"[\w.@+-]{1,60}")


class Role(IntEnum):
    """What a person may do; a higher one may do what a lower one may."""

    VIEWER = 1
    """Reads."""
    REVIEWER = 2
    """Also acknowledges alerts and makes and ends silences."""
    ADMIN = 3
    """Also changes rules."""


class AccessError(Exception):
    """A setting about people is wrong, or a person may not do something; the message is a sentence."""


@dataclass(frozen=True, kw_only=True)
class Person:
    """Somebody who is let in."""

    name: str
    role: Role
    digest: bytes = field(default=b"", repr=False)
    """SHA-256 of the token; b'' for whoever has none."""


ANYONE = Person(name="", role=Role.ADMIN)
"""Whoever comes, where no token is asked for: only people of this machine can."""


def people(text: str) -> tuple[Person, ...]:
    """The people of a token file: `NAME ROLE TOKEN` a line; lines that begin with # and empty ones are left out.

    Raises:
        AccessError: a line is something else.
    """
    found: list[Person] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        words = line.split()
        if len(words) != 3:
            raise AccessError(f"line {number}: write NAME ROLE TOKEN, such as: ana reviewer {'x' * 8}...")
        name, role, token = words
        if not _NAME.fullmatch(name):
            raise AccessError(f"line {number}: {name[:60]!r} is not a name: letters, digits and .@+_- are, 60 at most")
        if role.upper() not in Role.__members__:
            raise AccessError(f"line {number}: {role[:30]!r} is not a role; viewer, reviewer and admin are")
        try:
            person = holder(name, Role[role.upper()], token)
        except AccessError as error:
            raise AccessError(f"line {number}: {error}") from None
        if any(person.digest == other.digest or person.name == other.name for other in found):
            raise AccessError(f"line {number}: the name or the token stands in a line before; each is for one person")
        found.append(person)
    if not found:
        raise AccessError("it names nobody; write NAME ROLE TOKEN, one person a line")
    return tuple(found)


def holder(name: str, role: Role, token: str) -> Person:
    """Whoever holds `token`.

    Raises:
        AccessError: it is too short to keep anybody out.
    """
    if len(token) < LEAST_TOKEN:
        raise AccessError(f"the token has {len(token)} characters; one of at least {LEAST_TOKEN} is needed")
    return Person(name=name, role=role, digest=_digest(token))


@dataclass(kw_only=True)
class Session:
    """One browser that is let in."""

    person: Person
    ends_at: float
    """By the clock of `Sessions`."""
    over: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when it was logged out."""
    carried: str = field(default="", repr=False)
    """Cookies of the OpenID provider's login, which the browser never gets: with them it is logged out there."""


class Sessions:
    """The sessions of this process; the app's script reads them from threads of its own."""

    def __init__(self, people: Sequence[Person], clock: Callable[[], float], *, others: bool = False) -> None:
        """`people` have tokens; `others` come in by another way; with neither nobody is asked.

        `clock` in seconds, never going back.
        """
        self._people = tuple(people)
        self._others = others
        self._clock = clock
        self._lock = threading.Lock()
        """Over `_known`."""
        self._known: OrderedDict[bytes, Session] = OrderedDict()

    @property
    def needed(self) -> bool:
        """Whether people have to log in."""
        return self._others or bool(self._people)

    @property
    def by_token(self) -> bool:
        """Whether a token lets anybody in."""
        return bool(self._people)

    def person(self, token: str) -> Person | None:
        """Whose token it is; every one is compared, each in constant time."""
        given = _digest(token)
        found = None
        for person in self._people:
            if hmac.compare_digest(person.digest, given):
                found = person
        return found

    def begin(self, person: Person, carried: str = "") -> str:
        """The text of the cookie of a new session."""
        text = secrets.token_urlsafe(32)
        session = Session(person=person, ends_at=self._clock() + LASTS_S, carried=carried)
        with self._lock:
            self._known[_digest(text)] = session
            while len(self._known) > _MOST_SESSIONS:
                self._known.popitem(last=False)[1].over.set()
        return text

    def find(self, text: str) -> Session | None:
        """The session of a cookie while it is good."""
        with self._lock:
            session = self._known.get(_digest(text)) if text else None
        return session if session and self.left_s(session) > 0 else None

    def left_s(self, session: Session) -> float:
        """How long it is still good for."""
        return 0.0 if session.over.is_set() else session.ends_at - self._clock()

    def end(self, text: str) -> Session | None:
        """Logs it out, in every tab, and gives it back; on the event loop of its connections."""
        with self._lock:
            session = self._known.pop(_digest(text), None)
        if session:
            session.over.set()
        return session

    def who(self, text: str) -> Person | None:
        """Whom a cookie stands for; None: nobody is let in by it."""
        if not self.needed:
            return ANYONE
        session = self.find(text)
        return session.person if session else None


class Attempts:
    """Limits how often an address may be wrong."""

    def __init__(self, clock: Callable[[], float], *, most: int = 5, within_s: float = 60.0) -> None:
        self._clock = clock
        self._most = most
        self._within_s = within_s
        self._wrong: OrderedDict[str, list[float]] = OrderedDict()

    def wait_s(self, address: str) -> float:
        """How long it has to wait before it may try again; 0: not at all."""
        times = [at for at in self._wrong.get(address, ()) if self._clock() - at < self._within_s]
        return times[-self._most] + self._within_s - self._clock() if len(times) >= self._most else 0.0

    def wrong(self, address: str) -> None:
        """It was."""
        times = self._wrong.pop(address, [])
        self._wrong[address] = [*times[-self._most + 1 :], self._clock()]
        while len(self._wrong) > _MOST_SESSIONS:
            self._wrong.popitem(last=False)


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "replace")).digest()


_sessions: Sessions | None = None


def use(sessions: Sessions) -> None:
    """Makes these the ones of this process."""
    global _sessions  # noqa: PLW0603  one app a process, and Streamlit runs the script without arguments
    _sessions = sessions


def present(cookie: str) -> Person | None:
    """Whom `cookie` stands for in this process; without `use`, as in a script run alone, whoever reads."""
    return _sessions.who(cookie) if _sessions else ANYONE


def asked_for() -> bool:
    """Whether people have to log in here."""
    return _sessions is not None and _sessions.needed
