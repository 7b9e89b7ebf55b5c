"""Durations: what is written is read back, and what cannot be read comes with advice."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmtrace_collector.watch.durations import parse, write


@given(st.integers(0, 10**8))
def test_what_is_written_is_read_back(seconds):
    assert parse(write(timedelta(seconds=seconds))) == timedelta(seconds=seconds)


@pytest.mark.parametrize(("text", "seconds"), [("30s", 30), ("5m", 300), ("24h", 86_400), ("7d", 604_800), ("0s", 0)])
def test_one_number_and_one_unit(text, seconds):
    assert parse(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("5 minutes", 'write "5m"'),
        ("1h30m", 'write "90m"'),
        ("1 day, 2 hrs", 'write "26h"'),
        ("5M", 'write "5m"'),
        ("300", 'write it like "30s"'),
        ("soon", 'write it like "30s"'),
        ("-5m", 'write it like "30s"'),
        ("", 'write it like "30s"'),
    ],
)
def test_another_form_is_refused_with_advice(text, advice):
    with pytest.raises(ValueError, match="is not a duration") as refused:
        parse(text)
    assert advice in str(refused.value)


@given(st.text())
def test_any_text_is_read_or_refused(text):
    with suppress(ValueError):
        assert parse(text) >= timedelta(0)
