"""How sure an answer is, field by field; what that is worth by your labels; and what a user interface does with it.

    answer with logprobs ──▶ fields ──▶ a raw figure each ──▶ Calibration (from labels) ──▶ Advice: show, hedge, ask

A raw figure is the model's own; it says nothing of truth until labels say so. Calibration needs numpy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llmtrace.confidence.fields import FieldConfidence, of_fields

if TYPE_CHECKING:
    from llmtrace.confidence.advising import Advice, Thresholds, advise
    from llmtrace.confidence.calibration import Bin, Calibration, Reliability, reliability

__all__ = [
    "Advice",
    "Bin",
    "Calibration",
    "FieldConfidence",
    "Reliability",
    "Thresholds",
    "advise",
    "of_fields",
    "reliability",
]


def __getattr__(name: str) -> Any:
    from importlib import import_module

    for module in ("calibration", "advising") if name in __all__ else ():
        try:
            found = import_module(f"llmtrace.confidence.{module}")
        except ModuleNotFoundError as error:
            if error.name == "numpy":
                message = "llmtrace.confidence needs numpy for calibration: install it with `pip install numpy`"
                raise ModuleNotFoundError(message, name="numpy") from error
            raise
        if hasattr(found, name):
            return getattr(found, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
