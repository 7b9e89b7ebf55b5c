"""Whose names a span came in, and what they mean: the mapping table `dialects.csv` as SQL.

One row a name: the column it fills, the attribute, a path into its JSON (where it holds a JSON object), the convention
it belongs to, how its value is read, where the name comes from. Rows of one column stand in the order of preference.
`dialect_values.csv` says what values mean: `LLM` is `chat`, `az.ai.openai` is `azure.ai.openai`.

How the SQL does it, at about 1 us a span whatever the number of names (docs/decisions/0018): every name has a number,

    code = slot << 16 | rank in its column << 8 | rank of its convention

    attributes  {'llm.model_name': 'gpt-4o', 'llm.system': 'openai', 'app.x': '1'}
    codes       [0x030305,                   0x020405,               0]      one lookup a distinct key of the block
    told        [2, 3]                        slots that were told, sorted: the preferred name of a slot comes first
    told_values ['openai', 'gpt-4o']
    a column    told_values[indexOf(told, slot)]                             '' when nobody told it

A slot is a column, or an attribute of its own where a row has a path. Slots of content come last, so that one
comparison tells them.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

CONVENTIONS = (
    "",
    "genai",
    "genai-old",
    "logfire",
    "traceloop",
    "openinference",
    "vercel",
    "langsmith",
    "langfuse",
)
"""By rank: a span is of the highest convention it has a name of. The first is of names that tell nothing."""

_SAME = {"otel": "", "llmtrace": "genai", "openai": "genai"}
"""Conventions whose names do not make a dialect of their own."""

VERBATIM = ("system_instructions", "tool_definitions", "input_messages", "output_messages")
"""Columns of content that take the value as it is."""

CONTENT = frozenset((*VERBATIM, "input", "output", "output_tool_calls"))
"""Columns that hold what was said. Their attributes go to `span_content`."""


@dataclass(frozen=True, kw_only=True)
class Name:
    """One row of the table."""

    column: str
    attribute: str
    path: str
    """Keys into the attribute's JSON, with dots; '' for the value as it is."""
    convention: str
    transform: str
    """How the value is read: `text`, `tokens`, ...: `docs/reference/dialects.md` has all."""
    source: str
    """Where the name is from."""

    @property
    def dialect(self) -> str:
        """The convention a span with this name is of; '' when the name does not tell."""
        return _SAME.get(self.convention, self.convention)

    @property
    def is_content(self) -> bool:
        """Whether the attribute holds what was said."""
        return self.column in CONTENT


@cache
def names() -> tuple[Name, ...]:
    """The table."""
    return tuple(Name(**row) for row in _rows("dialects.csv"))


@cache
def values() -> tuple[tuple[str, str, str], ...]:
    """Column, value in lower case, what it means."""
    return tuple((row["column"], row["value"], row["means"]) for row in _rows("dialect_values.csv"))


def _rows(filename: str) -> list[dict[str, str]]:
    text = (files("llmtrace_collector.schema") / filename).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


@cache
def _shared() -> frozenset[str]:
    """Attributes that have a slot of their own: with paths, or with more than one column."""
    by_attribute: dict[str, list[Name]] = {}
    for name in names():
        by_attribute.setdefault(name.attribute, []).append(name)
    return frozenset(a for a, rows in by_attribute.items() if len(rows) > 1 or any(row.path for row in rows))


def _slot_of(name: Name) -> str:
    return name.attribute if name.attribute in _shared() else f"{name.column}:{name.transform}"


@cache
def slots() -> dict[str, int]:
    """Slot -> number, from 1; content last."""
    content = {_slot_of(name) for name in names() if name.is_content}
    ordered = dict.fromkeys(_slot_of(name) for name in names())
    return {slot: n for n, slot in enumerate(sorted(ordered, key=lambda slot: slot in content), start=1)}


def first_content_code() -> int:
    """The lowest code of content."""
    return min(slots()[_slot_of(name)] for name in names() if name.is_content) << 16


@cache
def codes() -> dict[str, int]:
    """Attribute -> code."""
    found: dict[str, int] = {}
    for rank, name in enumerate(names()):
        code = slots()[_slot_of(name)] << 16 | min(rank, 255) << 8 | CONVENTIONS.index(name.dialect)
        found.setdefault(name.attribute, code)
    return found


def every_code_sql() -> str:
    """SQL for the code of each attribute, 0 for those that tell nothing."""
    return (
        f"arrayMap(k->transform(k,[{_quoted(codes())}],[{','.join(map(str, codes().values()))}],0),mapKeys(attributes))"
    )


def codes_sql(every: str) -> str:
    """SQL for the codes that count, of all of them.

    Names of Logfire are everyday words (`events`, `request_data`): they count only beside a `logfire.msg`.
    """
    marker, logfire = codes()["logfire.msg"], CONVENTIONS.index("logfire")
    beside, alone = (f"arrayMap(c->if({what},0,c),{every})" for what in (f"c={marker}", f"bitAnd(c,255)={logfire}"))
    return f"if(has({every},{marker}),{beside},{alone})"


def _quoted(texts: Iterable[str]) -> str:
    return ",".join(f"'{text}'" for text in texts)


def pick(slot: str) -> str:
    """SQL for the value of a slot; '' when nobody told it."""
    return f"told_values[indexOf(told,{slots()[slot]})]"


def _json_at(name: Name) -> str:
    """SQL for the value at a path as text, whatever its type; '' when it is not there, or null."""
    path = _quoted(name.path.split("."))
    value = pick(name.attribute)
    return f"if({value}='','',replaceRegexpOne(JSONExtractRaw({value},{path}),'^(?:\"(.*)\"|null)$','\\\\1'))"


def _candidates(column: str, *transforms: str) -> list[str]:
    """SQL of each place a column's value may stand in, preferred first."""
    found: dict[str, None] = {}
    for name in names():
        if name.column == column and (not transforms or name.transform in transforms):
            found[_json_at(name) if name.path else pick(_slot_of(name))] = None
    return list(found)


def text(column: str, *transforms: str) -> str:
    """SQL for the first value told of a column, as text."""
    return first_of(_candidates(column, *transforms))


def first_of(candidates: list[str]) -> str:
    """SQL for the first of texts that is not ''."""
    if not candidates:
        return "''"
    return candidates[0] if len(candidates) == 1 else f"arrayFirst(x->x!='',[{','.join(candidates)}])"


def meaning(column: str, value: str) -> str:
    """SQL for what a value of a column means: its own text when the table of values does not have it."""
    rows = [row for row in values() if row[0] == column]
    table = f"[{_quoted(row[1] for row in rows)}],[{_quoted(row[2] for row in rows)}]"
    return f"transform(lower({value}),{table},{value})"


def convention_sql(codes: str) -> str:
    """SQL for the convention of a span with such codes."""
    ranks = ",".join(map(str, range(len(CONVENTIONS))))
    return f"transform(arrayMax(arrayMap(c->bitAnd(c,255),{codes})),[{ranks}],[{_quoted(CONVENTIONS)}],'')"
