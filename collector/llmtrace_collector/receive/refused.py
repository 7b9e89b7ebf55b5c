"""Why a request was not taken, with the codes of both protocols.

OTLP 1.11: what may succeed later is 503 and UNAVAILABLE with a hint, and only that; the rest is not sent again. 429 is
for pages that send too much, and no answer to OTLP.
"""

from __future__ import annotations

from enum import Enum

from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status

RETRY_AFTER_S = 1
"""Exporters in Python give up after 10 s in all, so a longer hint would lose data."""


class Fault(Enum):
    """The kinds, with the number of their `google.rpc.Code` and their HTTP status."""

    MALFORMED = (3, 400)
    NO_KEY = (16, 401)
    FOREIGN_HOST = (7, 403)
    WRONG_SCOPE = (7, 403)  # noqa: PIE796 - another reason, the same codes
    NOWHERE = (5, 404)
    WRONG_METHOD = (12, 405)
    TOO_SLOW = (4, 408)
    CONFLICT = (6, 409)
    TOO_LARGE = (8, 413)
    WRONG_TYPE = (3, 415)
    TOO_MANY = (8, 429)
    BUSY = (14, 503)

    @property
    def grpc_code(self) -> int:
        """The number of the `google.rpc.Code`."""
        return self.value[0]

    @property
    def http_status(self) -> int:
        """The status of the HTTP answer."""
        return self.value[1]


class RefusedError(Exception):
    """A request was not taken; the text is one sentence for its sender."""

    def __init__(self, fault: Fault, message: str) -> None:
        super().__init__(message)
        self.fault = fault

    @property
    def status(self) -> Status:
        """As both protocols tell it, with a hint where it is worth another try."""
        status = Status(code=self.fault.grpc_code, message=str(self))
        if self.fault is Fault.BUSY:
            status.details.add().Pack(RETRY)
        return status


RETRY = RetryInfo(retry_delay=Duration(seconds=RETRY_AFTER_S))
"""The hint."""
