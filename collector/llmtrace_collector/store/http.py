"""The ClickHouse HTTP interface over the embedded engine, as far as ClickHouse's clients use it.

    GET  /ping                        Ok.
    GET  /?query=SELECT...            a statement in the URL
    POST /          SELECT...         in the body, or split between the two (INSERT in the URL, data in the body)
    POST /          multipart form    `query` and `param_*` as fields

Source: ClickHouse docs, "HTTP Interface"; what clickhouse-connect 1.12 sends was read in its source. Whoever gives the
store's key may do everything; anybody else reads, within `fence` and the limits below, and with the key of a project
within `confined`.
"""

from __future__ import annotations

import asyncio
import errno
import hmac
import json
import logging
import re
import threading
import uuid
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from llmtrace_collector.access import Key, KeyRing, KeysUnreadableError, Scope
from llmtrace_collector.compressed import UnreadableBodyError, inflate
from llmtrace_collector.database import DATABASE
from llmtrace_collector.serving import instance
from llmtrace_collector.store import confined, fence
from llmtrace_collector.store.engine import Answer, Engine, EngineError
from llmtrace_collector.store.tree import RefusedError

log = logging.getLogger(__name__)

OWNER = "llmtrace"
"""The user that goes with the store's key."""

READER = "llmtrace-reader"
"""The user of our own dashboard: reads every project."""

MAX_BODY_BYTES = 512 * 1024**2
"""Of an insert; far above a WAL segment."""

MAX_QUERY_BYTES = 1024**2
"""Of a stranger's statement."""

STRANGERS_AT_ONCE = 4
"""Statements of strangers that run at the same time. Some cannot be cut short: the engine looks at its clock between
blocks, not inside a function."""

STRANGERS_WAITING = 64
WAIT_S = 10.0
"""For a place among those that run; then a stranger is told to try again."""

STRANGER_LIMITS = {
    "max_execution_time": "30",
    "max_memory_usage": str(1024**3),
    "max_result_bytes": str(256 * 1024**2),
    "max_result_rows": "5000000",
    "max_columns_to_read": "500",
    "max_ast_elements": "20000",
    "max_block_size": "8192",
    "result_overflow_mode": "throw",
    "timeout_overflow_mode": "throw",
}
"""Set on every connection of a stranger, who may lower the numbers but not raise them."""

MOST_THREADS = 64
"""A stranger may ask for; more are not given."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_TRANSPORT = _words("""
    add_http_cors_header buffer_size cancel_http_readonly_queries_on_client_close client_protocol_version
    compress database decompress default_format enable_http_compression http_headers_progress_interval_ms
    http_zlib_compression_level password query query_id quota_key role send_progress_in_http_headers
    session_check session_id session_timeout stacktrace user wait_end_of_query
""")
"""URL parameters for the HTTP layer; the engine never sees them."""

_STRANGER_SETTINGS = _words("""
    allow_experimental_analyzer cast_string_to_dynamic_use_inference date_time_input_format
    date_time_output_format extremes final group_by_use_nulls join_use_nulls log_comment max_block_size
    max_bytes_to_read max_rows_to_read max_threads optimize_read_in_order
    output_format_arrow_low_cardinality_as_dictionary output_format_arrow_string_as_string
    output_format_decimal_trailing_zeros output_format_json_named_tuples_as_objects
    output_format_json_quote_64bit_integers output_format_json_quote_decimals output_format_json_quote_denormals
    output_format_native_encode_types_in_binary_format output_format_parquet_string_as_string
    output_format_write_statistics prefer_column_name_to_alias readonly session_timezone use_uncompressed_cache
""")
_READS = re.compile(rb"^[\s(]*(SELECT|WITH|SHOW|DESCRIBE|DESC|EXISTS|EXPLAIN|CHECK|VALUES)\b", re.IGNORECASE)
_INSERT = re.compile(
    rb"\s*INSERT\s+INTO\s.{0,60000}?\sFORMAT\s+(\w+)[ \t]*;?[ \t]*(?:\r?\n|$)", re.IGNORECASE | re.DOTALL
)
_TRAILING_FORMAT = re.compile(rb"\bFORMAT\s+(\w+)\s*;?\s*$", re.IGNORECASE)

_HTTP_STATUS = {62: 400, 36: 400, 47: 400, 115: 400, 457: 400, 456: 400, 60: 404, 81: 404, 497: 403, 516: 403, 241: 500}
_HTTP_STATUS |= {202: 503, 243: 503}


class ClickHouseError(Exception):
    """What a client is told: ClickHouse's code and a sentence, in ClickHouse's form."""

    def __init__(self, code: int, name: str, message: str, *, status: int = 0) -> None:
        super().__init__(f"Code: {code}. DB::Exception: {message}. ({name})")
        self.code = code
        self.status = status or _HTTP_STATUS.get(code, 500)


@dataclass(frozen=True, kw_only=True)
class Statement:
    """One request, read and ready to run."""

    text: bytes
    data: bytes | None
    """What follows `INSERT ... FORMAT X`; None: no insert with data."""
    owner: bool
    """The store's key came with it."""
    project: str
    """The only one whose rows it may see, that of the key that came with it; '': no key came, so all."""
    parameters: Mapping[str, str]
    """Values of `{name:Type}`, by name."""
    settings: Mapping[str, str]
    database: str
    output_format: str
    query_id: str
    """The client's own, or one made up."""


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
        self._engine = engine
        self._keys = keys
        self._require_read_key = require_read_key
        self._reader_key = everything_key(key)
        self._key = key
        self._allowed_hosts = allowed_hosts
        # Apart, so that nobody's slow reads keep the writer waiting, and no stranger's the owner.
        self._strangers = ThreadPoolExecutor(STRANGERS_AT_ONCE, thread_name_prefix="stranger")
        self._readers = ThreadPoolExecutor(4, thread_name_prefix="read")
        self._writers = ThreadPoolExecutor(2, thread_name_prefix="write")
        self._places = asyncio.Semaphore(STRANGERS_AT_ONCE)
        self._jobs: set[Future[Answer]] = set()
        self._waiting = 0
        self._stopping = asyncio.Event()
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
            statement = await self._read(request)
            if not statement.text.strip():
                return PlainTextResponse("Ok.\n")
            answer = await self._run(statement)
        except EngineError as error:
            return _error(str(error), error.code, _HTTP_STATUS.get(error.code, 500))
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
            raise ClickHouseError(497, "ACCESS_DENIED", f"this store does not answer to the host name {host!r}")

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
                raise ClickHouseError(497, "ACCESS_DENIED", f"this store does not answer pages of {origin[:100]!r}")
        if request.headers.get("sec-fetch-site", "").lower() == "cross-site":
            raise ClickHouseError(497, "ACCESS_DENIED", "this store does not answer pages of other sites")

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

    async def _read(self, request: Request) -> Statement:
        url = dict(request.query_params)
        owner, project = self._who(request, url)
        limit = MAX_BODY_BYTES if owner else MAX_QUERY_BYTES
        if request.headers.get("content-type", "").startswith("multipart/form-data"):
            fields = await _form(request, limit)
            body = b""
        else:
            fields = {}
            body = await _body(request, limit)
        text = "\n".join(t for t in (url.get("query", ""), fields.get("query", "")) if t).encode()
        whole = text + b"\n" + body if text and body else text or body
        head, data = _split_insert(whole)
        named = {**url, **fields}
        return Statement(
            text=head,
            data=data,
            owner=owner,
            project=project,
            parameters={k.removeprefix("param_"): v for k, v in named.items() if k.startswith("param_")},
            settings=_settings(url, owner=owner, project=project),
            database=_database(url.get("database", ""), owner=owner, project=project),
            output_format=_format(head, url.get("default_format", "")),
            query_id=_query_id(url.get("query_id", "")),
        )

    def _who(self, request: Request, url: Mapping[str, str]) -> tuple[bool, str]:
        """Whether it is the owner, and else the project a reader is confined to, '' for one who is not."""
        user, password = _credentials(request, url)
        if user in {"", "default"} and not password:
            if self._require_read_key:
                raise _unknown("reading needs a key here: give one of `llmtrace keys create NAME --scope read`")
            return False, ""
        if user == OWNER and hmac.compare_digest(password.encode(), self._key.encode()):
            return True, ""
        if user == READER and hmac.compare_digest(password.encode(), self._reader_key.encode()):
            return False, ""
        found = self._find(password)
        if found is None:
            raise _unknown("Authentication failed: password is incorrect, or there is no such user")
        if Scope.READ not in found.scopes:
            having = ", ".join(sorted(found.scopes))
            raise ClickHouseError(497, "ACCESS_DENIED", f"this key is for {having}, not for read")
        return False, found.project

    def _find(self, password: str) -> Key | None:
        try:
            return self._keys.find(password) if self._keys else None
        except KeysUnreadableError as error:
            raise ClickHouseError(
                516, "AUTHENTICATION_FAILED", "the keys cannot be read just now", status=503
            ) from error

    async def _run(self, statement: Statement) -> Answer:
        loop = asyncio.get_running_loop()
        if statement.owner:
            pool = self._readers if _READS.match(statement.text) else self._writers
            return await loop.run_in_executor(pool, partial(self._run_owner, statement))
        await self._take_place()
        job = self._strangers.submit(self._run_stranger, statement)
        self._jobs.add(job)
        job.add_done_callback(partial(self._give_place, loop))
        answer = asyncio.wrap_future(job)
        stopping = asyncio.ensure_future(self._stopping.wait())
        either: tuple[asyncio.Future[Any], ...] = (answer, stopping)
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if not answer.done():
            answer.cancel()
            raise _stopping()
        return answer.result()

    async def _take_place(self) -> None:
        refused = ClickHouseError(
            202, "TOO_MANY_SIMULTANEOUS_QUERIES", "too many queries run and wait; try again later"
        )
        if self._waiting >= STRANGERS_WAITING or self._stopping.is_set():
            raise refused
        self._waiting += 1
        try:
            async with asyncio.timeout(WAIT_S):
                await self._places.acquire()
        except TimeoutError:
            raise refused from None
        finally:
            self._waiting -= 1
        if self._stopping.is_set():
            raise _stopping()

    def _give_place(self, loop: asyncio.AbstractEventLoop, job: Future[Answer]) -> None:
        """When the thread is free, which may be long after whoever asked has gone."""
        self._jobs.discard(job)
        with suppress(RuntimeError):  # the loop is closed: the process ends
            loop.call_soon_threadsafe(self._places.release)

    def _run_owner(self, statement: Statement) -> Answer:
        return self._engine.run(
            statement.text.decode(),
            data=statement.data,
            settings=statement.settings,
            parameters=statement.parameters,
            database=statement.database,
            output_format=statement.output_format,
        )

    def _run_stranger(self, statement: Statement) -> Answer:
        def text(sql: str, parameters: Mapping[str, str]) -> str:
            answer = self._engine.run(
                sql, parameters=parameters, settings=STRANGER_LIMITS, output_format="TabSeparatedRaw", readonly=True
            )
            return answer.body.decode(errors="replace")

        if statement.data is not None:
            raise ClickHouseError(497, "ACCESS_DENIED", "writing needs the store's key, which only the collector has")
        try:
            sql = fence.judge(statement.text.decode(errors="replace"), statement.parameters, text)
            if statement.project:
                fence.confine(sql, statement.parameters, text)
        except RefusedError as error:
            raise ClickHouseError(497, "ACCESS_DENIED", str(error)) from error
        confining = confined.settings(self._engine, statement.project) if statement.project else {}
        return self._engine.run(
            sql,
            settings={**STRANGER_LIMITS, **_lowered(statement.settings), **confining},
            parameters=statement.parameters,
            database=statement.database,
            output_format=statement.output_format,
            readonly=True,
        )

    def stop(self) -> None:
        """Tells strangers that wait for an answer that none will come; call it before the server stops."""
        self._stopping.set()
        for _ in range(self._waiting):
            self._places.release()

    def close(self, within_s: float) -> bool:
        """Waits for the owner's running statements; False when some statement, a stranger's or not, still runs."""
        for pool in (self._strangers, self._readers, self._writers):
            pool.shutdown(wait=False, cancel_futures=True)
        owners = threading.Thread(target=self._join_owner, name="join-owner", daemon=True)
        owners.start()
        owners.join(within_s)
        return not owners.is_alive() and not self._jobs

    def _join_owner(self) -> None:
        self._readers.shutdown(wait=True)
        self._writers.shutdown(wait=True)


def everything_key(key: str) -> str:
    """The password of `READER`, made of the store's key: whoever has it reads everything and writes nothing."""
    return hmac.new(key.encode(), b"read everything", "sha256").hexdigest()


def _unknown(sentence: str) -> ClickHouseError:
    return ClickHouseError(516, "AUTHENTICATION_FAILED", sentence)


def _stopping() -> ClickHouseError:
    return ClickHouseError(236, "ABORTED", "the store is stopping", status=503)


def _credentials(request: Request, url: Mapping[str, str]) -> tuple[str, str]:
    import base64
    import binascii

    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            user, _, password = base64.b64decode(token, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return "?", "?"
        return user, password
    if scheme.lower() == "bearer":
        return "", token
    user = request.headers.get("x-clickhouse-user") or url.get("user", "")
    return user, request.headers.get("x-clickhouse-key") or url.get("password", "")


async def _body(request: Request, limit: int) -> bytes:
    pieces: list[bytes] = []
    size = 0
    async for piece in request.stream():
        size += len(piece)
        if size > limit:
            raise ClickHouseError(
                191, "SET_SIZE_LIMIT_EXCEEDED", f"the body is larger than {limit:,} bytes", status=413
            )
        pieces.append(piece)
    try:
        return inflate(b"".join(pieces), request.headers.get("content-encoding", ""), limit)
    except UnreadableBodyError as error:
        raise ClickHouseError(354, "ZLIB_INFLATE_FAILED", str(error), status=400) from error


async def _form(request: Request, limit: int) -> dict[str, str]:
    try:
        form = await request.form(max_files=0, max_fields=1000, max_part_size=limit)
    except HTTPException as error:
        sentence = f"the form cannot be read ({error.detail}); files, which are external tables, are not taken here"
        raise ClickHouseError(36, "BAD_ARGUMENTS", sentence) from error
    return {name: value for name, value in form.items() if not isinstance(value, UploadFile)}


def _query_id(given: str) -> str:
    """What goes back in a header: the client's id where it is fit for one."""
    return given if re.fullmatch(r"[!-~]{1,100}", given) else str(uuid.uuid4())


def _split_insert(whole: bytes) -> tuple[bytes, bytes | None]:
    """The statement and, for an INSERT with FORMAT, the data behind it."""
    match = _INSERT.match(whole)
    if match is None or match[1].lower() == b"values":
        return whole, None
    return whole[: match.end()].rstrip().rstrip(b";"), whole[match.end() :]


def _settings(url: Mapping[str, str], *, owner: bool, project: str) -> dict[str, str]:
    given = {k: v for k, v in url.items() if k not in _TRANSPORT and not k.startswith("param_")}
    if owner:
        return given
    for name in given:
        if project and name in confined.TELLING:
            raise ClickHouseError(497, "ACCESS_DENIED", f"the setting {name} is not for readers of one project")
        if name not in _STRANGER_SETTINGS and name not in STRANGER_LIMITS:
            raise ClickHouseError(497, "ACCESS_DENIED", f"the setting {name} cannot be changed without the store's key")
    given.pop("readonly", None)
    return given


def _lowered(given: Mapping[str, str]) -> dict[str, str]:
    """The stranger's settings, numbers of `STRANGER_LIMITS` and threads only where they are lower."""
    kept = dict(given)
    for name, most in {**STRANGER_LIMITS, "max_threads": str(MOST_THREADS)}.items():
        wanted = kept.pop(name, "")
        if most.isdigit() and wanted.isdigit() and 0 < int(wanted) < int(most):
            kept[name] = wanted
    return kept


def _database(name: str, *, owner: bool, project: str) -> str:
    if owner:
        return DATABASE if name in {"", "default", "__default__"} else name
    if name in {"", "default", DATABASE}:
        return DATABASE
    if name in {"information_schema", "INFORMATION_SCHEMA"} and not project:
        return name
    if name == "system":
        # A table named without its database would then be one of all of system's, which the fence cannot tell from
        # a column on the right of IN.
        raise ClickHouseError(
            497, "ACCESS_DENIED", "system cannot be the database here; name its tables in full, like system.tables"
        )
    raise ClickHouseError(81, "UNKNOWN_DATABASE", f"Database {name} does not exist")


def _format(head: bytes, default: str) -> str:
    found = _TRAILING_FORMAT.search(head)
    # The last words may also be those of a comment, or of `ORDER BY format DESC`.
    if found and _READS.match(head) and found[1].decode().lower() in fence.FORMATS:
        return found[1].decode()
    name = default or "TabSeparated"
    if name.lower() not in fence.FORMATS:
        raise ClickHouseError(73, "UNKNOWN_FORMAT", f"the format {name} is not offered", status=400)
    return name


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
    if _READS.match(statement.text):
        headers["X-ClickHouse-Format"] = statement.output_format
    return Response(answer.body, headers=headers, media_type="application/octet-stream")


def _error(message: str, code: int, status: int) -> Response:
    headers = {"X-ClickHouse-Exception-Code": str(code)}
    return PlainTextResponse(message + "\n", status_code=status, headers=headers)
