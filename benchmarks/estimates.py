"""How far estimates of tokens are from what providers reported: recorded calls, the approximation and tiktoken.

    python benchmarks/estimates.py

Each recorded call that reports its usage is read as if it had not, and estimated. Calls whose tokens cannot be counted
from their bodies (images, hosted tools, stored context, hidden reasoning) are left out, as they are of estimated costs,
and so are those that report 0. tiktoken is measured where `llmtrace tokenizers fetch` has put the file of the encoding.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from llmtrace.accounts import Account
from llmtrace.calls import Call, Server, Timing
from llmtrace.estimates import Estimate, EstimateStage
from llmtrace.operations import operation_of
from llmtrace.reading.approximations import approximate_tokens
from llmtrace.reading.events import read_events
from llmtrace.reading.replies import read_reply
from llmtrace.reading.streamed import add_up
from llmtrace.tokenizers import APPROXIMATION, Tokenizers, encoding_of, folder
from support.replay import Recording, missing_reason, recordings

NOWHERE = Path("/nonexistent")


@dataclass(frozen=True, kw_only=True, slots=True)
class Pair:
    """An estimate and what was reported."""

    model: str
    input: tuple[int, int]
    """Estimated, reported; likewise below."""
    output: tuple[int, int]


class _Answered:
    kept_whole = True


def main() -> None:
    if reason := missing_reason():
        sys.exit(reason)
    _time()
    for title, tokenizers in ((APPROXIMATION, Tokenizers(NOWHERE)), ("tiktoken", Tokenizers(folder()))):
        pairs = [pair for one in recordings() if (pair := _pair(one, tokenizers, title)) is not None]
        print(f"\n{title}: {len(pairs)} calls" + ("" if pairs else f"; no file in {folder()}: not measured"))
        if pairs:
            _print(pairs)


def _time() -> None:
    text = "The quick brown fox jumps over the lazy dog, and 42 others. " * 1667
    began = time.process_time()
    approximate_tokens(text)
    print(f"approximation of {len(text):,} characters: {1000 * (time.process_time() - began):.1f} ms CPU")


def _pair(recording: Recording, tokenizers: Tokenizers, title: str) -> Pair | None:
    usage = recording.expected.get("usage", {})
    if recording.status >= 400 or not usage.get("input") or not usage.get("output"):
        return None
    model = recording.expected.get("model")
    if (tokenizers.counter(model)[0] == APPROXIMATION) != (title == APPROXIMATION):
        return None
    estimate = _estimate(recording, tokenizers)
    visible = usage["output"] - usage.get("reasoning", 0)
    if estimate is None or estimate.output is None or set(estimate.excludes) - {"reasoning"} or not visible:
        return None
    if "reasoning" in estimate.excludes and "reasoning" not in usage:
        return None
    return Pair(
        model=encoding_of(model),
        input=(estimate.input, usage["input"]),
        output=(estimate.output, visible),
    )


def _estimate(recording: Recording, tokenizers: Tokenizers) -> Estimate | None:
    operation = operation_of("POST", recording.endpoint)
    if recording.stream:
        body = add_up(operation.wire, read_events([(0, recording.body.encode())])).body
    else:
        body = json.loads(recording.body)
    body.pop("usage", None)
    account = Account(
        call=Call(operation=operation, server=Server(provider="x", price_provider=None, address="x", port=None)),
        timing=Timing(start_ns=0, end_ns=0),
        reply=read_reply(operation.wire, body),
        sent=recording.request,
        body=body,
    )
    EstimateStage(tokenizers, price=lambda *_: None)(_Answered(), account)  # type: ignore[arg-type]
    return account.estimate


def _print(pairs: list[Pair]) -> None:
    by_model: dict[str, list[Pair]] = defaultdict(list)
    for pair in pairs:
        by_model[pair.model].append(pair)
    for model, some in (*sorted(by_model.items()), ("all", pairs)):
        for side in ("input", "output"):
            print(f"  {model:12} {side:6} {_line([getattr(pair, side) for pair in some])}")


def _line(found: list[tuple[int, int]]) -> str:
    errors = sorted(abs(estimated - reported) / reported for estimated, reported in found)
    total = sum(estimated for estimated, _ in found) / sum(reported for _, reported in found) - 1
    ninth = errors[min(len(errors) - 1, int(0.9 * len(errors)))]
    return (
        f"{len(found):3} calls, absolute error: median {statistics.median(errors):6.1%}, 90th percentile {ninth:6.1%},"
        f" worst {errors[-1]:6.1%}; of the sum {total:+6.1%}"
    )


if __name__ == "__main__":
    main()
