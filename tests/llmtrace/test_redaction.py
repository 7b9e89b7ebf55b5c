"""Redaction finds what it names wherever it stands, touches nothing else, and is done after one go."""

from __future__ import annotations

import json
import re
import string
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmtrace.redaction.checks import is_card, is_iban
from llmtrace.redaction.kinds import WINDOW_CHARS
from llmtrace.redaction.policies import make_redactor, read_patterns
from llmtrace.redaction.redactor import NOT_CHECKED
from llmtrace.redaction.structured import redact

ALL = make_redactor("all")
SECRETS = make_redactor(None)
B64 = string.ascii_letters + string.digits


def _with_luhn(digits: str) -> str:
    return next(card for last in string.digits if is_card(card := digits + last))


CARDS = st.builds(
    lambda head, rest: _with_luhn(head + rest[: 15 - len(head)]),
    st.sampled_from(["4", "51", "55", "2221", "6011", "65"]),
    st.text(string.digits, min_size=15, max_size=15),
)
GROUPED_CARDS = st.builds(
    lambda card, by: by.join(card[at : at + 4] for at in range(0, 16, 4)),
    CARDS,
    st.sampled_from(["", " ", "-", "\xa0"]),
)
LABELS = st.text(string.ascii_lowercase + string.digits, min_size=1, max_size=10)
EMAILS = st.builds(
    lambda local, host, top: f"{local}@{host}.{top}",
    st.text(B64 + "._+-äé", min_size=1, max_size=20),
    LABELS,
    st.text(string.ascii_letters, min_size=2, max_size=6),
)
KEYS = st.builds(
    lambda head, rest: f"{head}a1{rest}",
    st.sampled_from(["sk-", "sk-proj-", "ghp_", "xoxb-", "gsk_", "hf_", "AIza", "glpat-"]),
    st.text(B64, min_size=36, max_size=60),
)
PRIVATE_KEYS = st.builds(
    lambda kind, body: f"-----BEGIN {kind}PRIVATE KEY-----\n{body}\n-----END {kind}PRIVATE KEY-----",
    st.sampled_from(["", "RSA ", "OPENSSH "]),
    st.text(B64 + "+/=\n", min_size=64, max_size=300),
)
HIDDEN = GROUPED_CARDS | EMAILS | KEYS | PRIVATE_KEYS
# What stands around it must not make it part of a longer word or number: then it is another one.
AROUND = st.text(
    st.characters(exclude_categories=["Cs", "L", "N", "M"], exclude_characters="._+-@%'/\\=&#$!"), max_size=20
)
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@settings(deadline=None)
@given(AROUND, HIDDEN, AROUND)
def test_what_is_hidden_in_a_text_is_gone_and_the_rest_is_untouched(before: str, hidden: str, after: str) -> None:
    told = ALL.text(f"{before} {hidden} {after}")
    assert hidden not in told
    assert told.startswith(f"{before} ")
    assert told.endswith(f" {after}")


@settings(deadline=None)
@given(HIDDEN, st.sampled_from(["plain", "escaped", "nested", "key", "cut"]))
def test_json_escapes_and_json_in_strings_hide_nothing(hidden: str, way: str) -> None:
    escaped = "".join(f"\\u{ord(character):04x}" for character in hidden)
    value: Any = {
        "plain": {"a": [hidden]},
        "escaped": f'{{"a": "{escaped}"}}',
        "nested": json.dumps({"a": json.dumps({"b": f"x {hidden}"})}),
        "key": {hidden: 1},
        "cut": f'{{"a": "{escaped}", "b',
    }[way]
    told = redact(value, ALL)
    assert "[redacted: " in json.dumps(told)
    spelled = json.dumps(told, ensure_ascii=False)
    for _ in range(4):
        assert hidden not in spelled
        assert escaped not in spelled
        spelled = spelled.replace("\\\\", "\\").replace('\\"', '"').replace("\\n", "\n")


@settings(deadline=None)
@given(st.lists(HIDDEN | AROUND | st.text(max_size=30) | st.just("[redacted: email]"), max_size=6).map("".join))
def test_redacting_what_was_redacted_changes_nothing(text: str) -> None:
    once = ALL.text(text)
    assert ALL.text(once) == once


@settings(max_examples=10, deadline=None)
@given(HIDDEN, st.integers(-400, 20))
def test_a_long_text_is_looked_through_across_its_windows(hidden: str, offset: int) -> None:
    before, after = "x " * ((WINDOW_CHARS + offset) // 2), " y" * WINDOW_CHARS
    told = ALL.text(f"{before}{hidden}{after}")
    assert hidden not in told
    assert told.startswith(before)
    assert told.endswith(after)


@settings(deadline=None)
@given(JSON_VALUES)
def test_json_stays_json_and_is_not_changed_in_place(value: Any) -> None:
    before = json.dumps(value)
    told = redact(value, ALL)
    assert json.dumps(value) == before
    json.loads(json.dumps(told))
    assert redact(told, ALL) == told
    as_text = redact(before, ALL)
    if before[:1] in '{["':
        json.loads(as_text)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Write to ada@example.com.", "Write to [redacted: email]."),
        ("o'brien@example.ie, müller@bücher.example", "[redacted: email], [redacted: email]"),
        ("?to=ada%40example.com&x=1", "?to=[redacted: email]&x=1"),
        ("card 1234 4111 1111 1111 1111", "card 1234 [redacted: card]"),
        ("4111 1111 1111 1111 0 of 4111-1111-1111-1111", "[redacted: card] 0 of [redacted: card]"),
        ("amex 3782 822463 10005", "amex [redacted: card]"),
        ("DE89 3704 0044 0532 0130 00 AND MORE", "[redacted: iban] AND MORE"),
        ("call +49 (0)30 1234567 now", "call [redacted: phone] now"),
        ("(212) 555-0123 or 06 12 34 56 78", "[redacted: phone] or [redacted: phone]"),
        ("postgres://u:p@ss@db:5432/x", "postgres://[redacted: credentials]@db:5432/x"),
        ("Server=db;Password=hunter2;Port=1", "Server=db;Password=[redacted: password];Port=1"),
        ("Authorization: Basic dXNlcjpwYXNzMTIz", "Authorization: Basic [redacted: authorization]"),
        ("curl -H 'Authorization: Bearer abcDEF12345678'", "curl -H 'Authorization: Bearer [redacted: bearer token]'"),
        ("AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG/bPxR", "AWS_SECRET_ACCESS_KEY=[redacted: secret]"),
        ("id AKIAIOSFODNN7EXAMPLE", "id [redacted: aws key]"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc-_", "[redacted: jwt]"),
        ("from 10.1.2.3 and 2001:db8::1", "from [redacted: ip] and [redacted: ip]"),
        ("-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0B\nMIIEvQIBADANBgkq", "[redacted: private key]"),
    ],
)
def test_each_kind_is_found_as_people_write_it(text: str, told: str) -> None:
    assert ALL.text(text) == told


@pytest.mark.parametrize(
    "text",
    [
        "order 20241120 of 2024-11-20T10:00:00Z, 01-02-2024 10:30, 1700000000000",
        "pi 3.14159265358979323846, 1,000,000.00, 0123456789, 4111 1111 1111 1112",
        "sk-learn-is-not-a-key-and-neither-is-this-one, react@18.2.0, v1.2.3",
        "https://medium.com/@ada/a-post https://host:8080/x the bearer of this letter, password: ask me",
        '{"a": 1,\n "b": [1.50, "x"]}',
        "550e8400-e29b-41d4-a716-446655440000 chatcmpl-9x8y7z sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4",
        "GB00 not an account, DE89370400440532013001",
    ],
)
def test_plain_numbers_words_and_ids_are_left_alone(text: str) -> None:
    told = make_redactor("personal").text(text)
    assert told == text
    assert redact(text, make_redactor("personal")) == text


def test_secrets_are_the_default_and_personal_data_is_asked_for() -> None:
    text = "ada@example.com 4111111111111111"
    assert SECRETS.text(text) == "ada@example.com [redacted: card]"
    assert make_redactor("none").text(text) == text
    assert make_redactor(["email"]).text(text) == "[redacted: email] [redacted: card]"
    assert make_redactor(["none", "email"]).text(text) == "[redacted: email] 4111111111111111"


def test_the_value_of_a_key_that_names_a_secret_is_one_and_its_schema_is_not() -> None:
    given = {"db_password": "x", "api-key": "abc", "properties": {"password": {"type": "string"}}, "token_count": "5"}
    assert redact(given, SECRETS) == {**given, "db_password": "[redacted: secret]", "api-key": "[redacted: secret]"}


def test_own_patterns_and_functions_come_on_top() -> None:
    own = make_redactor([re.compile(r"E-\d{4}"), lambda text: text.replace("Ada", "A.")])
    assert own.text("Ada E-1234 4111111111111111") == "A. [redacted: pattern] [redacted: card]"
    assert own.text(own.text("E-1234")) == "[redacted: pattern]"
    message = {"role": "user", "parts": [{"type": "text", "content": "Ada"}]}
    shouting = make_redactor(str.upper)
    assert redact(message, shouting) == {"role": "user", "parts": [{"type": "text", "content": "ADA"}]}


@pytest.mark.parametrize("function", [int, lambda _: None, str.encode])
def test_a_text_its_own_function_fails_on_is_dropped(function: Any) -> None:
    failures: list[Exception] = []
    redactor = make_redactor(function, on_failure=failures.append)
    assert redactor.text("private") == NOT_CHECKED
    assert len(failures) == 1


def test_patterns_of_a_file_have_names_and_a_wrong_line_is_told() -> None:
    (kind,) = read_patterns("# staff\n\nstaff number: S-[0-9]{5}\n")
    assert make_redactor(None, patterns=[kind]).text("S-12345") == "[redacted: staff number]"
    with pytest.raises(ValueError, match="line 2 is no regular expression"):
        read_patterns("a: b\nc: (\n")
    with pytest.raises(ValueError, match="line 1 is not `name: regular expression`"):
        read_patterns("just words\n")


def test_what_is_asked_for_must_exist() -> None:
    with pytest.raises(ValueError, match='"emails" is neither a level nor a kind'):
        make_redactor("emails")
    wrong: Any = [5]
    with pytest.raises(TypeError, match="int is no name"):
        make_redactor(wrong)


def test_what_is_nested_beyond_reason_ends() -> None:
    deep: Any = "ada@example.com"
    for _ in range(5000):
        deep = [deep]
    assert "ada" not in str(redact(deep, ALL))


HOSTILE = st.text("a1@.-_+:/ =%'(\\[]\n0", min_size=1, max_size=8) | st.sampled_from(
    ["eyJa.", "-----BEGIN PRIVATE KEY-----", "sk-", "://a:", "api_key=", "1234 ", "DE89 ", "password=", "bearer "]
)


@settings(max_examples=30, deadline=None)
@given(st.lists(HOSTILE, min_size=1, max_size=3).map("".join))
def test_the_work_grows_with_the_length_of_hostile_text_and_not_faster(unit: str) -> None:
    # A quadratic pattern would take hours for this; the bound is wide enough for the busiest machine.
    text = (unit * 200_000)[:200_000]
    before = time.process_time()
    ALL.text(text)
    assert time.process_time() - before < 30


def test_an_iban_has_the_length_of_its_country() -> None:
    assert is_iban("GB82WEST12345698765432")
    assert not is_iban("GB82WEST123456987654321")
    assert not is_iban("ZZ82WEST12345698765432")
