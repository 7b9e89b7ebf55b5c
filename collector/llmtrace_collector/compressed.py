"""Compressed request bodies, inflated within a bound: deflate; gzip, lz4 and zstd with any number of members."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from typing import Any


class UnreadableBodyError(Exception):
    """The body is not what its Content-Encoding says."""


class TooLargeError(UnreadableBodyError):
    """The body is larger than allowed once inflated."""


def inflate(body: bytes, encoding: str, limit: int) -> bytes:
    """`body` decoded by `Content-Encoding`; '' and 'identity' leave it as it is.

    Raises:
        TooLargeError: more than `limit` bytes come out; found while inflating, so a bomb costs `limit` at most.
        UnreadableBodyError: it is not that encoding, is cut short, or the encoding is not offered.
    """
    name = encoding.strip().lower()
    if name in {"", "identity"}:
        return body
    reader = _READERS.get(name)
    if reader is None:
        raise UnreadableBodyError(f'Content-Encoding "{encoding}" is not offered; send {", ".join(_READERS)} or none')
    pieces: list[bytes] = []
    size = 0
    try:
        for piece in reader(body):
            size += len(piece)
            _check(size, limit)
            pieces.append(piece)
    except UnreadableBodyError:
        raise
    except Exception as error:
        raise UnreadableBodyError(f"Content-Encoding says {name}, but the body does not inflate: {error}") from error
    return b"".join(pieces)


_PIECE = 1024**2


def _check(size: int, limit: int) -> None:
    if size > limit:
        raise TooLargeError(f"the body inflates to more than {limit:,} bytes; send smaller requests")


def _gzip(body: bytes) -> Iterator[bytes]:
    """Several members in a row are one body (RFC 1952, section 2.2)."""
    rest = body
    while rest:
        yield from (decoder := _Zlib(16 + zlib.MAX_WBITS)).pieces(rest)
        rest = decoder.unused


def _deflate(body: bytes) -> Iterator[bytes]:
    yield from (decoder := _Zlib(zlib.MAX_WBITS)).pieces(body)
    if decoder.unused:
        raise UnreadableBodyError(f"{len(decoder.unused):,} bytes stand behind the compressed body")


class _Zlib:
    """One zlib or gzip member, a bounded piece at a time."""

    def __init__(self, window_bits: int) -> None:
        self._decoder = zlib.decompressobj(window_bits)
        self.unused = b""

    def pieces(self, body: bytes) -> Iterator[bytes]:
        pending = body
        while not self._decoder.eof:
            piece = self._decoder.decompress(pending, _PIECE)
            pending = self._decoder.unconsumed_tail
            if not piece and not pending and not self._decoder.eof:
                raise UnreadableBodyError("the compressed body is cut short")
            yield piece
        self.unused = self._decoder.unused_data


def _lz4(body: bytes) -> Iterator[bytes]:
    import lz4.frame

    return _frames(body, lz4.frame.LZ4FrameDecompressor)


def _zstd(body: bytes) -> Iterator[bytes]:
    try:
        from compression import zstd  # Python 3.14
    except ImportError:
        from backports import zstd  # a dependency of clickhouse-connect

    return _frames(body, zstd.ZstdDecompressor)


def _frames(body: bytes, decompressor: Callable[[], Any]) -> Iterator[bytes]:
    """Several frames in a row are one body: clickhouse-connect sends a frame for each block of an insert."""
    rest: bytes | None = body
    while rest:
        decoder = decompressor()
        yield from _frame(rest, decoder)
        rest = decoder.unused_data


def _frame(body: bytes, decoder: Any) -> Iterator[bytes]:
    pending = body
    while not decoder.eof:
        piece = decoder.decompress(pending, max_length=_PIECE)
        pending = b""
        if not piece and decoder.needs_input and not decoder.eof:
            raise UnreadableBodyError("the compressed body is cut short")
        yield piece


_READERS: dict[str, Callable[[bytes], Iterator[bytes]]] = {
    "gzip": _gzip,
    "deflate": _deflate,
    "lz4": _lz4,
    "zstd": _zstd,
}
