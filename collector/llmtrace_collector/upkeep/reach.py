"""How a command reaches the store: by the key in a data folder, or as a user of a ClickHouse server."""

from __future__ import annotations

import argparse
import getpass
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from llmtrace_collector.database import Address, connect, faults
from llmtrace_collector.errors import ConfigError, StoreRefusedError
from llmtrace_collector.folder import DataFolder
from llmtrace_collector.names import CLICKHOUSE_PASSWORD
from llmtrace_collector.options import default_data
from llmtrace_collector.schema.cluster import cluster_of
from llmtrace_collector.schema.migrate import migrations
from llmtrace_collector.store.users import OWNER
from llmtrace_collector.upkeep.shards import shards_of

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

_LONGEST_S = 3600.0
"""For one statement of a command."""


@dataclass(frozen=True, kw_only=True)
class Reach:
    """What a command needs to know of where the data is."""

    address: Address
    folder: DataFolder | None
    """The data folder of the collector on this machine; None: there is none, only a server."""
    embedded: bool
    """The store is the one in the folder."""

    @contextmanager
    def session(self) -> Iterator[Client]:
        """A client that may write, of a database whose schema is this code's; its faults are our errors.

        Raises:
            ConfigError: no store of the folder is running.
            StoreError: ClickHouse does not answer, refuses, or has another schema.
        """
        if self.embedded and self.folder and not self.folder.store_is_running():
            raise ConfigError(
                f"no store of the data folder {self.folder.path} is running: start `llmtrace up`, or name the folder of"
                " one that runs with --data"
            )
        client = connect(self.address, timeout_s=_LONGEST_S)
        with faults(self.address):
            if cluster := cluster_of(client):
                client = connect(replace(self.address, cluster=cluster), timeout_s=_LONGEST_S)
            self._check_schema(client)
            yield client

    def shards(self, client: Client) -> list[Client]:
        """One of each shard, or the session's client where there is no cluster: for what looks after the store.

        Raises:
            StoreDownError: no replica of a shard answers.
        """
        return shards_of(client, self.address, timeout_s=_LONGEST_S)

    @staticmethod
    def _check_schema(client: Client) -> None:
        known = {m.version for m in migrations()}
        has = {row[0] for row in client.query("SELECT version FROM schema_migrations").result_rows}
        if has != known:
            raise StoreRefusedError(
                f"the database has schema version {max(has, default=0)}, this llmtrace knows {max(known)}:"
                " use the llmtrace that runs there, or start its collector once with this one"
            )


def add_to(parser: argparse.ArgumentParser) -> None:
    """Adds the options that say where the data is."""
    parser.add_argument(
        "--data", metavar="DIR", type=Path, help="the data folder (default: LLMTRACE_DATA, else the user's)"
    )
    parser.add_argument(
        "--store-port",
        metavar="PORT",
        type=int,
        default=int(os.environ.get("LLMTRACE_STORE_PORT") or 8123),
        help="the embedded store's port (default: %(default)s)",
    )
    parser.add_argument(
        "--clickhouse",
        metavar="URL",
        default=os.environ.get("LLMTRACE_CLICKHOUSE", ""),
        help=f"a ClickHouse server instead, http://USER@HOST:PORT; its password is taken from {CLICKHOUSE_PASSWORD}",
    )


def reach(given: argparse.Namespace) -> Reach:
    """What the options say.

    Raises:
        ConfigError: there is no such data folder, or the URL is none.
    """
    path = given.data or Path(os.environ.get("LLMTRACE_DATA") or default_data("llmtrace"))
    folder = DataFolder(path) if path.is_dir() else None
    if given.clickhouse:
        password = os.environ.get(CLICKHOUSE_PASSWORD, "")
        address = Address.parse(given.clickhouse, password=password)
        return Reach(address=address, folder=folder, embedded=False)
    if folder is None:
        raise ConfigError(f"there is no data folder {path}: name one with --data, or a server with --clickhouse")
    address = Address(host="127.0.0.1", port=given.store_port, username=OWNER, password=folder.store_key())
    return Reach(address=address, folder=folder, embedded=True)


def whoever() -> str:
    """Who gives the command, for what is logged."""
    try:
        return f"{getpass.getuser()}@{socket.gethostname()}"
    except (KeyError, OSError):
        return f"{os.getuid()}@{socket.gethostname()}"
