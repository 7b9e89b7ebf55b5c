"""One at a time brings the tables up to date, however many collectors start at once.

Statements of a migration are safe to repeat, but not in any order: one that makes a view again which a later one has
dropped would let spans through twice. So who migrates holds a lock, and the lock is a table, because to create one is
the only thing that ClickHouse does for one of several at once, on a server as in the queue of a cluster::

    CREATE TABLE schema_lock      made: it is ours; its comment says whose it is and since when
                                  there already: wait, unless it is our own of before, or is too old
    RENAME ... TO schema_lock_T   what is left by one that died goes aside, under the time in it: only one can do that
    DROP TABLE schema_lock        done
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from llmtrace_collector.database import DATABASE, error_code
from llmtrace_collector.errors import StoreDownError
from llmtrace_collector.upkeep.text import literal

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

TABLE = "schema_lock"

STALE_AFTER_S = 900
"""Who migrates renews the lock with each version; one takes seconds."""

_EXISTS, _UNKNOWN_TABLE = 57, 60


class Lock:
    """Held."""

    def __init__(self, client: Client, owner: str, on: str) -> None:
        self._client = client
        self._owner = owner
        self._on = on
        self._aside = ""

    def renew(self) -> None:
        """Says that its holder is alive."""
        comment = literal(self._comment())
        self._client.command(f"ALTER TABLE {DATABASE}.{TABLE}{self._on} MODIFY COMMENT {comment}")

    def take(self) -> None:
        """Makes the table, or takes over what is left.

        Raises:
            StoreDownError: another collector has it.
        """
        try:
            self._create()
        except Exception as error:
            if error_code(error) != _EXISTS:
                raise
            self._take_over()

    def give_back(self) -> None:
        """Removes it, and what was taken over."""
        for name in filter(None, (self._aside, TABLE)):
            self._client.command(f"DROP TABLE IF EXISTS {DATABASE}.{name}{self._on} SYNC")

    def _create(self) -> None:
        comment = literal(self._comment())
        self._client.command(
            f"CREATE TABLE {DATABASE}.{TABLE}{self._on} (nothing UInt8) ENGINE = Memory COMMENT {comment}"
        )

    def _take_over(self) -> None:
        holder, since = self._holder()
        if holder == self._owner:
            self.renew()
            return
        if holder and self._now() - since < STALE_AFTER_S:
            raise StoreDownError(
                f"another collector ({holder}) is bringing the tables of {DATABASE} up to date: this one waits for it"
            )
        aside = f"{TABLE}_{since}"
        try:
            if holder:
                self._client.command(f"RENAME TABLE {DATABASE}.{TABLE} TO {DATABASE}.{aside}{self._on}")
                self._aside = aside
            self._create()
        except Exception as error:
            if error_code(error) in {_EXISTS, _UNKNOWN_TABLE}:
                raise StoreDownError(f"another collector has just begun to bring {DATABASE} up to date") from error
            raise

    def _holder(self) -> tuple[str, int]:
        """Whose it is and since when, by the server's clock; ('', 0): it has just gone."""
        rows = self._client.query(
            "SELECT comment FROM system.tables WHERE database = {database:String} AND name = {table:String}",
            parameters={"database": DATABASE, "table": TABLE},
        ).result_rows
        holder, _, since = str(rows[0][0]).rpartition(" ") if rows else ("", "", "0")
        return holder, int(since)

    def _now(self) -> int:
        return int(str(self._client.command("SELECT toUnixTimestamp(now())")))

    def _comment(self) -> str:
        return f"{self._owner} {self._now()}"


@contextmanager
def held(client: Client, owner: str, *, cluster: str = "") -> Iterator[Lock]:
    """The lock for as long as the block runs.

    Raises:
        StoreDownError: another collector has it.
    """
    lock = Lock(client, owner, f" ON CLUSTER `{cluster}`" if cluster else "")
    lock.take()
    try:
        yield lock
    except BaseException:
        # Where that fails, too, it is its owner's when he comes again.
        with suppress(Exception):
            lock.give_back()
        raise
    lock.give_back()
