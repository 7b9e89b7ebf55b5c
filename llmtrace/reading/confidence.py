"""How sure a model was of its own words, from the log probabilities it reported.

Every token of every choice counts once, whichever choice it stands in. With ``l`` the natural logarithm of a token's
probability, over the ``n`` tokens that have one:

- mean logprob ``sum(l) / n`` and perplexity ``exp(-mean)``: Jelinek, Mercer, Bahl, Baker, "Perplexity: a measure of
  the difficulty of speech recognition tasks", J. Acoust. Soc. Am. 62 (1977); as a signal of quality: OpenAI cookbook,
  "Using logprobs";
- low-confidence share: tokens of a probability below ``LOW_PROBABILITY``, as Jiang et al., "Active Retrieval
  Augmented Generation" (EMNLP 2023), section 3.2.2, tell what a model is not sure of.

OpenAI writes -9999.0 for a token outside the 20 likeliest (API reference, chat completion object, ``logprobs``), and
others write -Infinity: such a token is unlikely, but how much is not known. It counts as one of low confidence and
stays out of mean, minimum and perplexity, which one of them would ruin.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from llmtrace.reading.json_values import Json, items, mapping, number

LOW_PROBABILITY: Final = 0.5
"""Below it the model thought something else, all other tokens together, likelier than what it wrote."""
MAX_TOKENS: Final = 200_000
"""Of one stream; the ones after are not counted."""

_LOW: Final = math.log(LOW_PROBABILITY)
_UNKNOWN: Final = -9999.0
_ROUNDING: Final = 0.01
"""Some servers report 0.0000x for a certain token; a logarithm of a probability is never above 0 but for rounding."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Confidence:
    """Figures over all tokens whose log probability was reported."""

    tokens: int
    """How many there are, unlikely ones included."""
    unlikely_tokens: int
    """Those so unlikely that the provider gives no figure."""
    low_share: float
    """Share of tokens of a probability below ``LOW_PROBABILITY``, 0 to 1."""
    mean_logprob: float | None
    """None when every token is an unlikely one; so are the two below."""
    min_logprob: float | None
    perplexity: float | None
    """1 or more; None also when it is beyond what a double holds."""


def read_confidence(wire: str, sent: Json, body: Json) -> Confidence | None:
    """Figures of one answer; None when no log probability was reported."""
    if wire == "completions" and sent.get("echo"):
        return None  # the prompt's own tokens are among them, and nothing tells which
    found = list(_logprobs(_responses(body) if wire == "responses" else _choices(body)))
    return _figures(found) if found else None


def logprobs_of(entries: object) -> list[float]:
    """The numbers of one list of tokens, as chat and responses spell it, without the tokens themselves."""
    return list(_logprobs(mapping(entry).get("logprob") for entry in items(entries)))


def plain_logprobs(entries: object) -> list[float]:
    """The numbers of one list of them, as legacy completions spell it."""
    return list(_logprobs(items(entries)))


def _figures(found: list[float]) -> Confidence:
    known = [value for value in found if value > _UNKNOWN]
    mean = math.fsum(known) / len(known) if known else None
    return Confidence(
        tokens=len(found),
        unlikely_tokens=len(found) - len(known),
        low_share=sum(value < _LOW for value in found) / len(found),
        mean_logprob=mean,
        min_logprob=min(known, default=None),
        perplexity=None if mean is None or mean < -700 else math.exp(-mean),
    )


def _logprobs(values: Iterable[object]) -> Iterator[float]:
    for value in values:
        logprob = number(value)
        if logprob is not None and logprob <= _ROUNDING:  # a NaN is not
            yield min(logprob, 0.0)


def _choices(body: Json) -> Iterator[object]:
    for choice in items(body.get("choices")):
        reported = mapping(mapping(choice).get("logprobs"))
        for key in ("content", "refusal"):
            yield from (mapping(entry).get("logprob") for entry in items(reported.get(key)))
        yield from items(reported.get("token_logprobs"))  # legacy completions, and streams added up


def _responses(body: Json) -> Iterator[object]:
    for item in items(body.get("output")):
        for part in items(mapping(item).get("content")):
            yield from (mapping(entry).get("logprob") for entry in items(mapping(part).get("logprobs")))
