"""Damaged requests at every door for some minutes: `python benchmarks/fuzz_receive.py --minutes 3`.

A store and a collector run; threads send requests that are right or nearly so over HTTP (protobuf, JSON, compressed),
gRPC and raw sockets. At the end: how each was answered, whether a sound request is still taken, the memory of the
collector, and whether all that was accepted has been stored, quarantined or buried. Exit code 1 when anything is odd.
"""

from __future__ import annotations

import argparse
import collections
import http.client
import random
import socket
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

import grpc

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from llmtrace_collector.signals import Signal
from support.mutations import damaged, encoded
from support.otlp import post, request, span
from support.services import Stack, stack_at

METHODS = {
    Signal.TRACES: "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
    Signal.LOGS: "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
    Signal.METRICS: "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
}
FINE = {"http 200", "http 400", "http 413", "grpc OK", "grpc INVALID_ARGUMENT", "raw closed", "raw 400", "raw 403"}
FINE |= {"raw 404", "raw 405", "raw 408", "raw 413", "raw 415", "raw 431", "raw 200", "raw left"}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=3)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    answers: collections.Counter[str] = collections.Counter()
    with tempfile.TemporaryDirectory() as folder, stack_at(Path(folder)) as stack:
        stack.store()
        collector = stack.collector()
        stack.wait_migrated()
        before = memory_kib(collector.popen.pid)
        until = time.monotonic() + arguments.minutes * 60
        threads = [
            threading.Thread(target=send, args=(stack, until, random.Random(arguments.seed * 10 + number), answers))
            for number, send in enumerate((over_http, over_http, over_grpc, over_raw))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        alive = collector.popen.poll() is None
        sound = post(f"{stack.http_url}/v1/traces", request(span()))[0] if alive else 0
        grown = memory_kib(collector.popen.pid) - before if alive else 0
        books = settled(stack)
        output = collector.output
    for answer, number in sorted(answers.items()):
        print(f"{number:10,}  {answer}{'' if answer in FINE else '   <-- odd'}")
    print(f"{sum(answers.values()):10,}  in all; collector alive: {alive}; a sound request after it: {sound}")
    print(f"memory of the collector: {before / 1024:.0f} MiB before, {grown / 1024:+.0f} after")
    print(f"its log: {output.count('Traceback')} tracebacks; the last lines:")
    print("".join(f"    {line[:200]}\n" for line in output.splitlines()[-4:]), end="")
    for signal, (accepted, stored, buried) in books.items():
        print(f"{signal}: accepted {accepted:,} = taken by ClickHouse {stored:,} + dead letters {buried:,}")
    balanced = all(accepted == stored + buried for accepted, stored, buried in books.values())
    return 0 if alive and sound == 200 and balanced and "Traceback" not in output and set(answers) <= FINE else 1


def over_http(stack: Stack, until: float, dice: random.Random, answers: collections.Counter[str]) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", stack.http_port, timeout=60)
    while time.monotonic() < until:
        signal, as_json = dice.choice(list(Signal)), dice.random() < 0.5
        body, encoding = encoded(damaged(signal, dice, as_json=as_json), dice)
        headers = {"content-type": "application/json" if as_json else "application/x-protobuf"}
        try:
            connection.request(
                "POST", f"/v1/{signal}", body, headers | ({"content-encoding": encoding} if encoding else {})
            )
            answer = connection.getresponse()
            answer.read()
            answers[f"http {answer.status}"] += 1
        except (OSError, http.client.HTTPException) as error:
            answers[f"http {type(error).__name__}"] += 1
            connection.close()


def over_grpc(stack: Stack, until: float, dice: random.Random, answers: collections.Counter[str]) -> None:
    with grpc.insecure_channel(f"127.0.0.1:{stack.grpc_port}") as channel:
        calls = {signal: channel.unary_unary(method) for signal, method in METHODS.items()}
        while time.monotonic() < until:
            signal = dice.choice(list(Signal))
            try:
                calls[signal](damaged(signal, dice, as_json=False), timeout=60)
                answers["grpc OK"] += 1
            except grpc.RpcError as error:
                answers[f"grpc {error.code().name}"] += 1


def over_raw(stack: Stack, until: float, dice: random.Random, answers: collections.Counter[str]) -> None:
    """HTTP that is itself damaged: heads, lengths, chunks; some hang up in the middle."""
    while time.monotonic() < until:
        body = damaged(Signal.TRACES, dice, as_json=False)
        length = dice.choice([str(len(body)), str(len(body) + 5), "-1", "x", "9" * 30, "0"])
        framing = dice.choice([f"content-length: {length}", "transfer-encoding: chunked", "transfer-encoding: x", ""])
        method = dice.choice(["POST", "POST", "POST", "GET", "P\x00ST", "PRI"])
        path = dice.choice(["/v1/traces", "/v1/logs", "/", "/%ff%zz", "/" + "a" * 40_000, "*", ""])
        head = (
            f"{method} {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/x-protobuf\r\n{framing}\r\n\r\n"
        )
        data = bytearray(head.encode("latin-1") + body)
        for _ in range(dice.choice([0, 0, 1, 3])):
            data[dice.randrange(len(data))] = dice.randrange(256)
        answers[raw(stack, bytes(data), leave=dice.random() < 0.3)] += 1


def raw(stack: Stack, data: bytes, *, leave: bool) -> str:
    with socket.create_connection(("127.0.0.1", stack.http_port), timeout=60) as connection:
        try:
            connection.sendall(data)
            if leave:
                return "raw left"
            # Half closed: what waits for more sees that nothing will come.
            connection.shutdown(socket.SHUT_WR)
            answer = connection.recv(65536)
        except (BrokenPipeError, ConnectionResetError):
            return "raw closed"
        return f"raw {answer.split()[1].decode()}" if answer.startswith(b"HTTP/1.1 ") else "raw closed"


def memory_kib(pid: int) -> int:
    return int(Path(f"/proc/{pid}/status").read_text().split("VmRSS:")[1].split()[0])


def counted(stack: Stack) -> dict[str, float]:
    text = urllib.request.urlopen(f"{stack.http_url}/metrics", timeout=30).read().decode()
    totals: collections.Counter[str] = collections.Counter()
    for line in text.splitlines():
        if line and not line.startswith("#"):
            name, _, value = line.rpartition(" ")
            totals[name.partition("{")[0]] += float(value)
    return totals


def settled(stack: Stack, within_s: float = 600) -> dict[Signal, tuple[int, int, int]]:
    """Accepted, stored and buried items of each signal, once nothing waits any more."""
    until = time.monotonic() + within_s
    while True:
        now = counted(stack)
        books = {
            signal: tuple(
                int(now[f"otelcol_{name}_{signal.items}"])
                for name in ("receiver_accepted", "exporter_sent", "exporter_send_failed")
            )
            for signal in Signal
        }
        if all(a == b + c for a, b, c in books.values()) or time.monotonic() > until:
            return books
        time.sleep(0.5)


if __name__ == "__main__":
    sys.exit(main())
