"""The prices the collector prices by: the installed list or a newer one, and own prices before it.

    DIR/prices/list.json   a newer price list, as `llmtrace prices update FILE` has put it there
    DIR/prices/own.toml    own prices (or own.json)

Without these files it is the list that is installed. Nothing is fetched.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from llmtrace.prices import NegotiatedPrices, PriceBook
from llmtrace.prices.listed import price_list_version, use_list
from llmtrace.prices.price_file import PriceFileError, load_prices
from llmtrace_collector.errors import ConfigError
from llmtrace_collector.folder import made, write_whole

LIST = "list.json"
OWN = ("own.toml", "own.json")


@dataclass(frozen=True, kw_only=True)
class Book:
    """Prices as a whole."""

    name: str
    """What stands in `model_rates.book`: own prices and list, each with its version."""
    prices: PriceBook
    as_of: datetime
    """When the list was made: of the installed one, when it was installed."""


def load(folder: Path | None, own: Path | None = None) -> Book:
    """The prices of a data folder; `own`: a file of own prices instead of the folder's.

    Raises:
        ConfigError: a file is not what it should be.
    """
    listed = folder / "prices" / LIST if folder else None
    try:
        if listed is not None and listed.is_file():
            use_list(listed.read_bytes(), f"{LIST}@{_digest(listed)}")
            as_of = datetime.fromtimestamp(listed.stat().st_mtime, tz=UTC)
        else:
            use_list(None, "")
            as_of = installed_at()
        mine = own or _own_in(folder)
        negotiated = load_prices(str(mine)) if mine else NegotiatedPrices()
    except (PriceFileError, ValueError, OSError) as error:
        raise ConfigError(str(error)) from error
    version = price_list_version()
    name = f"{negotiated.version}+{version}" if negotiated.rows else version
    return Book(name=name, prices=PriceBook(negotiated), as_of=as_of)


def stamp(folder: Path | None) -> tuple[tuple[str, int, int], ...]:
    """Changes when a file of `load` does."""
    if folder is None:
        return ()
    files = sorted((folder / "prices").glob("*"))
    return tuple((file.name, file.stat().st_mtime_ns, file.stat().st_size) for file in files)


def keep(folder: Path, source: Path) -> str:
    """Puts a file of prices into the data folder, once it is known to be right; what it is.

    Raises:
        ConfigError: it is neither a price list nor own prices.
    """
    try:
        content = source.read_bytes()
    except OSError as error:
        raise ConfigError(f"{source} cannot be read: {error.strerror}") from error
    if content.lstrip()[:1] == b"[" and source.suffix == ".json":
        try:
            providers = use_list(content, f"{LIST}@new")
        except ValueError as error:
            raise ConfigError(f"{source}: {error}") from error
        write_whole(made(folder / "prices") / LIST, content)
        return f"price list of {providers} providers"
    try:
        rows = len(load_prices(str(source)).rows)
    except PriceFileError as error:
        raise ConfigError(str(error)) from error
    target = made(folder / "prices")
    for name in OWN:
        if not name.endswith(source.suffix):
            (target / name).unlink(missing_ok=True)
    write_whole(target / f"own{source.suffix}", content)
    return f"own prices, {rows} rows"


def forget(folder: Path) -> None:
    """Takes back what `keep` did."""
    for name in (LIST, *OWN):
        (folder / "prices" / name).unlink(missing_ok=True)


def installed_at() -> datetime:
    """When the installed price list came to this machine: its files have no date of their own."""
    import genai_prices.data

    return datetime.fromtimestamp(Path(genai_prices.data.__file__).stat().st_mtime, tz=UTC)


def _own_in(folder: Path | None) -> Path | None:
    found = [folder / "prices" / name for name in OWN] if folder else []
    return next((file for file in found if file.is_file()), None)


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()[:8]
