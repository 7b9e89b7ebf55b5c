"""A request of traces as columns, one for each field: lists, in lists, in lists.

    resource_spans[] { resource { attributes[] }, scope_spans[] { scope { name }, spans[] { name, ... } } }

    request.resource_spans.resource.attributes     Array(Array(Tuple(key String, value ...)))
    request.resource_spans.scope_spans.scope.name  Array(Array(String))
    request.resource_spans.scope_spans.spans.name  Array(Array(Array(String)))

ClickHouse's Protobuf format finds a nested field by the dots in a column's name, and gives each level as many elements
as the list of messages has. As one column the request is a type of 13 KB of text that stands in every name of a view's
plan; here only attributes have a long one (docs/decisions/0031).
Source: ClickHouse docs, format Protobuf; `src/Formats/ProtobufSerializer.cpp`.
"""

from __future__ import annotations

from llmtrace_collector.schema.column_types import flat_columns

_ROOT = "request."
_SCOPES = f"{_ROOT}resource_spans.scope_spans."
_SPANS = f"{_SCOPES}spans."
_RESOURCE = f"{_ROOT}resource_spans.resource.attributes"
_SCOPE_NAME = f"{_SCOPES}scope.name"
_WHOLE = frozenset({"KeyValue", "Deep"})
"""Attributes stay pairs: a value is one of several kinds."""


def columns(proto: str) -> str:
    """For a CREATE TABLE: the columns of a request."""
    return ",\n".join(f"    `{name}` {kind}" for name, kind in _columns(proto).items())


def joined(proto: str) -> str:
    """SQL that makes of a row of such columns one row a span.

    Gives `resource` (the pairs of its attributes), `scope_name`, and each field of a span as `span_FIELD`, with `_` for
    the dots in it. Each ARRAY JOIN takes one level of lists away.
    """
    fields = {name: _short(name) for name in _columns(proto) if name.startswith(_SPANS)}
    named = {_RESOURCE: "resource", _SCOPE_NAME: "scope_name"} | fields
    resources = ", ".join(f"`{name}` AS {short}" for name, short in named.items())
    spans = ", ".join(fields.values())
    return f"ARRAY JOIN {resources}\nARRAY JOIN scope_name, {spans}\nARRAY JOIN {spans}"


def _columns(proto: str) -> dict[str, str]:
    return {f"{_ROOT}{name}": kind for name, kind in flat_columns(proto, "Request", whole=_WHOLE).items()}


def _short(name: str) -> str:
    return "span_" + name.removeprefix(_SPANS).replace(".", "_")
