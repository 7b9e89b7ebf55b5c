"""The stage that prices a call, by the user's own prices and the price list. Both are loaded here, on the worker."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from llmtrace import faults, semconv
from llmtrace.prices import Cost, NegotiatedPrices, PriceBook, Unpriced, free_of_charge

if TYPE_CHECKING:
    from llmtrace.accounts import Account
    from llmtrace.readouts import Collected


class CostStage:
    """Fills the cost of a call that used something; a price file that is wrong is told once, and the list used."""

    def __init__(self, own: NegotiatedPrices | str | None = None) -> None:
        self._own = own
        """The user's prices, or the path of their file, which is read when the first call is priced."""
        self._book: PriceBook | None = None

    def __call__(self, collected: Collected, account: Account) -> None:
        """Price one call."""
        if account.answered_by is not None:
            account.cost = free_of_charge(account.answered_by)
            account.saved = self._saved(account)
            return
        used = account.reply.usage is not None
        if not account.call.operation.is_billed or (account.failure is not None and not used):
            return
        if not used and not collected.kept_whole:
            account.cost = Unpriced(reason="body_not_kept")
            return
        account.cost = self._priced(account)
        account.counterfactual = self._unrouted(account)

    def _unrouted(self, account: Account) -> Cost | None:
        """What the same tokens cost at the model the app asked for; None where no router chose, or it is not known."""
        requested = account.marks.get(semconv.ROUTER_REQUESTED_MODEL)
        if not isinstance(requested, str) or not requested:
            return None
        call = replace(account.call, model=requested)
        priced = self._book_in_force().price_call(
            call, replace(account.reply, model=requested), account.timing.start_ns
        )
        return None if isinstance(priced, Unpriced) else priced

    def _saved(self, account: Account) -> Cost | None:
        """What the provider would have taken for the same answer; None where that is not known."""
        if not account.call.operation.is_billed or account.reply.usage is None:
            return None
        priced = self._priced(account)
        return None if isinstance(priced, Unpriced) else priced

    def _priced(self, account: Account) -> Cost | Unpriced:
        return self._book_in_force().price_call(account.call, account.reply, account.timing.start_ns)

    def _book_in_force(self) -> PriceBook:
        if self._book is None:
            self._book = PriceBook(self.own_prices())
        return self._book

    def own_prices(self) -> NegotiatedPrices:
        """The user's own, read from their file; none where there is none, or it is wrong, which is told once."""
        if not isinstance(self._own, str):
            return self._own or NegotiatedPrices()
        from llmtrace.prices.price_file import PriceFileError, load_prices

        try:
            return load_prices(self._own)
        except PriceFileError as error:
            faults.say_once("prices", "llmtrace: %s; calls are priced at the price list", error)
            return NegotiatedPrices()
