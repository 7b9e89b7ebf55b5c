"""The clock that the times of spans come from: the system's, unless ``llmtrace.testing.frozen_clock`` stands in for it.

Read it as ``clock.now_ns()``, which costs what ``time.time_ns()`` does; a name imported from here would not be frozen.
"""

from __future__ import annotations

import time
from collections.abc import Callable

now_ns: Callable[[], int] = time.time_ns
"""Nanoseconds since the epoch."""
