"""Faults done to real processes under load; short in the tests, long in `benchmarks/faults.py`."""

from __future__ import annotations

import random
import signal
import threading
from collections.abc import Callable

from support.load import Count, Load, books, counted
from support.otlp import post, request, span
from support.proxy import Proxy
from support.services import Process, Stack
from support.waiting import wait_for


def moment(seconds: float) -> None:
    """Lets the load run; the moment of a fault, not a wait for anything."""
    threading.Event().wait(seconds)


def kill_at_random(
    stack: Stack, rounds: int, *, seed: int, options: tuple[str, ...] = (), told: Callable[[int], None] = lambda _: None
) -> Count:
    """SIGKILL to collector, store or both, again and again."""
    dice = random.Random(seed)
    store, collector = stack.store(), stack.collector(*options)
    load = Load(stack.http_port, pause_s=0.1)
    for n in range(rounds):
        moment(dice.uniform(0.3, 2.0))
        victims = dice.choice([("collector",), ("store",), ("store", "collector")])
        if "collector" in victims:
            collector.kill_group()
        if "store" in victims:
            store.kill_group()
            store = stack.store()
        if "collector" in victims:
            collector = stack.collector(*options)
        told(n)
    moment(0.5)
    load.stop()
    return _counted_and_stopped(stack, load, store, collector)


def store_away(stack: Stack, seconds: float) -> Count:
    """The store is killed, stays away under load, and comes again."""
    store, collector = stack.store(), stack.collector()
    load = Load(stack.http_port, pause_s=0.02)
    moment(1.0)
    store.kill_group()
    moment(seconds)
    store = stack.store()
    load.stop()
    return _counted_and_stopped(stack, load, store, collector)


def store_slow(stack: Stack, seconds: float, *, delay_s: float) -> Count:
    """Each answer of the store comes late."""
    store = stack.store()
    proxy = Proxy(stack.store_port)
    collector = stack.collector("--store-url", proxy.url)
    stack.wait_migrated()
    proxy.delay_s = delay_s
    load = Load(stack.http_port, pause_s=0.02)
    moment(seconds)
    load.stop()
    proxy.delay_s = 0.0
    count = _counted_and_stopped(stack, load, store, collector)
    proxy.close()
    return count


SOON_SEALED = ("--wal-patience", "1")
"""Where segments must follow each other although the store is away: half a minute apart otherwise."""

IMPATIENT_S = 10.0
"""For an answer, where answers come too late: an insert itself takes seconds on a busy machine."""


def answers_too_late(stack: Stack, answers: int) -> Count:
    """So many answers to inserts come after the collector has stopped waiting for them, and so after it asked again."""
    store = stack.store()
    proxy = Proxy(stack.store_port)
    collector = stack.collector("--store-url", proxy.url, "--store-timeout", str(IMPATIENT_S))
    stack.wait_migrated()
    load = Load(stack.http_port, pause_s=0.1)
    proxy.late_s = IMPATIENT_S + 2
    proxy.late = answers
    wait_for(lambda: proxy.late == 0, 60 + 60 * answers, what="answers to be late")
    load.stop()
    count = _counted_and_stopped(stack, load, store, collector)
    proxy.close()
    return count


def store_stalled(stack: Stack, seconds: float) -> Count:
    """The store stands still in the midst of it and goes on; what was asked again and again meanwhile comes at once."""
    store = stack.store()
    collector = stack.collector("--store-timeout", str(IMPATIENT_S))
    stack.wait_migrated()
    load = Load(stack.http_port, pause_s=0.1)
    moment(1.0)
    store.popen.send_signal(signal.SIGSTOP)
    moment(seconds)
    store.popen.send_signal(signal.SIGCONT)
    load.stop()
    return _counted_and_stopped(stack, load, store, collector)


def answers_lost(stack: Stack, answers: int) -> Count:
    """The store does an insert and the collector is not told, so many times."""
    store = stack.store()
    proxy = Proxy(stack.store_port)
    collector = stack.collector("--store-url", proxy.url, "--store-timeout", str(IMPATIENT_S), *SOON_SEALED)
    stack.wait_migrated()
    load = Load(stack.http_port, pause_s=0.02)
    proxy.lose = answers
    wait_for(lambda: proxy.lost == answers, 60 + 60 * answers, what="answers to be lost")
    load.stop()
    count = _counted_and_stopped(stack, load, store, collector)
    proxy.close()
    return count


def stopped_under_load(stack: Stack, times: int) -> Count:
    """SIGTERM to the collector under load; it ends with 0 each time."""
    store, collector = stack.store(), stack.collector()
    load = Load(stack.http_port, pause_s=0.02)
    for _ in range(times):
        moment(1.0)
        assert collector.stop() == 0, collector.output
        collector = stack.collector()
    load.stop()
    return _counted_and_stopped(stack, load, store, collector)


def damaged_on_disk(stack: Stack) -> dict[str, int]:
    """Of four sealed segments one has a changed byte, one is cut, one is removed; the books afterwards.

    The first has 1 span in each of 3 requests, and one of these is damaged; the others have 2, 4 and 8 spans.
    """
    store, collector = stack.store(), stack.collector(*SOON_SEALED)
    stack.wait_migrated()
    store.kill_group()
    traces = stack.data / "wal" / "traces"
    for sizes in ((1, 1, 1), (2,), (4,), (8,)):
        before = len(list(traces.glob("*.seg")))
        for size in sizes:
            assert post(f"{stack.http_url}/v1/traces", request(*[span() for _ in range(size)]))[0] == 200
        wait_for(lambda before=before: len(list(traces.glob("*.seg"))) > before and not list(traces.glob("*.open")))
    # On a slow machine the three small requests may have got more than one segment: the first is of the first alone.
    changed, *_, cut, removed, _ = sorted(traces.glob("*.seg"))
    content = bytearray(changed.read_bytes())
    content[len(content) - 5] ^= 0x10
    changed.write_bytes(content)
    cut.write_bytes(cut.read_bytes()[:-3])
    removed.unlink()
    store = stack.store()
    known = wait_for(lambda: (b := books(stack)).get("waiting") == 0 and b["accepted"] == 17 and b, 150)
    assert collector.stop() == 0
    assert store.stop() == 0
    return known


def _counted_and_stopped(stack: Stack, load: Load, store: Process, collector: Process) -> Count:
    count = counted(stack, load)
    assert collector.stop() == 0, collector.output
    assert store.stop() == 0, store.output
    return count
