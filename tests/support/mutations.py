"""Requests that are nearly right: a valid one, damaged in one of the ways networks, bugs and attackers do."""

from __future__ import annotations

import gzip
import json
import random
import zlib
from collections.abc import Callable

from llmtrace_collector.otlp import FORMS
from llmtrace_collector.signals import Signal
from support.otlp import otlp_json
from support.otlp_messages import message_of


def valid(signal: Signal, dice: random.Random, *, as_json: bool) -> bytes:
    """Some request of the signal."""
    message = message_of(FORMS[signal].request, dice)
    return json.dumps(otlp_json(message)).encode() if as_json else message.SerializeToString()


def _flipped(body: bytearray, dice: random.Random) -> bytes:
    for _ in range(dice.choice([1, 1, 1, 4, 16])):
        if body:
            body[dice.randrange(len(body))] ^= 1 << dice.randrange(8)
    return bytes(body)


def _cut(body: bytearray, dice: random.Random) -> bytes:
    return bytes(body[: dice.randrange(len(body) + 1)])


def _doubled(body: bytearray, dice: random.Random) -> bytes:
    at = dice.randrange(len(body) + 1)
    return bytes(body[:at] + body[dice.randrange(at + 1) : at] + body[at:])


def _inserted(body: bytearray, dice: random.Random) -> bytes:
    at = dice.randrange(len(body) + 1)
    odd = [
        dice.randbytes(4),
        b"\xff" * 10,
        b"\x00",
        b'{"a":' * 9,
        b"[[[[",
        b"null",
        b"1e999",
        b"\\ud800",
        b"\x0a\x80\x80\x80\x80\x7f",
    ]
    return bytes(body[:at] + dice.choice(odd) + body[at:])


def _nested(body: bytearray, dice: random.Random) -> bytes:
    """Protobuf inside protobuf, deeper than anyone nests."""
    inner = bytes(body[:100])
    for _ in range(dice.randrange(1, 300)):
        size = len(inner)
        inner = (
            bytes([dice.choice([0x0A, 0x12, 0x2A, 0x32, 0x4A])]) + bytes([size & 0x7F | 0x80, size >> 7 & 0x7F]) + inner
        )
    return inner


_DAMAGES: tuple[Callable[[bytearray, random.Random], bytes], ...] = (
    lambda body, _: bytes(body),
    _flipped,
    _cut,
    _doubled,
    _inserted,
    _nested,
    lambda _, dice: dice.randbytes(dice.randrange(200)),
)


def damaged(signal: Signal, dice: random.Random, *, as_json: bool) -> bytes:
    """A request, whole or damaged."""
    return dice.choice(_DAMAGES)(bytearray(valid(signal, dice, as_json=as_json)), dice)


def encoded(body: bytes, dice: random.Random) -> tuple[bytes, str]:
    """A body with its Content-Encoding, which may be a lie."""
    name = dice.choice(["", "", "gzip", "deflate", "zstd", "lz4", "identity", "x"])
    if dice.random() < 0.1:
        return body, name
    if name == "gzip":
        half = len(body) // 2
        return gzip.compress(body[:half]) + gzip.compress(body[half:]), name
    if name == "deflate":
        return zlib.compress(body), name
    return (zstd_of(body), name) if name == "zstd" else (body, name)


def zstd_of(body: bytes) -> bytes:
    """Compressed by zstd."""
    try:
        from compression import zstd  # Python 3.14
    except ImportError:
        from backports import zstd
    return bytes(zstd.compress(body))
