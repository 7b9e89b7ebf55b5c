"""Secrets: what opens a door for whoever reads it. Keys, tokens, passwords, private keys, payment cards.

Shapes are those the issuers document; a token must hold a digit and a letter, so that words joined by dashes are none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from llmtrace.redaction.checks import is_card
from llmtrace.redaction.kinds import Kind, Span, has_digit_and_letter, matches

_PRIVATE_KEY: Final = (
    r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
    r"(?:(?:[^-]|-(?!----))*+-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
    r"|(?:(?:\\[nr]|\s)*+[A-Za-z0-9+/=]{16,}+)++)"  # one that was cut short
)

_TOKENS: Final = (
    # OpenAI, Anthropic, DeepSeek, OpenRouter; Groq; xAI; Perplexity
    (("sk-", "gsk_", "xai-", "pplx-"), r"(?<![A-Za-z0-9_-])(?:sk-|gsk_|xai-|pplx-)[A-Za-z0-9_-]{16,}+"),
    # Stripe
    (("_live_", "_test_"), r"(?<![A-Za-z0-9_-])(?:sk|rk|pk|whsec)_(?:live|test)_[A-Za-z0-9]{16,}+"),
    # GitHub, GitLab, npm, PyPI
    (("gh", "github_pat_"), r"(?<![A-Za-z0-9_])(?:gh[a-z]_[A-Za-z0-9]{30,}+|github_pat_[A-Za-z0-9_]{22,}+)"),
    (("glpat-", "npm_", "pypi-"), r"(?<![A-Za-z0-9_-])(?:glpat-|npm_|pypi-)[A-Za-z0-9_-]{20,}+"),
    # Slack
    (("xox", "xapp-"), r"(?<![A-Za-z0-9_-])(?:xox[a-z](?:\.xox[a-z])?-|xapp-)[A-Za-z0-9-]{10,}+"),
    (("hooks.slack.com",), r"hooks\.slack\.com/(?P<it>[a-z]{1,20}/[A-Za-z0-9_/]{20,}+)"),
    # Google
    (("AIza", "GOCSPX-"), r"(?<![A-Za-z0-9_-])(?:AIza|GOCSPX-)[A-Za-z0-9_-]{28,}+"),
    (("ya29.",), r"(?<![A-Za-z0-9_-])ya29\.[A-Za-z0-9_-]{20,}+"),
    # Hugging Face, SendGrid, DigitalOcean
    (("hf_", "SG.", "dop_v1_"), r"(?<![A-Za-z0-9_])(?:hf_|SG\.|dop_v1_)[A-Za-z0-9_.-]{30,}+"),
)

_NAMED: Final = (
    r"(?i:(?<![A-Za-z0-9])(?:[A-Za-z0-9]{1,20}[_-]){0,3}(?:api[_-]?key|secret[_-]?access[_-]?key|secret[_-]?key"
    r"|access[_-]?key|account[_-]?key|auth[_-]?token|access[_-]?token|refresh[_-]?token|client[_-]?secret))"
    r"[\"']?\s{0,3}(?::|=>?)\s{0,3}[\"']?(?P<it>[A-Za-z0-9+/_=.~-]{16,}+)"
)

_NAMES: Final = re.compile(
    r"(?:[a-z0-9]{1,20}[_-]){0,3}"
    r"(?:pass(?:word|wd|phrase)|pwd|api[_-]?key|secret(?:[_-]?access)?(?:[_-]?key)?|access[_-]?key|private[_-]?key"
    r"|(?:auth|access|refresh|bearer|session)[_-]?token|client[_-]?secret|authorization)",
    re.IGNORECASE,
)

_DIGITS: Final = re.compile(
    r"(?<![0-9])(?=([0-9]{13,19}(?![0-9])|[0-9]{4}(?:[ \t\u00a0.\u2013-][0-9]{1,6}(?![0-9])){2,4}))"
)
_FOUR_DIGITS: Final = re.compile("[0-9]{4}")
_GROUP: Final = re.compile("[0-9]+")


def names_a_secret(key: str) -> bool:
    """Whether the value under this key of an object is a secret, whatever it looks like."""
    return len(key) <= 100 and _NAMES.fullmatch(key.strip()) is not None


def _tokens(text: str) -> Iterable[Span]:
    found = sorted(
        place
        for (hints, _), find in zip(_TOKENS, _FINDERS, strict=True)
        if [hint for hint in hints if hint in text]
        for place in find(text)
    )
    end = 0
    for start, until in found:  # two issuers' shapes may overlap
        if start >= end:
            yield start, until
            end = until


def _cards(text: str) -> Iterable[Span]:
    if _FOUR_DIGITS.search(text) is None:
        return
    end = 0
    for found in _DIGITS.finditer(text):
        start = found.start()
        until = _end_of_card(found[1]) if start >= end else None
        if until is not None:
            end = start + until
            yield start, end


def _end_of_card(text: str) -> int | None:
    """Where a card that begins with the text ends: digits alone, or in groups as they are printed."""
    groups = list(_GROUP.finditer(text))
    for number in range(len(groups), 0, -1):  # more digits may follow it that are no part of it
        sizes = [len(group[0]) for group in groups[:number]]
        if _is_printed(sizes) and is_card("".join(group[0] for group in groups[:number])):
            return groups[number - 1].end()
    return None


def _is_printed(sizes: list[int]) -> bool:
    if sizes[:2] == [4, 6]:
        return len(sizes) == 3 and sizes[2] in (4, 5)
    if len(sizes) == 1:
        return sizes[0] >= 13
    return len(sizes) in (4, 5) and all(size == 4 for size in sizes[:-1])


def _is_credential(text: str) -> bool:
    return has_digit_and_letter(text) or re.search("[a-z][A-Z]", text) is not None  # base64 may have no digit


def _is_userinfo(text: str) -> bool:
    return ":" in text or len(text) >= 20


_FINDERS: Final = tuple(matches(pattern, has_digit_and_letter) for _, pattern in _TOKENS)

KINDS: Final = (
    Kind(name="private key", find=matches(_PRIVATE_KEY), hints=("PRIVATE KEY",)),
    Kind(
        name="credentials",  # https://user:password@host, also of databases
        find=matches(r"://(?P<it>[^\s/?#\"'<>@]*+(?:@[^\s/?#\"'<>@]*+)*(?=@))", _is_userinfo),
        hints=("://",),
    ),
    Kind(
        name="jwt",  # RFC 7519: a header that begins with {"
        find=matches(r"(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{8,}+\.[A-Za-z0-9_-]{8,}+(?:\.[A-Za-z0-9_-]++)?"),
        hints=("eyJ",),
    ),
    Kind(name="api key", find=_tokens, hints=tuple(hint for hints, _ in _TOKENS for hint in hints)),
    Kind(
        name="aws key",
        find=matches(r"(?<![A-Za-z0-9])(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}(?![A-Za-z0-9])"),
        hints=("AKIA", "ASIA", "ABIA", "ACCA"),
    ),
    Kind(
        name="bearer token",  # RFC 6750
        find=matches(r"(?i:(?<![A-Za-z0-9])bearer)[ \t]{1,3}(?P<it>[A-Za-z0-9._~+/=-]{12,}+)", has_digit_and_letter),
        hints=("earer", "EARER"),
    ),
    Kind(
        name="authorization",
        find=matches(
            r"(?i:(?<![A-Za-z0-9-])(?:proxy-)?authorization)[\"']?\s{0,3}[:=]\s{0,3}[\"']?"
            r"(?:(?i:basic|digest|token|apikey|key)[ \t]{1,3})?(?P<it>[A-Za-z0-9._~+/=-]{12,}+)",
            _is_credential,
        ),
        hints=("uthorization", "UTHORIZATION"),
    ),
    Kind(
        name="secret",  # api_key = "...", AWS_SECRET_ACCESS_KEY=...
        find=matches(_NAMED, has_digit_and_letter),
        hints=("ecret", "ECRET", "ey", "EY", "oken", "OKEN"),
    ),
    Kind(
        name="password",  # Server=db;Password=...;  ?password=...
        find=matches(r"(?i:(?<![A-Za-z0-9])(?:password|passwd|pwd))=(?P<it>[^\s;&\"'<>()\[\]{},]{3,}+)"),
        hints=("assw", "ASSW", "wd=", "WD="),
    ),
    Kind(name="card", find=_cards, hints=tuple("0123456789")),
)
"""In the order they are looked for: what holds others comes first."""
