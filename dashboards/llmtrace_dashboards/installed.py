"""What is installed beside the app: versions, and how old the list of prices is."""

from __future__ import annotations

import platform
from datetime import UTC, datetime
from functools import cache
from importlib import metadata

_PRICES = "genai-prices"
_LEAST_MS = int(datetime(2020, 1, 1, tzinfo=UTC).timestamp() * 1000)
"""A file that says it is older was given that time by whatever packed it."""


def versions() -> dict[str, str]:
    """By name; without what is not installed."""
    found = {name: _version(name) for name in ("llmtrace-otel", "streamlit", "clickhouse-connect", _PRICES)}
    return {name: version for name, version in found.items() if version} | {"python": platform.python_version()}


@cache
def price_list() -> tuple[str, int | None]:
    """Its version, and when its files were put here in epoch milliseconds; None: they do not tell."""
    version = _version(_PRICES)
    if not version:
        return "", None
    try:
        file = metadata.distribution(_PRICES).locate_file("genai_prices/data.py")
        at_ms = int(file.stat().st_mtime * 1000)  # type: ignore[attr-defined]
    except OSError:
        return f"{_PRICES}/{version}", None
    return f"{_PRICES}/{version}", at_ms if at_ms > _LEAST_MS else None


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""
