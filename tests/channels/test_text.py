"""Names of strangers, cleaned and cut."""

from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from llmtrace_collector.channels.text import MARKDOWN, PLAIN, clean, fit, units

anything = st.text(st.characters(exclude_categories=[]))


@given(anything)
def test_what_is_cleaned_is_one_line_that_utf8_can_hold_and_nothing_in_it_is_invisible(text: str) -> None:
    found = clean(text)
    assert not {unicodedata.category(character) for character in found} & {"Cc", "Cf", "Cs", "Zl", "Zp"}
    assert found == found.strip()
    assert found.encode().decode() == found
    assert clean(found) == found


@given(anything, st.integers(1, 50), st.sampled_from([PLAIN, MARKDOWN, {"&": "&amp;", "<": "&lt;", ">": "&gt;"}]))
def test_what_is_fitted_is_within_the_limit_and_a_beginning_of_the_whole(text: str, most: int, escapes: dict) -> None:
    found = fit(text, most, escapes)
    whole = "".join(escapes.get(character, character) for character in clean(text))
    assert units(found) <= most
    assert found == whole or (found.endswith("…") and whole.startswith(found[:-1]))


def test_the_direction_of_writing_cannot_be_turned_and_breaks_are_blanks() -> None:
    assert clean("a\u202eb\u2066c\r\nd\x00e\u2028f\u200bg") == "abc d e fg"
