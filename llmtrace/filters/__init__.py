"""One grammar of filters over spans, for people: the app's address, links of alerts, the API and the command line.

    latency>3s -status:ok model:gpt-5*,gpt-4o user:"Ana Lima" is:retried score.faithfulness<0.6 "refund policy"

Terms narrow; several values of one term widen; a minus before a term turns it around.

    WORD:a,b        any of these; a star in a bare value stands for any text
    WORD>3          also < >= <= =; seconds may be 500ms, 3s, 2m, counts 10k, shares 5%
    is:WORD         a condition, such as is:error
    has:WORD        it was told at all
    score.NAME      what an evaluator found, by number or by label; feedback.NAME what people said of it
    attr.NAME       any attribute of the span; resource.NAME of its resource
    "two words"     all of these words are in the captured question or answer

`parse` reads it, `render` writes it, `condition` makes it a WHERE over the table `spans`. Neither OpenTelemetry nor the
store is needed for any of it.
"""

from __future__ import annotations

from llmtrace.filters.condition import Condition, condition
from llmtrace.filters.fields import FIELDS, FLAGS, Field, Kind
from llmtrace.filters.grammar import FilterError, parse, render
from llmtrace.filters.terms import Op, Term, Value

__all__ = [
    "FIELDS",
    "FLAGS",
    "Condition",
    "Field",
    "FilterError",
    "Kind",
    "Op",
    "Term",
    "Value",
    "condition",
    "parse",
    "render",
]
