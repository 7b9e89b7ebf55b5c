"""The URL grammar: query parameters in, a frozen `View` and notices out, and back.

    p project   r 15m|1h|6h|24h|7d|30d   from, to epoch ms (both or none; they win over r)   tz IANA zone
    env, svc, model, user   repeatable   status ok|error   q a filter by the grammar of `llmtrace.filters`
    cmp prev|week|off   by what spend is split by   grain trace|span   sort newest|slowest|dearest
    before paging cursor
    sel a box on a heatmap (`box`)   trace_id 32 hex digits   span 16 hex digits   a id of an alert   live 1

`project` is read as `p`, and `has=name:value` as terms of `q`: the links of alert webhooks spell them so.

A public contract: alert webhooks, the CLI and people's bookmarks spell these words. Whatever cannot be true is
dropped with a notice; a URL never breaks a page.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from zoneinfo import available_timezones

from llmtrace import filters as grammar
from llmtrace_dashboards.state import box, having
from llmtrace_dashboards.state.ranges import DAY_MS, DEFAULT, LATEST_MS, LONGEST_MS, RELATIVE, Window, ending_at

STATUSES = ("ok", "error")
SORTS = ("newest", "slowest", "dearest")
GRAINS = ("trace", "span")
COMPARISONS = ("prev", "week", "off")
GROUPS = ("model", "feature", "team", "user", "service", "environment", "provider", "prompt_version", "project")
"""What spend can be split by: words of the filter grammar."""
FILTERS = ("model", "user", "svc", "env", "status")
"""The fields of a view that narrow which spans are meant."""

_MOST_VALUES = 20
_LONGEST_VALUE = 256
_TRACE_ID = re.compile(r"[0-9a-f]{32}")
_SPAN_ID = re.compile(r"[0-9a-f]{16}")
_CURSOR = re.compile(r"[0-9]{1,19}-[0-9a-f]{16,32}")
_ALERT = re.compile(r"[\w.:-]{1,128}")
_OWN_WORDS = {"model": "model", "user": "user", "service": "svc", "environment": "env", "status": "status"}
"""Words of the grammar that a view has a field for, and that field: rollups know these."""


@dataclass(frozen=True, kw_only=True)
class View:
    """What the user looks at: all of it in the URL, none of it elsewhere."""

    project: str = ""
    """One project; '' for all."""
    relative: str = DEFAULT
    """A word of `RELATIVE`; without meaning while `window` is set."""
    window: Window | None = None
    """An absolute range; None while the range is relative."""
    tz: str = ""
    """An IANA zone; '' for the browser's."""
    env: tuple[str, ...] = ()
    svc: tuple[str, ...] = ()
    model: tuple[str, ...] = ()
    user: tuple[str, ...] = ()
    status: tuple[str, ...] = ()
    """Any of ok, error; () for both. OpenTelemetry's UNSET counts as ok."""
    q: str = ""
    """Further terms, as `filters.render` writes them."""
    cmp: str = "prev"
    """What figures are compared with: the period before, the same time a week before, or nothing."""
    by: str = "model"
    """What spend is split by."""
    grain: str = "trace"
    """What a row of a list is."""
    sort: str = "newest"
    before: str = ""
    """Paging cursor of the newest-first list: `<epoch ns>-<id>` of the last row of the page before."""
    sel: str = ""
    """A box on a heatmap, as `box.parse` reads it."""
    trace_id: str = ""
    span: str = ""
    alert: str = ""
    """`a` in the URL."""
    live: bool = False
    """Redraw by itself when new spans have arrived."""

    def window_at(self, now_ms: int) -> Window:
        """The window this view means at `now_ms`."""
        return self.window or ending_at(now_ms, self.relative)

    def pinned(self, now_ms: int) -> View:
        """The same view with its range made absolute: what a link to share carries."""
        return replace(self, window=self.window_at(now_ms), relative=DEFAULT, live=False)

    def compared(self, window: Window) -> Window | None:
        """The window to compare `window` with; None: with nothing."""
        if self.cmp == "week":
            return Window(start_ms=window.start_ms - 7 * DAY_MS, end_ms=window.end_ms - 7 * DAY_MS)
        return window.before if self.cmp == "prev" else None

    def narrowed(self, **filters: tuple[str, ...]) -> View:
        """The same view with these of its `FILTERS` replaced, on its first page."""
        return replace(self, before="", **filters)  # type: ignore[arg-type]

    def asking(self, text: str) -> View:
        """The same view with `text` for its further terms, on its first page; what has a field of its own goes there.

        Raises:
            FilterError: `text` is no filter.
        """
        return _settled(replace(self, before="", q=""), grammar.parse(text))

    def also(self, text: str) -> View:
        """The same view narrowed by `text` too, on its first page.

        Raises:
            FilterError: `text` is no filter.
        """
        return self.narrowed(**dict.fromkeys(FILTERS, ())).asking(f"{self.everything} {text}")

    def only(self, word: str, value: str, *, negated: bool = False) -> View | None:
        """The same view of what has, or has not, this value of a word of the grammar; None: no filter can say it."""
        term = grammar.Term(word=word, values=(grammar.Value(text=value),), negated=negated)
        try:
            return self.also(grammar.render([term]))
        except grammar.FilterError:
            return None

    @property
    def terms(self) -> tuple[grammar.Term, ...]:
        """The terms of `q`."""
        return grammar.parse(self.q)

    @property
    def everything(self) -> str:
        """All filters in one text of the grammar, which `asking` reads."""
        own = [
            grammar.Term(word=word, values=tuple(grammar.Value(text=value) for value in values))
            for word, name in _OWN_WORDS.items()
            if (values := getattr(self, name))
        ]
        return grammar.render([*own, *self.terms])

    @property
    def filters(self) -> dict[str, tuple[str, ...]]:
        """The filters that are set, by URL word."""
        return {name: values for name in FILTERS if (values := getattr(self, name))}

    def params(self) -> dict[str, list[str]]:
        """Query parameters that parse back to this view; defaults are left out."""
        out: dict[str, list[str]] = {"p": [self.project]} if self.project else {}
        if self.window:
            out |= {"from": [str(self.window.start_ms)], "to": [str(self.window.end_ms)]}
        elif self.relative != DEFAULT:
            out["r"] = [self.relative]
        out |= {name: list(values) for name, values in self.filters.items()}
        single = {"q": self.q, "tz": self.tz, "before": self.before, "trace_id": self.trace_id, "span": self.span}
        single |= {"sel": self.sel, "a": self.alert, "live": "1" if self.live else ""}
        for name, default in (("cmp", "prev"), ("by", "model"), ("grain", "trace"), ("sort", "newest")):
            single[name] = "" if getattr(self, name) == default else getattr(self, name)
        return out | {name: [value] for name, value in single.items() if value}


def parse(params: Mapping[str, Sequence[str]]) -> tuple[View, tuple[str, ...]]:
    """The view a URL means, and a sentence for each part of it that was not understood."""
    notices: list[str] = []

    def one(name: str, fits: Callable[[str], object], default: str = "") -> str:
        given = next(iter(params.get(name, ())), "")
        if given and not fits(given):
            notices.append(f"The link's “{name}” was not understood and is left out.")
            return default
        return given or default

    def many(name: str, fits: Callable[[str], object]) -> tuple[str, ...]:
        given = [value for value in params.get(name, ()) if value]
        good = sorted({value for value in given if fits(value)})
        if len(good) < len(set(given)) or len(good) > _MOST_VALUES:
            notices.append(f"Some values of the link's “{name}” were not understood and are left out.")
        return tuple(good[:_MOST_VALUES])

    view = View(
        project=one("p", _is_text) or one("project", _is_text),
        relative=one("r", RELATIVE.__contains__, DEFAULT),
        window=_window(params, notices),
        tz=one("tz", _is_zone),
        env=many("env", _is_text),
        svc=many("svc", _is_text),
        model=many("model", _is_text),
        user=many("user", _is_text),
        status=many("status", STATUSES.__contains__),
        cmp=one("cmp", COMPARISONS.__contains__, "prev"),
        by=one("by", GROUPS.__contains__, "model"),
        grain=one("grain", GRAINS.__contains__, "trace"),
        sort=one("sort", SORTS.__contains__, "newest"),
        before=one("before", _CURSOR.fullmatch),
        sel=one("sel", box.parse),
        trace_id=one("trace_id", _TRACE_ID.fullmatch),
        span=one("span", _SPAN_ID.fullmatch),
        alert=one("a", _ALERT.fullmatch),
        live=one("live", "1".__eq__) == "1",
    )
    view = _settled(view, (*_asked(params, notices), *having.terms(many("has", having.fits))))
    return (replace(view, relative=DEFAULT) if view.window else view), tuple(notices)


def _asked(params: Mapping[str, Sequence[str]], notices: list[str]) -> tuple[grammar.Term, ...]:
    try:
        return grammar.parse(" ".join(text for text in params.get("q", ()) if text))
    except grammar.FilterError as error:
        notices.append(f"The link's “q” is left out. {error}.")
        return ()


def _settled(view: View, terms: Sequence[grammar.Term]) -> View:
    """The view narrowed by `terms` too: each in the field it has, if that is free, else in `q`."""
    left = []
    for term in terms:
        name = _OWN_WORDS.get(term.word, "")
        if name and term.plain and not getattr(view, name) and all(map(_is_text, term.texts)) and all(term.texts):
            view = replace(view, **{name: tuple(sorted(term.texts))})  # type: ignore[arg-type]
        elif term.word == "project" and term.plain and len(term.values) == 1 and not view.project:
            view = replace(view, project=term.texts[0])
        elif term not in left:
            left.append(term)
    return replace(view, q=grammar.render(left))


def _window(params: Mapping[str, Sequence[str]], notices: list[str]) -> Window | None:
    ends = [next(iter(params.get(name, ())), "") for name in ("from", "to")]
    if not any(ends):
        return None
    if all(re.fullmatch(r"[0-9]{1,13}", end) for end in ends):
        start_ms, end_ms = map(int, ends)
        if start_ms < end_ms <= LATEST_MS and end_ms - start_ms <= LONGEST_MS:
            return Window(start_ms=start_ms, end_ms=end_ms)
    notices.append("The link's time range was not understood; this is the default range.")
    return None


def _is_text(value: str) -> bool:
    return len(value) <= _LONGEST_VALUE and all(c.isprintable() or c in "\u200e\u200f" for c in value)


def _is_zone(value: str) -> bool:
    return value in available_timezones()
