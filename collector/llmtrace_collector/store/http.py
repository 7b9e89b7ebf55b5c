"""The ClickHouse HTTP interface over the embedded engine, as far as ClickHouse's clients use it.

    GET  /ping                        Ok.
    GET  /?query=SELECT...            a statement in the URL
    POST /          SELECT...         in the body, or split between the two (INSERT in the URL, data in the body)
    POST /          multipart form    `query` and `param_*` as fields

Source: ClickHouse docs, "HTTP Interface"; what clickhouse-connect 1.12 sends was read in its source. Whoever gives the
store's key may do everything; anybody else reads, within `fence` and `limits`, and with the key of a project
within `confined`.
"""

from __future__ import annotations

import errno
import json
import logging
import re
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from llmtrace_collector.access import KeyRing
from llmtrace_collector.serving import instance
from llmtrace_collector.store import statements
from llmtrace_collector.store.engine import Answer, Engine, EngineError
from llmtrace_collector.store.lanes import Lanes
from llmtrace_collector.store.refusals import HTTP_STATUS, ClickHouseError, denied
from llmtrace_collector.store.statements import READS, Statement
from llmtrace_collector.store.users import Users

log = logging.getLogger(__name__)


class StoreApp:
    """The ASGI application; `app` is what a server runs."""

    def __init__(
        self,
        engine: Engine,
        key: str,
        *,
        allowed_hosts: frozenset[str],
        keys: KeyRing | None = None,
        require_read_key: bool = False,
    ) -> None:
        """`key` is the owner's, `keys` are those of readers; without `require_read_key` others read everything."""
        self._users = Users(key, keys, require_read_key=require_read_key)
        self._allowed_hosts = allowed_hosts
        self._lanes = Lanes(engine)
        self._told: set[str] = set()
        self.app = Starlette(
            routes=[
                Route("/ping", self._ping, methods=["GET", "HEAD"]),
                Route("/", self._query, methods=["GET", "POST"]),
            ]
        )

    async def _ping(self, _: Request) -> Response:
        return PlainTextResponse("Ok.\n", headers=instance())

    async def _query(self, request: Request) -> Response:
        try:
            self._check_host(request)
            self._check_origin(request)
            statement = await statements.read(request, self._users)
            if not statement.text.strip():
                return PlainTextResponse("Ok.\n")
            answer = await self._lanes.run(statement)
        except EngineError as error:
            return _error(str(error), error.code, HTTP_STATUS.get(error.code, 500))
        except ClickHouseError as error:
            return _error(str(error), error.code, error.status)
        except ClientDisconnect:
            return PlainTextResponse("", status_code=400)
        except HTTPException:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, one request ends by it and no other
            refused = self._unexpected(error)
            return _error(str(refused), refused.code, refused.status)
        return _answer(statement, answer)

    def _check_host(self, request: Request) -> None:
        """A page in somebody's browser must not reach this port under a name of its own (DNS rebinding)."""
        host = re.sub(r":\d+$", "", request.headers.get("host", "")).strip("[]").lower()
        if host not in self._allowed_hosts and "*" not in self._allowed_hosts:
            raise denied(f"this store does not answer to the host name {host!r}")

    def _check_origin(self, request: Request) -> None:
        """Nor may a page of another site make the browser ask: it could not read the answer, but it could burden us."""
        origin = request.headers.get("origin")
        if origin is not None:
            try:
                host = urlsplit(origin).hostname or ""
            except ValueError:
                host = ""
            own = re.sub(r":\d+$", "", request.headers.get("host", "")).strip("[]").lower()
            if not host or host not in self._allowed_hosts | {own}:
                raise denied(f"this store does not answer pages of {origin[:100]!r}")
        if request.headers.get("sec-fetch-site", "").lower() == "cross-site":
            raise denied("this store does not answer pages of other sites")

    def _unexpected(self, error: Exception) -> ClickHouseError:
        if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}:
            code, name, sentence = 243, "NOT_ENOUGH_SPACE", "the disk of the store's data folder is full; make room"
        else:
            what = f"{type(error).__name__}: {error}"[:300]
            code, name, sentence = 1002, "UNKNOWN_EXCEPTION", f"the store met what it did not expect ({what})"
        kind = f"{type(error).__name__} {getattr(error, 'errno', '')}"
        if kind not in self._told:
            self._told.add(kind)
            trace = error if code == 1002 else None
            log.error("%s (every such request is refused; this is said once)", sentence, exc_info=trace)
        return ClickHouseError(code, name, sentence)

    def stop(self) -> None:
        """Tells strangers that wait for an answer that none will come; call it before the server stops."""
        self._lanes.stop()

    def close(self, within_s: float) -> bool:
        """Waits for the owner's running statements; False when some statement, a stranger's or not, still runs."""
        return self._lanes.close(within_s)


def _answer(statement: Statement, answer: Answer) -> Response:
    open_counts = not statement.project
    summary = {
        "read_rows": str(answer.rows_read if open_counts else 0),
        "read_bytes": str(answer.bytes_read if open_counts else 0),
        "written_rows": str(answer.rows_written),
        "written_bytes": "0",
        "elapsed_ns": str(answer.elapsed_ns),
    }
    headers = {
        "X-ClickHouse-Query-Id": statement.query_id,
        "X-ClickHouse-Server-Display-Name": "llmtrace",
        "X-ClickHouse-Timezone": "UTC",
        "X-ClickHouse-Summary": json.dumps(summary),
    }
    if READS.match(statement.text):
        headers["X-ClickHouse-Format"] = statement.output_format
    return Response(answer.body, headers=headers, media_type="application/octet-stream")


def _error(message: str, code: int, status: int) -> Response:
    headers = {"X-ClickHouse-Exception-Code": str(code)}
    return PlainTextResponse(message + "\n", status_code=status, headers=headers)
