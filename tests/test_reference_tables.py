"""The tables of the reference pages are written from the code, whoever changes it."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.reference import PAGES, TABLES, rendered


@pytest.mark.parametrize("page", sorted(PAGES.glob("*.md")), ids=lambda path: path.name)
def test_the_tables_of_the_reference_are_as_the_code_has_them(page: Path) -> None:
    assert rendered(page.read_text()) == page.read_text(), "python3 dev.py docs writes them"


def test_every_table_stands_on_a_page() -> None:
    pages = "".join(page.read_text() for page in PAGES.glob("*.md"))
    assert [name for name in TABLES if f"<!-- table: {name} -->" not in pages] == []
