"""Sticky assignment by weight: the same key always gets the same arm, and few move when weights change."""

from __future__ import annotations

import math
from collections.abc import Sequence
from hashlib import blake2b
from typing import Final

_SCALE: Final = 2.0**64


def uniform(*parts: str) -> float:
    """A number in (0, 1) that is always the same for the same texts, and evenly spread over different ones."""
    digest = blake2b("\x1f".join(parts).encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return (int.from_bytes(digest, "big") + 0.5) / _SCALE


def assigned(key: str, arms: Sequence[tuple[str, float]], *, salt: str = "") -> str:
    """The arm of a key, each by its weight; one whose weight changes takes from or gives to the others only.

    Weighted rendezvous hashing: the largest of ``-weight / ln(u)`` wins (Schindelhauer, Schomaker, SPAA 2005).
    """
    return max((-weight / math.log(uniform(salt, key, name)), name) for name, weight in arms if weight > 0)[1]
