"""``Account``: everything told of one call, filled stage by stage on the worker, then written by every outlet."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from llmtrace.calls import Attempt, Call, Content, Failure, Headers, Reply, Timing
from llmtrace.changes import Change
from llmtrace.details.fields import Details
from llmtrace.estimates import Estimate
from llmtrace.features import Features
from llmtrace.prices import Cost, Source, Unpriced
from llmtrace.reading.json_values import Json
from llmtrace.signals import Signals

if TYPE_CHECKING:
    from opentelemetry.trace import SpanContext

    from llmtrace.chain import Marks


@dataclass(kw_only=True, slots=True)
class Account:
    """One call. A stage that failed leaves its part as it was: nothing else is lost with it."""

    call: Call
    timing: Timing
    trace_id: str = ""
    """Of the call's span, 32 hexadecimal digits."""
    span_id: str = ""
    """16 hexadecimal digits."""
    failure: Failure | None = None
    reply: Reply = field(default_factory=Reply)
    headers: Headers = field(default_factory=Headers)
    """Those of the last answer, be it an error."""
    attempts: tuple[Attempt, ...] = ()
    """Those the client made again, in order: as many as there were retries."""
    answered_by: Source | None = None
    """``local_cache`` when no provider was asked, which costs nothing; None: one was."""
    cost: Cost | Unpriced | None = None
    """None for a call that is not read, or that failed before anything was used."""
    content: Content | None = None
    """None unless the user switched capture on; then as it may leave the process, redacted and within bounds."""
    error_message: str | None = None
    """What ``failure`` says, redacted; None unless the user switched capture on, for it may quote the prompt."""
    signals: Signals | None = None
    """None for a call that has no answer in words."""
    estimate: Estimate | None = None
    """None for a call whose usage was reported, or that was not answered."""
    features: Features | None = None
    """None for a call that is not read, or when the user switched them off."""
    details: Details = field(default_factory=dict)
    """What the operation tells of its own, by attribute."""
    marks: Marks = field(default_factory=dict)
    """What a chain has to say of it, by attribute."""
    saved: Cost | None = None
    """What a reply in the provider's place would have cost from there, where that is known."""
    changes: tuple[Change, ...] = ()
    """What answered for the first time, where something else did before."""
    counterfactual: Cost | None = None
    """What the same tokens would have cost at the model the app asked for, where a router chose another."""
    links: tuple[SpanContext, ...] = ()
    """Spans this one goes back to."""
    sent: Json = field(default_factory=dict)
    """The request's body as the provider got it; for stages to read, never written as it is."""
    body: Json = field(default_factory=dict)
    """The answer's body, that of a stream added up; for stages to read, never written as it is."""
