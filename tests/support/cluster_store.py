"""A store process that stands in for a node of a cluster: `python -m support.cluster_store --data DIR --port PORT`.

The embedded engine knows clusters and distributed tables, so one of a single shard, itself, is configured. What it
lacks is a server around it: the queue of ON CLUSTER statements, and the door by which replicas fetch parts. So ON
CLUSTER is taken off, and tables are made unreplicated, here, outside of everything of ours. The rest is real.
"""

from __future__ import annotations

import re
import sys
from typing import Any

import chdb

from llmtrace_collector.store.__main__ import main

CLUSTER = "tested"
_CONFIGURED = (
    f"&tcp_port=9000&remote_servers.{CLUSTER}.shard.replica.host=127.0.0.1"
    f"&remote_servers.{CLUSTER}.shard.replica.port=9000"
)
_ON_CLUSTER = re.compile(rf" ON CLUSTER `{CLUSTER}`")
_REPLICATED = re.compile(r"Replicated(\w*MergeTree)\('[^']*', '\{replica\}'\)")
_WINDOW = re.compile(r"\breplicated_deduplication_window = (\d+), replicated_deduplication_window_seconds = \d+")

_connect = chdb.connect


class _Handle:
    def __init__(self, handle: Any) -> None:
        self._handle = handle

    def query(self, sql: str, *arguments: Any, **named: Any) -> Any:
        return self._handle.query(_for_one_node(sql), *arguments, **named)

    def close(self) -> None:
        self._handle.close()


def _for_one_node(sql: str) -> str:
    sql = _ON_CLUSTER.sub("", sql)
    return _WINDOW.sub(r"non_replicated_deduplication_window = \1", _REPLICATED.sub(r"\1", sql))


if __name__ == "__main__":
    chdb.connect = lambda target: _Handle(_connect(target + _CONFIGURED))
    sys.exit(main())
