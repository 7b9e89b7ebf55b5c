"""URLs whose host nobody has allowed: links a model made up, or was made to write."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from llmtrace.guardrails.patterns import opinion_of, several
from llmtrace.guardrails.verdicts import Found, Guard, Opinion, Stage, Subject

_URL: Final = re.compile(
    r"(?<![\w@])(?:[a-z][a-z0-9+.-]{1,20}://(?:\[[0-9a-f:.]{2,45}\])?|www\.)[^\s<>\"'`\]\[{}|\\^]{0,2048}",
    re.IGNORECASE,
)
_CLOSERS: Final = {")": "(", ".": "", ",": "", ";": "", ":": "", "!": "", "?": "", "*": "", "_": ""}


def urls_in(text: str) -> Iterator[tuple[int, int, str]]:
    """Where URLs stand, and what they say; punctuation after them is none of theirs."""
    for match in _URL.finditer(text):
        url = match[0]
        while url and url[-1] in _CLOSERS and (not _CLOSERS[url[-1]] or url.count("(") < url.count(")")):
            url = url[:-1]
        yield match.start(), match.start() + len(url), url


@dataclass(frozen=True, kw_only=True, slots=True)
class Urls(Guard):
    """URLs to hosts that are not allowed. ``example.com`` allows itself and what is under it."""

    name: str = "urls"
    stages: frozenset[Stage] = frozenset({Stage.OUTPUT, Stage.TOOL})
    local: bool = True
    allowed: tuple[str, ...]
    schemes: tuple[str, ...] = ("https", "http")

    def __post_init__(self) -> None:
        several("Urls(allowed=...)", self.allowed)
        if any("/" in host for host in self.allowed):
            raise ValueError('Urls(allowed=...): name hosts, in a tuple, such as ("example.com",)')

    def check(self, subject: Subject) -> Opinion:
        """URLs of other hosts."""
        found = [
            Found(start=start, end=end, category="url")
            for start, end, url in urls_in(subject.text)
            if not self._is_allowed(url)
        ]
        return opinion_of(found)

    def _is_allowed(self, url: str) -> bool:
        try:
            parts = urlsplit(url if "://" in url else f"https://{url}")
            host = (parts.hostname or "").rstrip(".").lower()
        except ValueError:
            return False
        if parts.scheme.lower() not in self.schemes or "@" in parts.netloc:
            return False
        return any(host == known.lower() or host.endswith(f".{known.lower()}") for known in self.allowed)
