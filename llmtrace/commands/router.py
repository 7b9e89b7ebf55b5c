"""`llmtrace router`: fits a policy to graded calls, measures it against trivial ones, and checks policy files."""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from llmtrace.router.files import PolicyFileError, load_routing

DONE: Final = 0
WRONG: Final = 2
_MAX_LINES: Final = 200_000
_NUMBERS: Final = ("weak", "strong", "weak_cost", "strong_cost")


class _GradedError(ValueError):
    """What is wrong with a file of graded calls, in a sentence."""


def main(argv: Sequence[str]) -> int:
    """Runs `llmtrace router ...`; the exit code: 0 done, 2 something for the user to change."""
    parser = argparse.ArgumentParser(prog="llmtrace router", description="Which model answers: fit, measure, check.")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    bench = actions.add_parser("bench", help="measure, cross-validated, what a fitted policy would do")
    fit = actions.add_parser("fit", help="the same, and write the fitted policy")
    for action in (bench, fit):
        action.add_argument(
            "graded", type=Path, metavar="GRADED.jsonl", help="calls graded for both models, one a line"
        )
        action.add_argument("--folds", type=int, default=10, help="of the cross-validation; default: %(default)s")
        action.add_argument("--seed", type=int, default=0, help="of all chance; default: %(default)s")
    fit.add_argument("--out", type=Path, required=True, help="where to write the policy, a .json file")
    check = actions.add_parser("check", help="say whether a policy file is right")
    check.add_argument("policy", type=Path, help="a .yaml or .json file")
    given = parser.parse_args(argv)
    try:
        return _check(given.policy) if given.action == "check" else _measure(given)
    except (PolicyFileError, _GradedError) as error:
        return _say(str(error))
    except ModuleNotFoundError as error:
        return _say(f'the package "{error.name}" is missing; install it with: pip install "llmtrace-otel[router]"')
    except OSError as error:
        return _say(f"{error.filename}: {error.strerror}")


def _check(policy: Path) -> int:
    routing = load_routing(policy)
    for route in routing.routes:
        models = ", ".join(route.models) or "every model"
        print(f"{route.name}: {type(route.policy).__name__.lower()} for {models}")
    return DONE


def _measure(given: argparse.Namespace) -> int:
    from llmtrace.router.features import count
    from llmtrace.router.learning import Graded, counted, fit
    from llmtrace.router.measuring import LEAST_CALLS, learned_scores, measured, with_thresholds

    calls = counted([Graded(**row) for row in _rows(given.graded)])
    if not 2 <= given.folds <= 100:
        raise _GradedError(f"--folds {given.folds}: write a number from 2 to 100")
    if len(calls) < max(LEAST_CALLS, given.folds):
        raise _GradedError(f"{given.graded}: {len(calls)} calls are too few to measure by; grade {LEAST_CALLS} or more")
    scored = learned_scores(calls, folds=given.folds, seed=given.seed)
    report = measured(calls, scored, folds=given.folds, seed=given.seed)
    began = time.perf_counter()
    fitted = fit(calls, seed=given.seed)
    report["fit_s"] = round(time.perf_counter() - began, 3)
    began = time.perf_counter()
    for call in calls[:1000]:
        fitted.worth(count(call.graded.prompt))
    report["choose_ms"] = round(1000 * (time.perf_counter() - began) / len(calls[:1000]), 4)
    if given.action == "fit":
        made = with_thresholds(fitted, scored).as_json()
        figures = {name: report[name] for name in ("calls", "apgr", "at_95_percent_quality")}
        given.out.write_text(json.dumps({**made, "measured": figures}, separators=(",", ":")))
        report["written"] = str(given.out)
    print(json.dumps(report, indent=2))
    return DONE


def _rows(path: Path) -> list[dict[str, Any]]:
    found = []
    with path.open(encoding="utf-8", errors="replace") as lines:
        for number, line in enumerate(lines, start=1):
            if number > _MAX_LINES:
                raise _GradedError(f"{path}: more than {_MAX_LINES:,} lines; give a sample of them")
            if line.strip():
                found.append(_row(line, f"{path}:{number}"))
    return found


def _row(line: str, place: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        row = None
    if not isinstance(row, dict):
        raise _GradedError(
            f'{place}: is no JSON object; write {{"prompt", "weak", "strong", "weak_cost", "strong_cost"}}'
        )
    if not isinstance(row.get("prompt"), str):
        raise _GradedError(f"{place}: prompt is no text; write what was asked")
    for name in _NUMBERS:
        value = row.get(name)
        if not isinstance(value, int | float) or not math.isfinite(value):
            raise _GradedError(f"{place}: {name} is {json.dumps(value)[:40]}, which is no number; write one")
        if name.endswith("_cost") and value < 0:
            raise _GradedError(f"{place}: {name} is {value}; a cost is 0 or more")
    return {"prompt": row["prompt"], **{name: float(row[name]) for name in _NUMBERS}}


def _say(sentence: str) -> int:
    print(f"llmtrace router: {sentence}", file=sys.stderr)
    return WRONG
