"""How many items one log has sealed since it was made: what the invariant begins with.

    books := slot slot          128 bytes; the slot with the greater turn whose checksum holds is what counts
    slot  := turn u64  items u64  last u64  crc u32        little endian, padded to 64 bytes

A slot is written in place when a segment has its last name, so a killed process loses nothing of it, and a segment
that was named and not yet counted is found by its number (greater than `last`) and counted at the next start. The
writer syncs the file before it deletes a segment, so the same holds after a power loss.
"""

from __future__ import annotations

import os
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

from llmtrace_collector.folder import sync_folder

_SLOT_BYTES = 64
_FIELDS = struct.Struct("<QQQ")
_CRC = struct.Struct("<I")


@dataclass(frozen=True, kw_only=True)
class Books:
    """What is in the file."""

    turn: int = 0
    items: int = 0
    """In all segments up to and including `last`, whether they are still there or not."""
    last: int = 0
    """The number of the last segment that was counted."""

    @classmethod
    def read(cls, folder: Path) -> Books:
        """The books of a log's folder; zeros when it has none yet."""
        try:
            content = (folder / "books").read_bytes()
        except FileNotFoundError:
            return cls()
        slots = (_read_slot(content[at : at + _SLOT_BYTES]) for at in (0, _SLOT_BYTES))
        return max((slot for slot in slots if slot), key=lambda slot: slot.turn, default=cls())

    def counted(self, folder: Path, number: int, items: int) -> Books:
        """Writes and gives the books with one segment more."""
        new = Books(turn=self.turn + 1, items=self.items + items, last=number)
        fields = _FIELDS.pack(new.turn, new.items, new.last)
        slot = (fields + _CRC.pack(zlib.crc32(fields))).ljust(_SLOT_BYTES, b"\0")
        descriptor = os.open(folder / "books", os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            os.pwrite(descriptor, slot, new.turn % 2 * _SLOT_BYTES)
        finally:
            os.close(descriptor)
        if new.turn == 1:
            sync_folder(folder)
        return new


def sync(folder: Path) -> None:
    """Makes the books of a folder durable; nothing when it has none."""
    try:
        descriptor = os.open(folder / "books", os.O_RDONLY)
    except FileNotFoundError:
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _read_slot(slot: bytes) -> Books | None:
    if len(slot) < _FIELDS.size + _CRC.size:
        return None
    fields = slot[: _FIELDS.size]
    if _CRC.unpack_from(slot, _FIELDS.size)[0] != zlib.crc32(fields):
        return None
    turn, items, last = _FIELDS.unpack(fields)
    return Books(turn=turn, items=items, last=last)
