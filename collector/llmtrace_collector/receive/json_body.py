"""The body of a request to the APIs: one JSON object, small, and soon."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

from llmtrace_collector.receive.body import GoneError, Receive
from llmtrace_collector.receive.refused import Fault, RefusedError

_MOST_BYTES = 64 * 1024
_TIMEOUT_S = 10.0


async def read_object(receive: Receive) -> Mapping[str, Any]:
    """The object.

    Raises:
        GoneError: the client has gone.
        RefusedError: it is too large, too slow, or no JSON object.
    """
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            body = await _body(receive)
    except TimeoutError:
        raise RefusedError(Fault.TOO_SLOW, f"the body was not whole after {_TIMEOUT_S:g} s") from None
    try:
        asked = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise RefusedError(Fault.MALFORMED, "the body is not JSON") from error
    if not isinstance(asked, dict):
        raise RefusedError(Fault.MALFORMED, "the body is not a JSON object")
    return asked


async def _body(receive: Receive) -> bytes:
    body = b""
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise GoneError
        body += message.get("body", b"")
        if len(body) > _MOST_BYTES:
            raise RefusedError(Fault.TOO_LARGE, f"the body is larger than {_MOST_BYTES:,} bytes")
        more = message.get("more_body", False)
    return body
