"""Where a process of the collector finds ClickHouse: its options, an address, a client."""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from llmtrace_collector.database import DATABASE, Address, connect
from llmtrace_collector.errors import ConfigError, StoreDownError
from llmtrace_collector.folder import DataFolder
from llmtrace_collector.names import CLICKHOUSE_PASSWORD
from llmtrace_collector.schema.cluster import check_cluster
from llmtrace_collector.store.users import OWNER

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client


def add_to(parser: argparse.ArgumentParser) -> None:
    """Adds the options that say where it is."""
    parser.add_argument("--store-url", default="http://127.0.0.1:8123", help="the embedded store")
    parser.add_argument("--clickhouse", default="", help="a ClickHouse server instead of the embedded store")
    parser.add_argument("--cluster", default="", help="the cluster of which that server is a node")
    parser.add_argument("--user", default="", help="the user on that server; its password is in the environment")


@dataclass(frozen=True, kw_only=True)
class Storing:
    """What the options say."""

    folder: DataFolder
    address: Address
    arguments: tuple[str, ...]
    """The same for another process of this collector."""
    embedded: bool
    """The store is the one of the folder."""

    @classmethod
    def of(cls, arguments: argparse.Namespace, folder: DataFolder) -> Storing:
        """Understands them.

        Raises:
            ConfigError: one of them cannot be meant.
        """
        names = ("store_url", "clickhouse", "cluster", "user")
        given = [(f"--{name.replace('_', '-')}", getattr(arguments, name)) for name in names]
        return cls(
            folder=folder,
            address=_address(arguments, folder),
            arguments=tuple(word for option in given for word in option if option[1]),
            embedded=not arguments.clickhouse,
        )

    def connect(self, *, database: str | None = DATABASE, timeout_s: float = 30.0) -> Client:
        """A client; the key of the embedded store is sent only while a store of this folder is running."""
        if self.embedded and not self.folder.store_is_running():
            raise StoreDownError(f"no store of the data folder {self.folder.path} is running")
        return connect(self.address, database=database, timeout_s=timeout_s)


def _address(arguments: argparse.Namespace, folder: DataFolder) -> Address:
    if arguments.clickhouse:
        password = os.environ.get(CLICKHOUSE_PASSWORD, "")
        return Address.parse(
            arguments.clickhouse, username=arguments.user, password=password, cluster=check_cluster(arguments.cluster)
        )
    if arguments.cluster:
        raise ConfigError("--cluster needs --clickhouse: the embedded store is one node and no cluster")
    return Address.parse(arguments.store_url, username=OWNER, password=folder.store_key())
