"""Rows of the price list ``genai-prices``: which one holds for a model, a tier and a day.

What the list would pass over in silence is refused here by name: a service tier without a verified price on that day
(the list would take the standard one). Source of the prices and of their traps:
https://github.com/pydantic/genai-prices, README, "Request pricing context".
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from importlib.metadata import version
from typing import TYPE_CHECKING, Final

from llmtrace.prices.compiling import compile_listed
from llmtrace.prices.cost import STANDARD, Unpriced
from llmtrace.prices.rates import Rates

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo, Provider

_MINUTE_NS: Final = 60_000_000_000
_DAY_MINUTES: Final = 24 * 60


@dataclass(frozen=True, kw_only=True, slots=True)
class ListedModel:
    """A model of the price list, under the provider that was asked."""

    name: str
    """``provider/model``."""
    is_own: bool
    """False when the provider has no row of its own and that of the model's maker stands in (azure -> openai)."""
    changes_by_minute: bool
    """Whether prices depend on the time of day, and not on the day alone."""
    info: ModelInfo


def find_model(provider_id: str, model_ref: str) -> ListedModel | Unpriced:
    """The model that ``provider_id`` runs under the name ``model_ref``."""
    return _find_model(provider_id, model_ref)


@lru_cache(maxsize=1024)
def _find_model(provider_id: str, model_ref: str) -> ListedModel | Unpriced:
    from genai_prices.data_snapshot import get_snapshot

    try:
        provider = get_snapshot().find_provider(None, provider_id, None)
    except LookupError:
        return Unpriced(reason="provider_unknown")
    try:
        _, info = get_snapshot().find_provider_model(model_ref, provider, None, None)
    except LookupError:
        return Unpriced(reason="model_unknown")
    return ListedModel(
        name=f"{provider.id}/{info.id}",
        is_own=_is_own(provider, info),
        changes_by_minute=_changes_by_minute(info),
        info=info,
    )


def _is_own(provider: Provider, info: ModelInfo) -> bool:
    return any(info is own for own in provider.models)


def _changes_by_minute(info: ModelInfo) -> bool:
    from genai_prices.types import TimeOfDateConstraint

    prices = info.prices if isinstance(info.prices, list) else []
    return any(isinstance(one.constraint, TimeOfDateConstraint) for one in [*prices, *(info.price_variants or ())])


def period(model: ListedModel, at_ns: int) -> int:
    """The minute whose prices hold at ``at_ns``: the first of the day, unless prices change within it."""
    minute = at_ns // _MINUTE_NS
    return minute if model.changes_by_minute else minute - minute % _DAY_MINUTES


def find_rates(model: ListedModel, tier: str, minute: int) -> Rates | Unpriced:
    """The rates of a model in a tier, in the minute of that number since the epoch."""
    at = datetime.fromtimestamp(minute * 60, tz=UTC)
    if tier == STANDARD:
        return compile_listed(model.info.get_prices(at))
    context = {"processing": tier} if tier == "batch" else {"service_tier": tier}
    if not _has_prices(model, context, at):
        return Unpriced(reason="service_tier_unpriced")
    return compile_listed(model.info.get_prices(at, context))


def _has_prices(model: ListedModel, context: dict[str, str], at: datetime) -> bool:
    # A row of another provider (azure -> openai) does not bring that one's tier prices along.
    return model.is_own and any(
        variant.when == context and (variant.constraint is None or variant.constraint.active(at))
        for variant in model.info.price_variants or ()
    )


_other_version = ""


def use_list(content: bytes | None, name: str) -> int:
    """From now on this process prices by another list; None: by the installed one again. How many providers it has.

    ``content`` is what genai-prices publishes as ``data.json``, ``name`` what stands on the spans as its version.

    Raises:
        ValueError: It is no such list.
    """
    global _other_version  # noqa: PLW0603
    from genai_prices.data_snapshot import DataSnapshot, set_custom_snapshot

    other = None if content is None else DataSnapshot(providers=_providers(content), from_auto_update=False)
    set_custom_snapshot(other)
    _other_version = name if other else ""
    _find_model.cache_clear()
    price_list_version.cache_clear()
    return len(other.providers) if other else 0


def _providers(content: bytes) -> list[Provider]:
    from genai_prices import types

    try:
        raw = json.loads(content)
        found: list[Provider] = types._providers_from_raw(raw)  # noqa: SLF001 - there is no public way but a download
    except Exception as error:
        first = str(error).partition("\n")[0]
        raise ValueError(f"it is no price list as genai-prices publishes it in data.json ({first})") from error
    if not isinstance(raw, list) or not found:
        raise ValueError("it is no price list as genai-prices publishes it in data.json (no providers)")
    return found


@lru_cache(maxsize=1)
def price_list_version() -> str:
    """Name and version of the price list, as it stands on every priced span."""
    return _other_version or f"genai-prices/{version('genai-prices')}"
