"""What of a selection lies with the dead letters.

Dead letters do not parse, so they are searched as bytes, in the form in which protobuf writes what is looked for::

    0A 07 "user.id" 12 LL 0A NN value       an attribute with a text value
    0A 10 trace id                          the first field of a span

A record with a hit goes whole, and with it what other spans of the same request could not be stored.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from llmtrace_collector.folder import write_whole
from llmtrace_collector.upkeep.selection import EVERY_PROJECT, Selection
from llmtrace_collector.wal import dead
from llmtrace_collector.wal.record import Record, walk
from llmtrace_collector.wal.recovery import items_in

USER_KEYS = ("user.id", "enduser.id", "langfuse.user.id", "traceloop.association.properties.user_id")
SESSION_KEYS = (
    "session.id",
    "gen_ai.conversation.id",
    "langfuse.session.id",
    "traceloop.association.properties.session_id",
)
"""The names under which apps say whose a span is."""


def remove(wal: Path, selection: Selection, traces: frozenset[str]) -> int:
    """Removes the selection's records from the dead letters; how many went. `traces` are hex ids that belong to it."""
    return sum(_clean(letter, selection, traces) for letter in dead.letters(wal))


def _clean(letter: dead.Letter, selection: Selection, traces: frozenset[str]) -> int:
    try:
        pieces = list(_pieces(letter.path.read_bytes()))
    except FileNotFoundError:  # sent again, or discarded, just now
        return 0
    gone = [piece for piece, sound in pieces if _is_meant(piece, sound, selection, traces)]
    if not gone:
        return 0
    kept = [piece for piece, sound in pieces if not _is_meant(piece, sound, selection, traces)]
    items = min(letter.items, items_in(b"".join(gone))) if kept else letter.items
    # For the log's books, which count every item that was accepted.
    note = letter.path.with_suffix(".discarded")
    if kept:
        note = note.with_name(f"{note.stem}-{selection.deletion_id}.discarded")
        write_whole(letter.path, b"".join(kept))
        _note(letter.path.with_suffix(".reason"), letter.reason, letter.items - items)
    else:
        letter.path.unlink(missing_ok=True)
        letter.path.with_suffix(".reason").unlink(missing_ok=True)
    _note(note, "it was deleted with the data it belonged to", items)
    return len(gone)


def _note(path: Path, reason: str, items: int) -> None:
    write_whole(path, f"{reason}\nitems: {items}\n".encode())


def _pieces(content: bytes) -> Iterator[tuple[bytes, bool]]:
    """Sound records and the bytes between them, in order."""
    at = 0
    for place in walk(content):
        if place.start > at:
            yield content[at : place.start], False
        yield content[place.start : place.end], True
        at = place.end
    if at < len(content):
        yield content[at:], False


def _is_meant(piece: bytes, sound: bool, selection: Selection, traces: frozenset[str]) -> bool:
    if sound:
        head = Record.decode(piece)
        received = datetime.fromtimestamp(head.received_ns / 1e9, UTC)
        if selection.project not in {EVERY_PROJECT, head.project} or received > selection.requested_at:
            return False
        if (selection.start and received < selection.start) or (selection.end and received >= selection.end):
            return False
        if selection.kind == "time":
            return True
    if selection.kind == "time":
        return False
    if selection.kind == "trace":
        return any(selection.means(found) for found in _trace_ids(piece))
    keys = USER_KEYS if selection.kind == "user" else SESSION_KEYS
    named = any(selection.means(value) for key in keys for value in _values_of(piece, key))
    return named or any(found in traces for found in _trace_ids(piece))


def _trace_ids(piece: bytes) -> Iterator[str]:
    at = -1
    while (at := piece.find(b"\x0a\x10", at + 1)) >= 0:
        yield piece[at + 2 : at + 18].hex()


def _values_of(piece: bytes, key: str) -> Iterator[str]:
    name = key.encode()
    needle = b"\x0a" + bytes([len(name)]) + name + b"\x12"
    at = -1
    while (at := piece.find(needle, at + 1)) >= 0:
        _, value = _number(piece, at + len(needle))
        if piece[value : value + 1] == b"\x0a":
            length, start = _number(piece, value + 1)
            yield piece[start : start + length].decode(errors="replace")


def _number(piece: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while at < len(piece) and shift < 35:
        byte = piece[at]
        number |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            break
    return number, at
