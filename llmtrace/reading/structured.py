"""Whether an answer keeps to the format that was asked for, and its tool calls to their functions' parameters.

What cannot be judged has a reason in a word instead of a verdict:

- ``refused``, ``truncated``, ``not_finished``: there is no whole answer;
- ``tool_calls``: the model called tools instead of answering; ``function_unknown``: one that was not offered;
- ``too_large``, ``too_deep``: the text is beyond what is looked at;
- ``schema_missing``, ``schema_invalid``, ``schema_unsupported``, ``schema_too_large``, ``schema_too_complex``,
  ``validator_missing``: as ``schemas`` has them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from llmtrace.reading.json_values import Json, items, mapping, text
from llmtrace.reading.schemas import Unchecked, satisfies
from llmtrace.reading.verdicts import Choice

MAX_CHARS: Final = 1_000_000
"""Of one text that is parsed: about 10 ms."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Validity:
    """Whether texts are JSON and satisfy their schemas: all of them do, or one does not."""

    json_valid: bool | None = None
    """By RFC 8259; None when not judged."""
    schema_valid: bool | None = None
    """None when no schema was asked for, or it was not judged."""
    reason: str | None = None
    """Why one of the two, or both, were not judged."""


def judge_output(wire: str, sent: Json, choices: list[Choice], *, finished: bool) -> Validity | None:
    """The answer against the format asked for; None when none was, or nothing was answered."""
    asked = _asked(wire, sent)
    if asked is None or not choices:
        return None
    kind, schema = asked
    if kind == "json_schema" and not isinstance(schema, dict):
        schema = Unchecked("schema_missing")
    elif kind != "json_schema":
        schema = None
    hindered = [_hindrance(choice, finished=finished) for choice in choices]
    texts = [choice.text for choice, reason in zip(choices, hindered, strict=True) if reason is None]
    if not texts:
        return Validity(reason=hindered[0])
    return _together([_judge(one, schema) for one in texts])


def judge_tool_calls(sent: Json, choices: list[Choice], *, finished: bool) -> Validity | None:
    """The arguments of every call of a function; None when there is none."""
    calls = [(choice, call) for choice in choices for call in choice.calls]
    if not calls:
        return None
    offered = _parameters(sent)
    if not finished or any(choice.truncated for choice, _ in calls):
        return Validity(reason="truncated" if finished else "not_finished")
    unknown = Unchecked("function_unknown")
    return _together(
        [_judge(_arguments(call), offered.get(text(call.get("name")) or "", unknown)) for _, call in calls]
    )


def _asked(wire: str, sent: Json) -> tuple[str, object] | None:
    if wire == "responses":
        asked = mapping(mapping(sent.get("text")).get("format"))
        schema = asked.get("schema")
    else:
        asked = mapping(sent.get("response_format"))
        schema = mapping(asked.get("json_schema")).get("schema")
    kind = text(asked.get("type"))
    return (kind, schema) if kind in ("json_object", "json_schema") else None


def _hindrance(choice: Choice, *, finished: bool) -> str | None:
    if choice.refused:
        return "refused"
    if not finished:
        return "not_finished"
    if choice.truncated:
        return "truncated"
    return "tool_calls" if (choice.calls or choice.has_other) and not choice.text.strip() else None


def _parameters(sent: Json) -> dict[str, Any]:
    """Schema by name of function; None for one that takes anything."""
    entries = [mapping(tool) for tool in items(sent.get("tools"))]
    entries = [mapping(entry.get("function")) or entry for entry in entries]
    entries += [mapping(function) for function in items(sent.get("functions"))]
    return {name: entry.get("parameters") for entry in entries if (name := text(entry.get("name")))}


def _arguments(call: Json) -> str:
    given = call.get("arguments")
    return given if isinstance(given, str) else json.dumps(given)  # some servers answer the object itself


def _judge(given: str, schema: object) -> Validity:
    if len(given) > MAX_CHARS:
        return Validity(reason="too_large")
    try:
        value = json.loads(given, parse_constant=_no_json, parse_int=_int)
    except RecursionError:
        return Validity(reason="too_deep")
    except ValueError:
        return Validity(json_valid=False, schema_valid=None if schema is None else False)
    if schema is None:
        return Validity(json_valid=True)
    found = schema if isinstance(schema, Unchecked) else satisfies(value, schema)
    if isinstance(found, Unchecked):
        return Validity(json_valid=True, reason=found.reason)
    return Validity(json_valid=True, schema_valid=found)


def _together(found: list[Validity]) -> Validity:
    return Validity(
        json_valid=_all(one.json_valid for one in found),
        schema_valid=_all(one.schema_valid for one in found),
        reason=next((one.reason for one in found if one.reason), None),
    )


def _all(verdicts: Iterable[bool | None]) -> bool | None:
    known = [verdict for verdict in verdicts if verdict is not None]
    return all(known) if known else None


def _no_json(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")  # RFC 8259, section 6


def _int(digits: str) -> float:
    try:
        return int(digits)
    except ValueError:  # more digits than Python converts (sys.get_int_max_str_digits): JSON all the same
        return float(digits)
