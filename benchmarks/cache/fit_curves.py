"""Fits the curves of the semantic cache on labelled pairs of questions, and says how they do on pairs held out.

    python -m benchmarks.cache.fit_curves PAIRS.jsonl [--write]

Lines `{"a", "b", "same"}`. The shipped curves were fitted on 20,212 Quora question pairs; the pairs are not part of the
repository. Needs scikit-learn.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import KFold

from llmtrace.cache.features import features
from llmtrace.cache.guards import conflict
from llmtrace.embedding import Embedder, LexicalEmbedder, LocalEmbedder

CURVES = Path(__file__).parents[2] / "llmtrace" / "cache" / "curves"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("pairs", type=Path)
    parser.add_argument("--rows", type=Path, help="rows of the local embedder, all of `a` and then all of `b`")
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    pairs = [json.loads(line) for line in given.pairs.read_text().splitlines()]
    same = np.array([bool(pair["same"]) for pair in pairs])
    texts = [pair["a"] for pair in pairs] + [pair["b"] for pair in pairs]
    free = np.array([not conflict(pair["a"], pair["b"]) for pair in pairs])
    for embedder in (LocalEmbedder(), LexicalEmbedder()):
        kept = given.rows if isinstance(embedder, LocalEmbedder) else None
        rows = np.load(kept) if kept else embedder.embed(texts)
        one(embedder, pairs, rows, same, free, write=given.write)


def one(embedder: Embedder, pairs: list[Any], rows: Any, same: Any, free: Any, *, write: bool) -> None:
    cosines = (rows[: len(pairs)] * rows[len(pairs) :]).sum(axis=1)
    values = np.array([features(p["a"], p["b"], float(c)) for p, c in zip(pairs, cosines, strict=True)])
    score = np.full(len(pairs), -1.0)
    for train, test in KFold(5, shuffle=True, random_state=1).split(values):
        fitted = make().fit(values[train][free[train]], same[train][free[train]])
        score[test] = fitted.predict_proba(values[test])[:, 1]
    score[~free] = -1
    print(f"{embedder.name}: duplicates answered at wrong / all <= 1 %, held out: {recall(score, same):.4f}")
    guarded = recall(np.where(free, cosines, -1), same)
    print(f"  by the cosine alone {recall(cosines, same):.4f}, with guards {guarded:.4f}")
    for low, high in ((0.95, 1), (0.9, 0.95), (0.8, 0.9)):
        chosen = (score > low) & (score <= high)
        found, told = same[chosen].mean(), score[chosen].mean()
        print(f"  told {low}-{high}: {chosen.sum()} pairs, {found:.3f} the same, told {told:.3f}")
    if write:
        CURVES.mkdir(exist_ok=True)
        data = exported(make().fit(values[free], same[free]))
        (CURVES / f"{embedder.name}.json").write_text(json.dumps(data, separators=(",", ":")) + "\n")


def make() -> HistGradientBoostingClassifier:
    return HistGradientBoostingClassifier(
        max_leaf_nodes=4, max_iter=200, learning_rate=0.08, l2_regularization=5, min_samples_leaf=60, random_state=0
    )


def recall(score: Any, same: Any, delta: float = 0.01) -> float:
    order = np.argsort(-score, kind="stable")
    allowed = np.flatnonzero(np.cumsum(~same[order]) <= delta * len(same))
    return float(same[order][: allowed.max() + 1].sum() / same.sum()) if len(allowed) else 0.0


def exported(fitted: Any) -> dict[str, Any]:
    trees = [
        [
            (-1, 0.0, 0, 0, round(float(node["value"]), 5))
            if node["is_leaf"]
            else (int(node["feature_idx"]), float(node["num_threshold"]), int(node["left"]), int(node["right"]), 0.0)
            for node in each[0].nodes
        ]
        for each in fitted._predictors
    ]
    return {"begin": float(np.ravel(fitted._baseline_prediction)[0]), "trees": trees}


if __name__ == "__main__":
    main()
