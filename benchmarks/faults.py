"""Faults done to real processes under load, each with the count of where every span went.

    python -m benchmarks.faults [--rounds 50] [--away 60] [--only kills,away,...] [--receivers 1]

Senders never repeat a request and remember what was acknowledged. After each fault: acknowledged spans that are not
stored (lost), rows that are there twice (doubled), rows nobody sent (strange), what the rollup by the minute has beyond
the rows, and what the collector's own books miss. All five must be 0; stored is more than acknowledged by the requests
whose sender got no answer. `tests/collector/test_faults.py` runs the same in short.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from support import faults
from support.load import Count
from support.services import Stack, stack_at

HEAD = ("fault", "times", "acknowledged", "stored", "lost", "doubled", "strange", "rollup", "missing", "seconds")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=50, help="of SIGKILL")
    parser.add_argument(
        "--away", type=float, default=60.0, help="seconds the store is away; slow or still for half of it"
    )
    parser.add_argument("--receivers", type=int, default=1)
    parser.add_argument("--seed", type=int, default=20261125)
    parser.add_argument("--only", default="kills,away,slow,late,stalled,answers,sigterm", help="of these, in order")
    given = parser.parse_args()

    def progress(n: int) -> None:
        if (n + 1) % 10 == 0:
            print(f"  {n + 1} of {given.rounds}", file=sys.stderr, flush=True)

    options = ("--receivers", str(given.receivers)) if given.receivers > 1 else ()
    todo: dict[str, tuple[str, int, Callable[[Stack], Count]]] = {
        "kills": (
            "kill -9 of collector, store or both",
            given.rounds,
            lambda stack: faults.kill_at_random(stack, given.rounds, seed=given.seed, options=options, told=progress),
        ),
        "away": (f"store away for {given.away:.0f} s", 1, lambda stack: faults.store_away(stack, given.away)),
        "slow": ("store slow: 2 s an answer", 1, lambda stack: faults.store_slow(stack, given.away / 2, delay_s=2.0)),
        "late": (
            "answer after the collector asked again",
            3,
            lambda stack: faults.answers_too_late(stack, 3),
        ),
        "stalled": ("store stands still", 1, lambda stack: faults.store_stalled(stack, given.away / 2)),
        "answers": ("answer of an insert lost", 5, lambda stack: faults.answers_lost(stack, 5)),
        "sigterm": ("SIGTERM under load", 4, lambda stack: faults.stopped_under_load(stack, 4)),
    }
    print("| " + " | ".join(HEAD) + " |")
    print("|---|" + "---:|" * (len(HEAD) - 1), flush=True)
    exact = True
    for name in given.only.split(","):
        what, times, run = todo[name]
        started = time.monotonic()
        with tempfile.TemporaryDirectory() as folder, stack_at(Path(folder)) as stack:
            count = run(stack)
        exact &= count.is_exact
        figures = (
            times, count.acknowledged, count.stored, count.lost, count.doubled, count.strange, count.rollup,
            count.missing, round(time.monotonic() - started),
        )  # fmt: skip
        print(f"| {what} | " + " | ".join(f"{figure:,}" for figure in figures) + " |", flush=True)
    return 0 if exact else 1


if __name__ == "__main__":
    sys.exit(main())
