"""llmtrace: OpenTelemetry observability for applications built on language models.

```python
import llmtrace

llmtrace.instrument()
```

Importing this package loads neither OpenTelemetry's SDK nor the OpenAI client; ``instrument()`` does.
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from llmtrace._version import __version__
from llmtrace.contexts import context
from llmtrace.instrumentation import dropped_calls, flush, instrument, uninstrument
from llmtrace.saying import feedback
from llmtrace.spanning import span

__all__ = ["__version__", "context", "dropped_calls", "feedback", "flush", "instrument", "span", "uninstrument"]

_ROOMS = frozenset({"confidence", "consistency", "grounding"})
"""Loaded when they are first asked for."""


def __getattr__(name: str) -> ModuleType:
    if name in _ROOMS:
        return import_module(f"llmtrace.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
