"""What a call cost, in US dollars.

``book`` prices calls; ``rates`` are the prices of one row, made by ``compiling`` from a row of the price list
(``listed``) or of the user's own (``negotiated``, read by ``price_file``); ``cost`` is what comes out.
"""

from llmtrace.prices.book import PriceBook, is_open_weight
from llmtrace.prices.cost import STANDARD, Cost, Source, Unpriced, free_of_charge
from llmtrace.prices.listed import price_list_version
from llmtrace.prices.negotiated import NegotiatedPrices

__all__ = [
    "STANDARD",
    "Cost",
    "NegotiatedPrices",
    "PriceBook",
    "Source",
    "Unpriced",
    "free_of_charge",
    "is_open_weight",
    "price_list_version",
]
