"""Compressed bodies: whole however they were cut into members, refused when they are not whole."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable

import lz4.frame
import pytest
from backports import zstd
from hypothesis import given
from hypothesis import strategies as st

from llmtrace_collector.compressed import TooLargeError, UnreadableBodyError, inflate

MEMBERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "lz4": lz4.frame.compress,
    "zstd": zstd.compress,
}
LIMIT = 1_000_000


@given(encoding=st.sampled_from(sorted(MEMBERS)), pieces=st.lists(st.binary(max_size=300), min_size=1, max_size=6))
def test_a_body_of_several_members_is_all_of_them(encoding: str, pieces: list[bytes]) -> None:
    body = b"".join(MEMBERS[encoding](piece) for piece in pieces)
    assert inflate(body, encoding, LIMIT) == b"".join(pieces)


@given(encoding=st.sampled_from(sorted(MEMBERS)), data=st.data())
def test_a_body_that_was_cut_inside_its_last_member_is_refused(encoding: str, data: st.DataObject) -> None:
    first, last = MEMBERS[encoding](b"first" * 9), MEMBERS[encoding](b"last" * 9)
    kept = data.draw(st.integers(min_value=1, max_value=len(last) - 1))
    with pytest.raises(UnreadableBodyError):
        inflate(first + last[:kept], encoding, LIMIT)


@pytest.mark.parametrize("encoding", [*sorted(MEMBERS), "deflate"])
def test_what_stands_behind_a_body_is_never_left_out_quietly(encoding: str) -> None:
    pack = {**MEMBERS, "deflate": zlib.compress}[encoding]
    with pytest.raises(UnreadableBodyError):
        inflate(pack(b"good") + b"and something else", encoding, LIMIT)


@pytest.mark.parametrize("encoding", sorted(MEMBERS))
def test_the_limit_counts_all_members_together(encoding: str) -> None:
    half = MEMBERS[encoding](bytes(LIMIT // 2 + 1))
    assert inflate(half, encoding, LIMIT) == bytes(LIMIT // 2 + 1)
    with pytest.raises(TooLargeError, match="inflates to more than"):
        inflate(half + half, encoding, LIMIT)
