"""Reads a user's own prices from a TOML or JSON file, or from a mapping of the same shape.

TOML and JSON because the standard library reads both. Prices are decimal *strings*: a float is not the number that was
written. Every mistake is told with its whole path and what to write instead.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import tomllib
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

from llmtrace.prices.compiling import Price
from llmtrace.prices.cost import STANDARD
from llmtrace.prices.negotiated import ANY_TIER, KINDS, NegotiatedPrices, Row

MAX_BYTES: Final = 4 * 1024**2

_DECIMAL: Final = re.compile(r"\d{1,12}(\.\d{1,12})?")
_ROW_KEYS: Final = (
    *("provider", "model", "model_regex", "from", "to", "tier", "multiplier", "context", "tools"),
    *KINDS,
)
_TOOL: Final = re.compile(r"[a-z][a-z0-9_]{0,40}")


class PriceFileError(ValueError):
    """What is wrong with a user's prices: where, what was seen, what to write."""


def load_prices(source: str | os.PathLike[str] | Mapping[str, Any]) -> NegotiatedPrices:
    """The prices of a file, or of a mapping of the same shape.

    Raises:
        PriceFileError: The file cannot be read, or does not say prices.
    """
    if isinstance(source, Mapping):
        text = json.dumps(source, sort_keys=True, default=str)
        return NegotiatedPrices(rows=_rows(source), version=f"prices@{_hash(text.encode())}")
    path = Path(source)
    data = _read(path)
    try:
        return NegotiatedPrices(rows=_rows(_parse(path, data)), version=f"{path.name}@{_hash(data)}")
    except PriceFileError as error:
        raise PriceFileError(f"{path}: {error}") from error


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:8]


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise PriceFileError(f"{path}: cannot be read: {error.strerror or error}") from error
    if len(data) > MAX_BYTES:
        raise PriceFileError(f"{path}: is longer than {MAX_BYTES} bytes, which no price file is")
    return data


def _parse(path: Path, data: bytes) -> Mapping[str, Any]:
    suffix = path.suffix.lower()
    if suffix not in (".toml", ".json"):
        raise PriceFileError(f'is "{path.suffix}", and prices are read from .toml or .json: write it as one of these')
    try:
        text = data.decode()
        said = tomllib.loads(text) if suffix == ".toml" else json.loads(text)
    except (ValueError, RecursionError) as error:
        raise PriceFileError(f"is no {suffix[1:].upper()}: {error}") from error
    if not isinstance(said, dict):
        raise PriceFileError('prices: is no table; write [[models]] rows, in JSON {"models": [...]}')
    return said


def _rows(said: Mapping[str, Any]) -> tuple[Row, ...]:
    _known_keys("prices", said, ("currency", "models"))
    if said.get("currency", "USD") != "USD":
        raise PriceFileError(f'prices.currency: {_seen(said["currency"])} is not known; all prices are in "USD"')
    models = said.get("models")
    if not isinstance(models, list) or not models:
        raise PriceFileError('prices.models: there are no rows; write [[models]], in JSON "models": [{...}]')
    return tuple(_row(f"models[{at}]", model) for at, model in enumerate(models))


def _row(place: str, said: object) -> Row:
    path = f"prices.{place}"
    if not isinstance(said, Mapping):
        raise PriceFileError(f"{path}: {_seen(said)} is no row; write a table with model and prices")
    _known_keys(path, said, _ROW_KEYS)
    prices = _prices(path, said)
    multiplier = _decimal(f"{path}.multiplier", said["multiplier"]) if "multiplier" in said else None
    fees = _fees(f"{path}.tools", said.get("tools", {}))
    if prices and multiplier is not None:
        raise PriceFileError(f"{path}: has prices and a multiplier on those of the list; write one of the two")
    if not prices and multiplier is None:
        if not fees:
            raise PriceFileError(f'{path}: says no price; write input = "1.25", ..., or multiplier = "0.9"')
        multiplier = Decimal(1)  # the list's prices, with the user's fees
    model, regex = _model(path, said)
    since, until = _day(path, said, "from"), _day(path, said, "to")
    if since and until and until < since:
        raise PriceFileError(f"{path}.to: {until} is before from = {since}; write the last day the row holds")
    return Row(
        place=place,
        provider=_text(f"{path}.provider", said["provider"]).lower() if "provider" in said else None,
        model=model,
        model_regex=regex,
        since=since,
        until=until,
        tier=_text(f"{path}.tier", said["tier"]) if "tier" in said else STANDARD if prices else ANY_TIER,
        prices=prices,
        multiplier=multiplier,
        fees=fees,
    )


def _model(path: str, said: Mapping[str, Any]) -> tuple[str | None, re.Pattern[str] | None]:
    if ("model" in said) == ("model_regex" in said):
        raise PriceFileError(f'{path}: names no one model; write either model = "gpt-4o*" or model_regex = "..."')
    if "model" in said:
        model = _text(f"{path}.model", said["model"]).lower()
        if "*" in model[:-1]:
            raise PriceFileError(f"{path}.model: {_seen(said['model'])} has a * before its end; write model_regex")
        return model, None
    pattern = _text(f"{path}.model_regex", said["model_regex"])
    try:
        return None, re.compile(pattern, re.IGNORECASE)
    except re.error as error:
        raise PriceFileError(f"{path}.model_regex: {_seen(pattern)} is no regular expression: {error}") from error


def _prices(path: str, said: Mapping[str, Any]) -> dict[str, Price]:
    bases = {key: _decimal(f"{path}.{key}", said[key]) for key in KINDS if key in said}
    steps = _steps(f"{path}.context", said.get("context", []), bases)
    for key in bases:
        needed = "output" if key.endswith("_output") else "input"
        if key.startswith(("cache_", "audio_", "image_")) and key != "audio_hour" and needed not in bases:
            raise PriceFileError(f"{path}.{needed}: is missing; write it beside {key}, which is part of it")
    found = {
        KINDS[key]: Price(base=base, steps=tuple((above, step[key]) for above, step in steps if key in step))
        for key, base in bases.items()
    }
    if "input_audio_seconds" in found:
        found["audio_seconds"] = found["input_audio_seconds"]
    return found


def _steps(path: str, said: object, bases: Mapping[str, Decimal]) -> list[tuple[int, dict[str, Decimal]]]:
    if not isinstance(said, list):
        raise PriceFileError(f"{path}: {_seen(said)} is no list; write [[models.context]] with above and prices")
    found = []
    for at, step in enumerate(said):
        place = f"{path}[{at}]"
        if not isinstance(step, Mapping):
            raise PriceFileError(f"{place}: {_seen(step)} is no table; write above = 200000 and prices")
        _known_keys(place, step, ("above", *KINDS))
        above = step.get("above")
        if not isinstance(above, int) or isinstance(above, bool) or above < 0:
            raise PriceFileError(f"{place}.above: {_seen(above)} is no number of input tokens; write above = 200000")
        prices = {key: _decimal(f"{place}.{key}", step[key]) for key in KINDS if key in step}
        if alone := next((key for key in prices if key not in bases), None):
            raise PriceFileError(f"{place}.{alone}: has no price below {above}; write {alone} in the row, too")
        found.append((above, prices))
    return found


def _fees(path: str, said: object) -> dict[str, Decimal]:
    if not isinstance(said, Mapping):
        raise PriceFileError(f'{path}: {_seen(said)} is no table; write tools = {{ web_search = "0.01" }}')
    for tool in said:
        if not isinstance(tool, str) or not _TOOL.fullmatch(tool):
            raise PriceFileError(f"{path}: {_seen(tool)} is no tool; write web_search, file_search, ...")
    return {tool: _decimal(f"{path}.{tool}", price) for tool, price in said.items()}


def _day(path: str, said: Mapping[str, Any], key: str) -> date | None:
    value = said.get(key)
    if key not in said:
        return None
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    try:
        return date.fromisoformat(value if isinstance(value, str) else "")
    except ValueError as error:
        raise PriceFileError(f"{path}.{key}: {_seen(value)} is no day; write 2026-01-31") from error


def _text(path: str, value: object) -> str:
    if isinstance(value, str) and value.strip():
        return value.strip()
    raise PriceFileError(f"{path}: {_seen(value)} is no text; write a name in quotes")


def _decimal(path: str, value: object) -> Decimal:
    if isinstance(value, str):
        if _DECIMAL.fullmatch(value):
            return Decimal(value)
        meant = value.strip().lstrip("$").replace(",", ".")
        hint = f'write "{meant}"' if _DECIMAL.fullmatch(meant) else 'write US dollars as digits, such as "1.25"'
        raise PriceFileError(f"{path}: {_seen(value)} is not a decimal; {hint}")
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    hint = f'write "{value}", in quotes' if is_number else 'write US dollars in quotes, such as "1.25"'
    raise PriceFileError(f"{path}: {_seen(value)} is not a decimal string, which is exact; {hint}")


def _known_keys(path: str, said: Mapping[str, Any], known: tuple[str, ...]) -> None:
    for key in said:
        if key not in known:
            near = get_close_matches(str(key), known, n=1)
            hint = f"write {near[0]}" if near else f"known are {', '.join(known)}"
            raise PriceFileError(f"{path}.{key}: is not known; {hint}")


def _seen(value: object) -> str:
    """What was written, as JSON has it and not too long."""
    text = json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) <= 60 else text[:57] + "..."
