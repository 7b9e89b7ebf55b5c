"""The invoice beside the store: what is read, what is refused, what the difference is."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmtrace_collector.errors import ConfigError
from llmtrace_collector.pricing import invoice
from llmtrace_collector.pricing.invoice import Line
from llmtrace_collector.pricing.reconciling import Own, compare, within

DAY = date(2026, 11, 24)
AT = 1_795_478_400
"""The beginning of DAY."""


def page(*results: object, more: bool = False) -> dict[str, object]:
    """An answer of OpenAI's costs API."""
    bucket = {"object": "bucket", "start_time": AT, "end_time": AT + 86_400, "results": list(results)}
    return {"object": "page", "data": [bucket], "has_more": more, "next_page": "page_2" if more else None}


def result(
    value: object, item: str | None = None, project: str | None = None, currency: str = "usd"
) -> dict[str, object]:
    amount = {"value": value, "currency": currency}
    return {"object": "organization.costs.result", "amount": amount, "line_item": item, "project_id": project}


def read(folder: Path, text: str, name: str = "costs.json") -> list[Line]:
    (folder / name).write_text(text)
    return invoice.read(folder / name)


def test_an_answer_of_the_costs_api_is_read_alone_in_a_list_and_one_a_line(tmp_path: Path) -> None:
    whole = json.dumps(page(result(0.06, "gpt-4o-2024-08-06, input", "proj_abc"), result(0.1)))
    lines = [
        Line(day=DAY, model="gpt-4o-2024-08-06", project="proj_abc", usd=Decimal("0.06")),
        Line(day=DAY, model="", project="", usd=Decimal("0.1")),
    ]
    assert read(tmp_path, whole) == lines
    assert read(tmp_path, f"[{whole}, {whole}]") == lines * 2
    assert read(tmp_path, f"{whole}\n{whole}\n") == lines * 2


def test_a_csv_is_read_whatever_its_columns_are_called(tmp_path: Path) -> None:
    expected = [Line(day=DAY, model="o3", project="p", usd=Decimal("1.10"))]
    assert read(tmp_path, "date,line_item,project_id,amount_value\n2026-11-24,o3,p,1.10\n", "a.csv") == expected
    assert read(tmp_path, f"\ufeffProject,Model,Cost,start_time\np,o3,$1.10,{AT}\n", "b.csv") == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"data": [}', "line 1, column 11"),
        ('{"object": "page"}', "has no list `data`"),
        (json.dumps(page(result("x"))), r'data\[0\].results\[0\].amount: "x" is no amount'),
        (json.dumps(page(result(1, currency="eur"))), 'is in "eur", costs here are US dollars'),
        (json.dumps(page({"object": "organization.usage.completions.result"})), "this is the usage API"),
        (json.dumps(page(result(1), more=True)), "has_more is true"),
        (json.dumps(page()), "has no costs in it"),
        ("date,cost\n2026-11-24,1\n2026-11-25,many\n", 'line 3: "many" is no amount'),
        ("date,cost\n24.11.2026,1\n", 'line 2: "24.11.2026" is no day'),
        ("date,cost\n2026-11-24\n", "line 2: has not as many fields"),
        ("a,b\n1,2\n", "line 1: there is no column date"),
        ("date,cost\n2026-11-24,NaN\n", 'line 2: "NaN" is no amount'),
    ],
)
def test_a_file_that_says_something_else_is_refused_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read(tmp_path, text)


def test_models_meet_by_the_row_of_the_price_list_and_projects_by_the_name_given() -> None:
    own = [
        Own(day=DAY, model="gpt-4o", project="shop", usd=Decimal(1), calls=3, unpriced=1),
        Own(day=DAY, model="gpt-4o-2024-08-06", project="shop", usd=Decimal("0.5"), calls=1, unpriced=0),
    ]
    billed = [
        Line(day=DAY, model="gpt-4o-2024-08-06", project="proj_abc", usd=Decimal("1.25")),
        Line(day=DAY, model="web search tool calls", project="proj_abc", usd=Decimal("0.01")),
    ]
    rows = compare(own, billed, projects={"proj_abc": "shop"})
    assert [(row.model, row.project, row.own_usd, row.billed_usd, row.calls, row.unpriced) for row in rows] == [
        ("gpt-4o", "shop", Decimal("1.5"), Decimal("1.25"), 4, 1),
        ("web search tool calls", "shop", Decimal(0), Decimal("0.01"), 0, 0),
    ]
    only_days = compare(own, [Line(day=DAY, model="", project="", usd=Decimal("1.5"))])
    assert [(row.model, row.project, row.usd) for row in only_days] == [("*", "*", Decimal(0))]


def test_the_tolerance_is_a_share_of_the_invoice_or_dollars() -> None:
    own = [Own(day=DAY, model="o3", project="p", usd=Decimal(99), calls=1, unpriced=0)]
    rows = compare(own, [Line(day=DAY, model="o3", project="", usd=Decimal(100))])
    assert [within(rows, tolerance) for tolerance in ("1%", "0.99%", "1", "0.999")] == [True, False, True, False]


MONEY = st.decimals(min_value=0, max_value=10**6, places=12)
NAMES = st.sampled_from(["gpt-4o", "gpt-4o-2024-08-06", "o3", "mine", ""])
PROJECTS = st.sampled_from(["", "a", "b"])
DAYS = st.sampled_from([DAY, date(2026, 11, 25)])


@given(
    st.lists(st.builds(Own, day=DAYS, model=NAMES, project=PROJECTS, usd=MONEY, calls=st.just(1), unpriced=st.just(0))),
    st.lists(st.builds(Line, day=DAYS, model=NAMES, project=PROJECTS, usd=MONEY)),
)
def test_no_cent_of_either_side_is_lost_or_counted_twice(own: list[Own], billed: list[Line]) -> None:
    rows = compare(own, billed)
    assert sum((row.own_usd for row in rows), Decimal(0)) == sum((one.usd for one in own), Decimal(0))
    assert sum((row.billed_usd for row in rows), Decimal(0)) == sum((line.usd for line in billed), Decimal(0))
    assert len({(row.day, row.model, row.project) for row in rows}) == len(rows)
