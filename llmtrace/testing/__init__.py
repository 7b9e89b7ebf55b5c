"""Tools for tests and demonstrations of apps that use llmtrace: a local provider that speaks the OpenAI API.

```python
from llmtrace.testing.provider import FakeProvider

with FakeProvider() as provider:
    client = openai.OpenAI(base_url=provider.base_url, api_key="any")
```
"""

from llmtrace.testing.provider import FakeProvider
from llmtrace.testing.replies import FakeReply

__all__ = ["FakeProvider", "FakeReply"]
