"""Rows of the FinOps Open Cost and Usage Specification, version 1.2: what calls cost, by day, as other bills say it.

Source: https://focus.finops.org/focus-specification/v1-2/ (columns, their formats, and when they are null).

One row a day, project, provider, model, service tier, part of the price (input, cached input, cache write, output,
other) and set of tags. All are charges of usage at list price, or at the price the user negotiated: then list and
contracted cost are both that, for the list's is not kept. What was found out of costs later are rows of class
Correction, on the day of the call. `BilledCost` adds up to what the store says was spent, to the last digit.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from importlib.resources import files
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

COLUMNS = (
    "BilledCost",
    "BillingAccountId",
    "BillingAccountName",
    "BillingAccountType",
    "BillingCurrency",
    "BillingPeriodEnd",
    "BillingPeriodStart",
    "ChargeCategory",
    "ChargeClass",
    "ChargeDescription",
    "ChargeFrequency",
    "ChargePeriodEnd",
    "ChargePeriodStart",
    "ConsumedQuantity",
    "ConsumedUnit",
    "ContractedCost",
    "ContractedUnitPrice",
    "EffectiveCost",
    "InvoiceId",
    "InvoiceIssuerName",
    "ListCost",
    "ListUnitPrice",
    "PricingCategory",
    "PricingQuantity",
    "PricingUnit",
    "ProviderName",
    "PublisherName",
    "RegionId",
    "RegionName",
    "ResourceId",
    "ResourceName",
    "ResourceType",
    "ServiceCategory",
    "ServiceName",
    "ServiceSubcategory",
    "SkuId",
    "SkuMeter",
    "SkuPriceDetails",
    "SkuPriceId",
    "SubAccountId",
    "SubAccountName",
    "SubAccountType",
    "Tags",
)
"""In the order of the file."""

PRICED = Decimal(1_000_000)
"""Tokens in a unit of price."""

_NAMES = {
    "openai": "OpenAI",
    "anthropic": "Anthropic",
    "azure.ai.openai": "Microsoft",
    "azure.ai.inference": "Microsoft",
    "aws.bedrock": "AWS",
    "gcp.gemini": "Google Cloud",
    "gcp.vertex_ai": "Google Cloud",
    "groq": "Groq",
    "deepseek": "DeepSeek",
    "mistral_ai": "Mistral AI",
    "cohere": "Cohere",
    "x_ai": "xAI",
}
_TAGS = {"team": "team", "feature": "feature", "user": "user_id", "environment": "environment", "project": "project"}
_STANDARD = {"", "default", "auto", "standard"}


def charges(client: Client, start: date, end: date) -> Iterator[dict[str, str]]:
    """The rows of the days from `start` to `end`, both included, by `COLUMNS`; a null is an empty text.

    Raises:
        ClickHouseError: the store does not answer.
    """
    sql = (files("llmtrace_collector.pricing") / "sql" / "focus.sql").read_text(encoding="utf-8")
    bound = {"from": f"{start} 00:00:00", "to": f"{end + timedelta(days=1)} 00:00:00"}
    result = client.query(sql, parameters=bound, settings={"max_execution_time": 600})
    for row in result.named_results():
        yield charge(row)


def charge(row: Mapping[str, Any]) -> dict[str, str]:
    """One row of the export."""
    day: date = row["day"]
    provider = _NAMES.get(row["provider"], row["provider"] or "unknown")
    model, tier, part = row["model"] or "unknown", row["tier"], row["part"]
    counted = part != "other"
    price = _price(row) if counted else ""
    cost = f"{row['cost_usd']:f}"
    quantity = Decimal(str(row["quantity"]))
    sku = "/".join(filter(None, (row["provider"], model, tier)))
    found = {
        "BilledCost": cost,
        "BillingAccountId": row["provider"] or "unknown",
        "BillingAccountName": provider,
        "BillingAccountType": "Model provider",
        "BillingCurrency": "USD",
        "BillingPeriodEnd": _instant(_month_after(day)),
        "BillingPeriodStart": _instant(day.replace(day=1)),
        "ChargeCategory": "Usage",
        "ChargeClass": "Correction" if row["is_correction"] else "",
        "ChargeDescription": _described(row, model),
        "ChargeFrequency": "Usage-Based",
        "ChargePeriodEnd": _instant(day + timedelta(days=1)),
        "ChargePeriodStart": _instant(day),
        "ConsumedQuantity": "" if row["is_correction"] else _number(quantity),
        "ConsumedUnit": "" if row["is_correction"] else "Tokens" if counted else "Requests",
        "ContractedCost": cost,
        "ContractedUnitPrice": price,
        "EffectiveCost": cost,
        "InvoiceIssuerName": provider,
        "ListCost": cost,
        "ListUnitPrice": price,
        "PricingCategory": "" if row["is_correction"] else "Standard" if tier in _STANDARD else "Other",
        "PricingQuantity": "" if row["is_correction"] else _number(quantity / PRICED if counted else quantity),
        "PricingUnit": "" if row["is_correction"] else "1000000 Tokens" if counted else "Requests",
        "ProviderName": provider,
        "PublisherName": provider,
        "ResourceId": model,
        "ResourceName": model,
        "ResourceType": "Model",
        "ServiceCategory": "AI and Machine Learning",
        "ServiceName": f"{provider} API",
        "ServiceSubcategory": "Generative AI",
        "SkuId": sku,
        "SkuMeter": part,
        "SkuPriceDetails": json.dumps({"x_ServiceTier": tier}) if tier else "",
        "SkuPriceId": f"{sku}#{part}",
        "SubAccountId": row["project"],
        "SubAccountName": row["project"],
        "SubAccountType": "Project",
        "Tags": json.dumps({tag: row[name] for tag, name in _TAGS.items() if row[name]}, ensure_ascii=False),
    }
    return {name: found.get(name, "") for name in COLUMNS}


def _price(row: Mapping[str, Any]) -> str:
    """Dollars per million tokens, where all calls of the row had the same."""
    return str(row["unit_price"]) if int(row["prices"]) == 1 else ""


def _described(row: Mapping[str, Any], model: str) -> str:
    if row["is_correction"]:
        return f"{model}: cost found out later, {row['calls']} calls"
    what = f"{row['part']} tokens" if row["part"] != "other" else "calls and tools"
    return f"{model}: {what}"


def _instant(day: date) -> str:
    return datetime(day.year, day.month, day.day, tzinfo=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _month_after(day: date) -> date:
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1)


def _number(value: Decimal) -> str:
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
