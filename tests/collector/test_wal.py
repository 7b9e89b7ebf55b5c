"""The write-ahead log: what was acknowledged comes back, byte for byte; what was not does not."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from llmtrace_collector.schema.otlp import DEDUP_WINDOW
from llmtrace_collector.signals import Signal
from llmtrace_collector.wal import Segment, Wal, WalFullError, WalLimits
from llmtrace_collector.wal.backlog import UNSYNCED_DELETIONS
from llmtrace_collector.wal.books import Books
from llmtrace_collector.wal.record import Record, encode, request_of, walk, with_request
from llmtrace_collector.wal.recovery import recover, sealed_name
from support.otlp import request, span
from support.waiting import wait_for

bodies = st.lists(st.binary(max_size=300), max_size=20)


@given(
    st.builds(
        Record,
        project=st.text(max_size=20),
        received_ns=st.integers(0, 2**64 - 1),
        items=st.integers(0, 2**32 - 1),
        request=st.binary(max_size=300),
    )
)
def test_a_record_comes_back_as_it_was(record: Record) -> None:
    assert Record.decode(record.encode()) == record


def segment_of(items: list[bytes]) -> bytes:
    return b"".join(encode(project="default", received_ns=7, request=body) for body in items)


def records_in(content: bytes) -> list[bytes]:
    return [content[place.start : place.end] for place in walk(content)]


@given(bodies)
def test_walk_finds_every_record_that_was_encoded(items: list[bytes]) -> None:
    content = segment_of(items)
    assert b"".join(records_in(content)) == content
    assert [request_of(record) for record in records_in(content)] == items


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=20), st.data())
def test_a_segment_cut_anywhere_keeps_exactly_its_whole_records(items: list[bytes], data: st.DataObject) -> None:
    content = segment_of(items)
    cut = data.draw(st.integers(0, len(content)))
    whole = [place for place in walk(content) if place.end <= cut]
    assert list(walk(content[:cut])) == whole


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=20), st.data())
def test_a_damaged_byte_anywhere_costs_one_record_and_hides_no_other(items: list[bytes], data: st.DataObject) -> None:
    content = segment_of(items)
    records = records_in(content)
    at = data.draw(st.integers(0, len(content) - 1))
    damaged = bytearray(content)
    damaged[at] ^= data.draw(st.integers(1, 255))
    hit = next(n for n, place in enumerate(walk(content)) if place.start <= at < place.end)
    assert records_in(bytes(damaged)) == records[:hit] + records[hit + 1 :]


@given(st.binary(max_size=400))
def test_walk_takes_any_bytes_without_an_error(content: bytes) -> None:
    for place in walk(content):
        assert 0 <= place.start < place.end <= len(content)


@given(st.binary(max_size=300), st.binary(max_size=300), st.text(max_size=20), st.integers(0, 2**64 - 1))
def test_a_record_can_be_given_another_request(before: bytes, after: bytes, project: str, received_ns: int) -> None:
    record = encode(project=project, received_ns=received_ns, request=before)
    assert with_request(record, after) == encode(project=project, received_ns=received_ns, request=after)


def test_an_acknowledged_record_is_in_a_file_that_holds_the_request_byte_for_byte(tmp_path: Path) -> None:
    body = request(span(), span())
    wal = Wal(tmp_path)
    wal.append(encode(project="default", received_ns=1, request=body)).result(5)
    on_disk = b"".join(file.read_bytes() for file in tmp_path.glob("traces/*.open"))
    assert body in on_disk
    assert len(ExportTraceServiceRequest.FromString(body).resource_spans) == 1
    wal.close()


def test_segments_come_back_in_order_after_a_restart_and_go_when_done(tmp_path: Path) -> None:
    items = [str(n).encode() for n in range(50)]
    wal = Wal(tmp_path, WalLimits(segment_bytes=200))
    for item in items:
        wal.append(encode(project="default", received_ns=1, request=item)).result(5)
    wal.close()

    reopened = Wal(tmp_path)
    contents = []
    while segment := reopened.take(0):
        contents.append(segment.read())
        reopened.done(segment)
    reopened.close()
    assert b"".join(contents) == segment_of_received(items)
    assert len(contents) > 1
    assert list(tmp_path.glob("*/*.seg")) == []


def segment_of_received(items: list[bytes]) -> bytes:
    return b"".join(encode(project="default", received_ns=1, request=item) for item in items)


def test_damage_and_a_torn_end_go_to_the_dead_letters_and_every_sound_record_stays(tmp_path: Path) -> None:
    good, bad = (encode(project="default", received_ns=1, request=body) for body in (b"good", b"bad"))
    shorter = bytes([bad[0] - 1]) + bad[1:]  # a length that lies
    leave(tmp_path, "0001-aa.7.seg", good + shorter + good + bad[:-1] + b"?" + good + good[:7])

    wal = Wal(tmp_path)
    segment = wal.take(0)
    assert segment is not None
    assert segment.read() == good * 3
    letters = sorted(file.read_bytes() for file in tmp_path.glob("dead/traces/*.records"))
    assert letters == sorted([shorter, bad[:-1] + b"?", good[:7]])
    assert all("checksum" in file.read_text() for file in tmp_path.glob("dead/traces/*.reason"))
    wal.close()


def test_a_torn_end_alone_is_cut_in_place(tmp_path: Path) -> None:
    good = encode(project="default", received_ns=1, request=b"good")
    file = leave(tmp_path, "0001-aa.open", good + good[:-1])
    inode = file.stat().st_ino
    wal = Wal(tmp_path)
    wal.close()
    sealed = file.with_suffix(".0.seg")
    assert (sealed.read_bytes(), sealed.stat().st_ino) == (good, inode)


def test_each_signal_has_a_folder_and_all_come_to_the_writer_oldest_first(tmp_path: Path) -> None:
    order = [Signal.LOGS, Signal.TRACES, Signal.METRICS, Signal.TRACES]
    wal = Wal(tmp_path, WalLimits(segment_bytes=1))
    for n, signal in enumerate(order):
        wal.append(encode(project="default", received_ns=n, request=b"x"), signal=signal).result(5)
    wal.close()
    assert [drained.signal for drained in drain(Wal(tmp_path))] == order


def test_segments_keep_their_order_when_the_clock_is_set_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wal = Wal(tmp_path, WalLimits(segment_bytes=1))
    for n in range(4):
        if n == 2:
            monkeypatch.setattr(time, "time_ns", lambda: 1_000_000)
        wal.append(encode(project="default", received_ns=n, request=b"x")).result(5)
    wal.close()
    again = Wal(tmp_path, WalLimits(segment_bytes=1))
    again.append(encode(project="default", received_ns=4, request=b"x")).result(5)
    again.close()
    received = [Record.decode(segment.read()).received_ns for segment in drain(Wal(tmp_path))]
    assert received == list(range(5))


def test_segments_from_before_there_were_signals_are_traces(tmp_path: Path) -> None:
    good = encode(project="default", received_ns=1, request=b"good")
    (tmp_path / "0001-aa.seg").write_bytes(good)
    assert [(segment.signal, segment.token) for segment in drain(Wal(tmp_path))] == [(Signal.TRACES, "0001-aa")]


def leave(folder: Path, name: str, content: bytes) -> Path:
    file = folder / "traces" / name
    file.parent.mkdir()
    file.write_bytes(content)
    return file


def drain(wal: Wal) -> list[Segment]:
    """Takes all that waits and closes the log; the files stay, so that they can be read."""
    drained = []
    while segment := wal.take(0):
        drained.append(segment)
        content = segment.read()
        wal.done(segment)
        segment.path.write_bytes(content)
    wal.close()
    return drained


def test_a_sender_that_goes_away_while_it_waits_harms_nobody(tmp_path: Path) -> None:
    wal = Wal(tmp_path)
    for _ in range(200):
        gone = wal.append(encode(project="default", received_ns=1, request=b"gone"))
        gone.cancel()
        wal.append(encode(project="default", received_ns=1, request=b"stays")).result(5)
    assert wal.why_refusing() == ""
    wal.close()


def test_a_heavy_segment_is_sealed_before_it_is_large(tmp_path: Path) -> None:
    wal = Wal(tmp_path, WalLimits(segment_age_s=3600, segment_weight=1000))
    wal.append(encode(project="default", received_ns=1, request=b"x"), weight=999).result(5)
    assert wal.take(0) is None
    wal.append(encode(project="default", received_ns=1, request=b"x"), weight=999).result(5)
    assert wal.take(5) is not None
    wal.close()


def test_two_segments_never_share_a_token(tmp_path: Path) -> None:
    tokens = set()
    for _ in range(20):
        wal = Wal(tmp_path)
        wal.append(encode(project="default", received_ns=1, request=b"x")).result(5)
        wal.close()
        again = Wal(tmp_path)
        segment = again.take(0)
        assert segment is not None
        tokens.add(segment.token)
        again.done(segment)
        again.close()
    assert len(tokens) == 20


def test_beyond_its_quota_the_log_refuses_with_a_sentence_and_takes_again_when_there_is_room(tmp_path: Path) -> None:
    record = encode(project="default", received_ns=1, request=bytes(1000))
    wal = Wal(tmp_path, WalLimits(quota_bytes=2500, segment_bytes=1))
    wal.append(record).result(5)
    wal.append(record).result(5)
    with pytest.raises(WalFullError, match="wait for ClickHouse, the quota is 2,500"):
        wal.append(record)
    assert "quota" in wal.why_refusing()
    segment = wal.take(5)
    assert segment is not None
    wal.done(segment)
    wal.append(record).result(5)
    wal.close()


def test_a_closed_log_refuses_and_closing_twice_is_safe(tmp_path: Path) -> None:
    wal = Wal(tmp_path)
    wal.close()
    wal.close()
    with pytest.raises(WalFullError, match="stopping"):
        wal.append(encode(project="default", received_ns=1, request=b"x"))


def test_the_window_of_tokens_is_far_longer_than_the_longest_replay() -> None:
    one_in_doubt = 1
    assert 50 * (UNSYNCED_DELETIONS + one_in_doubt) <= DEDUP_WINDOW


@settings(deadline=None, max_examples=50)
@given(st.lists(st.sampled_from(["take", "append", "done"]), max_size=30))
def test_at_most_one_segment_is_ever_in_doubt(steps: list[str]) -> None:
    """Whatever is appended meanwhile, the segment that was taken is the one that is given, until it is done."""
    with tempfile.TemporaryDirectory() as folder:
        wal = Wal(Path(folder), WalLimits(segment_bytes=1))
        taken = None
        for step in steps:
            if step == "append":
                wal.append(encode(project="default", received_ns=1, request=b"x")).result(5)
            elif step == "take":
                given = wal.take(0)
                assert taken is None or given == taken
                taken = given
            elif taken:
                wal.done(taken)
                taken = None
        wal.close()


@settings(deadline=None, max_examples=50)
@given(st.lists(st.integers(0, 1000), min_size=1, max_size=12), st.data())
def test_books_are_exact_after_a_kill_at_any_moment(sizes: list[int], data: st.DataObject) -> None:
    """A kill leaves a segment open, or named and not yet counted, or counted; each is in the books once afterwards."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "traces"
        folder.mkdir()
        books = Books.read(folder)
        for number, items in enumerate(sizes, start=1):
            open_file = folder / f"{number:026d}-aa.open"
            open_file.write_bytes(encode(project="default", received_ns=1, request=b"x", items=items))
            reached = data.draw(st.sampled_from(["open", "named", "counted"]))
            if reached != "open":
                open_file.rename(sealed_name(open_file, items))
            if reached == "counted":
                books = books.counted(folder, number, items)
            else:
                recover(folder)
                books = Books.read(folder)
        recover(folder)
        assert Books.read(folder).items == sum(sizes)


def test_one_damaged_slot_of_the_books_leaves_the_other(tmp_path: Path) -> None:
    books = Books().counted(tmp_path, 1, 5).counted(tmp_path, 2, 7)
    content = bytearray((tmp_path / "books").read_bytes())
    content[0] ^= 1  # the slot of even turns, the newest
    (tmp_path / "books").write_bytes(content)
    assert (books.items, Books.read(tmp_path).items) == (12, 5)


def test_on_a_small_disk_segments_are_small_because_each_lies_there_twice(small_disk: Path, tmp_path: Path) -> None:
    for folder, most in ((small_disk, 8 * 1024**2), (tmp_path, WalLimits().segment_bytes)):
        wal = Wal(folder / "wal")
        assert wal.limits.segment_bytes == most
        wal.close()


def test_while_several_segments_wait_the_next_one_grows_and_is_sealed_when_the_writer_has_caught_up(
    tmp_path: Path,
) -> None:
    wal = Wal(tmp_path, WalLimits(segment_age_s=0.01, patient_from=2))
    sealed = tmp_path / "traces"

    def append(items: int) -> None:
        wal.append(encode(project="default", received_ns=1, request=b"x", items=items)).result(5)

    for n in (1, 2):
        append(1)
        wait_for(lambda n=n: len(list(sealed.glob("*.seg"))) == n)
    append(3)
    append(4)
    assert [path.suffix for path in sorted(sealed.glob("0*"))] == [".seg", ".seg", ".open"]
    first = wal.take(5)
    assert first is not None
    wal.done(first)
    wait_for(lambda: [path.name.split(".")[1] for path in sorted(sealed.glob("*.seg"))] == ["1", "7"])
    wal.close()
