"""Tools for tests of apps that use llmtrace; the project's own tests stand on them.

```python
from llmtrace.testing import FakeProvider, capture

with FakeProvider() as provider, capture() as captured:
    client = openai.OpenAI(base_url=provider.base_url, api_key="any")
    client.chat.completions.create(model="gpt-5-mini", messages=[{"role": "user", "content": "Why?"}])
assert captured.tree() == "chat gpt-5-mini"
```
"""

from llmtrace.testing.capture import Captured, CapturedEvent, CapturedSpan, capture
from llmtrace.testing.clocks import FrozenClock, frozen_clock
from llmtrace.testing.provider import FakeProvider
from llmtrace.testing.replies import FakeReply

__all__ = [
    "Captured",
    "CapturedEvent",
    "CapturedSpan",
    "FakeProvider",
    "FakeReply",
    "FrozenClock",
    "capture",
    "frozen_clock",
]
