"""How fast OTLP/JSON is read: `python benchmarks/json_at_the_door.py`.

The same 200 spans, of 20 attributes and of 2.3 KB in protobuf, three ways: protobuf parsed and counted, JSON by our
reader (to protobuf bytes, counted), JSON by protobuf's own `json_format`. CPU time, best of seven; one line each.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from llmtrace_collector import otlp
from llmtrace_collector.otlp_json import read_json
from llmtrace_collector.signals import Signal
from support.otlp import otlp_json, request, span

SPANS = 200
ATTRIBUTES = {f"gen_ai.some.attribute.{n}": f"value number {n} " + "x" * 90 if n % 3 else n * 1000 for n in range(20)}


def main() -> None:
    body = request(*(span(ATTRIBUTES) for _ in range(SPANS)))
    message = ExportTraceServiceRequest.FromString(body)
    text = json.dumps(otlp_json(message)).encode()
    own = json_format.MessageToJson(message, use_integers_for_enums=True)
    assert read_json(text, ExportTraceServiceRequest) == message

    def protobuf() -> None:
        otlp.measure(Signal.TRACES, otlp.parse(Signal.TRACES, body), len(body))

    def ours() -> None:
        found = read_json(text, ExportTraceServiceRequest)
        otlp.measure(Signal.TRACES, found, len(found.SerializeToString()))

    def json_formats() -> None:
        json_format.Parse(own, ExportTraceServiceRequest(), ignore_unknown_fields=True)

    print(f"a span: {len(body) // SPANS:,} bytes in protobuf, {len(text) // SPANS:,} in JSON")
    for name, work in (("protobuf", protobuf), ("JSON", ours), ("json_format", json_formats)):
        print(f"{name:12} {SPANS / best_of_seven(work):10,.0f} spans per CPU-second")


def best_of_seven(work: Callable[[], None]) -> float:
    times = []
    for _ in range(7):
        began = time.process_time()
        work()
        times.append(time.process_time() - began)
    return min(times)


if __name__ == "__main__":
    main()
