"""ClickHouse as the rest of the collector sees it: a URL, one client, faults of three kinds.

Everything but the store process itself talks to ClickHouse through here, over HTTP, and so does not know whether the
embedded engine or a server answers.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from llmtrace_collector.errors import ConfigError, PoisonError, StoreDownError, StoreRefusedError

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

DATABASE_VARIABLE = "LLMTRACE_DATABASE"
"""Names another database than `llmtrace`, for every process that has it in its environment."""

DATABASE = os.environ.get(DATABASE_VARIABLE) or "llmtrace"
"""The name of the database, everywhere."""

SHARD_DATABASE = f"{DATABASE}_shard"
"""On a cluster: the database with what a node itself stores (schema/cluster.py)."""

_DATABASE_NAME = re.compile(r"[a-z_][a-z0-9_]{0,63}")

ON_CLUSTER = {
    # Acknowledged is what every shard has, not what a node has queued for it.
    "distributed_foreground_insert": "1",
    # A subquery within a query of all shards is of all shards, too.
    "distributed_product_mode": "global",
    # What was inserted is read back from the replica that took it.
    "load_balancing": "in_order",
}
"""Settings of every statement of the collector on a cluster."""

_POISON_CODES = {6, 27, 32, 33, 36, 38, 41, 53, 69, 70, 72, 117, 131, 128, 321, 349, 407, 436, 444, 691}
"""The inserted bytes are at fault, not the moment: CANNOT_PARSE_TEXT, CANNOT_PARSE_INPUT_ASSERTION_FAILED,
ATTEMPT_TO_READ_AFTER_EOF, CANNOT_READ_ALL_DATA, BAD_ARGUMENTS (a oneof with two branches), ..., CANNOT_CONVERT_TYPE,
INCORRECT_DATA, TOO_LARGE_STRING_SIZE, DECIMAL_OVERFLOW, PROTOBUF_BAD_CAST (436), UNKNOWN_PROTOBUF_FORMAT (444), ..."""

_REFUSED_CODES = {192, 193, 194, 497, 516}
"""UNKNOWN_USER, WRONG_PASSWORD, REQUIRED_PASSWORD, ACCESS_DENIED, AUTHENTICATION_FAILED."""


@dataclass(frozen=True, kw_only=True)
class Address:
    """Where ClickHouse is and as whom to speak to it."""

    host: str
    port: int
    secure: bool = False
    """TLS, from an `https` URL."""
    username: str = "default"
    password: str = field(default="", repr=False)
    cluster: str = ""
    """The cluster of which it is a node, where the tables are those of schema/cluster.py; '': one server."""

    @classmethod
    def parse(cls, url: str, *, username: str = "", password: str = "", cluster: str = "") -> Address:
        """Reads `http[s]://[user[:password]@]host[:port]`; arguments win over what the URL says.

        Raises:
            ConfigError: the URL is of another form.
        """
        parts = urlsplit(url)
        try:
            port = parts.port
        except ValueError:
            port = -1
        if parts.scheme not in {"http", "https"} or not parts.hostname or port == -1 or parts.path not in {"", "/"}:
            shown = re.sub(r"//[^@/]*@", "//***@", url)
            raise ConfigError(f'"{shown}" is not a ClickHouse URL; write it like http://user:password@host:8123')
        secure = parts.scheme == "https"
        return cls(
            host=parts.hostname,
            port=port or (8443 if secure else 8123),
            secure=secure,
            username=username or unquote(parts.username or "") or "default",
            password=password or unquote(parts.password or ""),
            cluster=cluster,
        )

    @property
    def shown(self) -> str:
        """The URL without the password, for messages."""
        return f"http{'s' if self.secure else ''}://{self.host}:{self.port}"


def error_code(error: Exception) -> int | None:
    """The ClickHouse exception code in `error`, or None when the server never answered."""
    code = getattr(error, "code", None)
    if isinstance(code, int):
        return code
    found = re.search(r"(?:[Cc]ode:? |error code )(\d+)", str(error))
    return int(found[1]) if found else None


@contextmanager
def faults(address: Address) -> Iterator[None]:
    """Turns what clickhouse-connect and the network raise into the three kinds of `StoreError`."""
    from clickhouse_connect.driver.exceptions import ClickHouseError
    from urllib3.exceptions import HTTPError

    try:
        yield
    except (ClickHouseError, HTTPError, OSError) as error:
        code = error_code(error)
        if code in _POISON_CODES:
            raise PoisonError(first_line(error), code=code or 0) from error
        if code in _REFUSED_CODES:
            raise StoreRefusedError(
                f"ClickHouse at {address.shown} refuses user {address.username!r}: check the user and the password",
                code=code or 0,
            ) from error
        if code is None:
            raise StoreDownError(
                f"ClickHouse at {address.shown} does not answer ({root_of(error)}): start it, or check the address"
            ) from error
        message = f"ClickHouse at {address.shown} does not take it: {first_line(error)}"
        raise StoreDownError(message, code=code) from error


def root_of(error: BaseException) -> str:
    """What the network said, below what wraps it, which is URLs and retries: "Connection refused", "timed out"."""
    while deeper := error.__cause__ or error.__context__:
        error = deeper
    return (getattr(error, "strerror", None) or first_line(error))[:100]


def first_line(error: BaseException) -> str:
    """The sentence of an error that comes with a stack trace or a query."""
    text = str(error).strip().splitlines()
    return (text[0] if text else type(error).__name__)[:300]


def connect(address: Address, *, timeout_s: float = 30.0, database: str | None = DATABASE) -> Client:
    """A clickhouse-connect client; without autogenerated sessions, so that threads may share it.

    Raises:
        ConfigError: the database has an impossible name.
        StoreDownError: nobody answers.
        StoreRefusedError: the password is wrong.
    """
    import clickhouse_connect

    if not _DATABASE_NAME.fullmatch(DATABASE):
        raise ConfigError(
            f'{DATABASE_VARIABLE}: "{DATABASE[:100]}" cannot be the name of a database:'
            " small letters, digits and underscores, beginning with a letter"
        )
    with faults(address):
        return clickhouse_connect.get_client(
            host=address.host,
            port=address.port,
            secure=address.secure,
            username=address.username,
            password=address.password,
            database=database or "__default__",
            connect_timeout=5,
            send_receive_timeout=timeout_s,
            autogenerate_session_id=False,
            query_limit=0,
            settings=dict(ON_CLUSTER) if address.cluster else None,
        )


def database_of(client: Client) -> str:
    """The database that its statements are about."""
    return client.database or DATABASE


def rows(client: Client, sql: str, parameters: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    """The result of a query as one dict per row."""
    result = client.query(sql, parameters=parameters)
    return list(result.named_results())
