"""`llmtrace prices`: checks a file of own prices, and shows the prices that hold for a model."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from datetime import UTC, date, datetime
from datetime import time as time_of_day

from llmtrace.prices import STANDARD, NegotiatedPrices, PriceBook, Unpriced
from llmtrace.prices.price_file import PriceFileError, load_prices
from llmtrace.prices.rates import Rates
from llmtrace.servers import price_provider_of

DONE = 0
FAILED = 1
WRONG = 2


def main(argv: Sequence[str]) -> int:
    """Runs `llmtrace prices ...`; the exit code: 0 done, 1 no price is known, 2 something for the user to change."""
    parser = argparse.ArgumentParser(prog="llmtrace prices", description="Prices of calls, in US dollars.")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    check = actions.add_parser("check", help="say whether a file of own prices is right, or what is wrong with it")
    check.add_argument("file", metavar="FILE")
    show = actions.add_parser("show", help="show the prices that hold for a model")
    show.add_argument("model", metavar="MODEL")
    show.add_argument("--provider", default="openai", help="a gen_ai.provider.name (default: %(default)s)")
    show.add_argument("--tier", default=STANDARD, help="standard, flex, priority, batch, ... (default: %(default)s)")
    show.add_argument("--date", "--at", type=date.fromisoformat, help="of the call, such as 2026-11-24 (default: now)")
    show.add_argument(
        "--prices",
        metavar="FILE",
        default=os.environ.get("LLMTRACE_PRICES") or None,
        help="own prices that stand before the list's (default: what LLMTRACE_PRICES says)",
    )
    given = parser.parse_args(argv)
    try:
        if given.action == "check":
            return _check(load_prices(given.file), given.file)
        return _show(given, load_prices(given.prices) if given.prices else NegotiatedPrices())
    except PriceFileError as error:
        print(f"llmtrace prices: {error}", file=sys.stderr)
        return WRONG


def _check(own: NegotiatedPrices, path: str) -> int:
    rows = "1 row" if len(own.rows) == 1 else f"{len(own.rows)} rows"
    print(f"{path}: {rows}, all right; spans priced by it say {own.version}")
    return DONE


def _show(given: argparse.Namespace, own: NegotiatedPrices) -> int:
    at_ns = time.time_ns()
    if given.date is not None:
        noon = datetime.combine(given.date, time_of_day(12), tzinfo=UTC)
        at_ns = int(noon.timestamp()) * 1_000_000_000
    found = PriceBook(own).rates((given.provider, price_provider_of(given.provider)), given.model, given.tier, at_ns)
    if isinstance(found, Unpriced):
        print(f"{given.model}: no price is known ({found.reason})", file=sys.stderr)
        return FAILED
    rates, row, version = found
    print(f"{row}, {given.tier}, from {version}")
    print("\n".join(_lines(rates)))
    return DONE


def _lines(rates: Rates) -> list[str]:
    lines = []
    for rate in sorted(rates.rates, key=lambda rate: rate.unit):
        per = "" if rate.per == 1 else f" per {rate.per:,}"
        lines.append(f"  {rate.unit:<28} {rate.price:f}{per}")
        lines += [f"  {'':<28} {price:f} with more than {above:,} input tokens" for above, price in rate.steps[::-1]]
    return lines + [f"  {tool + ' call':<28} {price.normalize():f}" for tool, price in sorted(rates.fees.items())]
