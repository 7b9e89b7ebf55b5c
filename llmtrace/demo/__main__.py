"""Command line of the demonstration."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from collections.abc import Sequence
from types import FrameType

import llmtrace.demo


def main(arguments: Sequence[str] | None = None) -> int:
    """Play, and print one line."""
    parser = argparse.ArgumentParser(prog="python -m llmtrace.demo", description=llmtrace.demo.__doc__)
    parser.add_argument("--collector-url", default="http://127.0.0.1:4318", help="base URL of the collector")
    parser.add_argument("--duration", type=float, default=60.0, help="seconds to play; default 60")
    parser.add_argument("--rate", type=float, default=10.0, help="scenes a second, about; default 10")
    parser.add_argument("--seed", type=int, default=17, help="seed of the play; the same seed plays the same scenes")
    options = parser.parse_args(arguments)
    from llmtrace.demo.play import play

    stop = threading.Event()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, on_signal)
    tally = play(
        collector_url=options.collector_url,
        duration_s=options.duration,
        calls_per_s=options.rate,
        seed=options.seed,
        stop=stop,
    )
    calls, errors = tally.counts["calls"], tally.counts["errors"]
    sys.stdout.write(f"player     {calls} calls, {errors} of them errors, ${tally.usd:.4f} at list price\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
