"""Signatures of Standard Webhooks 1.0 (https://www.standardwebhooks.com, spec/standard-webhooks.md).

Signed here and not by the `standardwebhooks` package: its `sign()` takes the wall-clock fields of a datetime for UTC,
whatever its zone, and so signs another second than the header says. Its `verify()` accepts what we sign.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping, Sequence

_PREFIX = "whsec_"
_LEAST_KEY_BYTES = 16

TOLERANCE_S = 300
"""How far the time of an attempt may be from the receiver's; five minutes, as the reference libraries have it."""


def key_of(secret: str) -> bytes:
    """The HMAC key in `whsec_<base64>`; padding may be missing, as the reference libraries allow.

    Raises:
        ValueError: it is of another form, or too short to protect anything. The message never holds the secret.
    """
    if not secret.startswith(_PREFIX):
        raise ValueError('the secret does not begin with "whsec_"')
    text = secret.removeprefix(_PREFIX).rstrip("=")
    try:
        key = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError('what follows "whsec_" is not base64') from None
    if len(key) < _LEAST_KEY_BYTES:
        raise ValueError(f"the secret has {len(key)} bytes, fewer than {_LEAST_KEY_BYTES}")
    return key


def sign(key: bytes, *, message_id: str, timestamp_s: int, body: bytes) -> str:
    """One signature over `id.timestamp.body`, as it stands in `webhook-signature`."""
    signed = f"{message_id}.{timestamp_s}.".encode() + body
    digest = hmac.new(key, signed, hashlib.sha256).digest()
    return "v1," + base64.b64encode(digest).decode()


def headers(keys: Sequence[bytes], *, message_id: str, timestamp_s: int, body: bytes) -> dict[str, str]:
    """The headers of one attempt: the id stays the same over attempts, the timestamp is the attempt's.

    With several keys there are several signatures, separated by blanks: a receiver is content with one.
    """
    signatures = [sign(key, message_id=message_id, timestamp_s=timestamp_s, body=body) for key in keys]
    return {
        "content-type": "application/json",
        "user-agent": "llmtrace-watch",
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp_s),
        "webhook-signature": " ".join(signatures),
    }


def objection(
    keys: Sequence[bytes], given: Mapping[str, str], body: bytes, *, now_s: float, tolerance_s: float = TOLERANCE_S
) -> str:
    """What a receiver has against a delivery, as a sentence; empty: it is right.

    Args:
        keys: The secrets that are good, decoded.
        given: The headers of the request, names in any case.
        body: The body, byte for byte as it came.
        now_s: The receiver's time, seconds since 1970.
        tolerance_s: How far the attempt's time may be from it.
    """
    found = {name.lower(): value.strip() for name, value in given.items()}
    missing = [name for name in ("webhook-id", "webhook-timestamp", "webhook-signature") if not found.get(name)]
    if missing:
        return f"there is no header {missing[0]}; pass the headers on as they came"
    stamp = found["webhook-timestamp"]
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) < 16):
        return "webhook-timestamp is not a number of seconds since 1970"
    expected = [sign(key, message_id=found["webhook-id"], timestamp_s=int(stamp), body=body) for key in keys]
    signatures = found["webhook-signature"].split()
    if not any(hmac.compare_digest(one.encode(), other.encode()) for one in expected for other in signatures):
        return (
            "no signature is right: the secret is another one, or the body or a header is not as it was sent"
            " (verify the raw bytes, before any parsing)"
        )
    off_s = now_s - int(stamp)
    if abs(off_s) > tolerance_s:
        which = "old" if off_s > 0 else "ahead"
        return f"the signature is right, but the attempt is {abs(off_s):.0f} s {which}, more than {tolerance_s:.0f} s"
    return ""
