"""A request as a statement: where its text, data, parameters and settings stand, and which of them are taken."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request

from llmtrace_collector.compressed import UnreadableBodyError, inflate
from llmtrace_collector.database import DATABASE
from llmtrace_collector.store import confined, fence
from llmtrace_collector.store.limits import STRANGER_LIMITS
from llmtrace_collector.store.native import FRAMED_FROM
from llmtrace_collector.store.refusals import ClickHouseError, denied
from llmtrace_collector.store.users import Users

MAX_BODY_BYTES = 512 * 1024**2
"""Of an insert; far above a WAL segment."""

MAX_QUERY_BYTES = 1024**2
"""Of a stranger's statement."""


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
READS = re.compile(rb"^[\s(]*(SELECT|WITH|SHOW|DESCRIBE|DESC|EXISTS|EXPLAIN|CHECK|VALUES)\b", re.IGNORECASE)
_INSERT = re.compile(
    rb"\s*INSERT\s+INTO\s.{0,60000}?\sFORMAT\s+(\w+)[ \t]*;?[ \t]*(?:\r?\n|$)", re.IGNORECASE | re.DOTALL
)
_TRAILING_FORMAT = re.compile(rb"\bFORMAT\s+(\w+)\s*;?\s*$", re.IGNORECASE)


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
    framed: bool = False
    """The client wants Native as ClickHouse's protocol has it (`native`)."""


async def read(request: Request, users: Users) -> Statement:
    """What is asked, by whom.

    Raises:
        ClickHouseError: it is too large, cannot be read, or asks for what it may not.
    """
    url = dict(request.query_params)
    owner, project = users.who(request, url)
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
    output_format = _format(head, url.get("default_format", ""))
    return Statement(
        text=head,
        data=data,
        owner=owner,
        project=project,
        parameters={k.removeprefix("param_"): v for k, v in named.items() if k.startswith("param_")},
        settings=_settings(url, owner=owner, project=project),
        database=_database(url.get("database", ""), owner=owner, project=project),
        output_format=output_format,
        query_id=_query_id(url.get("query_id", "")),
        framed=output_format.lower() == "native" and _protocol(url.get("client_protocol_version", "")) >= FRAMED_FROM,
    )


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


def _protocol(given: str) -> int:
    return int(given) if re.fullmatch(r"[0-9]{1,9}", given) else 0


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
            raise denied(f"the setting {name} is not for readers of one project")
        if name not in _STRANGER_SETTINGS and name not in STRANGER_LIMITS:
            raise denied(f"the setting {name} cannot be changed without the store's key")
    given.pop("readonly", None)
    return given


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
        raise denied("system cannot be the database here; name its tables in full, like system.tables")
    raise ClickHouseError(81, "UNKNOWN_DATABASE", f"Database {name} does not exist")


def _format(head: bytes, default: str) -> str:
    found = _TRAILING_FORMAT.search(head)
    # The last words may also be those of a comment, or of `ORDER BY format DESC`.
    if found and READS.match(head) and found[1].decode().lower() in fence.FORMATS:
        return found[1].decode()
    name = default or "TabSeparated"
    if name.lower() not in fence.FORMATS:
        raise ClickHouseError(73, "UNKNOWN_FORMAT", f"the format {name} is not offered", status=400)
    return name
