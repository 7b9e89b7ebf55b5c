"""From the end of a span to the webhook that it fires, under traffic: identity, threshold and spend rules.

    python -m benchmarks.alert_latency [--rate 1000] [--markers 60] [--every 1.0]

Traffic comes at an even pace, 10 spans a request. Meanwhile, one after the other, single spans are sent that each of
three rules must tell of, each for a group (or value) of its own. Receivers are a local HTTP server; what counts is the
time between the end of the span, which is when it is sent, and the arrival of the notice. All by real processes.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import statistics
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from benchmarks.ingest.bodies import bodies
from benchmarks.ingest.processes import load
from benchmarks.ingest.sending import send_all
from llmtrace_collector.schema.migrate import migrate
from support.otlp import CALL, post, request, span
from support.services import stack_at
from support.waiting import wait_for

SECRET = "whsec_" + base64.b64encode(b"a secret of thirty-two bytes....").decode()
RULES = """
rules:
  - {{name: identity, kind: change, field: response_model, webhooks: {hook}}}
  - name: threshold
    kind: threshold
    measure: input_tokens
    group_by: [user]
    window: 1m
    above: 1000000
    webhooks: {hook}
  - {{name: spend, kind: spend, group_by: [user], window: 1m, limit_usd: 5, webhooks: {hook}}}
"""
KINDS = ("identity", "threshold", "spend")


@contextmanager
def receiver(seen: dict[tuple[str, str], float]) -> Iterator[str]:
    """Notes when the first firing notice of a rule about a marker came."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            at = time.time()
            notice = json.loads(self.rfile.read(int(self.headers["content-length"])))
            if notice["type"] == "alert.firing":
                (marker,) = notice["data"]["group"].values() or ("",)
                seen.setdefault((notice["data"]["rule"], marker), at)
            self.send_response(204)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/hook"
        server.shutdown()


def marker(name: str) -> dict[str, Any]:
    """Attributes that all three rules tell of."""
    return {
        **CALL,
        "user.id": name,
        "gen_ai.response.model": name,
        "gen_ai.usage.input_tokens": 2_000_000,
        "llmtrace.cost.usd": "10",
    }


def main() -> None:
    """Prints one table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=float, default=1000, help="spans a second")
    parser.add_argument("--markers", type=int, default=60)
    parser.add_argument("--every", type=float, default=1.0, help="seconds between two")
    given = parser.parse_args()
    print(f"{os.cpu_count()} cores, load {load()} before\n")
    seen: dict[tuple[str, str], float] = {}
    sent: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder, receiver(seen) as url, stack_at(Path(folder)) as stack:
        rules = Path(folder) / "rules.yaml"
        rules.write_text(RULES.format(hook=f"[{{url: '{url}', secret: {SECRET}}}]"), encoding="utf-8")
        rules.chmod(0o600)
        store = stack.store()
        migrate(stack.owner())
        collector = stack.collector("--rules", str(rules), "--notify-allow", "127.0.0.1")
        post(f"{stack.http_url}/v1/traces", request(span({**CALL, "gen_ai.response.model": "usual"})))
        seconds = given.markers * given.every + 10
        work = bodies(int(given.rate * seconds / 10), 10, seed=1)
        traffic = threading.Thread(
            target=send_all, args=("HTTP", stack.http_port, work, 8), kwargs={"a_second": given.rate / 10}
        )
        traffic.start()
        time.sleep(8)
        for number in range(given.markers):
            name = f"marker-{number}"
            sent[name] = time.time()
            end_ns = time.time_ns()
            body = request(span(marker(name), start_time_unix_nano=end_ns - 10**9, end_time_unix_nano=end_ns))
            post(f"{stack.http_url}/v1/traces", body)
            time.sleep(given.every)
        wait_for(lambda: len(seen) >= 3 * given.markers, 120, what=f"{3 * given.markers} notices, not {len(seen)}")
        traffic.join()
        collector.stop()
        store.stop()
    waits = defaultdict(list)
    for (rule, name), at in seen.items():
        if name in sent:
            waits[rule].append(at - sent[name])
    print("| rule | notices | p50 s | p99 s | longest s |\n|---|---|---|---|---|")
    for rule in KINDS:
        found = sorted(waits[rule])
        high = found[min(len(found) - 1, int(len(found) * 0.99))]
        print(f"| {rule} | {len(found)} | {statistics.median(found):.1f} | {high:.1f} | {found[-1]:.1f} |")
    print(f"\n{given.rate:g} spans a second; load {load()} after")


if __name__ == "__main__":
    main()
