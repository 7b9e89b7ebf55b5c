"""The nodes that what looks after the store speaks to: one server, or one replica of each shard of a cluster.

On a cluster every shard is looked after for itself, in the database with its own tables (schema/cluster.py), by the
same statements as one server; its replicas get what was done from each other.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING

from llmtrace_collector.database import SHARD_DATABASE, Address, connect
from llmtrace_collector.errors import StoreDownError
from llmtrace_collector.schema.cluster import cluster_of

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

_NODES = (
    "SELECT shard_num, if(is_local, '', host_name) AS host FROM system.clusters WHERE cluster = {cluster:String}"
    " ORDER BY shard_num, is_local DESC, replica_num"
)


def shards_of(client: Client, address: Address, *, timeout_s: float = 30.0) -> list[Client]:
    """A client for each shard, or the client itself where there is no cluster; `address` is the client's.

    Every node must answer HTTP on the port of `address`, under the name that `remote_servers` has for it.

    Raises:
        StoreDownError: no replica of a shard answers.
    """
    cluster = cluster_of(client)
    if not cluster:
        return [client]
    nodes = client.query(_NODES, parameters={"cluster": cluster}).result_rows
    shards = [[host for _, host in of_shard] for _, of_shard in groupby(nodes, key=lambda node: node[0])]
    at = replace(address, cluster=cluster)
    return [_first_that_answers(hosts, at, number, timeout_s) for number, hosts in enumerate(shards, start=1)]


def _first_that_answers(hosts: Iterable[str], address: Address, number: int, timeout_s: float) -> Client:
    faults: list[StoreDownError] = []
    for host in hosts:
        try:
            node = replace(address, host=host or address.host)
            return connect(node, timeout_s=timeout_s, database=SHARD_DATABASE)
        except StoreDownError as error:
            faults.append(error)
    reasons = "; ".join(map(str, faults))
    raise StoreDownError(f"no replica of shard {number} of the cluster {address.cluster} answers: {reasons}")
