"""The FOCUS export: by the specification's rules, and to the last digit what the ledger says."""

from __future__ import annotations

import csv
import json
import os
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from llmtrace.cli import main
from llmtrace_collector.pricing import focus

DAY = date(2026, 11, 20)
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
PARTS = {"llmtrace.cost.input_usd": "0.00123", "llmtrace.cost.output_usd": "0.0045"}
PRICES = {"llmtrace.cost.unit_price.input": "1.25", "llmtrace.cost.unit_price.output": "10"}


def call(client: Any, usd: str | None, *, at: datetime = NOON, **columns: Any) -> tuple[str, str]:
    ids = os.urandom(16).hex(), os.urandom(8).hex()
    row: dict[str, Any] = {
        "project": "shop",
        "timestamp": at,
        "trace_id": ids[0],
        "span_id": ids[1],
        "is_call": True,
        "provider": "openai",
        "model": "gpt-5",
        "sampling_weight": 1.0,
        "cost_usd": None if usd is None else Decimal(usd),
        "input_tokens": 984,
        "output_tokens": 450,
    } | columns
    client.insert("spans", [list(row.values())], column_names=list(row))
    return ids


@pytest.fixture
def ledger(engine_client: Any) -> Iterator[Any]:
    """Calls with and without parts, sampled ones, one that was priced later, and one without a price."""
    for table in ("spans", "cost_adjustments"):
        engine_client.command(f"TRUNCATE TABLE {table}")
    client = engine_client
    told = {"attributes": PARTS | PRICES, "team": "web", "feature": '=cmd|"x"', "user_id": "ana"}
    call(client, "0.00573", **told)
    call(client, "0.00573", **told)
    call(client, "0.01", model="mystery", provider="")
    call(client, "0.000000000001", response_service_tier="flex")
    call(client, "0.003", sampling_weight=3.0, attributes={"llmtrace.cost.input_usd": "0.001"})
    call(client, None)
    call(client, "5", at=NOON + timedelta(days=40))
    trace, span = call(client, None, user_id="bo")
    row = ["shop", NOON, trace, span, "openai", "gpt-5", "bo", 1.0, None, Decimal("0.25")]
    names = ["project", "timestamp", "trace_id", "span_id", "provider", "model", "user_id", "sampling_weight"]
    client.insert("cost_adjustments", [row], column_names=[*names, "old_cost_usd", "new_cost_usd"])
    yield client
    for table in ("spans", "cost_adjustments"):
        client.command(f"TRUNCATE TABLE {table}")


def test_the_charges_add_up_to_what_was_spent(ledger: Any) -> None:
    rows = list(focus.charges(ledger, DAY, DAY))
    spent = Decimal("0.00573") * 2 + Decimal("0.01") + Decimal("0.000000000001") + Decimal("0.009") + Decimal("0.25")
    assert sum(Decimal(row["BilledCost"]) for row in rows) == spent
    assert {row["SubAccountId"] for row in rows} == {"shop"}
    inputs = next(row for row in rows if row["SkuMeter"] == "input" and '"ana"' in row["Tags"])
    assert (inputs["BilledCost"], inputs["ConsumedQuantity"], inputs["ListUnitPrice"]) == (
        "0.002460000000",
        "1968",
        "1.25",
    )
    assert (inputs["PricingQuantity"], inputs["PricingUnit"]) == ("0.001968", "1000000 Tokens")
    [late] = [row for row in rows if row["ChargeClass"] == "Correction"]
    assert (late["BilledCost"], late["PricingQuantity"], late["PricingUnit"]) == ("0.250000000000", "", "")
    assert next(row for row in rows if "flex" in row["SkuId"])["PricingCategory"] == "Other"


INSTANT = re.compile(r"\d{4}-\d\d-\d\dT00:00:00Z")
NEVER_NULL = (
    *("BilledCost", "BillingAccountId", "BillingCurrency", "BillingPeriodEnd", "BillingPeriodStart", "ChargeCategory"),
    *("ChargePeriodEnd", "ChargePeriodStart", "ContractedCost", "EffectiveCost", "InvoiceIssuerName", "ListCost"),
    *("ProviderName", "PublisherName", "ServiceCategory", "ServiceName"),
)


def test_every_row_keeps_the_rules_of_the_specification(ledger: Any) -> None:
    """Mandatory columns, formats, and what is null when."""
    rows = list(focus.charges(ledger, DAY, DAY))
    assert len(rows) > 5
    for row in rows:
        assert tuple(row) == focus.COLUMNS
        assert all(row[name] for name in NEVER_NULL)
        assert all(
            INSTANT.fullmatch(row[name]) for name in focus.COLUMNS if name.endswith(("PeriodStart", "PeriodEnd"))
        )
        assert (row["ChargePeriodStart"], row["ChargePeriodEnd"]) == ("2026-11-20T00:00:00Z", "2026-11-21T00:00:00Z")
        assert (row["BillingPeriodStart"], row["BillingPeriodEnd"]) == ("2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z")
        for name in focus.COLUMNS:
            if name.endswith(("Cost", "Quantity", "UnitPrice")) and row[name]:
                Decimal(row[name])
                assert "E" not in row[name].upper()
        assert row["ChargeClass"] in {"", "Correction"}
        assert row["ServiceCategory"] == "AI and Machine Learning"
        assert bool(row["PricingQuantity"]) == bool(row["PricingUnit"]) == bool(row["PricingCategory"])
        assert bool(row["ConsumedQuantity"]) == bool(row["ConsumedUnit"])
        tags = json.loads(row["Tags"])
        assert tags["project"] == "shop"
        assert all(isinstance(value, str) and value for value in tags.values())


def test_mistakes_are_one_sentence(tmp_path: Path, capsys: Any) -> None:
    out = str(tmp_path / "costs.csv")
    for words, told in (
        (["--from", "soon"], '--from: "soon" is not a day'),
        (["--from", "2026-11-02", "--to", "2026-11-01"], "--to: 2026-11-01 is before --from"),
    ):
        assert main(["export", "focus", *words, "--out", out, "--data", str(tmp_path)]) == 2
        assert told in capsys.readouterr().err
    assert not list(tmp_path.glob("costs*"))


def test_a_file_written_of_rows_is_a_csv_with_them(ledger: Any, tmp_path: Path) -> None:
    rows = list(focus.charges(ledger, DAY, DAY))
    with (tmp_path / "f.csv").open("w", newline="") as file:
        out = csv.DictWriter(file, focus.COLUMNS)
        out.writeheader()
        out.writerows(rows)
    if keep := os.environ.get("LLMTRACE_FOCUS_FILE"):
        Path(keep).write_bytes((tmp_path / "f.csv").read_bytes())
    with (tmp_path / "f.csv").open(newline="") as file:
        assert list(csv.DictReader(file)) == rows
