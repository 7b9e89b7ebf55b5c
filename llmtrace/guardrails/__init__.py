"""Guardrails: what is asked and answered is looked at, and told, taken out or refused, before anybody has it.

```python
from llmtrace.guardrails import Injection, Pii, Secrets

llmtrace.instrument(guardrails=[Pii(mode="redact"), Secrets(mode="block"), Injection()])
```

    verdicts ◀── checking ◀── step (whole bodies) ── bodies
                    ▲    ◀── streams ── chunks ── texts ── held (what is not shown yet)
                    └── patterns, urls, shapes, grounded, injection, asked, budget: the guardrails

Nothing here knows OpenTelemetry or OpenAI.
"""

from __future__ import annotations

from llmtrace.guardrails.alone import Checked, check, check_async
from llmtrace.guardrails.asked import Custom, Judged, Moderation
from llmtrace.guardrails.budget import Budget
from llmtrace.guardrails.grounded import Groundedness
from llmtrace.guardrails.injection import Injection
from llmtrace.guardrails.patterns import Pii, Regex, Secrets, Topics
from llmtrace.guardrails.shapes import JsonSchema, Language, Length
from llmtrace.guardrails.step import GuardrailsStep
from llmtrace.guardrails.surroundings import documents
from llmtrace.guardrails.urls import Urls
from llmtrace.guardrails.verdicts import (
    Decision,
    Found,
    Guard,
    Guardrail,
    GuardrailBlocked,
    Mode,
    Opinion,
    Stage,
    Subject,
    Verdict,
)

__all__ = [
    "Budget",
    "Checked",
    "Custom",
    "Decision",
    "Found",
    "Groundedness",
    "Guard",
    "Guardrail",
    "GuardrailBlocked",
    "GuardrailsStep",
    "Injection",
    "JsonSchema",
    "Judged",
    "Language",
    "Length",
    "Mode",
    "Moderation",
    "Opinion",
    "Pii",
    "Regex",
    "Secrets",
    "Stage",
    "Subject",
    "Topics",
    "Urls",
    "Verdict",
    "check",
    "check_async",
    "documents",
]
