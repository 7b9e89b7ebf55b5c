"""The tables of the reference pages, written from the code: ``python3 dev.py docs``.

A page marks where a table stands with ``<!-- table: NAME -->`` and ``<!-- end of table -->``; what is between is ours.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from llmtrace.semconv import ATTRIBUTES, METRICS
from llmtrace.settings import VARIABLES
from llmtrace_collector.schema.dialects import CONVENTIONS, names, values
from llmtrace_collector.telemetry import METRICS as TELEMETRY
from llmtrace_collector.watch.measures import DIMENSIONS, MEASURES, Source
from llmtrace_collector.watch.measures import TABLES as TABLES_OF_FIGURES

PAGES: Final = Path(__file__).resolve().parents[2] / "docs" / "reference"

_MARKED: Final = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- end of table -->)", re.DOTALL)


def attributes() -> Iterable[tuple[str, ...]]:
    """Every attribute, in the order of ``semconv``."""
    yield ("attribute", "type", "source", "meaning")
    for attribute in ATTRIBUTES.values():
        yield (f"`{attribute.name}`", attribute.type, attribute.source, attribute.meaning)


def variables() -> Iterable[tuple[str, ...]]:
    """Every environment variable, in the order of ``settings``."""
    yield ("variable", "default", "meaning")
    for variable in VARIABLES:
        yield (f"`{variable.name}`", f"`{variable.default}`" if variable.default else "", variable.meaning)


def metrics() -> Iterable[tuple[str, ...]]:
    """Every metric, in the order of ``semconv``."""
    yield ("metric", "instrument", "unit", "source", "meaning", "told apart by, besides", "buckets")
    for metric in METRICS.values():
        yield (
            f"`{metric.name}`",
            metric.instrument,
            f"`{metric.unit}`",
            metric.source,
            metric.meaning,
            ", ".join(f"`{name}`" for name in metric.attributes),
            f"{metric.buckets[0]:g} … {metric.buckets[-1]:.10g}" if metric.buckets else "",
        )


def telemetry() -> Iterable[tuple[str, ...]]:
    """Every metric of the collector itself."""
    yield ("metric", "kind", "labels", "meaning")
    for metric in TELEMETRY:
        labels = ", ".join(f"`{label}`" for label in metric.labels)
        yield (f"`{metric.name}`", metric.kind, labels, metric.help)


def conventions() -> Iterable[tuple[str, ...]]:
    """Every convention a span can be of, the most particular first."""
    told = {name.dialect: name for name in reversed(names())}
    yield ("`convention`", "for example by")
    for convention in reversed(CONVENTIONS[1:]):
        yield (f"`{convention}`", f"`{told[convention].attribute}`")
    yield ("empty", "no name of this page")


def dialects() -> Iterable[tuple[str, ...]]:
    """Every name of every dialect, by column."""
    yield ("column", "attribute", "path", "convention", "read as", "source")
    for name in sorted(names(), key=lambda name: [other.column for other in names()].index(name.column)):
        path = f"`{name.path}`" if name.path else ""
        link = f"[{name.convention}]({name.source})"
        yield (
            f"`{name.column}`",
            f"`{name.attribute}`",
            path,
            f"`{name.dialect}`" if name.dialect else "",
            name.transform,
            link,
        )


def dialect_values() -> Iterable[tuple[str, ...]]:
    """What values mean."""
    yield ("column", "value", "means")
    for column, value, means in values():
        yield (f"`{column}`", f"`{value}`", f"`{means}`" if means else "nothing")


def measures() -> Iterable[tuple[str, ...]]:
    """What rules can measure, and by what."""
    yield ("measure", "what it is", "unit", "dimensions")
    for measure in MEASURES.values():
        columns = dict.fromkeys(name for source in measure.sources() for name in TABLES_OF_FIGURES[source].columns)
        everything = set(columns) >= set(TABLES_OF_FIGURES[Source.SPANS].columns)
        yield (
            f"`{measure.name}`",
            measure.title,
            str(measure.unit),
            "all of calls" if everything else ", ".join(f"`{name}`" for name in columns),
        )


def dimensions() -> Iterable[tuple[str, ...]]:
    """What rules group and filter by."""
    yield ("dimension", "of")
    for name in DIMENSIONS:
        of_calls = name in TABLES_OF_FIGURES[Source.SPANS].columns
        yield (f"`{name}`", "calls" if of_calls else "scores")


TABLES: Final[dict[str, Callable[[], Iterable[tuple[str, ...]]]]] = {
    "attributes": attributes,
    "conventions": conventions,
    "dialects": dialects,
    "dimensions": dimensions,
    "measures": measures,
    "dialect_values": dialect_values,
    "metrics": metrics,
    "telemetry": telemetry,
    "variables": variables,
}


def rendered(page: str) -> str:
    """``page`` with its tables as the code has them.

    Raises:
        KeyError: It marks a table nobody knows.
    """
    return _MARKED.sub(lambda found: found[1] + _table(TABLES[found[2]]()) + found[3], page)


def _table(rows: Iterable[tuple[str, ...]]) -> str:
    head, *body = (f"| {' | '.join(row)} |" for row in rows)
    return "\n".join([head, "|---" * (head.count(" | ") + 1) + "|", *body, ""])


def main() -> None:
    for path in sorted(PAGES.glob("*.md")):
        before = path.read_text()
        if (after := rendered(before)) != before:
            path.write_text(after)
            print(f"wrote {path.relative_to(PAGES.parents[1])}")


if __name__ == "__main__":
    main()
