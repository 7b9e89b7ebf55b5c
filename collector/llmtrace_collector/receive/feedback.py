"""What people say of answers, from pages and programs that speak no OTLP. `POST /api/v1/feedback`, JSON in, JSON out.

    {"about": "chatcmpl-9x", "score": 1, "comment": ..., "user": ...} -> 201 {"id": ...}

It becomes the same log event that `llmtrace.feedback` sends, and is durable before it is answered. A page's key can be
read by whoever opens the page: one for `feedback` does nothing else, and is held to a rate.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from llmtrace import semconv
from llmtrace.opinions import Opinion, OpinionError, opinion
from llmtrace.redaction.policies import make_redactor
from llmtrace_collector.access import Scope
from llmtrace_collector.receive.body import Receive
from llmtrace_collector.receive.door import Door
from llmtrace_collector.receive.json_body import read_object
from llmtrace_collector.receive.rates import Rate, Rates
from llmtrace_collector.receive.refused import Fault, RefusedError
from llmtrace_collector.signals import Signal

PATH = "/api/v1/feedback"

OF_A_KEY = Rate(per_s=50, burst=200)
OF_AN_ADDRESS = Rate(per_s=10, burst=60)
"""Of one sender with one key. Behind a proxy all senders have its address."""

_SECRETS = make_redactor("secrets")


class FeedbackDoor:
    """Takes statements, one a request."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._of_keys = Rates(OF_A_KEY)
        self._of_addresses = Rates(OF_AN_ADDRESS)

    async def take(self, headers: Mapping[bytes, bytes], address: str, receive: Receive) -> dict[str, Any]:
        """Takes one from `address`; what is answered.

        Raises:
            RefusedError: its sender may not, or not so often, or it is no statement.
        """
        caller = self._door.authorize(headers.get(b"authorization", b""), Scope.FEEDBACK)
        self._check_rate(caller.key_id, address)
        said = dict(await read_object(receive))
        about = said.pop("about", "")
        if not isinstance(about, str):
            raise RefusedError(Fault.MALFORMED, f"about: {type(about).__name__} is no text")
        try:
            made = opinion(about, said)
        except OpinionError as error:
            raise RefusedError(Fault.MALFORMED, str(error)) from error
        made = _redacted(replace(made, id=made.id or uuid.uuid4().hex))
        body = _request(made, time.time_ns())
        await self._door.accept(Signal.LOGS, body, transport="http", project=caller.project)
        return {"id": made.id}

    def _check_rate(self, key_id: str, address: str) -> None:
        now_s = time.monotonic()
        if not (self._of_addresses.admits((key_id, address), now_s) and self._of_keys.admits(key_id, now_s)):
            raise RefusedError(
                Fault.TOO_MANY, "feedback comes too often with this key or from this address: wait a moment"
            )


def _redacted(made: Opinion) -> Opinion:
    return replace(made, comment=_SECRETS.text(made.comment), correction=_SECRETS.text(made.correction))


def _request(made: Opinion, at_ns: int) -> bytes:
    message = ExportLogsServiceRequest()
    of_scope = message.resource_logs.add().scope_logs.add()
    of_scope.scope.name = semconv.SCOPE_NAME
    of_scope.log_records.add(
        time_unix_nano=at_ns,
        observed_time_unix_nano=at_ns,
        trace_id=bytes.fromhex(made.trace_id),
        span_id=bytes.fromhex(made.span_id),
        event_name=semconv.FEEDBACK_EVENT,
        attributes=[KeyValue(key=name, value=_value(value)) for name, value in made.attributes.items()],
    )
    return message.SerializeToString()


def _value(value: str | float) -> AnyValue:
    return AnyValue(string_value=value) if isinstance(value, str) else AnyValue(double_value=value)
