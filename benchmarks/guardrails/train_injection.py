"""Fits the weights of ``llmtrace/guardrails/injection.weights``, and tries them on sources they were not fitted on.

    python -m benchmarks.guardrails.train_injection --train A.jsonl B.jsonl --test C.jsonl [--write]

Lines are ``{"text": ..., "label": 0 | 1}``; 1 is an attack. No data is shipped: what was used is named in
``docs/reference/guardrails.md``. Logistic regression with a quadratic penalty on binary n-grams over the root of their
number, by L-BFGS; every source and label weighs as much as its root.
"""

from __future__ import annotations

import argparse
import json
import math
from collections import Counter
from pathlib import Path

import numpy as np
from scipy.optimize import minimize
from scipy.sparse import csr_matrix

from benchmarks.guardrails.injection_templates import made
from llmtrace.guardrails.linear import FORMAT, LinearModel, bucket_set, norm, windows

PLACE = Path(__file__).parents[2] / "llmtrace/guardrails/injection.weights"
Rows = list[tuple[str, int, str]]


def read(path: Path) -> Rows:
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    return [(line["text"], int(line["label"]), path.stem) for line in lines]


def matrix(texts: list[str], buckets: int) -> csr_matrix:
    values, columns, starts = [], [], [0]
    for text in texts:
        found = sorted(bucket_set(next(iter(windows(text)), []), buckets))
        columns += found
        values += [1 / norm(len(found))] * len(found)
        starts.append(len(columns))
    return csr_matrix((values, columns, starts), shape=(len(texts), buckets), dtype=np.float64)


def fit(rows: Rows, *, buckets: int, penalty: float) -> tuple[np.ndarray, float]:
    x = matrix([text for text, _, _ in rows], buckets)
    y = np.array([label for _, label, _ in rows], dtype=float)
    sizes = Counter((source, label) for _, label, source in rows)
    weight = np.array([1 / math.sqrt(sizes[source, label]) for _, label, source in rows])
    for label in (0, 1):  # both labels weigh the same
        weight[y == label] /= weight[y == label].sum()
    sign = 2 * y - 1

    def loss(w: np.ndarray) -> tuple[float, np.ndarray]:
        margin = sign * (x @ w[:-1] + w[-1])
        slope = -sign * weight / (1 + np.exp(np.clip(margin, -500, 500)))
        value = float((weight * np.logaddexp(0, -margin)).sum() + penalty * w[:-1] @ w[:-1])
        return value, np.append(x.T @ slope + 2 * penalty * w[:-1], slope.sum())

    found = minimize(loss, np.zeros(buckets + 1), jac=True, method="L-BFGS-B", options={"maxiter": 500})
    return found.x[:-1], float(found.x[-1])


def quantised(weights: np.ndarray, bias: float, version: str) -> LinearModel:
    scale = float(np.quantile(np.abs(weights), 0.9999)) / 127
    steps = np.clip(np.round(weights / scale), -127, 127).astype(np.int8)
    return LinearModel(buckets=len(weights), bias=bias, scale=scale, weights=steps.tobytes(), version=version)


def report(model: LinearModel, tests: list[Path], at: float) -> None:
    print(f"{'source':<28}{'attacks':>8}{'found':>8}{'benign':>8}{'passed':>8}   at {at}")
    for path in tests:
        rows = read(path)
        scores = {label: [model.score(text) for text, each, _ in rows if each == label] for label in (0, 1)}
        found = sum(score >= at for score in scores[1]) / max(1, len(scores[1]))
        passed = sum(score < at for score in scores[0]) / max(1, len(scores[0]))
        print(f"{path.stem:<28}{len(scores[1]):>8}{found:>8.1%}{len(scores[0]):>8}{passed:>8.1%}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--train", type=Path, nargs="*", default=[])
    parser.add_argument("--test", type=Path, nargs="*", default=[])
    parser.add_argument("--buckets", type=int, default=2**16)
    parser.add_argument("--penalty", type=float, default=3e-5)
    parser.add_argument("--templates", type=int, default=60, help="texts of each template")
    parser.add_argument(
        "--shift", type=float, default=0.0, help="added to the bias, so that 0.5 is where it should act"
    )
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--at", type=float, default=0.5)
    parser.add_argument("--version", default="1")
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    rows = [row for path in given.train for row in read(path)]
    rows += [(text, label, "templates") for text, label in made(given.seed, given.templates)]
    weights, bias = fit(rows, buckets=given.buckets, penalty=given.penalty)
    model = quantised(weights, bias + given.shift, given.version)
    print(f"{len(rows):,} texts of {len({source for _, _, source in rows})} sources")
    report(model, given.test, given.at)
    if given.write:
        head = {
            "format": FORMAT,
            "buckets": model.buckets,
            "bias": round(model.bias, 6),
            "scale": model.scale,
            "version": model.version,
        }
        PLACE.write_bytes(json.dumps(head).encode() + b"\n" + model.weights)
        print(f"written: {PLACE.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
