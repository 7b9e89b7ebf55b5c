"""A summary as one page of HTML: no script, nothing from elsewhere, as readable on paper and in a narrow window."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from dataclasses import fields
from importlib.resources import files

from llmtrace_dashboards import theme
from llmtrace_dashboards.report import cards, charts, tables, told
from llmtrace_dashboards.report.links import Link, into
from llmtrace_dashboards.report.markup import Html, joined, name, raw, tag
from llmtrace_dashboards.report.summary import Summary


def page(summary: Summary, app: str) -> str:
    """The whole document; `app` is where the app is, '' for no links."""
    link = into(app)
    style = _style()
    seal = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{seal}'; base-uri 'none'; form-action 'none'"
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=policy),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("meta", name="referrer", content="no-referrer"),
        tag("title", told.title(summary)),
        tag("style", raw(style)),
    )
    body = tag("body", tag("main", _head(summary), *_sections(summary, link)))
    return f"<!DOCTYPE html>\n{tag('html', head, body, lang='en')}\n"


def _head(summary: Summary) -> Html:
    project = joined(" · project ", name(summary.view.project)) if summary.view.project else None
    return tag(
        "header",
        tag("p", "llmtrace", project, class_="of"),
        tag("h1", f"{'Week of ' if summary.days.count == 7 else ''}{summary.days.told}"),
    )


def _sections(summary: Summary, link: Link) -> Iterable[Html]:
    if summary.empty:
        yield told.nothing(summary)
    else:
        yield tag("ul", *(tag("li", one) for one in told.headlines(summary)), class_="headlines")
        yield cards.drawn(summary, link)
        yield tag("section", tag("h2", "Over the days"), tag("div", *charts.drawn(summary), class_="charts"))
    yield _section("The month", told.month(summary))
    if not summary.empty:
        yield _section("Day by day", tables.by_day(summary, link))
        yield _section("What changed most", tables.moved(summary, link, "usd"), tables.moved(summary, link, "calls"))
        for by in summary.parts:
            yield _section(f"Spend by {by}", tables.spent(summary, by, link))
        yield _section("Errors by type", tables.errors(summary, link))
    yield _section("Alerts that fired", tables.alerts(summary, link) or tag("p", "None."))
    yield _section("What came and went", tables.changes(summary))
    yield _section("About these figures", tag("ul", *(tag("li", one) for one in told.notes(summary)), class_="notes"))


def _section(title: str, *inside: Html | None) -> Html:
    return tag("section", tag("h2", title), *inside) if any(inside) else Html("")


def _style() -> str:
    """The style sheet, after the colours of both schemes."""
    sheet = (files("llmtrace_dashboards.report") / "page.css").read_text(encoding="utf-8")
    dark = f"@media screen and (prefers-color-scheme: dark) {{ :root {{ {_colours(theme.DARK)} }} }}"
    return f":root {{ {_colours(theme.LIGHT)} font-family: {theme.SANS}; }}\n{dark}\n{sheet}"


def _colours(palette: theme.Palette) -> str:
    plain = {field.name: getattr(palette, field.name) for field in fields(palette) if field.name != "categories"}
    plain |= {f"c{number}": colour for number, colour in enumerate(palette.categories)}
    return " ".join(f"--{key}: {colour};" for key, colour in plain.items())
