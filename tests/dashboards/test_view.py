"""The URL grammar: what is written is read back, and nothing anyone types breaks it."""

from __future__ import annotations

from urllib.parse import parse_qs, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmtrace_dashboards.state.ranges import DAY_MS, HOUR_MS, LATEST_MS, LONGEST_MS, RELATIVE, Window, ending_at
from llmtrace_dashboards.state.view import COMPARISONS, GRAINS, GROUPS, SORTS, View, parse

texts = st.text(st.characters(categories=("L", "N", "P", "S", "Zs")), min_size=1, max_size=40).filter(str.isprintable)
several = st.frozensets(texts, max_size=4).map(lambda found: tuple(sorted(found)))
hexes = st.text("0123456789abcdef", min_size=32, max_size=32)


@st.composite
def windows(draw: st.DrawFn) -> Window:
    start_ms = draw(st.integers(0, LATEST_MS - 1))
    return Window(start_ms=start_ms, end_ms=draw(st.integers(start_ms + 1, min(start_ms + LONGEST_MS, LATEST_MS))))


@st.composite
def views(draw: st.DrawFn) -> View:
    window = draw(st.none() | windows())
    return View(
        project=draw(st.just("") | texts),
        relative="24h" if window else draw(st.sampled_from(sorted(RELATIVE))),
        window=window,
        tz=draw(st.sampled_from(["", "UTC", "Europe/Berlin", "Asia/Kolkata"])),
        env=draw(several),
        svc=draw(several),
        model=draw(several),
        user=draw(several),
        q=draw(st.sampled_from(["", "is:refused", 'feature:a:b latency>2.5s tag:"ü 😀" -user:x "two words"'])),
        cmp=draw(st.sampled_from(COMPARISONS)),
        grain=draw(st.sampled_from(GRAINS)),
        sel=draw(st.sampled_from(["", "latency:1795340000000-1795343600000:0.5-4", "cost:0-1:0-0.01"])),
        by=draw(st.sampled_from(GROUPS)),
        alert=draw(st.sampled_from(["", "alr_01-x"])),
        status=draw(st.sampled_from([(), ("ok",), ("error",), ("error", "ok")])),
        sort=draw(st.sampled_from(SORTS)),
        before=draw(st.just("") | st.builds("{}-{}".format, st.integers(0, 2**63 - 1), hexes)),
        trace_id=draw(st.just("") | hexes),
        span=draw(st.just("") | hexes.map(lambda text: text[:16])),
        live=draw(st.booleans()),
    )


@given(views())
def test_a_view_survives_its_url(view: View) -> None:
    query = urlencode(view.params(), doseq=True)
    assert parse(parse_qs(query)) == (view, ())


@given(
    st.dictionaries(
        st.sampled_from(
            [
                "r",
                "from",
                "to",
                "p",
                "model",
                "user",
                "status",
                "has",
                "q",
                "cmp",
                "a",
                "tz",
                "before",
                "trace_id",
                "span",
                "sort",
                "live",
            ]
        ),
        st.lists(st.text(), max_size=3),
    )
)
def test_any_url_gives_a_view_that_survives_in_turn(params: dict[str, list[str]]) -> None:
    view, _ = parse(params)
    assert parse(view.params()) == (view, ())
    assert view.window_at(1_800_000_000_000).length_ms > 0


@pytest.mark.parametrize(
    "params",
    [
        {"r": ["2y"]},
        {"from": ["1"]},
        {"from": ["20"], "to": ["10"]},
        {"from": ["1700000000000000000"], "to": ["1700000000000000001"]},
        {"from": ["0"], "to": [str(LATEST_MS)]},
        {"status": ["broken"]},
        {"tz": ["Mars/Olympus"]},
        {"trace_id": ["'; DROP TABLE spans"]},
        {"before": ["1-2"]},
        {"user": ["a\x00b"]},
        {"model": ["x" * 300]},
        {"has": ["mood:good"]},
        {"has": ["refusals:no"]},
        {"has": ["latency_above:1e3"]},
        {"has": ["feature"]},
        {"sel": ["latency:9-1:0-1"]},
        {"sel": ["cost:1-9:2-1"]},
        {"sel": ["mood:1-9:0-1"]},
        {"q": ["latency>fast"]},
    ],
)
def test_a_bad_value_falls_back_to_the_default_with_one_notice(params: dict[str, list[str]]) -> None:
    view, notices = parse(params)
    assert view == View()
    assert len(notices) == 1


def test_a_link_of_an_alert_webhook_is_understood() -> None:
    view, notices = parse(parse_qs("from=1795340000000&to=1795343600000&user=ana%20b&model=gpt-5&project=shop"))
    assert not notices
    assert view.window == Window(start_ms=1795340000000, end_ms=1795343600000)
    assert (view.user, view.model, view.project) == (("ana b",), ("gpt-5",), "shop")


def test_a_shared_link_is_absolute_and_never_live() -> None:
    pinned = View(relative="1h", live=True).pinned(1_800_000_000_000)
    assert pinned.window == ending_at(1_800_000_000_000, "1h")
    assert not pinned.live


@given(windows())
def test_a_chart_has_at_most_120_buckets_up_to_its_longest_range(window: Window) -> None:
    assert window.length_ms / window.bucket_ms <= 120


def test_the_window_before_touches_this_one_and_is_as_long() -> None:
    window = ending_at(1_800_000_000_123, "24h")
    assert window.before.end_ms == window.start_ms
    assert window.before.length_ms == window.length_ms == DAY_MS
    assert window.start_ms <= 1_800_000_000_123 < window.end_ms


def test_outward_never_loses_an_end() -> None:
    assert Window(start_ms=1, end_ms=HOUR_MS + 1).outward(HOUR_MS) == Window(start_ms=0, end_ms=2 * HOUR_MS)
