"""The URL grammar: query parameters in, a frozen `View` and notices out, and back.

    p project   r 15m|1h|6h|24h|7d|30d   from, to epoch ms (both or none; they win over r)   tz IANA zone
    env, svc, model, user   repeatable   has name:value, repeatable   status ok|error
    sort newest|slowest|dearest   before paging cursor
    trace_id 32 hex digits   span 16 hex digits   live 1

`project` is read as `p`: the links of alert webhooks spell it so.

A public contract: alert webhooks, the CLI and people's bookmarks spell these words. Whatever cannot be true is
dropped with a notice; a URL never breaks a page.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from zoneinfo import available_timezones

from llmtrace_dashboards.state import having
from llmtrace_dashboards.state.ranges import DEFAULT, LATEST_MS, LONGEST_MS, RELATIVE, Window, ending_at

STATUSES = ("ok", "error")
SORTS = ("newest", "slowest", "dearest")
FILTERS = ("model", "user", "svc", "env", "status", "has")
"""The fields of a view that narrow which spans are meant."""

_MOST_VALUES = 20
_LONGEST_VALUE = 256
_TRACE_ID = re.compile(r"[0-9a-f]{32}")
_SPAN_ID = re.compile(r"[0-9a-f]{16}")
_CURSOR = re.compile(r"[0-9]{1,19}-[0-9a-f]{32}")


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
    has: tuple[str, ...] = ()
    """`name:value` of `having`, for what has no word of its own."""
    sort: str = "newest"
    before: str = ""
    """Paging cursor of the newest-first list: `<epoch ns>-<trace id>` of the last row of the page before."""
    trace_id: str = ""
    span: str = ""
    live: bool = False
    """Redraw by itself when new spans have arrived."""

    def window_at(self, now_ms: int) -> Window:
        """The window this view means at `now_ms`."""
        return self.window or ending_at(now_ms, self.relative)

    def pinned(self, now_ms: int) -> View:
        """The same view with its range made absolute: what a link to share carries."""
        return replace(self, window=self.window_at(now_ms), relative=DEFAULT, live=False)

    def narrowed(self, **filters: tuple[str, ...]) -> View:
        """The same view with these of its `FILTERS` replaced, on its first page."""
        return replace(self, before="", **filters)  # type: ignore[arg-type]

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
        single = {"tz": self.tz, "before": self.before, "trace_id": self.trace_id, "span": self.span}
        single |= {"sort": "" if self.sort == "newest" else self.sort, "live": "1" if self.live else ""}
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
        has=many("has", having.fits),
        sort=one("sort", SORTS.__contains__, "newest"),
        before=one("before", _CURSOR.fullmatch),
        trace_id=one("trace_id", _TRACE_ID.fullmatch),
        span=one("span", _SPAN_ID.fullmatch),
        live=one("live", "1".__eq__) == "1",
    )
    return (replace(view, relative=DEFAULT) if view.window else view), tuple(notices)


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
