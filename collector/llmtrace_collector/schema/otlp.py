"""OTLP as ClickHouse reads it: the .proto text, the matching column types and the SQL that unfolds values.

ClickHouse's `Protobuf` input format cannot follow a recursive message, and OTLP's `AnyValue` is one. So the
schema names one message type per depth (`Any4` holds lists and maps of `Any3`, ...), which is the same on the wire::

    AnyValue                       Any4                          column Tuple(value Enum8, ..., array_value, ...)
      array_value -> AnyValue        Arr4 -> Any3                  array_value Tuple(values Array(<Any3's tuple>))
      kvlist_value -> KeyValue       Kvl4 -> Kv4 {key, Any3}       kvlist_value Tuple(values Array(Tuple(key, value)))
      ...                            ... Any0 keeps the rest as bytes, so that nothing below is dropped

Both texts and the SQL that renders a value as JSON are made here from one number, so that they cannot drift apart.
Sources: opentelemetry-proto 1.11 `common.proto`, `trace.proto`; ClickHouse docs, format Protobuf.
"""

from __future__ import annotations

import re
from importlib.resources import files

from llmtrace_collector.schema import flat, understanding
from llmtrace_collector.schema.column_types import column_type
from llmtrace_collector.signals import Signal

SPAN_DEPTH = 4
"""Nested levels unfolded into JSON in span attributes: enough for GenAI messages sent as structured values."""

OTHER_DEPTH = 1
"""The same for resource, event and link attributes. Deeper values are kept as `{"$otlp_base64": "..."}`: exact, but
not yet JSON. Each level doubles the column type, and analysing it is what a small insert pays for (docs/decisions)."""

PROTO_SETTINGS = {
    "format_schema_source": "string",
    "format_schema_message_name": "Record",
    "input_format_protobuf_oneof_presence": "1",
}
"""Settings an insert of WAL bytes needs beside `format_schema`; needs ClickHouse >= 25.6."""

_SCALARS = "string string_value=1; bool bool_value=2; int64 int_value=3; double double_value=4;"
_BYTES = "bytes bytes_value=7;"


def proto(signal: Signal = Signal.TRACES) -> str:
    """The schema text for `format_schema`: `Record`, one WAL entry of that signal."""
    request = "message Record { fixed32 crc=1; fixed64 received_ns=2; string project=3; Request request=4; }"
    return "\n".join((_VALUES, _MESSAGES[signal].strip(), request))


def landing_type(signal: Signal) -> str:
    """The column type of what a request holds for one resource."""
    return column_type(
        proto(signal), {"traces": "ResourceSpans", "logs": "ResourceLogs", "metrics": "ResourceMetrics"}[signal]
    )


def _values() -> str:
    """The messages of values, to the depths above, and of what stands around every signal."""
    parts = [
        'syntax = "proto3";',
        f"message Any0 {{ oneof value {{ {_SCALARS} bytes array_value=5; bytes kvlist_value=6; {_BYTES} }} }}",
    ]
    parts += [
        f"message Arr{d} {{ repeated Any{d - 1} values=1; }}\n"
        f"message Kv{d} {{ string key=1; Any{d - 1} value=2; }}\n"
        f"message Kvl{d} {{ repeated Kv{d} values=1; }}\n"
        f"message Any{d} {{ oneof value {{ {_SCALARS} Arr{d} array_value=5; Kvl{d} kvlist_value=6; {_BYTES} }} }}"
        for d in range(1, SPAN_DEPTH + 1)
    ]
    parts.append(
        f"message Deep {{ string key=1; Any{SPAN_DEPTH} value=2; }}\n"
        f"message KeyValue {{ string key=1; Any{OTHER_DEPTH} value=2; }}\n"
        "message Resource { repeated KeyValue attributes=1; }\n"
        "message Scope { string name=1; string version=2; }"
    )
    return "\n".join(parts)


_MESSAGES = {
    Signal.TRACES: """
message Event { fixed64 time_unix_nano=1; string name=2; repeated KeyValue attributes=3; }
message Link { bytes trace_id=1; bytes span_id=2; repeated KeyValue attributes=4; }
message Status { string message=2; int32 code=3; }
message Span { bytes trace_id=1; bytes span_id=2; string trace_state=3; bytes parent_span_id=4; string name=5; \
int32 kind=6; fixed64 start_time_unix_nano=7; fixed64 end_time_unix_nano=8; repeated Deep attributes=9; \
repeated Event events=11; repeated Link links=13; Status status=15; }
message ScopeSpans { Scope scope=1; repeated Span spans=2; }
message ResourceSpans { Resource resource=1; repeated ScopeSpans scope_spans=2; }
message Request { repeated ResourceSpans resource_spans=1; }
""",
    Signal.LOGS: f"""
message LogRecord {{ fixed64 time_unix_nano=1; int32 severity_number=2; string severity_text=3; \
Any{SPAN_DEPTH} body=5; repeated Deep attributes=6; fixed32 flags=8; bytes trace_id=9; bytes span_id=10; \
fixed64 observed_time_unix_nano=11; string event_name=12; }}
message ScopeLogs {{ Scope scope=1; repeated LogRecord log_records=2; }}
message ResourceLogs {{ Resource resource=1; repeated ScopeLogs scope_logs=2; }}
message Request {{ repeated ResourceLogs resource_logs=1; }}
""",
    Signal.METRICS: """
message Exemplar { fixed64 time_unix_nano=2; oneof value { double as_double=3; sfixed64 as_int=6; } \
bytes span_id=4; bytes trace_id=5; }
message Number { repeated KeyValue attributes=7; fixed64 start_time_unix_nano=2; fixed64 time_unix_nano=3; \
oneof value { double as_double=4; sfixed64 as_int=6; } repeated Exemplar exemplars=5; uint32 flags=8; }
message Numbers { repeated Number data_points=1; int32 aggregation_temporality=2; bool is_monotonic=3; }
message Bucketed { repeated KeyValue attributes=9; fixed64 start_time_unix_nano=2; fixed64 time_unix_nano=3; \
fixed64 count=4; oneof has_sum { double sum=5; } repeated fixed64 bucket_counts=6; repeated double explicit_bounds=7; \
repeated Exemplar exemplars=8; uint32 flags=10; oneof has_min { double min=11; } oneof has_max { double max=12; } }
message Histogram { repeated Bucketed data_points=1; int32 aggregation_temporality=2; }
message Buckets { sint32 offset=1; repeated uint64 bucket_counts=2; }
message Exponential { repeated KeyValue attributes=1; fixed64 start_time_unix_nano=2; fixed64 time_unix_nano=3; \
fixed64 count=4; oneof has_sum { double sum=5; } sint32 scale=6; fixed64 zero_count=7; Buckets positive=8; \
Buckets negative=9; uint32 flags=10; repeated Exemplar exemplars=11; oneof has_min { double min=12; } \
oneof has_max { double max=13; } double zero_threshold=14; }
message ExponentialHistogram { repeated Exponential data_points=1; int32 aggregation_temporality=2; }
message Quantile { double quantile=1; double value=2; }
message Summarised { repeated KeyValue attributes=7; fixed64 start_time_unix_nano=2; fixed64 time_unix_nano=3; \
fixed64 count=4; double sum=5; repeated Quantile quantile_values=6; uint32 flags=8; }
message Summary { repeated Summarised data_points=1; }
message Metric { string name=1; string description=2; string unit=3; Numbers gauge=5; Numbers sum=7; \
Histogram histogram=9; ExponentialHistogram exponential_histogram=10; Summary summary=11; }
message ScopeMetrics { Scope scope=1; repeated Metric metrics=2; }
message ResourceMetrics { Resource resource=1; repeated ScopeMetrics scope_metrics=2; }
message Request { repeated ResourceMetrics resource_metrics=1; }
""",
}
"""What each signal adds: the fields that are read, with their numbers in OTLP; the others are skipped."""

_VALUES = _values()


_AS_OBJECT = """concat('{{"$otlp_base64":"',base64Encode({bytes}),'"}}')"""
"""How what lies below the last level is kept: as an object, for good."""

_MARKED = "concat('\\x01',if({v}.1='array_value','A','K'),base64Encode({bytes}),'\\x01')"
"""As a mark that the writer finds and finishes: `deep.py`."""


def value_as_json(depth: int, v: str, below: str = _AS_OBJECT) -> str:
    """SQL for the JSON text of the value expression `v`; bytes are base64, levels below `depth` what `below` says."""
    scalar = (
        f"{v}.1='string_value',toJSONString({v}.2),{v}.1='bool_value',if({v}.3,'true','false'),"
        f"{v}.1='int_value',toString({v}.4),{v}.1='double_value',toJSONString({v}.5),"
        f"{v}.1='bytes_value',toJSONString(base64Encode({v}.8))"
    )
    if depth == 0:
        deep = below.format(v=v, bytes=f"if({v}.1='array_value',{v}.6,{v}.7)")
        return f"multiIf({scalar},{v}.1 IN ('array_value','kvlist_value'),{deep},'null')"
    # Lists and maps share one branch (a list is a map with empty keys), so the SQL grows linearly with depth, not as
    # 2^depth: analysing the expression, not running it, is what a small insert pays for.
    x = f"x{depth}"
    pairs = f"arrayConcat(arrayMap(y->('',y),{v}.6.1),{v}.7.1)"
    key = f"if({v}.1='kvlist_value',concat(toJSONString({x}.1),':'),'')"
    items = f"arrayStringConcat(arrayMap({x}->concat({key},{value_as_json(depth - 1, x + '.2', below)}),{pairs}),',')"
    brackets = f"if({v}.1='array_value','[]','{{}}')"
    nested = f"concat(left({brackets},1),{items},right({brackets},1))"
    return f"multiIf({scalar},{v}.1 IN ('array_value','kvlist_value'),{nested},'null')"


def attributes_as_map(attributes: str, depth: int) -> str:
    """SQL for a key-value list as `Map(String, String)`: strings as they are, everything else as JSON text."""
    text = f"if(kv.2.1='string_value',kv.2.2,{value_as_json(depth, 'kv.2')})"
    return f"CAST(arrayMap(kv->(kv.1,{text}),{attributes}),'Map(LowCardinality(String), String)')"


def marked_map(attributes: str, depth: int) -> str:
    """The same with marks for what lies deeper; a text that has the byte of a mark is marked whole."""
    plain = "if(position(kv.2.2,'\\x01')=0,kv.2.2,concat('\\x01S',base64Encode(kv.2.2),'\\x01'))"
    text = f"if(kv.2.1='string_value',{plain},{value_as_json(depth, 'kv.2', _MARKED)})"
    return f"CAST(arrayMap(kv->(kv.1,{text}),{attributes}),'Map(LowCardinality(String), String)')"


def value_as_text(v: str) -> str:
    """SQL for a value of a log's body: a string as it is, '' for none, everything else as JSON text."""
    return f"multiIf({v}.1='string_value',{v}.2,{v}.1='none','',{value_as_json(SPAN_DEPTH, v)})"


def last_text(messages: str) -> str:
    """SQL for the first text part of the last message in GenAI message JSON `messages` ('' when there is none)."""
    parts = f"JSONExtractArrayRaw(JSONExtractArrayRaw({messages})[-1],'parts')"
    return f"JSONExtractString(arrayFirst(p->JSONExtractString(p,'type')='text',{parts}),'content')"


def histogram_bucket(value: str) -> str:
    """SQL for the number of the histogram bucket of `value`: eight for each power of two, -1 for 0."""
    return f"toInt16(if({value} > 0, floor(8 * log2({value})), -1))"


DEDUP_WINDOW = 10_000
"""Tokens of inserts that each table remembers; the longest replay is `wal.backlog.UNSYNCED_DELETIONS` and one.

An insert takes as many of them as it touches partitions: at most 15 weeks."""


_MACRO = re.compile(r"\{(\w+)(?::((?:[^{}]|\{[^{}]*\})+))?\}")


def expand(sql: str, *, dedup_window: int = DEDUP_WINDOW) -> str:
    """The SQL of a migration with its macros replaced.

    `{resource_spans_type}` and the like, `{durable_dedup}`; with an expression behind a colon `{span_map:EXPR}`,
    `{map:EXPR}`, `{text:EXPR}`, `{last_text:EXPR}` `{bucket:EXPR}`; `{select_NAME:TABLE}` for a query
    of `selects/NAME.sql`; and those of the mapping of dialects (`understanding.py`).

    `dedup_window` is how many inserted blocks each table remembers by token: far above the number of segments that
    can be waiting for a replay. Raises `KeyError` on a macro that is not known.
    """
    plain = {
        "resource_spans_type": landing_type(Signal.TRACES),
        "resource_logs_type": landing_type(Signal.LOGS),
        "resource_metrics_type": landing_type(Signal.METRICS),
        "flat_traces_columns": flat.columns(proto()),
        "joined_spans": flat.joined(proto()),
        "understood_columns": understanding.added(),
        "durable_dedup": (
            f"non_replicated_deduplication_window = {dedup_window}, fsync_after_insert = 1, fsync_part_directory = 1"
        ),
    }
    calls = {
        "span_map": lambda attributes: attributes_as_map(attributes, SPAN_DEPTH),
        "map": lambda attributes: attributes_as_map(attributes, OTHER_DEPTH),
        "marked_span_map": lambda attributes: marked_map(attributes, SPAN_DEPTH),
        "marked_map": lambda attributes: marked_map(attributes, OTHER_DEPTH),
        "text": value_as_text,
        "last_text": last_text,
        "bucket": histogram_bucket,
        "understood": understanding.understood,
        "made_of": understanding.made,
    }

    def one(match: re.Match[str]) -> str:
        name, argument = match[1], match[2]
        if name.startswith("select_"):
            return _select(name.removeprefix("select_"), argument)
        return plain[name] if argument is None else calls[name](argument)

    return _MACRO.sub(one, sql)


def _select(name: str, source: str) -> str:
    """The query of `selects/NAME.sql`, of the table `source`."""
    text = (files("llmtrace_collector.schema") / "selects" / f"{name}.sql").read_text(encoding="utf-8")
    return expand(re.sub(r"^--.*$", "", text, flags=re.MULTILINE).replace("{source}", source)).strip()
