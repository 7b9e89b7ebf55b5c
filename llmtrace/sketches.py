"""Keyed sketches of text: near texts have near sketches, and without the key a sketch says nothing of its text.

SimHash (Charikar, "Similarity estimation techniques from rounding algorithms", STOC 2002) over the set of three-word
shingles (Broder, "On the resemblance and containment of documents", SEQUENCES 1997): each shingle has a 64-bit hash,
each bit of the sketch is the majority of its hashes' bits. The share of bits in which two sketches differ estimates
the angle between the two sets, divided by pi: texts that share all but a few words differ in a few of 64 bits,
unrelated ones in about 32.

The hash is BLAKE2b with a secret key (RFC 7693). What that protects from, and what not: docs/decisions.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from typing import Final

MAX_CHARS: Final = 10_000
"""Of the text looked at, from its beginning: about 2 ms."""
BITS: Final = 64
_SHINGLE: Final = 3
_UNSPACED: Final = "\u3040-\u30ff\u3400-\u9fff\u0e00-\u0eff"
# A word; of scripts that put no spaces between words, a character.
_WORD: Final = re.compile(f"[{_UNSPACED}]|[^\\W_{_UNSPACED}]+")


class Sketcher:
    """Makes sketches and fingerprints under one key."""

    def __init__(self, key: str) -> None:
        secret = key.encode("utf-8", "surrogatepass")
        self._sketch_key = blake2b(secret, digest_size=32, person=b"llmtrace.sketch").digest()
        self._prompt_key = blake2b(secret, digest_size=32, person=b"llmtrace.prompt").digest()
        self.key_id = blake2b(secret, digest_size=4, person=b"llmtrace.key_id").hexdigest()
        """Same for the same key: only values of one id can be compared."""

    def sketch(self, text: str) -> str | None:
        """64 bits as 16 hexadecimal digits; None for a text without a word."""
        shingles = set(_shingles(_WORD.findall(text[:MAX_CHARS].casefold())))
        if not shingles:
            return None
        joined = int.from_bytes(b"".join(self._hash(shingle) for shingle in shingles))
        lane = int.from_bytes(b"\0\0\0\0\0\0\0\1" * len(shingles))
        half = len(shingles) / 2
        bits = sum(1 << bit for bit in range(BITS) if ((joined >> bit) & lane).bit_count() > half)
        return f"{bits:016x}"

    def fingerprint(self, system: Iterable[str], tools: object) -> str | None:
        """64 bits that change with any change of system prompt or tools; None when there are neither."""
        told = [list(system), tools]
        if not any(told):
            return None
        try:
            encoded = json.dumps(told, sort_keys=True, separators=(",", ":")).encode()
        except RecursionError:  # tools nested deeper than any that work
            return None
        return blake2b(encoded, digest_size=8, key=self._prompt_key).hexdigest()

    def _hash(self, shingle: str) -> bytes:
        return blake2b(shingle.encode("utf-8", "surrogatepass"), digest_size=8, key=self._sketch_key).digest()


def distance(one: str, other: str) -> int:
    """In how many of 64 bits two sketches differ."""
    return (int(one, 16) ^ int(other, 16)).bit_count()


def _shingles(words: list[str]) -> Iterator[str]:
    for at in range(max(len(words) - _SHINGLE + 1, 1)):
        if shingle := " ".join(words[at : at + _SHINGLE]):
            yield shingle
