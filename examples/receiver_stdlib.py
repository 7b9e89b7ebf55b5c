"""A receiver of llmtrace's alerts on the standard library: python receiver_stdlib.py PORT.

ALERT_WEBHOOK_SECRET holds the secret that the channel has; while it is being changed, both, separated by a blank.
"""

from __future__ import annotations

import os
import queue
import sys
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks import Webhook, WebhookVerificationError

MOST_BYTES = 1_000_000

verifiers = [Webhook(secret) for secret in os.environ["ALERT_WEBHOOK_SECRET"].split()]
alerts: queue.SimpleQueue[tuple[str, dict[str, Any]]] = queue.SimpleQueue()


def verified(body: bytes, headers: Mapping[str, str]) -> dict[str, Any] | None:
    """The notice; None when no secret has signed it, or long ago."""
    for verifier in verifiers:
        try:
            return verifier.verify(body, headers)
        except WebhookVerificationError:
            continue
    return None


class Receiver(BaseHTTPRequestHandler):
    """Takes POST at any path."""

    def do_POST(self) -> None:
        """Verifies the raw body, hands the notice over and answers at once; the work is done elsewhere."""
        size = int(self.headers.get("content-length", 0))
        body = self.rfile.read(size) if size <= MOST_BYTES else b""
        notice = verified(body, {name.lower(): value for name, value in self.headers.items()})
        if notice is not None:
            alerts.put((self.headers["webhook-id"], notice))
        self.send_response(401 if notice is None else 204)
        self.end_headers()


def work() -> None:
    """Does what is to be done, once for each notice: delivery is at least once, and the id stays the same."""
    seen: set[str] = set()  # a service keeps these in its database, for a week
    while True:
        message_id, notice = alerts.get()
        if message_id not in seen:
            seen.add(message_id)
            data = notice["data"]
            print(notice["type"], data["rule"], data.get("group"), data.get("link", ""), flush=True)


if __name__ == "__main__":
    threading.Thread(target=work, daemon=True).start()
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver)
    print(f"listening on http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()
