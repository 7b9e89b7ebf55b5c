"""The words the whole package speaks: a call that was made, and the reply it got.

Nothing here knows OpenTelemetry or OpenAI. ``reading`` fills these, ``prices`` prices them, ``spans`` writes them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any


@dataclass(frozen=True, kw_only=True, slots=True)
class Operation:
    """What kind of call a (method, path) is."""

    name: str
    """``gen_ai.operation.name``; for paths without an own meaning, the path with ids dropped."""
    wire: str
    """How bodies are spelled: ``chat``, ``responses``, ``images``, ... or ``""``, which is not read."""
    dialect: str = ""
    """``messages`` for a provider whose bodies are first brought into the shape of ``wire``."""
    api_type: str | None = None
    """``openai.api.type``, or None where the convention has no value."""
    protocol: str | None = None
    """``network.protocol.name`` where it is not HTTP."""
    method: str | None = None
    """HTTP method, for an operation named after its path: the name alone does not tell a fetch from a deletion."""
    is_billed: bool = False
    """Whether the call makes something that is paid for; one that only fetches is not."""
    answers_file: bool = False
    """Whether the answer is the bytes of a file, of which the size alone is told, unless it is an event stream."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Server:
    """The host a client talks to, and what we know of it."""

    provider: str
    """``gen_ai.provider.name``."""
    price_provider: str | None
    """Id of the provider in the price list; None when its prices are not known."""
    address: str
    port: int | None
    is_known: bool = True
    """False for a gateway or localhost: provider and prices are then assumed from the wire format."""


Label = str | bool | int | float | tuple[str, ...] | tuple[bool, ...] | tuple[int, ...] | tuple[float, ...]
"""What an attribute of the user's own may be."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Identity:
    """For whom and for what a call is made; None means nobody said."""

    user: str | None = None
    session: str | None = None
    conversation: str | None = None
    prompt_name: str | None = None
    prompt_version: str | None = None
    feature: str | None = None
    team: str | None = None
    tags: tuple[str, ...] = ()
    """Each once, in the order they were said."""
    labels: tuple[tuple[str, Label], ...] = ()
    """Attributes under names of the user's own."""
    inherited: Identity | None = None
    """What came from another service as baggage: holds where nobody nearer says anything."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Block:
    """A piece of the app that is to be a span: a function, a tool, a retrieval, an agent, a workflow, a plan."""

    name: str | None
    """None: after the function; nobody's, for a block without one."""
    kind: str
    call_id: str | None = None
    """Of a tool: the id of the call, as the model gave it."""
    function: str | None = None
    """Full name of the function, for a decorated one."""
    description: str | None = None
    """First line of its docstring."""
    labels: tuple[tuple[str, Label], ...] = ()
    captures: bool = True
    """False: what goes in and out is never told."""

    def of(self, function: object) -> Block:
        """This block as that of ``function``."""
        qualified = str(getattr(function, "__qualname__", type(function).__qualname__)).replace("<locals>.", "")
        own = qualified if self.kind == "function" else qualified.rpartition(".")[2]
        doc = (getattr(function, "__doc__", None) or "").strip()
        return replace(
            self,
            # Retrieval is named after its data source and a plan after its agent, which a function does not tell.
            name=self.name or (None if self.kind in ("retrieval", "plan") else own),
            function=f"{getattr(function, '__module__', None) or ''}.{qualified}".lstrip("."),
            description=doc.splitlines()[0] if doc else None,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Parameters:
    """Request parameters as sent; None means not sent."""

    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    seed: int | None = None
    stop_sequences: tuple[str, ...] | None = None
    choice_count: int | None = None
    service_tier: str | None = None
    output_type: str | None = None
    encoding_format: str | None = None
    dimensions: int | None = None
    web_search: bool = False
    """Whether ``web_search_options`` were sent with a chat: the answer does not tell how often was searched."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """What was sent."""

    operation: Operation
    server: Server
    model: str | None = None
    stream: bool = False
    parameters: Parameters = field(default_factory=Parameters)
    identity: Identity = field(default_factory=Identity)
    conversation: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Usage:
    """Counts exactly as the provider reported them; None means not reported, which is not 0."""

    input: int | None = None
    """All input tokens, cached ones included."""
    output: int | None = None
    """All output tokens, reasoning included (a few providers leave it out: ``total`` tells)."""
    total: int | None = None
    cache_read: int | None = None
    cache_write: int | None = None
    cache_write_12h: int | None = None
    """Those of ``cache_write`` that are kept for 12 hours, at another price."""
    cache_write_1h: int | None = None
    """Those of ``cache_write`` that are kept for an hour, at another price."""
    reasoning: int | None = None
    audio_input: int | None = None
    audio_output: int | None = None
    image_input: int | None = None
    image_output: int | None = None
    video_input: int | None = None
    text_input: int | None = None
    text_output: int | None = None
    audio_cache_read: int | None = None
    """Those of ``cache_read`` that are audio."""
    image_cache_read: int | None = None
    text_cache_read: int | None = None
    accepted_prediction: int | None = None
    """Tokens of a predicted output that stand in the answer."""
    rejected_prediction: int | None = None
    """Tokens of a predicted output that do not; billed as output all the same."""
    audio_seconds: float | None = None
    """Length of the audio, for models billed by it."""
    characters: int | None = None
    """Length of the text to speak, for models billed by it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ToolCalls:
    """How often one of the provider's own tools ran in a call."""

    tool: str
    """``web_search``, ``file_search``, ``code_interpreter``, ``image_generation``, ``computer``, ``mcp``, ..."""
    count: int
    """Items of this tool in the answer."""
    billed: int | None = None
    """How many of them are billed by the piece at the usual fee; None when that is not told."""
    usage: Usage | None = None
    """Tokens of a model of its own that the tool ran; None when that is not told."""
    model: str | None = None
    """That model."""
    is_billed_apart: bool = True
    """Whether the provider asks a fee beyond the tokens."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Failure:
    """Why a call has no good reply."""

    type: str
    """Class of the exception, or the code of an error inside the answer."""
    status_code: int | None = None
    """HTTP status, or None when no answer came."""
    code: str | None = None
    """The provider's own code."""
    message: str | None = None
    """May quote the prompt: treat as content."""
    cause: str | None = None
    """Class of the exception that this one was raised on top of, such as that of the HTTP library."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RateLimit:
    """What is left of one of the provider's allowances; None means not told."""

    limit: int | None = None
    remaining: int | None = None
    reset_s: float | None = None
    """Seconds until it is whole again, at the time of the answer."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Headers:
    """What the headers of an answer tell; None means not told."""

    request_id: str | None = None
    """The provider's own id of the request: what its support asks for."""
    processing_s: float | None = None
    """Seconds the server took, as it says itself."""
    region: str | None = None
    requests: RateLimit = field(default_factory=RateLimit)
    tokens: RateLimit = field(default_factory=RateLimit)


@dataclass(frozen=True, kw_only=True, slots=True)
class Attempt:
    """One attempt of a call that failed and that the client made again."""

    number: int
    """1 for the first."""
    failed_ns: int
    """When it had failed, in nanoseconds since the epoch."""
    wait_s: float
    """Seconds the client then meant to wait."""
    error: str
    """HTTP status as text, or the class of the exception when there was no answer."""
    status_code: int | None = None
    headers: Headers = field(default_factory=Headers)


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """What came back. None means not reported."""

    id: str | None = None
    model: str | None = None
    finish_reasons: tuple[str, ...] = ()
    """One per choice that reported one; ``error`` for one that an end before its time took away."""
    status: str | None = None
    """``status`` of a responses answer."""
    usage: Usage | None = None
    usage_malformed: bool = False
    """Whether there were counts that are none, such as strings."""
    service_tier: str | None = None
    system_fingerprint: str | None = None
    conversation: str | None = None
    tools: tuple[ToolCalls, ...] = ()
    """Tools the provider itself ran, by name."""
    failure: Failure | None = None
    """An error told inside an answer that began well: a failed response, an error event in a stream."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Timing:
    """When things happened, in nanoseconds since the epoch."""

    start_ns: int
    end_ns: int
    first_chunk_ns: int | None = None
    first_token_ns: int | None = None
    stream_end: str | None = None
    """How a stream ended; None for a call that was not streamed."""
    chunk_ns: tuple[int, ...] = ()
    """When each event of a stream came."""
    per_output_token_s: float | None = None
    """Seconds from one output token of a stream to the next."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Content:
    """Messages and parts by the JSON schemas of the GenAI conventions; empty where there are none."""

    input_messages: list[dict[str, Any]] = field(default_factory=list)
    output_messages: list[dict[str, Any]] = field(default_factory=list)
    system_instructions: list[dict[str, Any]] = field(default_factory=list)
    tool_definitions: list[dict[str, Any]] = field(default_factory=list)

    def each(self, change: Callable[[list[dict[str, Any]]], list[dict[str, Any]]]) -> Content:
        """All four of them changed the same way."""
        return Content(
            input_messages=change(self.input_messages),
            output_messages=change(self.output_messages),
            system_instructions=change(self.system_instructions),
            tool_definitions=change(self.tool_definitions),
        )
