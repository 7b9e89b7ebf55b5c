"""One entry of the log: an OTLP request as it came, in a small protobuf envelope with its own checksum.

A segment is nothing but such records, and at the same time the body of an `INSERT ... FORMAT Protobuf`::

    segment := record*
    record  := varint(length) message Record         ClickHouse's length-delimited protobuf
                              |
      0D cccccccc             crc          fixed32   crc32 of all that follows in this message
      11 tttttttttttttttt     received_ns  fixed64   Unix nanoseconds
      1A nn ...               project      string
      2D iiiiiiii             items        fixed32   spans, log records or metric points in the request
      22 nn ...               request      bytes     Export...ServiceRequest, byte for byte

ClickHouse skips `items`, which its schema does not name: the count is for the log's own books. So nothing is
re-encoded between the socket and ClickHouse, and a torn or damaged record is found by its checksum.
Source: protobuf encoding specification; the schema text is in `schema/otlp.py`.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace

_CRC_TAG = 0x0D
_ITEMS_TAG = 0x2D
_CRC = struct.Struct("<BI")
_RECEIVED = struct.Struct("<BQ")
_ITEMS = struct.Struct("<BI")
_HEAD_BYTES = _CRC.size


@dataclass(frozen=True, kw_only=True)
class Record:
    """One entry, decoded."""

    project: str
    """Whose it is."""
    received_ns: int
    """When it came, Unix nanoseconds."""
    items: int
    """How many spans, log records or metric points are in it; 0: nobody counted."""
    request: bytes
    """The body as it came."""

    def encode(self) -> bytes:
        """As it stands in a segment."""
        name = self.project.encode()
        head = b"".join(
            (
                _RECEIVED.pack(0x11, self.received_ns),
                b"\x1a",
                _varint(len(name)),
                name,
                _ITEMS.pack(_ITEMS_TAG, self.items),
                b"\x22",
                _varint(len(self.request)),
            )
        )
        # The request is copied once, and its checksum goes on from that of what is before it.
        crc = zlib.crc32(self.request, zlib.crc32(head))
        length = _varint(_HEAD_BYTES + len(head) + len(self.request))
        return b"".join((length, _CRC.pack(_CRC_TAG, crc), head, self.request))

    @classmethod
    def decode(cls, content: bytes | memoryview) -> Record:
        """Reads one sound record."""
        project, received_ns, items, request = _fields(memoryview(content))
        return cls(project=project, received_ns=received_ns, items=items, request=bytes(request))


def items_of(record: bytes | memoryview) -> int:
    """How many items one sound record says it holds; its request is not copied."""
    return _fields(memoryview(record))[2]


def _fields(view: memoryview) -> tuple[str, int, int, memoryview]:
    at = _read_varint(view, 0)[1] + _HEAD_BYTES
    (_, received_ns) = _RECEIVED.unpack_from(view, at)
    length, at = _read_varint(view, at + _RECEIVED.size + 1)
    project = bytes(view[at : at + length]).decode()
    at += length
    items = 0
    if view[at] == _ITEMS_TAG:
        (_, items) = _ITEMS.unpack_from(view, at)
        at += _ITEMS.size
    _, at = _read_varint(view, at + 1)
    return project, received_ns, items, view[at:]


def encode(*, project: str, received_ns: int, request: bytes, items: int = 0) -> bytes:
    """The record for one request body with so many spans (or log records, or metric points)."""
    return Record(project=project, received_ns=received_ns, items=items, request=request).encode()


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
    return Record.decode(record).request


def with_request(record: bytes, request: bytes) -> bytes:
    """The same record around another request."""
    return replace(Record.decode(record), request=request).encode()


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
