"""Signatures of Standard Webhooks 1.0 (https://www.standardwebhooks.com, spec/standard-webhooks.md).

Signed here and not by the `standardwebhooks` package: its `sign()` takes the wall-clock fields of a datetime for UTC,
whatever its zone, and so signs another second than the header says. Its `verify()` accepts what we sign.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac

_PREFIX = "whsec_"
_LEAST_KEY_BYTES = 16


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
    """The `webhook-signature` over `id.timestamp.body`."""
    signed = f"{message_id}.{timestamp_s}.".encode() + body
    digest = hmac.new(key, signed, hashlib.sha256).digest()
    return "v1," + base64.b64encode(digest).decode()


def headers(key: bytes, *, message_id: str, timestamp_s: int, body: bytes) -> dict[str, str]:
    """The headers of one attempt: the id stays the same over attempts, the timestamp is the attempt's."""
    return {
        "content-type": "application/json",
        "user-agent": "llmtrace-watch",
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp_s),
        "webhook-signature": sign(key, message_id=message_id, timestamp_s=timestamp_s, body=body),
    }
