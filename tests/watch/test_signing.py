"""Signatures: the reference implementation accepts ours, and nothing but ours."""

from __future__ import annotations

import base64
import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from llmtrace_collector.channels.signing import headers, key_of

keys = st.binary(min_size=16, max_size=64)


def secret_of(key: bytes) -> str:
    return "whsec_" + base64.b64encode(key).decode()


@given(keys, st.dictionaries(st.text(), st.text()), st.integers(-290, 290))
def test_the_reference_implementation_verifies(key, content, skew_s):
    body = json.dumps(content, ensure_ascii=False).encode("utf-8", "replace")
    found = headers([key], message_id="msg_1", timestamp_s=int(time.time()) + skew_s, body=body)
    Webhook(secret_of(key)).verify(body, found)


@given(keys, st.sampled_from(["webhook-id", "webhook-timestamp", "body"]))
def test_a_change_of_anything_signed_is_refused(key, changed):
    body, now = b"{}", int(time.time())
    found = headers([key], message_id="msg_1", timestamp_s=now, body=body)
    other = {"webhook-id": "msg_2", "webhook-timestamp": str(now + 1)}
    sent = found | {name: value for name, value in other.items() if name == changed}
    with pytest.raises(WebhookVerificationError, match="No matching signature"):
        Webhook(secret_of(key)).verify(b"[]" if changed == "body" else body, sent)


@given(keys)
def test_a_secret_is_read_with_and_without_padding(key):
    assert key_of(secret_of(key)) == key_of(secret_of(key).rstrip("=")) == key


def test_the_worked_example_of_the_specification():
    """From spec/standard-webhooks.md: the secret, id, timestamp and body of the reference libraries' tests."""
    found = headers(
        [key_of("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")],
        message_id="msg_p5jXN8AQM9LWM0D4loKWxJek",
        timestamp_s=1614265330,
        body=b'{"test": 2432232314}',
    )
    assert found["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize(
    ("secret", "sentence"),
    [
        ("hunter2hunter2hunter2", 'does not begin with "whsec_"'),
        ("whsec_hunter2!hunter2!hunter2!", "is not base64"),
        ("whsec_äöüäöüäöüäöüäöüäöüäöü", "is not base64"),
        ("whsec_aHVudGVyMg==", "has 7 bytes, fewer than 16"),
        ("whsec_", "has 0 bytes"),
    ],
)
def test_what_is_no_secret_is_refused_without_being_shown(secret, sentence):
    with pytest.raises(ValueError, match=sentence) as refused:
        key_of(secret)
    assert "hunter" not in str(refused.value)
    assert refused.value.__cause__ is None
