"""What the instrument costs its host, beside two hand-written wrappers and the peers that are installed.

Run: ``python -m benchmarks.instrument [--contenders llmtrace minimal ...] [--content on off] [--rounds 15]``.

"waiting" calls wait 2 ms for their answer, as calls over a network wait (longer): worker threads run meanwhile. With
``--busy`` calls are answered at once, back to back, so that threads fight over one interpreter lock: the worst case.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from benchmarks.instrument.contenders import CONTENDERS
from benchmarks.instrument.measuring import copy_client, measure, memory

WAIT_S = 0.002


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.instrument", description=__doc__)
    parser.add_argument(
        "--contenders", nargs="+", choices=CONTENDERS, default=["nothing", "llmtrace", "minimal", "deferred"]
    )
    parser.add_argument("--content", nargs="+", choices=["on", "off"], default=["on", "off"])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--scale", type=float, default=1.0, help="times as many calls in a block")
    parser.add_argument("--busy", action="store_true")
    parser.add_argument("--memory", type=int, metavar="CALLS", help="instead: bytes that stay, a call")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        _one(options)
        return
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; microseconds of CPU a call, on the calling thread")
    print("| contender     | content | call          |  clean |   seen |  added | ratio | other threads |")
    print("|---------------|---------|---------------|-------:|-------:|-------:|------:|--------------:|")
    with tempfile.TemporaryDirectory() as folder:
        copy_client(Path(folder))
        for contender in options.contenders:
            for content in options.content:
                _show(contender, content, folder)


def _show(contender: str, content: str, folder: str) -> None:
    command = [sys.executable, "-m", "benchmarks.instrument", *sys.argv[1:], "--one", f"{contender}:{content}"]
    root = Path(__file__).resolve().parents[2]
    environ = {**os.environ, "PYTHONPATH": folder, "PYTHONDONTWRITEBYTECODE": ""}
    done = subprocess.run(command, cwd=root, env=environ, capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"| {contender:<13} | {content:<7} | {done.stderr.strip().splitlines()[-1]} |")
        return
    for line in done.stdout.splitlines():
        figure = json.loads(line)
        if "bytes" in figure:
            print(f"| {contender:<13} | {content:<7} | {figure['bytes']:.0f} bytes stay, a call |")
            continue
        added = figure["seen_us"] - figure["clean_us"]
        print(
            f"| {contender:<13} | {content:<7} | {figure['case']:<13} | {figure['clean_us']:6.0f} | "
            f"{figure['seen_us']:6.0f} | {added:6.1f} | {figure['ratio']:5.3f} | {figure['elsewhere_us']:13.0f} |",
            flush=True,
        )


def _one(options: argparse.Namespace) -> None:
    contender, _, content = options.one.partition(":")
    if options.memory:
        print(json.dumps({"bytes": memory(contender, content=content == "on", calls=options.memory)}))
        return
    wait_s = 0.0 if options.busy else WAIT_S
    figures = measure(contender, content=content == "on", rounds=options.rounds, wait_s=wait_s, scale=options.scale)
    for figure in figures:
        print(json.dumps(asdict(figure)))


if __name__ == "__main__":
    main()
