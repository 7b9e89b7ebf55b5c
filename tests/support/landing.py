"""What the writer does with a segment, without a log: bodies into a landing table under a token."""

from __future__ import annotations

import os
import time

from llmtrace_collector import deep
from llmtrace_collector.landings import landings_at
from llmtrace_collector.schema.migrate import newest
from llmtrace_collector.signals import Signal
from llmtrace_collector.wal.record import encode
from llmtrace_collector.writer import INSERT_SETTINGS
from support.services import Stack

NEWEST = newest()


def land(
    stack: Stack,
    signal: Signal,
    *bodies: bytes,
    project: str = "default",
    token: str = "",
    received_ns: int = 0,
    schema: int = NEWEST,
    finish: bool = True,
) -> str:
    """Inserts these requests as one segment, as a collector of that schema version did, and gives its token.

    `finish=False` stops where a writer that dies between its two inserts does.
    """
    token = token or os.urandom(8).hex()
    landing = landings_at(schema)[signal]
    at = received_ns or time.time_ns()
    content = b"".join(encode(project=project, received_ns=at, request=body) for body in bodies)
    settings = {
        **INSERT_SETTINGS,
        "format_schema": landing.schema,
        "insert_deduplication_token": token,
        "log_comment": "by hand",
    }
    owner = stack.owner()
    owner.raw_insert(landing.table, insert_block=content, fmt="Protobuf", settings=settings)
    if finish and signal is Signal.TRACES:
        deep.finish(owner, token, settings)
    return token
