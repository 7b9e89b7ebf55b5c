"""Fixtures for pytest.

None loads by itself; import the ones you want in your ``conftest.py``:

```python
from llmtrace.testing.fixtures import captured, fake_provider, frozen_time
```
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from llmtrace.testing.capture import Captured, capture
from llmtrace.testing.clocks import FrozenClock, frozen_clock
from llmtrace.testing.provider import FakeProvider

__all__ = ["captured", "fake_provider", "frozen_time"]


@pytest.fixture
def captured() -> Iterator[Captured]:
    """The spans of this test, instrumented from its beginning to its end."""
    with capture() as made:
        yield made


@pytest.fixture
def fake_provider() -> Iterator[FakeProvider]:
    """A provider on the loopback that speaks the OpenAI API."""
    with FakeProvider() as made:
        yield made


@pytest.fixture
def frozen_time() -> Iterator[FrozenClock]:
    """The time of every span of this test."""
    with frozen_clock() as made:
        yield made
