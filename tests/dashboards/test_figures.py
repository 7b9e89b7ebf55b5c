"""Figures: units always, few digits, and words where there is none."""

from __future__ import annotations

from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmtrace_dashboards import figures


@pytest.mark.parametrize(
    ("usd", "text"),
    [
        (None, "no known price"),
        ("0", "$0.00"),
        ("0.0000001", "<$0.000001"),
        ("0.0031", "$0.0031"),
        ("0.003127", "$0.00313"),
        ("0.00999999", "$0.01"),
        ("0.5", "$0.50"),
        ("0.999999", "$1.00"),
        ("12.345", "$12.34"),
        ("9999.99", "$9,999.99"),
        ("12345.6", "$12,346"),
        ("1234567", "$1.23M"),
        ("-0.25", "−$0.25"),
    ],
)
def test_money(usd: str | None, text: str) -> None:
    assert figures.money(None if usd is None else Decimal(usd)) == text


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (None, "not reported"),
        (0, "0 ms"),
        (420_000, "0.420 ms"),
        (812_000_000, "812 ms"),
        (999_400_000, "999 ms"),
        (999_600_000, "1.00 s"),
        (1_234_000_000, "1.23 s"),
        (119_000_000_000, "119 s"),
        (125_000_000_000, "2 min 5 s"),
        (3_600_000_000_000, "1 h"),
        (5_400_000_000_000, "1 h 30 min"),
        (86_400_000_000_000, "24 h"),
        (30 * 86_400_000_000_000, "30 d"),
    ],
)
def test_duration(ns: int | None, text: str) -> None:
    assert figures.duration(ns) == text


@pytest.mark.parametrize(
    ("n", "text"),
    [
        (None, "not reported"),
        (0, "0"),
        (1234, "1,234"),
        (999_999, "999,999"),
        (1_234_567, "1.23M"),
        (2_500_000_000, "2.5B"),
    ],
)
def test_count(n: int | None, text: str) -> None:
    assert figures.count(n) == text


@pytest.mark.parametrize(
    ("share", "text"), [(None, "no calls"), (0, "0%"), (0.0466, "4.66%"), (0.5, "50.0%"), (1, "100%")]
)
def test_percent(share: float | None, text: str) -> None:
    assert figures.percent(share) == text


@pytest.mark.parametrize(
    ("now", "before", "text"),
    [
        (1, None, None),
        (None, 1, None),
        (1, 0, None),
        (1, 1, "±0%"),
        (112, 100, "+12%"),
        (88, 100, "-12%"),
        (3, 1, "+200%"),
        (2000, 100, "20×"),
    ],
)
def test_change(now: float | None, before: float | None, text: str | None) -> None:
    assert figures.change(now, before) == text


def test_no_figure_is_ever_written_with_an_exponent() -> None:
    @given(st.decimals(min_value=0, max_value=10**12, allow_nan=False, places=12), st.integers(0, 2**63))
    def holds(usd: Decimal, n: int) -> None:
        for text in (figures.money(usd), figures.duration(n), figures.count(n), figures.short(n)):
            assert "e" not in text.lower().replace("reported", "")

    holds()


def test_instants_are_told_in_the_readers_zone() -> None:
    assert figures.clock(0, ZoneInfo("Europe/Berlin")) == "1 Jan 01:00:00"
    assert figures.ago(0, 3 * 3_600_000) == "3 h ago"
    assert figures.ago(5_000, 0) == "just now"
