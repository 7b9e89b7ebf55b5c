"""How much a stranger may take of the store."""

from __future__ import annotations

from collections.abc import Mapping

STRANGERS_AT_ONCE = 4
"""Statements of strangers that run at the same time. Some cannot be cut short: the engine looks at its clock between
blocks, not inside a function."""

STRANGERS_WAITING = 64
WAIT_S = 10.0
"""For a place among those that run; then a stranger is told to try again."""

STRANGER_LIMITS = {
    "max_execution_time": "30",
    "max_memory_usage": str(1024**3),
    "max_result_bytes": str(256 * 1024**2),
    "max_result_rows": "5000000",
    "max_columns_to_read": "500",
    "max_ast_elements": "20000",
    "max_block_size": "8192",
    "result_overflow_mode": "throw",
    "timeout_overflow_mode": "throw",
}
"""Set on every connection of a stranger, who may lower the numbers but not raise them."""

MOST_THREADS = 64
"""A stranger may ask for; more are not given."""


def lowered(given: Mapping[str, str]) -> dict[str, str]:
    """The stranger's settings, numbers of `STRANGER_LIMITS` and threads only where they are lower."""
    kept = dict(given)
    for name, most in {**STRANGER_LIMITS, "max_threads": str(MOST_THREADS)}.items():
        wanted = kept.pop(name, "")
        if most.isdigit() and wanted.isdigit() and 0 < int(wanted) < int(most):
            kept[name] = wanted
    return kept
