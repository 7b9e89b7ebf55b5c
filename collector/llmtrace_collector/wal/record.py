"""One entry of the log: an OTLP request as it came, in a small protobuf envelope with its own checksum.

A segment is nothing but such records, and at the same time the body of an `INSERT ... FORMAT Protobuf`::

    segment := record*
    record  := varint(length) message Record         ClickHouse's length-delimited protobuf
                              |
      0D cccccccc             crc          fixed32   crc32 of all that follows in this message
      11 tttttttttttttttt     received_ns  fixed64   Unix nanoseconds
      1A nn ...               project      string
      22 nn ...               request      bytes     ExportTraceServiceRequest, byte for byte

So nothing is re-encoded between the socket and ClickHouse, and a torn or damaged record is found by its checksum.
Source: protobuf encoding specification; the schema text is in `schema/otlp.py`.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

_CRC_TAG = 0x0D
_CRC = struct.Struct("<BI")
_RECEIVED = struct.Struct("<BQ")
_HEAD_BYTES = _CRC.size


def encode(*, project: str, received_ns: int, request: bytes) -> bytes:
    """The record for one request body."""
    name = project.encode()
    rest = b"".join(
        (_RECEIVED.pack(0x11, received_ns), b"\x1a", _varint(len(name)), name, b"\x22", _varint(len(request)), request)
    )
    return b"".join((_varint(len(rest) + _HEAD_BYTES), _CRC.pack(_CRC_TAG, zlib.crc32(rest)), rest))


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a sound record stands in its segment."""

    start: int
    """Offset of its length prefix, bytes."""
    end: int
    """Offset just behind it."""


def walk(segment: bytes | memoryview) -> Iterator[Place]:
    """The records of a segment whose checksum holds, in order.

    What lies between them, or behind the last, is damaged or was cut short. A damaged length does not hide the records
    behind it: the next one is found by its checksum.
    """
    view = memoryview(segment)
    at = 0
    while at < len(view):
        place = _sound_at(view, at) or _next_sound(view, at + 1)
        if place is None:
            return
        yield place
        at = place.end


def request_of(record: bytes) -> bytes:
    """The request inside one sound record."""
    view = memoryview(record)
    _, at = _read_varint(view, 0)
    at += _HEAD_BYTES + _RECEIVED.size
    length, at = _read_varint(view, at + 1)
    at += length
    _, at = _read_varint(view, at + 1)
    return bytes(view[at:])


def with_request(record: bytes, request: bytes) -> bytes:
    """The same record around another request."""
    view = memoryview(record)
    _, at = _read_varint(view, 0)
    at += _HEAD_BYTES
    (_, received_ns) = _RECEIVED.unpack_from(view, at)
    length, at = _read_varint(view, at + _RECEIVED.size + 1)
    return encode(project=bytes(view[at : at + length]).decode(), received_ns=received_ns, request=request)


def _sound_at(view: memoryview, at: int) -> Place | None:
    length, body = _read_varint(view, at)
    end = body + length
    if length < _HEAD_BYTES or end > len(view):
        return None
    tag, crc = _CRC.unpack_from(view, body)
    if tag != _CRC_TAG or crc != zlib.crc32(view[body + _HEAD_BYTES : end]):
        return None
    return Place(start=at, end=end)


def _next_sound(view: memoryview, at: int) -> Place | None:
    """The first sound record that begins at `at` or later, looked for by the tag of its checksum."""
    content = view.obj if isinstance(view.obj, bytes) else bytes(view)
    tag = at
    while (tag := content.find(_CRC_TAG, tag + 1)) > 0:
        for width in range(1, 6):
            start = tag - width
            if start >= at and _read_varint(view, start)[1] == tag and (place := _sound_at(view, start)):
                return place
    return None


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _read_varint(view: memoryview, at: int) -> tuple[int, int]:
    """The number at `at` and the offset behind it; (0, at) when it is cut short or longer than 5 bytes."""
    number = 0
    for i in range(5):
        if at + i >= len(view):
            return 0, at
        byte = view[at + i]
        number |= (byte & 0x7F) << (7 * i)
        if byte < 0x80:
            return number, at + i + 1
    return 0, at
