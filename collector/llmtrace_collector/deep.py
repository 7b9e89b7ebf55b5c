r"""Attribute values nested deeper than ClickHouse unfolds them: decoded here, for these spans alone.

SQL renders values as JSON down to a depth (schema/otlp.py). Below it stands, between two bytes that JSON text never
has, what is left, exactly as it came::

    {"a":[1,\x01Kx...x\x01]}     K, or A: base64 of a KeyValueList, or of an ArrayValue
    \x01S...\x01                 a text that has that byte itself, whole

Spans with such a value go to `spans_deep`. After the insert of a segment the writer takes them from there under the
segment's token, finishes their values, and inserts them under `token:deep` into the table from which spans of every
other form are understood. A crash in between repeats both inserts, and neither changes anything the second time.
"""

from __future__ import annotations

import base64
import json
import math
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValueList

from llmtrace_collector.database import SHARD_DATABASE, error_code, rows

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

_MARKED = re.compile("\x01([AKS])([A-Za-z0-9+/=]*)\x01")
_WAITING = "SELECT * EXCEPT token FROM spans_deep WHERE token = {token:String} ORDER BY trace_id, span_id"
_WAITING_ON_CLUSTER = (
    "SELECT * EXCEPT token, _shard_num AS shard, hostName() AS host"
    " FROM clusterAllReplicas({cluster:String}, {database:Identifier}.spans_deep)"
    " WHERE token = {token:String} ORDER BY trace_id, span_id"
)
_UNKNOWN_TABLE = 60
_MAPS = ("attributes", "resource_attributes")
_LISTS_OF_MAPS = ("events.attributes", "links.attributes")


def finish(client: Client, token: str, settings: Mapping[str, Any], *, cluster: str = "") -> int:
    """Stores the deep spans of the insert that went under `token`, and gives how many; safe to repeat.

    A schema from before they were kept apart has none.
    """
    from clickhouse_connect.driver.exceptions import ClickHouseError

    try:
        waiting = _of_all_replicas(client, token, cluster) if cluster else rows(client, _WAITING, {"token": token})
    except ClickHouseError as error:
        if error_code(error) == _UNKNOWN_TABLE:
            return 0
        raise
    if waiting:
        client.raw_insert(
            "otlp_foreign",
            insert_block="\n".join(json.dumps(finished(row)) for row in waiting).encode(),
            fmt="JSONEachRow",
            settings={**settings, "insert_deduplication_token": f"{token}:deep"},
        )
    return len(waiting)


def _of_all_replicas(client: Client, token: str, cluster: str) -> list[dict[str, Any]]:
    """Of each shard what that replica has which has most: the others may not have fetched all yet."""
    asked = {"token": token, "cluster": cluster, "database": SHARD_DATABASE}
    found: dict[int, dict[str, list[dict[str, Any]]]] = {}
    for row in client.query(
        _WAITING_ON_CLUSTER, parameters=asked, settings={"skip_unavailable_shards": 1}
    ).named_results():
        replicas = found.setdefault(row.pop("shard"), {})
        replicas.setdefault(row.pop("host"), []).append(row)
    return [row for replicas in found.values() for row in max(replicas.values(), key=len)]


def finished(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of `spans_deep` with every value decoded."""
    whole = dict(row)
    for name in _MAPS:
        whole[name] = _all(row[name])
    for name in _LISTS_OF_MAPS:
        whole[name] = [_all(attributes) for attributes in row[name]]
    return whole


def _all(attributes: Mapping[str, str]) -> dict[str, str]:
    return {key: value_of(text) for key, text in attributes.items()}


def value_of(text: str) -> str:
    """What SQL made of a value, with what it left."""
    return _MARKED.sub(_decoded, text) if "\x01" in text else text


def _decoded(match: re.Match[str]) -> str:
    kind, content = match[1], base64.b64decode(match[2])
    if kind == "S":
        return content.decode()
    if kind == "A":
        return rendered(AnyValue(array_value=ArrayValue.FromString(content)))
    return rendered(AnyValue(kvlist_value=KeyValueList.FromString(content)))


def rendered(value: AnyValue) -> str:
    """The JSON text of a value, as the SQL of `schema/otlp.py` writes it."""
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return f"[{','.join(rendered(item) for item in value.array_value.values)}]"
    if kind == "kvlist_value":
        pairs = (f"{_text(pair.key)}:{rendered(pair.value)}" for pair in value.kvlist_value.values)
        return f"{{{','.join(pairs)}}}"
    if kind == "bytes_value":
        return _text(base64.b64encode(value.bytes_value).decode())
    if kind == "double_value":
        return _double(value.double_value)
    return "null" if kind is None else json.dumps(getattr(value, kind), ensure_ascii=False)


def _text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _double(number: float) -> str:
    """As ClickHouse does: whole numbers without a point, what JSON has no number for as null."""
    if not math.isfinite(number):
        return "null"
    return str(int(number)) if number.is_integer() and abs(number) < 2**53 else repr(number)
