"""What a fake provider's reply can say of itself, as a real client's span has it."""

from __future__ import annotations

import openai
import pytest

from llmtrace.testing import FakeProvider, capture
from llmtrace.testing.replies import FakeReply


@pytest.mark.parametrize("stream", [False, True])
def test_a_reply_says_which_model_and_which_build_answered(stream: bool) -> None:
    """Unless it says so, the dated snapshot of what was asked for answers: what a silent swap is told from."""
    replies = [FakeReply(), FakeReply(model="gpt-4o-2026-11-20", system_fingerprint="fp_new")]
    with FakeProvider(lambda _: replies.pop(0)) as provider, capture() as captured:
        client = openai.OpenAI(base_url=provider.base_url, api_key="any")
        for _ in range(2):
            answer = client.chat.completions.create(
                model="gpt-4o", messages=[{"role": "user", "content": "?"}], stream=stream
            )
            list(answer) if stream else None
        client.close()
        found = [span.attributes for span in captured.spans()]
    names = ("gen_ai.response.model", "openai.response.system_fingerprint")
    assert [tuple(one[name] for name in names) for one in found] == [
        ("gpt-4o-2024-08-06", "fp_44709d6fcb"),
        ("gpt-4o-2026-11-20", "fp_new"),
    ]
