"""A receiver of llmtrace's alerts as an ASGI app: python receiver_starlette.py PORT.

ALERT_WEBHOOK_SECRET holds the secret that the channel has; while it is being changed, both, separated by a blank.
"""

from __future__ import annotations

import os
import sys
from typing import Any

import uvicorn
from standardwebhooks import Webhook, WebhookVerificationError
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

verifiers = [Webhook(secret) for secret in os.environ["ALERT_WEBHOOK_SECRET"].split()]
seen: set[str] = set()  # a service keeps these in its database, for a week


def verified(body: bytes, headers: dict[str, str]) -> dict[str, Any] | None:
    """The notice; None when no secret has signed it, or long ago."""
    for verifier in verifiers:
        try:
            return verifier.verify(body, headers)
        except WebhookVerificationError:
            continue
    return None


async def receive(request: Request) -> Response:
    """Verifies the raw body and answers; the work is done after that."""
    notice = verified(await request.body(), dict(request.headers))
    if notice is None:
        return Response(status_code=401)
    return Response(status_code=204, background=BackgroundTask(work, request.headers["webhook-id"], notice))


def work(message_id: str, notice: dict[str, Any]) -> None:
    """Does what is to be done, once for each notice: delivery is at least once, and the id stays the same."""
    if message_id not in seen:
        seen.add(message_id)
        data = notice["data"]
        print(notice["type"], data["rule"], data.get("group"), data.get("link", ""), flush=True)


app = Starlette(routes=[Route("/{path:path}", receive, methods=["POST"])])

if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
