"""A real WebSocket server that plays a provider's part: a test lays out what it sends, and when it hangs up."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from websockets.sync.server import ServerConnection, serve

Json = dict[str, Any]


class SocketServer:
    """Answers each client event with what ``script`` has for its type."""

    def __init__(self) -> None:
        self.greeting: list[Json] = []
        self.script: dict[str, list[Json] | Callable[[ServerConnection, Json], None]] = {}
        self.received: list[Json] = []
        self.paths: list[str] = []
        self.url = ""

    def handle(self, connection: ServerConnection) -> None:
        """One connection, from its greeting to its end."""
        assert connection.request is not None
        self.paths.append(connection.request.path)
        for event in self.greeting:
            connection.send(json.dumps(event))
        for message in connection:
            event = json.loads(message)
            self.received.append(event)
            answers = self.script.get(event["type"], [])
            if callable(answers):
                answers(connection, event)
                continue
            for answer in answers:
                connection.send(json.dumps(answer))


@contextmanager
def socket_server() -> Iterator[SocketServer]:
    """A server on loopback, until the block ends."""
    made = SocketServer()
    with serve(made.handle, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        made.url = f"ws://127.0.0.1:{server.socket.getsockname()[1]}/v1"
        yield made
        server.shutdown()
        thread.join(5)


def session(model: str = "gpt-realtime", **more: Any) -> Json:
    """The event a realtime session begins with."""
    return {"type": "session.created", "event_id": "e0", "session": {"type": "realtime", "model": model, **more}}


def begun(id_: str = "resp_1") -> Json:
    """A realtime response begins."""
    response = {"object": "realtime.response", "id": id_, "status": "in_progress", "output": []}
    return {"type": "response.created", "event_id": "e1", "response": response}


def delta(kind: str, text: str, id_: str = "resp_1") -> Json:
    """A piece of a realtime response."""
    place = {"response_id": id_, "item_id": "item_1", "output_index": 0, "content_index": 0}
    return {"type": f"response.{kind}.delta", "event_id": "e2", **place, "delta": text}


def done(id_: str = "resp_1", status: str = "completed", **more: Any) -> Json:
    """A realtime response ends."""
    part = {"type": "output_audio", "transcript": "Hello there"}
    item = {"type": "message", "id": "item_1", "role": "assistant", "status": "completed", "content": [part]}
    usage = {
        "total_tokens": 150,
        "input_tokens": 100,
        "output_tokens": 50,
        "input_token_details": {"text_tokens": 70, "audio_tokens": 30, "cached_tokens": 20},
        "output_token_details": {"text_tokens": 10, "audio_tokens": 40},
    }
    response = {"object": "realtime.response", "id": id_, "status": status, "output": [item], "usage": usage, **more}
    return {"type": "response.done", "event_id": "e9", "response": response}
