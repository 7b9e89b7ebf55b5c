"""Undoing a content encoding, chunk by chunk, so that each chunk keeps its time; never beyond a limit.

A few kilobytes can inflate to gigabytes: what comes after the limit is not inflated at all.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from llmtrace.reading.events import Chunk

GZIP_OR_ZLIB = zlib.MAX_WBITS | 32


@dataclass(frozen=True, slots=True)
class Decoded:
    """Chunks without their content encoding."""

    chunks: list[Chunk]
    whole: bool
    """False when there was more than the limit."""
    damaged: bool = False
    """Whether the encoding broke; what came before is there."""


def inflate(chunks: Sequence[Chunk], encoding: str, limit_bytes: int) -> Decoded:
    """Undo ``gzip`` or ``deflate``; of a damaged body, what came before the damage."""
    if encoding == "deflate" and not _begins_as_zlib(chunks):
        return _limited(_inflated(chunks, -zlib.MAX_WBITS, limit_bytes), limit_bytes)
    return _limited(_inflated(chunks, GZIP_OR_ZLIB, limit_bytes), limit_bytes)


def decode_with(
    decoder: Callable[[Iterable[bytes]], Iterable[bytes]], chunks: list[Chunk], limit_bytes: int
) -> Decoded:
    """Undo an encoding that only ``decoder`` knows; all comes at the time of the last chunk."""
    if not chunks:
        return Decoded([], whole=True)
    at_ns = chunks[-1][0]
    pieces = decoder([data for _, data in chunks])
    return _limited(((at_ns, piece) for piece in pieces), limit_bytes)


def _begins_as_zlib(chunks: Sequence[Chunk]) -> bool:
    # RFC 1950 wants a header; some servers send the bare deflate stream of RFC 1951, and clients take it.
    head = b"".join(data for _, data in chunks[:3])[:2]
    return len(head) == 2 and head[0] & 0x0F == 8 and int.from_bytes(head, "big") % 31 == 0


def _inflated(chunks: Sequence[Chunk], wbits: int, limit_bytes: int) -> Iterator[Chunk]:
    inflater = zlib.decompressobj(wbits)
    for at_ns, data in chunks:
        yield at_ns, inflater.decompress(data, limit_bytes + 1)


def _limited(chunks: Iterable[Chunk], limit_bytes: int) -> Decoded:
    kept: list[Chunk] = []
    room = limit_bytes
    try:
        for at_ns, data in chunks:
            room -= len(data)
            if room < 0:
                return Decoded(kept, whole=False)
            kept.append((at_ns, data))
    except Exception:  # noqa: BLE001 - zlib.error, or that of a decoder of the HTTP library: damaged from here on
        return Decoded(kept, whole=True, damaged=True)
    return Decoded(kept, whole=True)
