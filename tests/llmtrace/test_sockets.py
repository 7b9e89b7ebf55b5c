"""WebSockets: a span for each response, whoever began it and however it ended, and nothing else changes."""

from __future__ import annotations

import asyncio
import gc
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import openai
import pytest
from opentelemetry import context as otel_context
from opentelemetry import trace
from websockets.exceptions import ConnectionClosed

import llmtrace
from llmtrace import sockets
from llmtrace.exchanges import MAX_EVENTS
from support.releases import needs_openai
from support.scripted import response_body, said
from support.socket_server import SocketServer, begun, delta, done, session, socket_server
from support.spans import attributes, failed

# openai uses the sync client of websockets in a way that 17.1 and later warn of.
pytestmark = [
    pytest.mark.filterwarnings(r"ignore:connect\(\) must be used as a context manager:DeprecationWarning"),
    needs_openai("1.107"),  # the first with `client.realtime`
]

CREATE: Any = {"type": "response.create"}
REALTIME: Any = {"model": "gpt-realtime"}
Talk = Callable[..., list[Any]]


@pytest.fixture(scope="module")
def _server() -> Iterator[SocketServer]:
    with socket_server() as made:
        yield made


@pytest.fixture
def server(_server: SocketServer) -> SocketServer:
    """The server, as new; it greets as the Realtime API does."""
    _server.greeting, _server.script = [session()], {}
    _server.received.clear()
    return _server


def _talk(surface: Callable[[Any], Any], server: SocketServer, sent: list[Any], until: str, **query: Any) -> list[Any]:
    """Sync: send all, receive until an event of this type, close; the events, or what was raised as the last one."""
    events: list[Any] = []
    client = openai.OpenAI(websocket_base_url=server.url, api_key="x")
    with client, surface(client).connect(**query) as connection:
        for event in sent:
            connection.send(event)
        try:
            for event in connection:
                events.append(event)
                if event.type == until:
                    break
        except ConnectionClosed as error:
            events.append(error)
    return events


async def _talk_async(
    surface: Callable[[Any], Any], server: SocketServer, sent: list[Any], until: str, **query: Any
) -> list[Any]:
    events: list[Any] = []
    async with (
        openai.AsyncOpenAI(websocket_base_url=server.url, api_key="x") as client,
        surface(client).connect(**query) as connection,
    ):
        for event in sent:
            await connection.send(event)
        try:
            async for event in connection:
                events.append(event)
                if event.type == until:
                    break
        except ConnectionClosed as error:
            events.append(error)
    return events


@pytest.fixture(params=["sync", "async"])
def talk(request: Any, server: SocketServer) -> Talk:
    """One connection, from its begin to its end, over the realtime surface unless another is named."""

    def talked(sent: list[Any], until: str, surface: Any = lambda client: client.realtime, **query: Any) -> list[Any]:
        query = query or (REALTIME if "realtime" in surface.__code__.co_names else {})
        if request.param == "sync":
            return _talk(surface, server, sent, until, **query)
        return asyncio.run(_talk_async(surface, server, sent, until, **query))

    return talked


@pytest.fixture
def server_and_talk(server: SocketServer, talk: Talk) -> tuple[SocketServer, Talk]:
    """Both at once, for tests with many parameters."""
    return server, talk


def test_a_realtime_response_is_one_span_with_its_tokens(traces: Any, server: SocketServer, talk: Talk) -> None:
    audio = delta("output_audio", "A" * 50_000)
    server.script["response.create"] = [begun(), audio, delta("output_audio_transcript", "Hello"), done()]
    asked = {"type": "response.create", "response": {"max_output_tokens": 20, "instructions": "Be brief."}}
    events = talk([asked], "response.done")
    assert [event.type for event in events][:3] == [
        "session.created",
        "response.created",
        "response.output_audio.delta",
    ]
    assert events[2].delta == "A" * 50_000
    span = traces.one()
    found = attributes(span)
    assert span.name == "chat gpt-realtime"
    assert not failed(span)
    assert found["openai.api.type"] == "realtime"
    assert found["network.protocol.name"] == "websocket"
    assert found["gen_ai.request.max_tokens"] == 20
    assert found["gen_ai.response.id"] == "resp_1"
    assert found["gen_ai.response.model"] == "gpt-realtime"
    assert found["gen_ai.response.finish_reasons"] == ("stop",)
    assert found["llmtrace.response.stream_end"] == "completed"
    assert found["gen_ai.usage.input_tokens"] == 100
    assert found["gen_ai.usage.output_tokens"] == 50
    assert found["gen_ai.usage.cache_read.input_tokens"] == 20
    assert found["gen_ai.usage.audio.input_tokens"] == 30
    assert found["gen_ai.usage.audio.output_tokens"] == 40
    assert 0 < found["gen_ai.response.time_to_first_chunk"] <= found["llmtrace.response.time_to_first_token"]
    assert found["server.address"] == "127.0.0.1"
    assert not any("messages" in name for name in found)


def test_a_response_of_the_responses_api_is_read_like_one_over_http(
    traces: Any, server: SocketServer, talk: Talk
) -> None:
    server.greeting = []
    usage = {"input_tokens": 12, "output_tokens": 3, "input_tokens_details": {"cached_tokens": 0}}
    server.script["response.create"] = [
        {"type": "response.created", "response": response_body(status="in_progress")},
        {"type": "response.output_text.delta", "item_id": "m", "output_index": 0, "content_index": 0, "delta": "hi"},
        {"type": "response.completed", "response": response_body(said("hi"), usage=usage)},
    ]
    asked = {**CREATE, "model": "gpt-4o", "input": "hello", "temperature": 0.5}
    talk([asked], "response.completed", lambda client: client.responses)
    found = attributes(traces.one())
    assert found["gen_ai.request.model"] == "gpt-4o"
    assert found["gen_ai.response.model"] == "gpt-4o-2024-08-06"
    assert found["gen_ai.request.temperature"] == 0.5
    assert found["openai.api.type"] == "responses"
    assert found["gen_ai.usage.input_tokens"] == 12
    assert found["llmtrace.cost.usd"] == "0.00006"
    assert found["llmtrace.response.stream_end"] == "completed"


def test_responses_in_two_lanes_keep_apart(traces: Any, server: SocketServer, talk: Talk) -> None:
    server.greeting = []

    def answer(connection: Any, event: Any) -> None:
        if event["stream_id"] == "a":
            return
        for step in ("created", "completed"):
            for lane in ("b", "a"):
                whole = response_body(said(lane), status=step, usage={"input_tokens": ord(lane), "output_tokens": 1})
                body = {**whole, "id": f"resp_{lane}"}
                connection.send(json.dumps({"type": f"response.{step}", "stream_id": lane, "response": body}))
        connection.send(json.dumps({"type": "response.steer.pending"}))

    server.script["response.create"] = answer
    asked = [{**CREATE, "model": f"gpt-4o-{lane}", "stream_id": lane, "input": lane} for lane in ("a", "b")]
    talk(asked, "response.steer.pending", lambda client: client.responses)
    found = {attributes(span)["gen_ai.request.model"]: attributes(span) for span in traces.spans()}
    assert {model: told["gen_ai.usage.input_tokens"] for model, told in found.items()} == {
        "gpt-4o-a": ord("a"),
        "gpt-4o-b": ord("b"),
    }


def test_two_responses_interleaved_with_other_events_are_two_spans(
    traces: Any, server: SocketServer, talk: Talk
) -> None:
    def answer(connection: Any, event: Any) -> None:
        if sum(known["type"] == "response.create" for known in server.received) < 2:
            return
        other = {"type": "conversation.item.created", "item": {"type": "message", "content": []}}
        for step in (begun("one"), begun("two"), other, delta("text", "x", "two"), delta("text", "y", "one"),
                     {"type": "rate_limits.updated", "rate_limits": []}, done("two"), done("one"),
                     {"type": "input_audio_buffer.cleared"}):  # fmt: skip
            connection.send(json.dumps(step))

    server.script["response.create"] = answer
    talk([CREATE, {"type": "input_audio_buffer.clear"}, CREATE], "input_audio_buffer.cleared")
    spans = traces.spans()
    assert sorted(attributes(span)["gen_ai.response.id"] for span in spans) == ["one", "two"]
    assert {attributes(span)["llmtrace.response.stream_end"] for span in spans} == {"completed"}


def test_a_response_the_server_begins_is_a_span_under_the_connection(
    traces: Any, server: SocketServer, talk: Talk
) -> None:
    server.script["input_audio_buffer.append"] = [begun("spoken"), done("spoken")]
    with trace.get_tracer("app", tracer_provider=traces.provider).start_as_current_span("call"):
        talk([{"type": "input_audio_buffer.append", "audio": "AAAA"}], "response.done")
    outer, inner = sorted(traces.spans(), key=lambda span: span.name == "chat gpt-realtime")
    assert inner.parent.span_id == outer.context.span_id
    assert attributes(inner)["gen_ai.response.id"] == "spoken"


def test_a_response_hangs_under_what_asked_for_it(traces: Any, server: SocketServer) -> None:
    server.script["response.create"] = [begun(), done()]
    client = openai.OpenAI(websocket_base_url=server.url, api_key="x")
    tracer = trace.get_tracer("app", tracer_provider=traces.provider)
    with client, client.realtime.connect(**REALTIME) as connection:
        with tracer.start_as_current_span("turn") as turn, llmtrace.context(user="u-1"):
            connection.response.create()
        while connection.recv().type != "response.done":
            pass
    span = next(span for span in traces.spans() if span.name != "turn")
    assert span.parent.span_id == turn.get_span_context().span_id
    assert attributes(span)["user.id"] == "u-1"


def test_an_error_event_ends_the_response_it_is_about(traces: Any, server: SocketServer, talk: Talk) -> None:
    error = {"type": "invalid_request_error", "code": "bad_tool", "message": "secret words", "event_id": "mine"}
    server.script["response.create"] = [{"type": "error", "event_id": "e", "error": error}]
    talk([{**CREATE, "event_id": "mine"}], "error")
    span = traces.one()
    assert failed(span)
    assert attributes(span)["error.type"] == "bad_tool"
    assert attributes(span)["llmtrace.response.stream_end"] == "broken"
    assert "secret" not in str(span.to_json())


def test_an_error_about_something_else_ends_nothing(traces: Any, server: SocketServer, talk: Talk) -> None:
    def error(**more: Any) -> Any:
        told = {"type": "invalid_request_error", "message": "no", **more}
        return {"type": "error", "event_id": "e", "error": told}

    others = [error(code="input_audio_buffer_commit_empty"), error(code="x", event_id="another")]
    server.script["response.create"] = [*others, begun(), error(code="server_hiccup"), done()]
    talk([CREATE], "response.done")
    assert attributes(traces.one())["llmtrace.response.stream_end"] == "completed"
    assert not failed(traces.one())


@pytest.mark.parametrize(
    ("details", "reasons", "error_type"),
    [
        ({"type": "cancelled", "reason": "turn_detected"}, ("error",), None),
        ({"type": "incomplete", "reason": "max_output_tokens"}, ("length",), None),
        ({"type": "failed", "error": {"type": "server_error", "code": "overloaded"}}, ("error",), "overloaded"),
    ],
)
def test_a_realtime_response_tells_how_it_ended(
    traces: Any, server_and_talk: Any, details: Any, reasons: Any, error_type: str | None
) -> None:
    status, (server, talk) = details["type"], server_and_talk
    server.script["response.create"] = [begun(), done(status=status, status_details=details)]
    talk([CREATE], "response.done")
    found = attributes(traces.one())
    assert found["llmtrace.response.status"] == status
    assert found.get("gen_ai.response.finish_reasons", ()) == reasons
    assert failed(traces.one()) is (error_type is not None)
    assert found.get("error.type") == error_type


def test_a_connection_dropped_in_the_middle_ends_the_response_as_broken(
    traces: Any, server: SocketServer, talk: Talk
) -> None:
    def drop(connection: Any, event: Any) -> None:
        connection.send(json.dumps(begun()))
        connection.send(json.dumps(delta("output_text", "Hel")))
        connection.close(1011, "no more")

    server.script["response.create"] = drop
    events = talk([CREATE], "response.done")
    assert type(events[-1]).__name__ == "ConnectionClosedError"
    found = attributes(traces.one())
    assert found["llmtrace.response.stream_end"] == "broken"
    assert found["error.type"] == "ConnectionClosedError"
    assert "llmtrace.response.time_to_first_token" in found


def test_a_server_that_says_goodbye_too_early_cuts_the_response_off(
    traces: Any, server: SocketServer, talk: Talk
) -> None:
    server.script["response.create"] = lambda connection, _: connection.close()
    talk([CREATE], "response.done")
    assert attributes(traces.one())["llmtrace.response.stream_end"] == "cut_off"


def test_a_response_left_by_the_app_is_closed(traces: Any, server: SocketServer, talk: Talk) -> None:
    server.script["response.create"] = [begun(), delta("output_text", "Hel")]
    talk([CREATE], "response.output_text.delta")
    assert attributes(traces.one())["llmtrace.response.stream_end"] == "closed"


def test_a_connection_nobody_holds_any_more_ends_its_response(traces: Any, server: SocketServer) -> None:
    server.script["response.create"] = [begun()]
    client = openai.OpenAI(websocket_base_url=server.url, api_key="x")
    connection = client.realtime.connect(**REALTIME).enter()
    socket = connection._connection.__wrapped__
    connection.response.create()
    assert [connection.recv().type for _ in range(2)] == ["session.created", "response.created"]
    del connection
    gc.collect()
    assert attributes(traces.one())["llmtrace.response.stream_end"] == "abandoned"
    socket.close()
    client.close()


def test_many_events_are_not_kept(traces: Any, server: SocketServer, monkeypatch: pytest.MonkeyPatch) -> None:
    pieces = [delta("output_text", f"{number} ") for number in range(MAX_EVENTS + 1000)]
    server.script["response.create"] = [begun(), *pieces, done()]
    _talk(lambda client: client.realtime, server, [CREATE], "response.done", **REALTIME)
    found = attributes(traces.one())
    assert found["llmtrace.response.stream_end"] == "completed"
    assert found["gen_ai.usage.output_tokens"] == 50


def test_what_the_worker_cannot_keep_up_with_is_let_go(
    traces: Any, server: SocketServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sockets, "MAX_WAITING_MESSAGES", 100)
    held, go = threading.Event(), threading.Event()
    worker = llmtrace.instrumentation._active.worker  # type: ignore[union-attr]

    def hold() -> None:
        held.set()
        go.wait(20)

    worker.put(hold)
    assert held.wait(20)
    server.script["response.create"] = [begun(), *[delta("output_text", "x") for _ in range(1000)], done()]
    _talk(lambda client: client.realtime, server, [CREATE], "response.done", **REALTIME)
    (waiting,) = [entry for entry in llmtrace.unfinished.streams._recordings if isinstance(entry, sockets.Session)]
    assert len(waiting._messages) < 110
    go.set()
    found = attributes(traces.one())
    assert found["llmtrace.response.stream_end"] == "completed"
    assert found["gen_ai.usage.output_tokens"] == 50


def test_content_is_told_when_it_was_asked_for(make_traces: Any, server: SocketServer, talk: Talk) -> None:
    traces = make_traces(capture_content=True)
    server.script["response.create"] = [begun(), done()]
    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi"}]}
    talk([{**CREATE, "response": {"instructions": "Be brief.", "input": [item]}}], "response.done")
    found = attributes(traces.one())
    assert "Hello there" in found["gen_ai.output.messages"]
    assert "Hi" in found["gen_ai.input.messages"]
    assert "Be brief." in found["gen_ai.system_instructions"]


def test_the_manager_s_queue_is_seen(traces: Any, server: SocketServer) -> None:
    server.script["response.create"] = [begun(), done()]
    client = openai.OpenAI(websocket_base_url=server.url, api_key="x")
    manager = client.realtime.connect(**REALTIME)
    manager.send(CREATE)
    with client, manager as connection:
        while connection.recv().type != "response.done":
            pass
    assert attributes(traces.one())["llmtrace.response.stream_end"] == "completed"


def test_a_connection_made_under_suppression_is_not_seen(traces: Any, server: SocketServer, talk: Talk) -> None:
    server.script["response.create"] = [begun(), done()]
    token = otel_context.attach(otel_context.set_value("suppress_instrumentation", True))
    try:
        talk([CREATE], "response.done")
    finally:
        otel_context.detach(token)
    assert traces.spans() == []


def test_a_malformed_message_reaches_the_app_as_it_is(traces: Any, server: SocketServer) -> None:
    server.script["response.create"] = lambda connection, _: connection.send("{not json")
    client = openai.OpenAI(websocket_base_url=server.url, api_key="x")
    with client, client.realtime.connect(**REALTIME) as connection:
        connection.send(CREATE)
        connection.recv()
        assert connection.recv_bytes() == b"{not json"
    assert attributes(traces.one())["llmtrace.response.stream_end"] == "closed"


@needs_openai("2.54")
def test_uninstrument_restores_classes_and_open_connections(traces: Any, server: SocketServer) -> None:
    from openai.resources.realtime.realtime import AsyncRealtimeConnection, RealtimeConnection
    from openai.resources.responses.responses import AsyncResponsesConnection, ResponsesConnection

    owners = (RealtimeConnection, AsyncRealtimeConnection, ResponsesConnection, AsyncResponsesConnection)
    assert all(hasattr(vars(owner)["__init__"], "__wrapped__") for owner in owners)
    server.script["response.create"] = [begun(), done()]
    client = openai.OpenAI(websocket_base_url=server.url, api_key="x")
    with client, client.realtime.connect(**REALTIME) as connection:
        assert type(connection) is RealtimeConnection
        connection.send(CREATE)
        llmtrace.uninstrument()
        assert not hasattr(connection._connection, "__wrapped__")
        while connection.recv().type != "response.done":
            pass
    assert not any(hasattr(vars(owner)["__init__"], "__wrapped__") for owner in owners)
    (span,) = traces.finished()
    assert attributes(span)["llmtrace.response.stream_end"] == "abandoned"


def test_a_surface_imported_after_instrument_is_seen_and_after_uninstrument_is_not() -> None:
    code = (
        "import sys, openai, llmtrace\n"
        "name = 'openai.resources.realtime.realtime'\n"
        "llmtrace.instrument(export='none')\n"
        "assert name not in sys.modules, 'instrument() imported it'\n"
        "if sys.argv[1] == 'gone': llmtrace.uninstrument()\n"
        "from openai.resources.realtime.realtime import RealtimeConnection as made\n"
        "assert hasattr(vars(made)['__init__'], '__wrapped__') is (sys.argv[1] != 'gone')\n"
    )
    for still in ("there", "gone"):
        subprocess.run([sys.executable, "-c", code, still], check=True, timeout=60)


def test_http_is_traced_without_the_websockets_package() -> None:
    code = (
        "import sys; sys.modules['websockets'] = None\n"
        "import logging, openai, llmtrace\n"
        "from llmtrace.testing import Captured, FakeProvider\n"
        "logging.getLogger('llmtrace').addFilter(lambda record: sys.exit(record.getMessage()))\n"
        "captured = Captured()\n"
        "llmtrace.instrument(captured.provider, export='none')\n"
        "with FakeProvider() as fake, openai.OpenAI(base_url=fake.base_url, api_key='x') as client:\n"
        "    client.chat.completions.create(model='gpt-4o', messages=[])\n"
        "    try: client.realtime.connect(model='gpt-realtime').enter()\n"
        "    except openai.OpenAIError as error: assert 'openai[realtime]' in str(error)\n"
        "llmtrace.flush()\n"
        "assert len(captured.finished()) == 1\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
