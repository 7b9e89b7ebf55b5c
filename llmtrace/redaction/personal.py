"""Personal data that can be told by its shape: email addresses, phone numbers, IBANs, IP addresses.

Names and street addresses cannot, so they are not looked for; that takes a model, which the user's own callable can be.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from typing import Final

from llmtrace.redaction.checks import iban_length, is_iban
from llmtrace.redaction.kinds import Kind, Span, matches

# A local part begins where a run of its characters does, so each run is walked once. `%40` is `@` in a URL.
_EMAIL: Final = r"(?<![\w.+-])[\w.+-]++(?:'[\w.+-]++)?+(?:@|%40)(?:[\w-]++\.)+[^\W\d_]{2}[\w-]*+"

_NANP: Final = r"(?:1[ .-])?(?:\([2-9][0-9]{2}\) ?|[2-9][0-9]{2}[ .\u00a0-])[2-9][0-9]{2}[ .\u00a0-][0-9]{4}"
_NATIONAL: Final = r"\(?0[1-9][0-9]{0,4}\)?(?:[ /\u00a0-]{1,3}[0-9]{2,8}){1,4}+"
_PHONES: Final = (
    re.compile(r"(?<![\w+])(?:\+|00)[1-9](?:[ .()/\u00a0-]{0,3}[0-9]){6,14}(?![0-9])"),
    re.compile(rf"(?<![\w.+/-])(?:{_NANP})(?![\w-])"),
    re.compile(rf"(?<![\w.,:+/-])(?:{_NATIONAL})(?![\w-])"),
)
_DATE: Final = re.compile(r"[0-9]{2}([-/.])[0-9]{2}\1(?:[0-9]{4}|[0-9]{2})(?![0-9/-])")
_IBAN: Final = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{2}[0-9]{2}(?=[ -]?[A-Za-z0-9])")
_IP: Final = re.compile(r"(?<![\w.:])(?:[0-9]{1,3}(?:\.[0-9]{1,3}){3}+(?![\w.]*[0-9])|[0-9A-Fa-f:]{2,45}+(?![\w.]))")
_MAX_IBAN_CHARS: Final = 34 + 8
"""The longest, in groups of four."""


def _phones(text: str) -> Iterable[Span]:
    found = sorted(match.span() for pattern in _PHONES for match in pattern.finditer(text) if _is_phone(match[0]))
    end = 0
    for start, until in found:
        if start >= end:
            yield start, until
            end = until


def _is_phone(text: str) -> bool:
    digits = sum(character.isdigit() for character in text)
    if text.startswith("+"):
        return 8 <= digits <= 15
    if text.startswith("00") and " " not in text and "-" not in text and "/" not in text:
        return False  # a number with leading zeros
    return 9 <= digits <= 16 and _DATE.match(text) is None


def _ibans(text: str) -> Iterable[Span]:
    end = 0
    for match in _IBAN.finditer(text):
        start = match.start()
        until = _end_of_iban(text, start) if start >= end else None
        if until is not None:
            yield start, until
            end = until


def _end_of_iban(text: str, start: int) -> int | None:
    length = iban_length(text[start : start + 2])
    if length is None:
        return None
    compact = ""
    for at in range(start, min(len(text), start + _MAX_IBAN_CHARS)):
        if text[at] in " -":
            continue
        compact += text[at]
        if len(compact) == length:
            return at + 1 if is_iban(compact) else None
    return None


def _addresses(text: str) -> Iterable[Span]:
    for match in _IP.finditer(text):
        if _is_address(match[0]):
            yield match.span()


def _is_address(text: str) -> bool:
    if "." not in text and text.count(":") < 2:
        return False
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    return not (address.is_loopback or address.is_unspecified)


KINDS: Final = (
    Kind(name="email", find=matches(_EMAIL), hints=("@", "%40")),
    Kind(name="iban", find=_ibans),
    Kind(name="phone", find=_phones),
)

IP: Final = Kind(name="ip", find=_addresses, hints=(".", ":"))
"""Apart, for addresses of machines are not people, and versions look like them."""
