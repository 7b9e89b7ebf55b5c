"""Whatever comes in: an answer that says what it is, and never a fault of the server.

`benchmarks/fuzz_receive.py` does the same for minutes, over raw sockets as well, and looks whether all is stored.
"""

from __future__ import annotations

import http.client
import json
import random
from collections.abc import Iterator

import grpc
import pytest
from google.rpc.status_pb2 import Status
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from llmtrace_collector.signals import Signal
from support.mutations import damaged, encoded
from support.services import Stack, stack_at

ODD = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
METHODS = {
    Signal.TRACES: "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
    Signal.LOGS: "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
    Signal.METRICS: "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
}


@pytest.fixture(scope="module")
def doors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A collector without a store: what is only nearly right would keep that of the other tests busy."""
    with stack_at(tmp_path_factory.mktemp("doors")) as running:
        running.collector()
        yield running


@pytest.fixture
def connection(doors: Stack) -> Iterator[http.client.HTTPConnection]:
    made = http.client.HTTPConnection("127.0.0.1", doors.http_port, timeout=30)
    yield made
    made.close()


@pytest.mark.parametrize("signal", Signal)
@ODD
@given(seed=st.integers(0, 2**32))
def test_a_damaged_request_over_http_is_answered_for_what_it_is(
    connection: http.client.HTTPConnection, signal: Signal, seed: int
) -> None:
    dice = random.Random(seed)
    as_json = dice.random() < 0.5
    body, encoding = encoded(damaged(signal, dice, as_json=as_json), dice)
    headers = {"content-type": "application/json" if as_json else "application/x-protobuf"}
    connection.request(
        "POST", f"/v1/{signal}", body, {**headers, "content-encoding": encoding} if encoding else headers
    )
    answer = connection.getresponse()
    told = answer.read()
    assert answer.status in {200, 400, 413}
    assert answer.headers["content-type"] == headers["content-type"]
    if answer.status != 200:
        message = json.loads(told)["message"] if as_json else Status.FromString(told).message
        assert len(message) > 20


@ODD
@given(seed=st.integers(0, 2**32))
def test_a_damaged_request_over_grpc_is_answered_for_what_it_is(doors: Stack, seed: int) -> None:
    dice = random.Random(seed)
    signal = dice.choice(list(Signal))
    with grpc.insecure_channel(f"127.0.0.1:{doors.grpc_port}") as channel:
        call = channel.unary_unary(METHODS[signal]).future(damaged(signal, dice, as_json=False), timeout=30)
        assert call.code() in {grpc.StatusCode.OK, grpc.StatusCode.INVALID_ARGUMENT}
