"""From an account to the numbers of its metrics: pure, whoever records them.

Attributes are those the conventions list, and never for whom a call was made: what tells series apart must be few.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from llmtrace import semconv as names
from llmtrace.attributes import clean, start_attributes
from llmtrace.prices import Cost, Unpriced

if TYPE_CHECKING:
    from opentelemetry.util.types import AttributeValue

    from llmtrace.accounts import Account
    from llmtrace.calls import Timing, Usage
    from llmtrace.settings import Conventions

Labels = dict[str, "AttributeValue"]
Measurement = tuple[str, float, Labels]
"""Name of a metric, a number that is not negative, and what it is told apart by."""

INFERENCES: Final = frozenset({"chat", "text_completion", "generate_content"})
"""Operations by which a model generates; their metrics have names of their own in the latest conventions."""

_NS: Final = 1_000_000_000


def measurements(account: Account, conventions: Conventions) -> Iterator[Measurement]:
    """Every number of one call, under the names that ``conventions`` asks for."""
    labels = _labels(account)
    with_error = {**labels, names.ERROR_TYPE: clean(account.failure.type)} if account.failure else labels
    inference = account.call.operation.name in INFERENCES
    if conventions != "latest":
        yield from _released(account, labels, with_error)
    elif not inference:
        yield names.OPERATION_DURATION, _duration(account.timing), with_error
    if conventions != "released":
        yield from _latest(account, labels, with_error, inference=inference)
    yield from _ours(account, labels)


def _labels(account: Account) -> Labels:
    labels = start_attributes(account.call.operation, account.call.server, account.call.model)
    if account.reply.model:
        labels[names.RESPONSE_MODEL] = clean(account.reply.model)
    return labels


def _released(account: Account, labels: Labels, with_error: Labels) -> Iterator[Measurement]:
    timing, usage = account.timing, account.reply.usage
    yield names.OPERATION_DURATION, _duration(timing), with_error
    if timing.first_chunk_ns is not None:
        yield names.OPERATION_TIME_TO_FIRST_CHUNK, _seconds(timing.start_ns, timing.first_chunk_ns), labels
    for gap in _gaps(timing):
        yield names.OPERATION_TIME_PER_OUTPUT_CHUNK, gap, labels
    if usage is not None and usage.input is not None:
        yield names.TOKEN_USAGE, usage.input, {**labels, names.TOKEN_TYPE: "input"}
    if usage is not None and usage.output is not None:
        yield names.TOKEN_USAGE, usage.output, {**labels, names.TOKEN_TYPE: "output"}


def _latest(account: Account, labels: Labels, with_error: Labels, *, inference: bool) -> Iterator[Measurement]:
    timing, usage = account.timing, account.reply.usage
    if inference:
        yield names.INFERENCE_DURATION, _duration(timing), with_error
        if timing.first_chunk_ns is not None:
            yield names.INFERENCE_TIME_TO_FIRST_CHUNK, _seconds(timing.start_ns, timing.first_chunk_ns), labels
        for gap in _gaps(timing):
            yield names.INFERENCE_TIME_PER_OUTPUT_CHUNK, gap, labels
    if usage is not None:
        yield from _tokens(usage, labels, with_error)
    elif inference:
        # As the convention has it: the counters exist from the first call on, and add nothing for this one.
        for name in (names.INFERENCE_INPUT_TOKENS, names.INFERENCE_OUTPUT_TOKENS):
            yield name, 0, {**labels, names.TOKEN_MODALITY: "unknown"}


def _tokens(usage: Usage, labels: Labels, with_error: Labels) -> Iterator[Measurement]:
    of_input = {"text": usage.text_input, "image": usage.image_input, "audio": usage.audio_input}
    of_output = {"text": usage.text_output, "image": usage.image_output, "audio": usage.audio_output}
    of_cache = {"text": usage.text_cache_read, "image": usage.image_cache_read, "audio": usage.audio_cache_read}
    yield from _by_modality(names.INFERENCE_INPUT_TOKENS, usage.input, of_input, labels)
    yield from _by_modality(names.INFERENCE_OUTPUT_TOKENS, usage.output, of_output, labels)
    yield from _by_modality(names.INFERENCE_CACHE_READ_TOKENS, usage.cache_read, of_cache, labels)
    yield from _by_modality(names.INFERENCE_CACHE_WRITE_TOKENS, usage.cache_write, {}, labels)
    yield from _by_modality(names.INFERENCE_REASONING_TOKENS, usage.reasoning, {}, labels)
    if usage.input is not None:
        yield names.INFERENCE_INPUT_TOKENS_EACH, usage.input, with_error
    if usage.output is not None:
        yield names.INFERENCE_OUTPUT_TOKENS_EACH, usage.output, with_error


def _by_modality(name: str, total: int | None, parts: dict[str, int | None], labels: Labels) -> Iterator[Measurement]:
    if total is None:
        return
    told = {modality: number for modality, number in parts.items() if number}
    rest = total - sum(told.values())
    if rest < 0:  # they contradict each other: the total is what was used
        told, rest = {}, total
    for modality, number in told.items():
        yield name, number, {**labels, names.TOKEN_MODALITY: modality}
    if rest or not told:
        yield name, rest, {**labels, names.TOKEN_MODALITY: "unknown"}


def _ours(account: Account, labels: Labels) -> Iterator[Measurement]:
    timing, cost = account.timing, account.cost
    if timing.first_token_ns is not None:
        yield names.TIME_TO_FIRST_TOKEN, _seconds(timing.start_ns, timing.first_token_ns), labels
    if isinstance(cost, Cost):
        yield names.COST, float(cost.usd), labels
    elif isinstance(cost, Unpriced):
        yield names.UNPRICED_CALLS, 1, {**labels, names.COST_UNPRICED_REASON: cost.reason}
    for attempt in account.attempts:
        yield names.RETRIES, 1, {**labels, names.ERROR_TYPE: attempt.error}


def _duration(timing: Timing) -> float:
    return _seconds(timing.start_ns, timing.end_ns)


def _gaps(timing: Timing) -> Iterator[float]:
    return (_seconds(before, after) for before, after in pairwise(timing.chunk_ns))


def _seconds(start_ns: int, end_ns: int) -> float:
    # The clock of the wall may be set back meanwhile; an SDK refuses a negative number with a log line.
    return max(0, end_ns - start_ns) / _NS
