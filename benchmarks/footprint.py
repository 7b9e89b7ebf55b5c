"""What llmtrace costs once: CPU and resident memory beyond the client, OpenTelemetry's SDK and its OTLP exporter.

Run: ``python -m benchmarks.footprint [--rounds 7]``. Each figure is the median over fresh processes that import, make
a client, call it once over a mock transport, and wait until the call is told; with llmtrace and without.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

_BASE = """
import json, sys, time
from pathlib import Path

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

import openai
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from benchmarks.instrument import workloads
from benchmarks.instrument.measuring import _http_library

provider = TracerProvider(shutdown_on_exit=False)
OTLPSpanExporter(endpoint="http://127.0.0.1:9/v1/traces")
case = workloads.cases(openai, openai, _http_library(), wait_s=0, scale=1)[0]
"""

_STEPS = {
    "without": "case.seen(); cpu, held = time.process_time(), resident()\ncase.seen()",
    "import llmtrace": "case.seen(); cpu, held = time.process_time(), resident()\nimport llmtrace\ncase.seen()",
    "instrument, one call": (
        "case.seen(); cpu, held = time.process_time(), resident()\n"
        "import llmtrace\nllmtrace.instrument(provider, export='none')\ncase.seen()\nllmtrace.flush()"
    ),
    "instrument, content, one call": (
        "case.seen(); cpu, held = time.process_time(), resident()\n"
        "import llmtrace\nllmtrace.instrument(provider, export='none', capture_content=True)\n"
        "case.seen()\nllmtrace.flush()"
    ),
}
_END = "\nprint(json.dumps([time.process_time() - cpu, resident() - held]))"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.footprint", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    print("| beyond client, SDK and exporter | CPU, ms | resident, MB |")
    print("|---------------------------------|--------:|-------------:|")
    for name, step in _STEPS.items():
        seen = [_run(_BASE + step + _END) for _ in range(options.rounds)]
        cpu_s = statistics.median(cpu for cpu, _ in seen)
        held = statistics.median(held for _, held in seen)
        print(f"| {name:<31} | {cpu_s * 1e3:7.1f} | {held / 1e6:12.2f} |", flush=True)


def _run(code: str) -> tuple[float, int]:
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    cpu_s, held = json.loads(done.stdout.splitlines()[-1])
    return cpu_s, held


if __name__ == "__main__":
    main()
