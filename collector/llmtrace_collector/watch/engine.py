"""ClickHouse as the watch uses it: a connection made when needed, made again after a fault, one kind of error."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from llmtrace_collector import database
from llmtrace_collector.errors import StoreDownError, StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from clickhouse_connect.driver.client import Client


class QueryError(StoreDownError):
    """ClickHouse has answered, and does not take this query; others may work."""


class Engine:
    """Reads rollups and appends to the alert tables; for one thread at a time."""

    def __init__(self, connect: Callable[[], Client]) -> None:
        self._connect = connect
        self._client: Client | None = None

    def rows(self, sql: str, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The result of a query, one dict per row.

        Raises:
            StoreError: ClickHouse did not answer, or not with a result.
        """
        with self._connected() as client:
            return database.rows(client, sql, dict(parameters))

    def insert(self, table: str, rows: Sequence[Sequence[Any]], columns: Sequence[str], *, token: str) -> None:
        """Appends `rows` once: the same token again is a no-op.

        Raises:
            StoreError: it is not known to be stored; the same insert may be made again.
        """
        settings = {"insert_deduplication_token": token}
        with self._connected() as client:
            client.insert(table, rows, column_names=columns, settings=settings)

    @contextmanager
    def _connected(self) -> Iterator[Client]:
        from clickhouse_connect.driver.exceptions import ClickHouseError
        from urllib3.exceptions import HTTPError

        try:
            if self._client is None:
                self._client = self._connect()
            yield self._client
        except StoreError:
            self._client = None
            raise
        except (ClickHouseError, HTTPError, OSError) as error:
            self._client = None
            kind = StoreDownError if database.error_code(error) is None else QueryError
            raise kind(_sentence(error)) from error


def _sentence(error: Exception) -> str:
    """ClickHouse's own words if it answered, else the root of the matter: what wraps it is URLs and retries."""
    if database.error_code(error) is not None:
        return f"ClickHouse does not take it: {database.first_line(error)}"
    return f"ClickHouse does not answer: {database.root_of(error)}"
