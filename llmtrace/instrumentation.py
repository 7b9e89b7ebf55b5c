"""``instrument``, ``uninstrument`` and ``flush``: the life of the one instrumentation a process has."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

from llmtrace import faults
from llmtrace.settings import Export, Neighbours, Settings, load_settings

if TYPE_CHECKING:
    from opentelemetry._logs import LoggerProvider
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import TracerProvider

    from llmtrace.blocks import Blocks
    from llmtrace.cache import Cache
    from llmtrace.chain import Step
    from llmtrace.guardrails.making import Given as Guarding
    from llmtrace.logs import Logs
    from llmtrace.metering import Metering
    from llmtrace.pricing_settings import Prices
    from llmtrace.redaction.policies import Redact
    from llmtrace.router import Router
    from llmtrace.router.step import Given
    from llmtrace.seam import Seam
    from llmtrace.tracing import Tracing
    from llmtrace.uploads import Uploading, Uploads
    from llmtrace.worker import Worker

_changing = threading.Lock()  # protects _active
_active: _Instrumentation | None = None
_lone: EventOutlet | None = None
"""For feedback of a process that is not instrumented."""


def instrument(
    tracer_provider: TracerProvider | None = None,
    *,
    meter_provider: MeterProvider | None = None,
    logger_provider: LoggerProvider | None = None,
    export: Export = "auto",
    endpoint: str | None = None,
    capture_content: bool | str | None = None,
    redact: Redact | None = None,
    upload: Uploading | None = None,
    prices: Prices | None = None,
    providers: Mapping[str, str] | None = None,
    neighbours: Neighbours | None = None,
    guardrails: Sequence[Guarding] = (),
    cache: Cache | None = None,
    router: Router | Given | None = None,
    interceptors: Sequence[Step] = (),
) -> None:
    """Make every call of the OpenAI client a span. Call it once, anywhere before or after clients are made.

    A second call changes nothing: instrumenting twice is one instrumentation. When the installed client does not
    look as expected, a warning says so and the app runs on untouched.

    Args:
        tracer_provider: Where spans go. None: the provider the app has set globally, now or later; as long as there
            is none, one of our own. The global provider is never set.
        meter_provider: Where metrics go. None: the provider the app has set globally, now or later; as long as there
            is none, nowhere, or, with ``OTEL_METRICS_EXPORTER=otlp``, one of our own.
        export: ``"auto"`` sends our spans, and only ours, to the collector, also from a provider of the app.
            ``"none"`` adds nothing to the provider.
        endpoint: Base URL of the collector. None: ``OTEL_EXPORTER_OTLP_TRACES_ENDPOINT``,
            ``OTEL_EXPORTER_OTLP_ENDPOINT``, else ``http://127.0.0.1:4318``.
        logger_provider: Where events go, when content is captured on them. None: the provider the app has set globally,
            now or later; as long as there is none, one of our own, which sends to the collector with ``export="auto"``.
        capture_content: Where messages go: ``"no_content"`` (or False), ``"span_only"`` (or True), ``"event_only"``,
            ``"span_and_event"``. None: as ``OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT`` says, which is nowhere
            by default.
        redact: What is taken out of all that leaves, on top of ``LLMTRACE_REDACT_PATTERNS``: ``"secrets"``,
            ``"personal"``, ``"all"`` or ``"none"``; names of kinds, such as ``"email"``; compiled patterns; functions
            from text to text, called on the worker thread; or a list of these. Where no level is named,
            ``LLMTRACE_REDACT`` holds, which is ``secrets`` by default. A text that a function fails on is dropped.
        upload: What keeps images, audio, files and texts too long of captured content, with a reference in their place:
            a ``llmtrace.uploads.FolderUpload``, an ``Upload`` of your own, or a function that is given each ``Blob``,
            on a thread of its own. None: a long one gives way to a word about it.
        prices: Own prices, which stand before those of the price list: the path of a ``.toml`` or ``.json`` file, or a
            mapping of the same shape. None: the file that ``LLMTRACE_PRICES`` names, if any.
        providers: Who is behind a host, such as ``{"llm.example.com": "azure.ai.openai"}``; prices follow. None: as
            ``LLMTRACE_PROVIDERS`` says.

        neighbours: What to do where another instrumentation tells the same calls: ``"both"`` tell them, ours is to
            ``"yield"`` where the current span is another's of the call, or to ``"replace"`` those that are at it now.
            None: as ``LLMTRACE_NEIGHBOURS`` says, which is both by default.
        guardrails: What looks at texts asked and answered, and tells, takes out or refuses: guardrails of
            ``llmtrace.guardrails``, the words ``"pii"``, ``"secrets"``, ``"injection"`` for those that observe, or
            functions from a text to whether something is wrong with it.
        cache: Gives answers again, to the same request and, with an embedder, to other words for it; a
            ``llmtrace.cache.Cache``. None: every call goes to the provider.
        router: Which model answers: a ``llmtrace.router.Router``, a policy, or the path of a policy file. None: the
            one the app asks for.
        interceptors: What acts on a call before it leaves, on its reply, or in the provider's place, the first
            outermost: steps of ``llmtrace.chain``. One that fails is left out of the call.

    Raises:
        ValueError: An argument is not one of its values, or a policy file says what it must not.
        TypeError: ``redact`` is neither a name, a pattern nor a function, or one of ``guardrails`` is no guardrail.
    """
    global _active  # noqa: PLW0603
    settings = load_settings(
        export=export,
        endpoint=endpoint,
        capture_content=capture_content,
        redact=redact,
        prices=prices,
        providers=providers,
        neighbours=neighbours,
    )
    guarding = _guarding(guardrails, settings)
    routing = _router(router)
    with _changing:
        if _active is not None or settings.disabled:
            return
        try:
            _active = _Instrumentation.begin(
                settings,
                tracer_provider=tracer_provider,
                meter_provider=meter_provider,
                logger_provider=logger_provider,
                upload=upload,
                steps=[
                    *guarding,
                    *([] if cache is None else [cache.step]),
                    *([] if routing is None else [routing]),
                    *interceptors,
                ],
                router=routing,
                guards=bool(guardrails),
            )
            if _active is not None and cache is not None:
                _active.heard = cache.feedback
        except Exception as error:  # noqa: BLE001 - the app must start without us
            faults.report("instrument", error)


def uninstrument() -> None:
    """Put the client back exactly as it was, send what is left, and leave the app's providers as they were."""
    global _active, _lone
    with _changing:
        active, _active = _active, None
        lone, _lone = _lone, None
        if lone is not None:
            lone.release()
        if active is not None:
            active.end()


def flush(timeout_s: float = 10.0) -> bool:
    """Wait until every call so far is exported; False when time ran out, or spans were not taken since the last flush.

    Calls are filled in and ended on a worker thread. A short script that does not end by itself, a test, or a
    serverless handler calls this when its spans must be out.
    """
    active, lone = _active, _lone
    flushed = active.flush(timeout_s) if active is not None else True
    if lone is not None:
        flushed = lone.flush(timeout_s) and flushed
    faults.raise_deferred()
    return flushed


def dropped_calls() -> int:
    """Calls whose details were lost because the worker's queue was full."""
    return _active.worker.dropped if _active is not None else 0


def blocks_in_force() -> Blocks | None:
    """What begins the app's own spans; None when nothing is instrumented."""
    return _active.blocks if _active is not None else None


def settings_in_force() -> Settings | None:
    """Those of the running instrumentation; None when there is none."""
    return _active.settings if _active is not None else None


class Heard(Protocol):
    """Takes to heart what people think of an answer."""

    def __call__(self, response_id: str, *, good: bool) -> object:
        """Whatever comes of it."""


def event_outlet() -> EventOutlet | None:
    """Where events of the app's own go; also where nothing is instrumented, unless telemetry is switched off."""
    global _lone  # noqa: PLW0603
    active = _active
    if active is not None:
        return EventOutlet(settings=active.settings, logs=active.logs, worker=active.worker, heard=active.heard)
    with _changing:
        if _lone is None:
            _lone = EventOutlet.alone(load_settings())
        return None if _lone.settings.disabled else _lone


@dataclass(frozen=True, kw_only=True)
class EventOutlet:
    """What an event of the app's own passes."""

    settings: Settings
    logs: Logs
    worker: Worker
    heard: Heard | None = None

    @classmethod
    def alone(cls, settings: Settings) -> EventOutlet:
        """Of a process that is not instrumented."""
        from llmtrace.logs import Logs
        from llmtrace.worker import Worker

        worker = Worker(limit=settings.queue_size, limit_bytes=settings.queue_bytes)
        return cls(settings=settings, logs=Logs(settings, worker, None), worker=worker)

    def flush(self, timeout_s: float) -> bool:
        """Send what there is; False when some of it was not taken."""
        deadline = time.monotonic() + timeout_s
        return self.worker.drain(timeout_s) and self.logs.flush(max(0.0, deadline - time.monotonic()))

    def release(self) -> None:
        """Send what is left, and end."""
        self.logs.release()
        self.worker.stop()


def _router(given: Router | Given | None) -> Router | None:
    if given is None:
        return None
    from llmtrace.router import as_router

    return as_router(given)


def _guarding(guardrails: Sequence[Guarding], settings: Settings) -> Sequence[Step]:
    """The step of the guardrails; none when there are none, and then nothing of them is loaded."""
    if not guardrails:
        return ()
    from llmtrace.costing import CostStage
    from llmtrace.guardrails.step import GuardrailsStep

    return (GuardrailsStep(guardrails, prices=CostStage(settings.pricing.prices).own_prices),)


def _left_out(name: str, error: Exception) -> None:
    """A step that failed: the call went on without it."""
    place = f"interceptor {name}"
    faults.counts[place] += 1
    faults.say_once(place, "llmtrace: interceptor %s failed (%s); calls go on without it", name, type(error).__name__)


class _Instrumentation:
    """The parts of a running instrumentation."""

    def __init__(
        self,
        settings: Settings,
        *,
        seam: Seam,
        tracing: Tracing,
        metering: Metering,
        logs: Logs,
        uploads: Uploads | None,
        worker: Worker,
    ) -> None:
        self.settings = settings
        self.seam = seam
        self.tracing = tracing
        self.metering = metering
        self.logs = logs
        self.uploads = uploads
        self.worker = worker
        self.heard: Heard | None = None
        """Told what people think of an answer, by its id."""

    @classmethod
    def begin(
        cls,
        settings: Settings,
        *,
        tracer_provider: TracerProvider | None,
        meter_provider: MeterProvider | None,
        logger_provider: LoggerProvider | None,
        upload: Uploading | None,
        steps: Sequence[Step],
        router: Router | None,
        guards: bool,
    ) -> _Instrumentation | None:
        # Here, so that `import llmtrace` loads neither OpenTelemetry's SDK nor the client.
        from llmtrace.acting import Acting
        from llmtrace.background import Ledger
        from llmtrace.chain import chained
        from llmtrace.costing import CostStage
        from llmtrace.logs import Logs
        from llmtrace.metering import Metering
        from llmtrace.neighbours import replace_neighbours
        from llmtrace.observer import Observer
        from llmtrace.seam import Seam
        from llmtrace.servers import name_providers
        from llmtrace.tellers import make_teller, make_unsampled_teller
        from llmtrace.tracing import Tracing
        from llmtrace.uploads import Uploads
        from llmtrace.worker import Worker

        if settings.neighbours == "replace":
            replace_neighbours()
        for mistake in settings.mistakes:
            faults.say_once(mistake, "llmtrace: %s", mistake)
        worker = Worker(limit=settings.queue_size, limit_bytes=settings.queue_bytes)
        tracing = Tracing(settings, worker, tracer_provider)
        metering = Metering(settings, worker, meter_provider)
        costs = CostStage(settings.pricing.prices)
        name_providers(settings.pricing.providers)
        logs = Logs(settings, worker, logger_provider)
        if guards:
            logs.logger()  # now, so that a flush of the app's covers the verdicts of the first call
        uploads = Uploads(upload, settings, worker) if upload is not None and settings.captures_content else None
        ledger = Ledger()
        observer = Observer(
            tracing=tracing,
            metering=metering,
            worker=worker,
            teller=make_teller(settings, metering, costs, logs=logs, uploads=uploads, ledger=ledger, guards=guards),
            unsampled_teller=make_unsampled_teller(metering, costs, ledger),
            baggage=settings.accepted_baggage,
            yields=settings.neighbours == "yield",
        )
        if router is not None:
            router.prepare(costs.own_prices())
        acting = Acting(chained(steps, _left_out)) if steps else None
        seam = Seam(observer, asks_usage=settings.asks_usage, acting=acting)
        made = cls(settings, seam=seam, tracing=tracing, metering=metering, logs=logs, uploads=uploads, worker=worker)
        installed = False
        try:
            installed = seam.install()
        finally:
            if not installed:
                made.release()
        if installed:
            return made
        faults.say_once("no-seam", "llmtrace: %s; calls are not traced", seam.trouble)
        return None

    def flush(self, timeout_s: float) -> bool:
        deadline = time.monotonic() + timeout_s
        flushed = self.tracing.flush(timeout_s)
        flushed = self.metering.flush(max(0.0, deadline - time.monotonic())) and flushed
        flushed = self.logs.flush(max(0.0, deadline - time.monotonic())) and flushed
        if self.uploads is not None:
            flushed = self.uploads.flush(max(0.0, deadline - time.monotonic())) and flushed
        return flushed

    def end(self) -> None:
        self.release()
        faults.reset()

    def release(self) -> None:
        self.seam.remove()
        self.tracing.release()
        self.metering.release()
        self.logs.release()
        if self.uploads is not None:
            self.uploads.release()
        self.worker.stop()

    @cached_property
    def blocks(self) -> Blocks:
        """What begins the app's own spans."""
        from llmtrace.blocks import Blocks

        return Blocks(tracing=self.tracing, worker=self.worker, settings=self.settings)
