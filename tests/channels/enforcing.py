"""What each service would refuse: its schema, its limit of bytes, and what a schema cannot say. Shared by tests."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs

SCHEMAS = Path(__file__).parent / "schemas"
MOST_BYTES = {
    "slack": 100_000,
    "discord": 100_000,
    "teams": 28 * 1024,
    "pagerduty": 512_000,
    "opsgenie": 200_000,
    "alertmanager": 1 << 20,
    "webhook": 1 << 24,
}
KINDS = tuple(MOST_BYTES)


@cache
def validator(kind: str) -> Any:
    schema = json.loads((SCHEMAS / f"{kind}.json").read_text())
    return jsonschema_rs.validator_for(schema, validate_formats=True)


def refusal(kind: str, body: bytes, headers: Mapping[str, str]) -> str:
    """Why the service would not take a request; empty: it would."""
    if headers.get("content-type", "").split(";")[0] != "application/json":
        return "it is not announced as JSON"
    if len(body) > MOST_BYTES[kind]:
        return f"{len(body)} bytes are too many"
    content = json.loads(body.decode("utf-8", "strict"))
    found = next(validator(kind).iter_errors(content), None)
    if found is not None:
        return f"{found.message} at {list(found.instance_path)}"
    if kind == "discord" and sum(embed_units(embed) for embed in content["embeds"]) > 6_000:
        return "an embed is longer than 6,000 characters"
    if kind == "opsgenie" and sum(len(k) + len(v) for k, v in content.get("details", {}).items()) > 8_000:
        return "details are longer than 8,000 characters"
    return ""


def embed_units(embed: dict[str, Any]) -> int:
    texts = [embed.get("title", ""), embed.get("description", "")]
    texts += [text for field in embed.get("fields", ()) for text in (field["name"], field["value"])]
    return sum(len(text.encode("utf-16-le")) // 2 for text in texts)
