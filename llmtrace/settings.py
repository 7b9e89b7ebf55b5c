"""Every setting of the instrument: one table of names, environment variables, defaults and meanings.

An argument of ``instrument()`` wins over the environment, and that over the default. The reference page is checked
against ``VARIABLES``.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, get_args

from llmtrace import semconv
from llmtrace.pricing_settings import PricingSettings, load_pricing
from llmtrace.reading.limits import Limits
from llmtrace.redaction_settings import load_redaction

if TYPE_CHECKING:
    from llmtrace.pricing_settings import Prices
    from llmtrace.redaction.policies import Redact
    from llmtrace.redaction.redactor import Redactor

Export = Literal["auto", "none"]
Neighbours = Literal["both", "yield", "replace"]
Capture = Literal["no_content", "span_only", "event_only", "span_and_event"]

DEFAULT_ENDPOINT: Final = "http://127.0.0.1:4318"
TRACES_PATH: Final = "/v1/traces"
LOGS_PATH: Final = "/v1/logs"
METRICS_PATH: Final = "/v1/metrics"
Conventions = Literal["released", "latest", "both"]
_CAPTURES: Final[dict[str, Capture]] = {
    "no_content": "no_content",
    "false": "no_content",
    "span_only": "span_only",
    "true": "span_only",
    "event_only": "event_only",
    "span_and_event": "span_and_event",
}
BAGGAGE: Final = (
    semconv.USER_ID,
    semconv.SESSION_ID,
    semconv.CONVERSATION_ID,
    semconv.PROMPT_NAME,
    semconv.PROMPT_VERSION,
    semconv.FEATURE,
    semconv.TEAM,
    semconv.TAGS,
)
"""Baggage entries that may be believed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Variable:
    """One environment variable the instrument heeds."""

    name: str
    default: str
    meaning: str


VARIABLES: Final = (
    Variable(
        name="OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT",
        default="no_content",
        meaning="where messages and tool definitions go: `no_content` (or `false`), `span_only` (or `true`), "
        "`event_only`, `span_and_event`",
    ),
    Variable(
        name="LLMTRACE_REDACT",
        default="secrets",
        meaning="what is taken out of all that leaves: `none`, `secrets`, `personal` (secrets, too), `all`; "
        "a word that is none of them is taken for `all`",
    ),
    Variable(
        name="LLMTRACE_REDACT_PATTERNS",
        default="",
        meaning="a file of patterns of your own, `name: regular expression` a line; one that cannot be read switches "
        "content off",
    ),
    Variable(
        name="LLMTRACE_MAX_ATTRIBUTE_CHARS",
        default="1000000",
        meaning="characters one attribute of content may have as JSON",
    ),
    Variable(
        name="LLMTRACE_MAX_PART_CHARS",
        default="1000000",
        meaning="characters one text inside it may have",
    ),
    Variable(
        name="OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT",
        default="",
        meaning="as `LLMTRACE_MAX_ATTRIBUTE_CHARS`, the smaller one holds; `OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT` where "
        "it is not set. The SDK cuts wherever it falls, so content is cut before, and stays JSON",
    ),
    Variable(
        name="LLMTRACE_TEXT_FEATURES",
        default="true",
        meaning="`false`: no lengths, counts, languages, sketches and fingerprints of texts on spans",
    ),
    Variable(
        name="LLMTRACE_ASK_USAGE",
        default="false",
        meaning="`true`: streams are asked for their usage where the app does not, and the chunk with it is hidden",
    ),
    Variable(
        name="LLMTRACE_SKETCH_KEY",
        default="",
        meaning="secret of 16 characters or more for sketches and fingerprints; without it there are none",
    ),
    Variable(
        name="LLMTRACE_TOKENIZERS",
        default="",
        meaning="folder of encoding files; else `llmtrace/tokenizers` in `$XDG_CACHE_HOME`, else in `~/.cache`",
    ),
    Variable(
        name="LLMTRACE_INGEST_KEY",
        default="",
        meaning="sent to the collector as `Authorization: Bearer`",
    ),
    Variable(
        name="LLMTRACE_PROPAGATE_CONTEXT",
        default="false",
        meaning="`true`: `llmtrace.context` puts what it is told, but attributes, in the app's outgoing W3C baggage",
    ),
    Variable(
        name="LLMTRACE_ACCEPT_BAGGAGE",
        default=",".join(BAGGAGE),
        meaning="which entries of incoming W3C baggage are believed where the app itself says nothing; `none` for none",
    ),
    Variable(
        name="LLMTRACE_NEIGHBOURS",
        default="both",
        meaning="read when `neighbours` is not given: `both`, `yield` or `replace`",
    ),
    Variable(
        name="LLMTRACE_ROUTER_OFF",
        default="",
        meaning="set, whatever to: no router of the process moves a call; looked at for each call",
    ),
    Variable(
        name="LLMTRACE_QUEUE_SIZE",
        default="2048",
        meaning="calls that may wait for the worker thread; more lose their details, are counted, and reported once",
    ),
    Variable(
        name="LLMTRACE_QUEUE_BYTES",
        default="134217728",
        meaning="bytes of bodies that may wait for the worker thread, and of ended spans that may wait for export",
    ),
    Variable(
        name="LLMTRACE_PRICES",
        default="",
        meaning="path of a `.toml` or `.json` file of own prices, which stand before those of the price list",
    ),
    Variable(
        name="LLMTRACE_PROVIDERS",
        default="",
        meaning="who is behind a host: `llm.example.com=openai,gateway:8080=azure.ai.openai,.corp.example=groq`; "
        "values are `gen_ai.provider.name`s, and prices follow",
    ),
    Variable(
        name="LLMTRACE_RAISE_INTERNAL_ERRORS",
        default="",
        meaning="`1` makes faults of llmtrace itself raise: for the project's own tests",
    ),
    Variable(name="OTEL_SDK_DISABLED", default="false", meaning="`true`: `instrument()` does nothing"),
    Variable(
        name="OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
        default="",
        meaning="full URL spans are sent to; read when `endpoint` is not given",
    ),
    Variable(
        name="OTEL_EXPORTER_OTLP_ENDPOINT",
        default=DEFAULT_ENDPOINT,
        meaning="base URL of the collector, `/v1/traces` is appended; read when neither of the above is given",
    ),
    Variable(
        name="OTEL_EXPORTER_OTLP_LOGS_ENDPOINT",
        default="",
        meaning="full URL events are sent to, by an app that has no logger provider; else `/v1/logs` of the collector",
    ),
    Variable(
        name="OTEL_LOGS_EXPORTER",
        default="otlp",
        meaning="`none`: events go to a logger provider of the app, or nowhere",
    ),
    Variable(
        name="OTEL_SERVICE_NAME",
        default="unknown_service",
        meaning="name of the app, on a provider that llmtrace makes",
    ),
    Variable(
        name="OTEL_RESOURCE_ATTRIBUTES",
        default="",
        meaning="further resource attributes, on a provider that llmtrace makes",
    ),
    Variable(
        name="OTEL_TRACES_EXPORTER",
        default="otlp",
        meaning='`none`: nothing is added to any provider, as with `export="none"`',
    ),
    Variable(
        name="OTEL_EXPORTER_OTLP_PROTOCOL",
        default="http/protobuf",
        meaning="the only one there is; `grpc` is reported once, and HTTP used; "
        "`OTEL_EXPORTER_OTLP_TRACES_PROTOCOL` wins",
    ),
    Variable(
        name="OTEL_EXPORTER_OTLP_HEADERS",
        default="",
        meaning="further headers; `OTEL_EXPORTER_OTLP_TRACES_HEADERS` wins; an `authorization` in them wins over "
        "`LLMTRACE_INGEST_KEY`",
    ),
    Variable(
        name="OTEL_EXPORTER_OTLP_TIMEOUT",
        default="10",
        meaning="seconds one attempt to export may take; 1 while the collector is known to be away; "
        "`OTEL_EXPORTER_OTLP_TRACES_TIMEOUT` wins",
    ),
    Variable(
        name="OTEL_PYTHON_EXPORTER_OTLP_HTTP_CREDENTIAL_PROVIDER",
        default="",
        meaning="a session with credentials of its own, which the exporter then uses, with retries of its own; "
        "`OTEL_PYTHON_EXPORTER_OTLP_HTTP_TRACES_CREDENTIAL_PROVIDER` likewise",
    ),
    Variable(name="OTEL_EXPORTER_OTLP_COMPRESSION", default="none", meaning="`gzip` or `deflate`"),
    Variable(name="OTEL_BSP_SCHEDULE_DELAY", default="1000", meaning="milliseconds between exports"),
    Variable(name="OTEL_BSP_MAX_QUEUE_SIZE", default="2048", meaning="ended spans that may wait for export"),
    Variable(name="OTEL_BSP_MAX_EXPORT_BATCH_SIZE", default="512", meaning="spans in one export"),
    Variable(
        name="OTEL_TRACES_SAMPLER",
        default="parentbased_always_on",
        meaning="on a provider that llmtrace makes; `traceidratio` and `parentbased_traceidratio` keep the share that "
        "`OTEL_TRACES_SAMPLER_ARG` says, and tell it",
    ),
    Variable(
        name="OTEL_METRICS_EXPORTER",
        default="none",
        meaning="`otlp`: while the app has no meter provider, metrics go out through one of our own; see metrics.md",
    ),
    Variable(
        name="OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
        default="",
        meaning="full URL our own metrics are sent to; else the base URL of the collector and `/v1/metrics`",
    ),
    Variable(
        name="OTEL_METRIC_EXPORT_INTERVAL", default="60000", meaning="milliseconds between exports of our own metrics"
    ),
    Variable(
        name="OTEL_SEMCONV_STABILITY_OPT_IN",
        default="",
        meaning="a list; `gen_ai_latest_experimental` in it gives metrics their latest names instead of the released "
        "ones, `gen_ai_latest_experimental/dup` both",
    ),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """What is in force, after arguments, environment and defaults."""

    export: Export
    traces_url: str
    capture: Capture
    ingest_key: str | None
    queue_size: int
    queue_bytes: int
    export_timeout_s: float
    schedule_delay_s: float
    """Between exports."""
    span_queue_size: int
    """Ended spans that may wait for export."""
    batch_size: int
    """Spans in one export; never more than ``span_queue_size``."""
    neighbours: Neighbours
    """What to do where another instrumentation tells the same calls."""
    propagates_context: bool
    """Whether ``llmtrace.context`` sets baggage, where the block itself does not say."""
    accepted_baggage: frozenset[str]
    """Names of baggage entries that are believed."""
    asks_usage: bool
    """Whether streams are asked for their usage where the app does not."""
    text_features: bool
    """Whether lengths, counts, languages and sketches of texts go on spans."""
    sketch_key: str | None = field(repr=False)
    """The secret of sketches; None: there are none."""
    redactor: Redactor
    limits: Limits
    """Of content."""
    pricing: PricingSettings
    mistakes: tuple[str, ...]
    """Variables whose values are none, and what is used instead, a sentence each."""
    disabled: bool
    logs_url: str
    exports_logs: bool
    """Whether events of an app without a logger provider go to the collector."""
    metrics_url: str
    exports_metrics: bool
    """Whether metrics go out through a provider of our own while the app has none."""
    conventions: Conventions
    """Which names of metrics are written."""

    @property
    def captures_content(self) -> bool:
        """Whether messages leave the process."""
        return self.capture != "no_content"

    @property
    def content_on_spans(self) -> bool:
        """Whether messages go on spans."""
        return self.capture in ("span_only", "span_and_event")

    @property
    def content_on_events(self) -> bool:
        """Whether messages go on events."""
        return self.capture in ("event_only", "span_and_event")


def load_settings(
    *,
    export: Export = "auto",
    endpoint: str | None = None,
    capture_content: bool | str | None = None,
    redact: Redact | None = None,
    prices: Prices | None = None,
    providers: Mapping[str, str] | None = None,
    neighbours: Neighbours | None = None,
    environ: Mapping[str, str] | None = None,
) -> Settings:
    """Settings from the arguments of ``instrument()`` and the environment.

    Raises:
        ValueError: An argument is not one of its values. A wrong environment variable falls back to its default,
            for an operator's typo must not stop the app; one that concerns content to what tells less.
        TypeError: ``redact`` is neither a name, a pattern nor a function.
    """
    env = os.environ if environ is None else environ
    if export not in ("auto", "none"):
        raise ValueError(f'export: {export!r} is not a way to export; write "auto" or "none"')
    numbers = _Numbers(env)
    redaction = load_redaction(redact, env)
    pricing = load_pricing(prices, providers, env)
    accepted, unknown = _accepted_baggage(env)
    tellers, no_tellers = _neighbours(neighbours, env)
    span_queue_size = int(numbers.at_least("OTEL_BSP_MAX_QUEUE_SIZE", 2048, least=1))
    return Settings(
        export="none" if env.get("OTEL_TRACES_EXPORTER", "").strip().lower() == "none" else export,
        traces_url=_traces_url(endpoint, env),
        capture="no_content" if redaction.unsafe else _capture(capture_content, env),
        redactor=redaction.redactor,
        limits=_limits(numbers),
        ingest_key=None if _has_authorization(env) else env.get("LLMTRACE_INGEST_KEY") or None,
        queue_size=int(numbers.at_least("LLMTRACE_QUEUE_SIZE", 2048, least=1)),
        queue_bytes=int(numbers.at_least("LLMTRACE_QUEUE_BYTES", 128 * 1024**2, least=1)),
        export_timeout_s=_export_timeout_s(numbers),
        schedule_delay_s=numbers.at_least("OTEL_BSP_SCHEDULE_DELAY", 1000, least=1) / 1000,
        span_queue_size=span_queue_size,
        batch_size=int(
            numbers.at_least("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", min(512, span_queue_size), least=1, most=span_queue_size)
        ),
        neighbours=tellers,
        propagates_context=env.get("LLMTRACE_PROPAGATE_CONTEXT", "").strip().lower() in ("true", "1"),
        accepted_baggage=accepted,
        asks_usage=env.get("LLMTRACE_ASK_USAGE", "").strip().lower() in ("true", "1"),
        text_features=env.get("LLMTRACE_TEXT_FEATURES", "").strip().lower() not in ("false", "0", "no", "off"),
        sketch_key=_sketch_key(env),
        pricing=pricing,
        mistakes=(
            *numbers.mistakes,
            *pricing.mistakes,
            *redaction.mistakes,
            *_wrong_capture(env),
            *(_wrong_protocol(env) if export == "auto" else ()),
            *unknown,
            *no_tellers,
            *_weak_key(env),
        ),
        disabled=env.get("OTEL_SDK_DISABLED", "").strip().lower() == "true",
        logs_url=_logs_url(endpoint, env),
        exports_logs=export == "auto" and env.get("OTEL_LOGS_EXPORTER", "").strip().lower() != "none",
        metrics_url=_metrics_url(endpoint, env),
        exports_metrics="otlp" in _words(env.get("OTEL_METRICS_EXPORTER")),
        conventions=_conventions(env),
    )


class _Numbers:
    """Numbers of the environment; what is none is noted and its default used."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self._env = env
        self.mistakes: list[str] = []

    def at_least(self, name: str, default: float, *, least: float, most: float = math.inf) -> float:
        """The number that the variable is, if it lies between the two."""
        text = self._env.get(name, "").strip()
        if not text:
            return default
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if least <= value <= most and value != math.inf:
            return value
        bound = f"{least:g} or more" if most == math.inf else f"{least:g} to {most:g}"
        self.mistakes.append(f'{name}: "{text}" is not {bound}; {default:g} is used')
        return default


def _export_timeout_s(numbers: _Numbers) -> float:
    general = numbers.at_least("OTEL_EXPORTER_OTLP_TIMEOUT", 10, least=0.001)
    return numbers.at_least("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", general, least=0.001)


def _neighbours(argument: Neighbours | None, env: Mapping[str, str]) -> tuple[Neighbours, tuple[str, ...]]:
    """What to do about others, and a sentence when the variable is none of it."""
    known: tuple[Neighbours, ...] = get_args(Neighbours)
    if argument is not None:
        if argument not in known:
            raise ValueError(f'neighbours: {argument!r} is no way to live together; write "both", "yield" or "replace"')
        return argument, ()
    text = env.get("LLMTRACE_NEIGHBOURS", "").strip().lower() or "both"
    found = next((way for way in known if way == text), None)
    return found or "both", () if found else (
        f'LLMTRACE_NEIGHBOURS: "{text}" is none of {", ".join(known)}; both tell',
    )


def _accepted_baggage(env: Mapping[str, str]) -> tuple[frozenset[str], tuple[str, ...]]:
    """The names, and a sentence for each that is none."""
    text = env.get("LLMTRACE_ACCEPT_BAGGAGE", "").strip() or ",".join(BAGGAGE)
    asked = {name.strip() for name in text.split(",") if name.strip() not in ("", "none")}
    sentences = (
        f'LLMTRACE_ACCEPT_BAGGAGE: "{name}" is none of {", ".join(BAGGAGE)}' for name in sorted(asked - {*BAGGAGE})
    )
    return frozenset(asked & {*BAGGAGE}), tuple(sentences)


def _wrong_protocol(env: Mapping[str, str]) -> tuple[str, ...]:
    name = next((n for n in ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL") if env.get(n)), "")
    value = env.get(name, "http/protobuf").strip().lower()
    return () if value == "http/protobuf" else (f"{name}: spans go over http/protobuf, not over {value}",)


def _sketch_key(env: Mapping[str, str]) -> str | None:
    key = env.get("LLMTRACE_SKETCH_KEY", "")
    return key if len(key) >= 16 else None


def _weak_key(env: Mapping[str, str]) -> tuple[str, ...]:
    if not env.get("LLMTRACE_SKETCH_KEY") or _sketch_key(env):
        return ()
    return ("LLMTRACE_SKETCH_KEY: it has fewer than 16 characters, so no sketches are made; write a longer one",)


def _has_authorization(env: Mapping[str, str]) -> bool:
    headers = env.get("OTEL_EXPORTER_OTLP_TRACES_HEADERS") or env.get("OTEL_EXPORTER_OTLP_HEADERS") or ""
    return any(pair.partition("=")[0].strip().lower() == "authorization" for pair in headers.split(","))


def _traces_url(endpoint: str | None, env: Mapping[str, str]) -> str:
    if endpoint is not None:
        url = endpoint.rstrip("/")
        return url if url.endswith(TRACES_PATH) else url + TRACES_PATH
    if full := env.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"):
        return full
    return (env.get("OTEL_EXPORTER_OTLP_ENDPOINT") or DEFAULT_ENDPOINT).rstrip("/") + TRACES_PATH


def _logs_url(endpoint: str | None, env: Mapping[str, str]) -> str:
    if endpoint is None and (full := env.get("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT")):
        return full
    base = endpoint or env.get("OTEL_EXPORTER_OTLP_ENDPOINT") or DEFAULT_ENDPOINT
    return base.rstrip("/").removesuffix(TRACES_PATH) + LOGS_PATH


def _metrics_url(endpoint: str | None, env: Mapping[str, str]) -> str:
    if endpoint is None and (full := env.get("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT")):
        return full
    base = endpoint or env.get("OTEL_EXPORTER_OTLP_ENDPOINT") or DEFAULT_ENDPOINT
    return base.rstrip("/").removesuffix(TRACES_PATH) + METRICS_PATH


def _words(value: str | None) -> list[str]:
    return [word.strip().lower() for word in (value or "").split(",")]


def _conventions(env: Mapping[str, str]) -> Conventions:
    words = _words(env.get("OTEL_SEMCONV_STABILITY_OPT_IN"))
    if "gen_ai_latest_experimental/dup" in words:
        return "both"
    return "latest" if "gen_ai_latest_experimental" in words else "released"


def _capture(argument: bool | str | None, env: Mapping[str, str]) -> Capture:
    if isinstance(argument, bool):
        return "span_only" if argument else "no_content"
    if argument is not None:
        if argument.strip().lower() not in _CAPTURES:
            raise ValueError(f"capture_content: {argument!r} is none of {', '.join(_CAPTURES)}")
        return _CAPTURES[argument.strip().lower()]
    value = env.get("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "").strip().lower()
    return _CAPTURES.get(value, "no_content")


def _wrong_capture(env: Mapping[str, str]) -> tuple[str, ...]:
    name = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
    value = env.get(name, "").strip()
    known = not value or value.lower() in _CAPTURES
    return () if known else (f'{name}: "{value}" is none of {", ".join(_CAPTURES)}; no content is captured',)


def _limits(numbers: _Numbers) -> Limits:
    general = numbers.at_least("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", math.inf, least=0)
    of_spans = numbers.at_least("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", general, least=0)
    ours = numbers.at_least("LLMTRACE_MAX_ATTRIBUTE_CHARS", Limits().attribute_chars, least=1)
    return Limits(
        attribute_chars=int(min(of_spans, ours)),
        part_chars=int(numbers.at_least("LLMTRACE_MAX_PART_CHARS", Limits().part_chars, least=1)),
    )
