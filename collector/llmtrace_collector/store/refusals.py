"""What a client is told when its statement is not run or does not end well: ClickHouse's codes, names and statuses."""

from __future__ import annotations

HTTP_STATUS = {62: 400, 36: 400, 47: 400, 115: 400, 457: 400, 456: 400, 60: 404, 81: 404, 497: 403, 516: 403, 241: 500}
HTTP_STATUS |= {202: 503, 243: 503}
"""By code; 500 for any other."""


class ClickHouseError(Exception):
    """What a client is told: ClickHouse's code and a sentence, in ClickHouse's form."""

    def __init__(self, code: int, name: str, message: str, *, status: int = 0) -> None:
        super().__init__(f"Code: {code}. DB::Exception: {message}. ({name})")
        self.code = code
        self.status = status or HTTP_STATUS.get(code, 500)


def denied(sentence: str) -> ClickHouseError:
    """ClickHouse's word for what a user may not do."""
    return ClickHouseError(497, "ACCESS_DENIED", sentence)


def unknown(sentence: str) -> ClickHouseError:
    """Whoever asks is not known, or must say who it is."""
    return ClickHouseError(516, "AUTHENTICATION_FAILED", sentence)


def stopping() -> ClickHouseError:
    """No answer will come any more."""
    return ClickHouseError(236, "ABORTED", "the store is stopping", status=503)
