"""The store as the app sees it: one address, one shared read-only client, faults as sentences.

The app is a stranger to the store: it reads over HTTP, with limits on every query, and never writes.

    StoreError
      StoreDownError     nobody answers: the page lives on and offers a retry
      StoreRefusedError  user or password is wrong
      TooLongError       the query ran into its time limit: ask for a shorter range
"""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from llmtrace_dashboards import timings
from llmtrace_dashboards.queries.query import Query
from llmtrace_dashboards.queries.search import INDEXED_SINCE
from llmtrace_dashboards.state import clock

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

DATABASE = os.environ.get("LLMTRACE_DATABASE") or "llmtrace"
LIMITS: dict[str, Any] = {"max_execution_time": 5, "result_overflow_mode": "throw"}
"""Sent with every query where the server lets us; `max_result_rows` is the query's own."""

_DENIED = 497
"""ACCESS_DENIED."""
_REFUSED = {192, 193, 194, 516}
"""UNKNOWN_USER, WRONG_PASSWORD, REQUIRED_PASSWORD, AUTHENTICATION_FAILED."""
_TOO_LONG = {159, 160, 241, 307, 396}
"""TIMEOUT_EXCEEDED, TOO_SLOW, MEMORY_LIMIT_EXCEEDED, TOO_MANY_BYTES, TOO_MANY_ROWS_OR_BYTES."""


class StoreError(Exception):
    """The store did not answer a query; the message is a sentence for the user."""


class StoreDownError(StoreError):
    """The store cannot be reached."""


class StoreRefusedError(StoreError):
    """The store does not accept this user."""


class TooLongError(StoreError):
    """The query went over its limit of time or size."""


@dataclass(frozen=True, kw_only=True)
class Address:
    """Where the store is and as whom the app reads it."""

    host: str = "127.0.0.1"
    port: int = 8123
    secure: bool = False
    """TLS."""
    user: str = "default"
    password: str = field(default="", repr=False)

    @property
    def shown(self) -> str:
        """The URL without user or password, for messages."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http{'s' if self.secure else ''}://{host}:{self.port}"


def connect(address: Address) -> Client:
    """A new client. Threads may share it: it has no session. Tests replace this function to read another engine."""
    import clickhouse_connect

    return clickhouse_connect.get_client(
        host=address.host,
        port=address.port,
        secure=address.secure,
        username=address.user,
        password=address.password,
        database=DATABASE,
        connect_timeout=3,
        send_receive_timeout=10,
        autogenerate_session_id=False,
        query_limit=0,
    )


_address = Address()
_client: Client | None = None
_lock = threading.Lock()
"""Protects `_client`: sessions of several users start at once and must not each make a client."""


def use(address: Address) -> None:
    """Sets the store all sessions of this process read."""
    global _address, _client
    with _lock:
        _address, _client = address, None


def address() -> Address:
    """The store all sessions of this process read."""
    return _address


_noted: ContextVar[list[Query] | None] = ContextVar("noted", default=None)


@contextmanager
def noting() -> Iterator[list[Query]]:
    """The queries that are asked within it and not within another `noting` in it."""
    found: list[Query] = []
    token = _noted.set(found)
    try:
        yield found
    finally:
        _noted.reset(token)


def note(queries: Sequence[Query]) -> None:
    """Counts them as asked: their answers were kept."""
    noted = _noted.get()
    if noted is not None:
        noted.extend(queries)


def rows(query: Query) -> list[dict[str, Any]]:
    """Runs a query, one dict per row; how long that took is remembered in `timings`.

    Raises:
        StoreError: of the kind that tells what to do; its message is a sentence.
    """
    global _client  # noqa: PLW0603
    from clickhouse_connect.driver.exceptions import ClickHouseError
    from urllib3.exceptions import HTTPError

    note([query])
    began, found = time.perf_counter(), None
    try:
        with _lock:
            _client = _client or connect(_address)
            client = _client
        sql, params = query.made(text_index=_version(client) >= INDEXED_SINCE)
        result = client.query(sql, parameters=params, settings=_allowed(client, query))
        found = list(result.named_results())
    except (ClickHouseError, HTTPError, OSError) as error:
        raise _told(error, query) from error
    finally:
        took = 1000 * (time.perf_counter() - began)
        count = None if found is None else len(found)
        timings.queries.add(timings.Timing(name=query.name, rows=count, ms=took, at_ms=clock.now_ms()))
    return found


def _version(client: Client) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", client.server_version or "")[:2])


def _allowed(client: Client, query: Query) -> dict[str, Any]:
    """The limits this user may set; a `readonly=1` user of a server may set none."""
    known = client.server_settings
    limits = LIMITS | {"max_result_rows": query.most_rows}
    return {name: value for name, value in limits.items() if name not in known or not int(known[name].readonly)}


def _told(error: Exception, query: Query) -> StoreError:
    code = _code(error)
    if code == _DENIED:
        return StoreRefusedError(
            f"The store at {_address.shown} does not let “{_address.user}” run query “{query.name}”."
        )
    if code in _REFUSED:
        return StoreRefusedError(
            f"The store at {_address.shown} refuses user “{_address.user}”: check user and password."
        )
    if code in _TOO_LONG:
        return TooLongError("This took longer than the app allows. Pick a shorter range.")
    if code is None:
        return StoreDownError(f"The store at {_address.shown} does not answer.")
    return StoreError(f"The store at {_address.shown} answered query “{query.name}” with error {code}.")


def _code(error: Exception) -> int | None:
    """The ClickHouse exception code in `error`, or None when the server never answered."""
    code = getattr(error, "code", None)
    if isinstance(code, int):
        return code
    found = re.search(r"(?:[Cc]ode:? |error code )(\d+)", str(error))
    return int(found[1]) if found else None
