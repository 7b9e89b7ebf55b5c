"""What a span means, as layers of a query: from its attributes, events and times to the columns of `otlp_spans`.

Each column is an expression over columns of layers below; a layer is a subquery. One expression for all would be a
hundred times as long, since the engine writes out every name it stands for, and analysing it, not running it, is what a
small insert pays for (docs/decisions/0018).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from llmtrace_collector.schema import dialects, messages
from llmtrace_collector.schema.dialects import text

NOT_CALLS = (
    "create_agent",
    "invoke_agent",
    "invoke_workflow",
    "execute_tool",
    "retrieval",
    "plan",
    "chain",
    "task",
    "embed",
    "prompt",
    "parser",
    "guardrail",
    "evaluator",
)
"""Operations that ask no provider themselves; `embed` is the block of the AI SDK around its calls."""

_MESSAGE_EVENTS = ("gen_ai.system.message", "gen_ai.user.message", "gen_ai.assistant.message", "gen_ai.tool.message")
_CONTENT_EVENTS = (
    *_MESSAGE_EVENTS,
    "gen_ai.choice",
    "gen_ai.content.prompt",
    "gen_ai.content.completion",
)


_INDEXED_KEY = "'^(gen_ai\\\\.(prompt|completion)|llm\\\\.(input|output)_messages)\\\\.\\\\d'"
_COUNTED = (
    "input_tokens",
    "whole_input_tokens",
    "output_tokens",
    "cached_input_tokens",
    "cache_write_input_tokens",
    "reasoning_output_tokens",
    "total_tokens",
)


_MAP = "Map(LowCardinality(String),String)"


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column."""

    name: str
    sql: str
    """Over attributes, events, links, times and other columns."""
    type: str = ""
    """In `otlp_spans`; '' for one that only others are made of."""


def _tokens(column: str) -> str:
    return f"toUInt64OrNull({text(column)})"


def _let(name: str, value: str, body: str) -> str:
    """SQL for `body`, in which `name` stands for `value`: worked out and analysed once."""
    return f"arrayMap({name}->{body},[{value}])[1]"


def _told() -> list[Column]:
    """What the attributes say, by slot."""
    first = dialects.first_content_code()
    return [
        Column(name="codes", sql=_let("every", dialects.every_code_sql(), dialects.codes_sql("every"))),
        Column(
            name="pairs",
            sql="arraySort(x->x.1,arrayFilter(x->x.1>0 AND x.2!='',arrayZip(codes,mapValues(attributes))))",
        ),
        Column(name="told", sql="arrayMap(x->toUInt8(bitShiftRight(x.1,16)),pairs)"),
        Column(name="told_values", sql="pairs.2"),
        Column(name="convention", type="LowCardinality(String)", sql=dialects.convention_sql("pairs.1")),
        Column(name="content_told", type="Bool", sql=f"arrayExists(c->c>={first},codes)"),
        Column(name="message_events", type="Bool", sql=f"hasAny(`events.name`,[{_quoted(_CONTENT_EVENTS)}])"),
    ]


def _plain() -> list[Column]:
    """Columns that are a value as it was told."""
    low, string = "LowCardinality(String)", "String"
    texts = {
        "request_model": low,
        "response_model": low,
        "response_id": string,
        "system_fingerprint": low,
        "request_service_tier": low,
        "response_service_tier": low,
        "error_type": low,
        "user_id": string,
        "session_id": string,
        "told_environment": low,
        "agent_name": low,
        "tool_name": low,
        "prompt_name": low,
        "prompt_version": low,
        "feature": low,
        "team": low,
    }
    truths = ["output_refused", "output_truncated", "output_empty", "json_valid", "schema_valid"]
    truths += ["tool_calls_json_valid", "tool_calls_schema_valid"]
    found = [Column(name=n, type=t, sql=text(n.removeprefix("told_"))) for n, t in texts.items()]
    found += [
        Column(name=n, type="Nullable(Bool)", sql=f"transform({text(n)},['true','false'],[true,false],NULL)")
        for n in truths
    ]
    found += [
        Column(name=n, type="Nullable(Float64)", sql=f"toFloat64OrNull({text(n)})")
        for n in ("mean_logprob", "min_logprob", "unlikely_share")
    ]
    return found


def _read() -> list[Column]:
    """Columns whose value must be read: lists, flags, names with a meaning, times."""
    low = "LowCardinality(String)"
    model = "if(request_model!='',request_model,response_model)"
    first_event = "toInt64(`events.time_ns`[indexOf(`events.name`,'First Token Stream Event')])"
    told_time = f"parseDateTime64BestEffortOrNull(trim(BOTH '\"' FROM {text('first_token_at')}),9,'UTC')"
    seconds = f"toFloat64OrNull({text('time_to_first_token_ns', 'seconds')})"
    milliseconds = f"toFloat64OrNull({text('time_to_first_token_ns', 'milliseconds')})/1000"
    taken = (
        "multiIf(t>toInt64(start_ns),toUInt64(t-toInt64(start_ns)),"
        f"toUInt64OrNull(toString(round(1e9*coalesce({seconds},{milliseconds})))))"
    )
    return [
        Column(name="operation", type=low, sql=_let("t", text("operation"), dialects.meaning("operation", "t"))),
        Column(name="provider", type=low, sql=_let("t", text("provider"), dialects.meaning("provider", "t"))),
        Column(name="model", type=low, sql=model),
        Column(name="finish_reasons", type=f"Array({low})", sql=_let("t", text("finish_reasons"), _list("t"))),
        Column(name="tags", type=f"Array({low})", sql=_let("t", text("tags"), _list("t"))),
        Column(name="stream", type="Bool", sql=f"lower({text('stream')})='true'"),
        Column(
            name="time_to_first_token_ns",
            type="Nullable(UInt64)",
            sql=_let("t", f"ifNull(toUnixTimestamp64Nano({told_time}),{first_event})", taken),
        ),
    ]


def _asked() -> list[Column]:
    """Whether a span asks a provider, which some of the columns above tell."""
    asks = "provider!='' OR (operation!='' AND model!='')"
    # Logfire tells of a streamed call twice: when it was asked, and with its figures in a span of its own at the end.
    told_again = "convention='logfire' AND stream AND isNull(input_tokens)"
    none = _quoted(NOT_CALLS)
    return [
        Column(name="is_call", type="Bool", sql=f"({asks}) AND operation NOT IN ({none}) AND NOT ({told_again})"),
    ]


def _list(value: str) -> str:
    """SQL for a list of texts, from JSON or from words between commas."""
    return (
        f"multiIf({value}='',[],startsWith({value},'['),JSONExtract({value},'Array(String)'),"
        f"arrayMap(x->trim(BOTH ' ' FROM x),splitByChar(',',trim(BOTH '\"' FROM {value}))))"
    )


def _usage() -> list[Column]:
    """Tokens as OpenTelemetry counts them: cached and written ones are part of the input, reasoning of the output.

    Names that count them apart (`tokens_apart`) are added up; so is an input that its own part exceeds.
    """
    tokens = "Nullable(UInt64)"
    apart_in, apart_out = (text(c, "tokens_apart") for c in ("input_tokens", "output_tokens"))
    whole_in, whole_out = (text(c, "tokens") for c in ("input_tokens", "output_tokens"))
    of_total = (
        "if(isNull(output_tokens) AND operation!='embeddings' OR total_tokens<ifNull(output_tokens,0),NULL,"
        "toUInt64(total_tokens-ifNull(output_tokens,0)))"
    )
    return [
        Column(name="cached_input_tokens", type=tokens, sql=_tokens("cached_input_tokens")),
        Column(name="cache_write_input_tokens", type=tokens, sql=_tokens("cache_write_input_tokens")),
        Column(name="cache_creation_input_tokens", type=tokens, sql=_tokens("cache_creation_input_tokens")),
        Column(name="reasoning_output_tokens", type=tokens, sql=_tokens("reasoning_output_tokens")),
        Column(name="total_tokens", sql=_tokens("total_tokens")),
        Column(name="cached", sql="ifNull(cached_input_tokens,0)+ifNull(cache_write_input_tokens,0)"),
        Column(
            name="output_tokens",
            type=tokens,
            sql=f"coalesce(toUInt64OrNull({whole_out}),toUInt64OrNull({apart_out})+ifNull(reasoning_output_tokens,0))",
        ),
        Column(name="whole_input_tokens", sql=f"toUInt64OrNull({whole_in})"),
        Column(
            name="input_tokens",
            type=tokens,
            sql=(
                "coalesce(if(whole_input_tokens<cached,whole_input_tokens+cached,whole_input_tokens),"
                f"toUInt64OrNull({apart_in})+cached,{of_total})"
            ),
        ),
        Column(name="estimated_input_tokens", type=tokens, sql=_tokens("estimated_input_tokens")),
        Column(name="estimated_output_tokens", type=tokens, sql=_tokens("estimated_output_tokens")),
        Column(name="cost_usd", type="Nullable(Decimal(38,12))", sql=f"toDecimal128OrNull({text('cost_usd')},12)"),
        Column(
            name="estimated_cost_usd",
            type="Nullable(Decimal(38,12))",
            sql=f"toDecimal128OrNull({text('estimated_cost_usd')},12)",
        ),
        Column(
            name="fault",
            type="String",
            sql=(
                "multiIf(told_fault!='',told_fault,cost_usd<0 OR cost_usd>1000000,"
                "'its cost is not between 0 and 1,000,000 dollars',"
                f"greatest({','.join(f'ifNull({column},0)' for column in _COUNTED)})>1000000000000,"
                "'it has more than 10^12 tokens','')"
            ),
        ),
    ]


def _content() -> list[Column]:
    """What was said, where it is by the GenAI conventions."""
    first = dialects.first_content_code()
    slots = dialects.slots()
    verbatim = ",".join(str(slots[f"{column}:genai"]) for column in dialects.VERBATIM)
    found = [Column(name=column, type="String", sql=text(column)) for column in dialects.VERBATIM]
    found += [
        Column(
            name=f"{side}_format",
            type="LowCardinality(String)",
            sql=f"if({text(f'{side}_messages')}='','','messages')",
        )
        for side in ("input", "output")
    ]
    other = f"message_events OR arrayExists(c->c>={first} AND bitShiftRight(c,16) NOT IN({verbatim}),codes)"
    marks = f"arrayMap(c->c>={first},codes)"
    return [
        *found,
        Column(name="as_sent", type=_MAP, sql="CAST(map(),'Map(LowCardinality(String),String)')"),
        Column(name="other_attributes", type=_MAP, sql=f"if(content_told,{_where('NOT m', marks)},attributes)"),
        Column(name="route", type="LowCardinality(String)", sql=f"if({other},'foreign','')"),
    ]


def _made_content() -> list[Column]:
    """The same from any form, as GenAI message JSON where it can be, else as it came."""
    names, attributes = "`events.name`", "`events.attributes`"
    with_calls = 'concat(\'{"role":"assistant","content":\',toJSONString(s),\',"tool_calls":\',c,\'}\')'
    answer = f"arrayMap((s,c)->if(c='',s,{with_calls}),[{text('output', 'chat')}],[{text('output_tool_calls')}])[1]"
    asked = messages.events(names, attributes, _MESSAGE_EVENTS, "gen_ai.content.prompt>gen_ai.prompt")
    answered = messages.events(names, attributes, ("gen_ai.choice",), "gen_ai.content.completion>gen_ai.completion")
    sides = (
        ("input", ("gen_ai.prompt.", "llm.input_messages."), text("input", "chat"), asked),
        ("output", ("gen_ai.completion.", "llm.output_messages."), answer, answered),
    )
    found = [
        Column(name="system_instructions", type="String", sql=text("system_instructions")),
        Column(name="tool_definitions", type="String", sql=text("tool_definitions")),
        Column(name="made", sql=messages.genai("[input_chat,output_chat]", "['\"user\"','\"assistant\"']")),
    ]
    for at, (side, prefixes, said, by_events) in enumerate(sides, start=1):
        mine = " OR ".join(f"startsWith(k,'{prefix}')" for prefix in prefixes)
        keys = f"arrayFilter(k->{mine},mapKeys(attributes))"
        values = f"arrayFilter((v,k)->{mine},mapValues(attributes),mapKeys(attributes))"
        none = f"CAST([],'{messages.FRAGMENTS}')"
        fragments = f"if({text(side, 'indexed')}='',{none},{messages.fragments(keys, values)})"
        genai = text(f"{side}_messages")
        joined = _let("fr", fragments, messages.joined("fr"))
        chat = f"arrayFirst(x->x!='',[{joined},{said},if(message_events,{by_events},'')])"
        found += [
            Column(name=f"{side}_chat", sql=f"if({genai}='' AND (content_told OR message_events),{chat},'')"),
            Column(
                name=f"{side}_messages",
                type="String",
                sql=f"arrayFirst(x->x!='',[{genai},made[{at}],{side}_chat])",
            ),
            Column(
                name=f"{side}_format",
                type="LowCardinality(String)",
                sql=(
                    f"multiIf({genai}!='' OR made[{at}]!='','messages',{side}_chat='','',"
                    f"isValidJSON({side}_chat),'json','text')"
                ),
            ),
        ]
    return [*found, *_kept_apart(), Column(name="route", type="LowCardinality(String)", sql="''")]


def _kept_apart() -> list[Column]:
    """Attributes without what was said, and what was said as it was sent where no column has it verbatim."""
    first = dialects.first_content_code()
    slots = dialects.slots()
    verbatim = ",".join(str(slots[f"{column}:genai"]) for column in dialects.VERBATIM)
    any_indexed = f"{text('input', 'indexed')}!='' OR {text('output', 'indexed')}!=''"
    said = f"arrayMap((c,k)->c>={first} OR match(k,{_INDEXED_KEY}),codes,mapKeys(attributes))"
    events, quoted = "`events.attributes`", _quoted(_CONTENT_EVENTS)
    apart = f"arrayMap((m,c)->m AND bitShiftRight(c,16) NOT IN({verbatim}),said,codes)"
    by_events = (
        f"CAST((arrayFilter(n->n IN({quoted}),`events.name`),"
        f"arrayMap(a->toJSONString(a),arrayFilter((a,n)->n IN({quoted}),{events},`events.name`))),"
        "'Map(LowCardinality(String),String)')"
    )
    return [
        Column(name="said", sql=f"if({any_indexed},{said},arrayMap(c->c>={first},codes))"),
        Column(name="other_attributes", type=_MAP, sql=f"if(content_told,{_where('NOT m', 'said')},attributes)"),
        Column(
            name="as_sent",
            type=_MAP,
            sql=f"multiIf(content_told,{_where('m', apart)},message_events,{by_events},map())",
        ),
    ]


def _where(condition: str, marks: str) -> str:
    """SQL for the attributes whose mark `m` satisfies the condition."""
    keys, values = (
        f"arrayFilter(({x},m)->{condition},map{part}(attributes),{marks})"
        for x, part in (("k", "Keys"), ("v", "Values"))
    )
    return f"CAST(({keys},{values}),'Map(LowCardinality(String),String)')"


def _quoted(names: tuple[str, ...]) -> str:
    return ",".join(f"'{name}'" for name in names)


def columns(*, made: bool = False) -> list[Column]:
    """All of them, in no order; `made`: with messages made of whatever form they came in."""
    content = _made_content() if made else _content()
    return [*_told(), *_plain(), *_read(), *_asked(), *_usage(), *content]


def added() -> str:
    """For an ALTER TABLE of `otlp_spans`: the columns that views read."""
    told = (column for column in columns() if column.type and column.name not in ("fault", "route"))
    return ",\n".join(f"ADD COLUMN IF NOT EXISTS `{c.name}` {c.type}" for c in told)


AS_IT_CAME = [
    *("project", "received_ns", "told_fault", "scope_name", "trace_id", "span_id", "parent_span_id", "trace_state"),
    *("name", "kind", "start_ns", "end_ns", "status_code", "status_message", "resource_attributes", "attributes"),
    *("events.time_ns", "events.name", "events.attributes", "links.trace_id", "links.span_id", "links.attributes"),
]
"""What the unfolding gives: the columns below the lowest layer."""


def layers(chosen: list[Column]) -> list[list[Column]]:
    """The columns, lowest layer first, each as high as what is made of it allows: so few are carried through."""
    names = frozenset(column.name for column in chosen)
    users: dict[str, set[str]] = {name: set() for name in names}
    for column in chosen:
        for name in _used(column) & names:
            users[name].add(column.name)

    @cache
    def depth(name: str) -> int:
        return max((depth(user) + 1 for user in users[name]), default=0)

    bottom = max(map(depth, names))
    return [[column for column in chosen if depth(column.name) == n] for n in range(bottom, -1, -1)]


def _used(column: Column) -> set[str]:
    """Names of columns in its expression, and of much else."""
    without_texts = re.sub(r"'(?:[^'\\]|\\.)*'", "", column.sql)
    return set(re.findall(r"[a-z_]+(?:\.[a-z_]+)?", without_texts)) - {column.name}


def understood(source: str) -> str:
    """A query of a table of spans as they came, with what they mean."""
    return _around(source, columns())


def made(source: str) -> str:
    """The same, with messages made of whatever form they came in."""
    return _around(source, columns(made=True))


def _around(source: str, chosen: list[Column]) -> str:
    came = ", ".join(f"`{name}`" for name in AS_IT_CAME)
    query = f"SELECT {came} FROM {source}"  # noqa: S608 - names of ours
    known = {*AS_IT_CAME, *(column.name for column in chosen)}
    wanted = [*(name for name in AS_IT_CAME if name != "told_fault"), *(c.name for c in chosen if c.type)]
    selects = []
    for layer in reversed(layers(chosen)):
        here = {column.name: column for column in layer}
        items = [f"{_typed(here[name])} AS `{name}`" if name in here else f"`{name}`" for name in wanted]
        selects.append("SELECT\n" + ",\n".join(items))
        below = {name for name in wanted if name not in here}
        wanted = sorted(below.union(*(_used(column) & known for column in layer)))
    return "\nFROM (".join([*selects, query]) + ")" * len(selects)


def _typed(column: Column) -> str:
    return f"CAST({column.sql}, '{column.type}')" if column.type else column.sql
