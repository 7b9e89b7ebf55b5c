"""Makes the recorded bodies beside this file: real instrumentations of others, run against our fake provider.

    python tests/collector/recorded/record.py PYTHON [NAME ...]

PYTHON is an interpreter that has them: openai, openinference-instrumentation-openai,
opentelemetry-instrumentation-openai, opentelemetry-instrumentation-openai-v2, langfuse, logfire and
opentelemetry-exporter-otlp-proto-http. Each app makes the same calls: a chat with instructions, one streamed, one that
calls a tool, and embeddings. What it exports is written as it came, one request after another, each with its length
before it (4 bytes, little-endian).
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from llmtrace.testing import FakeProvider
from llmtrace.testing.replies import FakeReply, default_reply
from support.collectors import Collector

HERE = Path(__file__).resolve().parent

CALLS = """
TOOL = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}
ASKED = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Say hello."}]
client.chat.completions.create(model="gpt-4o", messages=ASKED, user="ada")
for _ in client.chat.completions.create(
    model="gpt-4o", messages=ASKED, stream=True, stream_options={"include_usage": True}
):
    pass
client.chat.completions.create(
    model="gpt-4o", messages=[{"role": "user", "content": "Use the tool."}], tools=[TOOL], temperature=0.5
)
client.embeddings.create(model="text-embedding-3-small", input=["one", "two"])
"""

OTEL = """
import openai
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
provider = TracerProvider()
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
client = openai.OpenAI()
"""

APPS = {
    "openinference": OTEL
    + "from openinference.instrumentation.openai import OpenAIInstrumentor\n"
    + "OpenAIInstrumentor().instrument(tracer_provider=provider)\n"
    + CALLS
    + "provider.shutdown()\n",
    "traceloop": OTEL
    + "from opentelemetry.instrumentation.openai import OpenAIInstrumentor\n"
    + "OpenAIInstrumentor().instrument(tracer_provider=provider)\n"
    + CALLS
    + "provider.shutdown()\n",
    "openai-v2": OTEL
    + "from opentelemetry.instrumentation.openai_v2 import OpenAIInstrumentor\n"
    + "OpenAIInstrumentor().instrument(tracer_provider=provider)\n"
    + CALLS
    + "provider.shutdown()\n",
    "langfuse": "import langfuse\nfrom langfuse.openai import openai\nclient = openai.OpenAI()\n"
    + CALLS
    + "langfuse.get_client().shutdown()\n",
    "logfire": "import logfire, openai\nclient = openai.OpenAI()\n"
    "logfire.configure(send_to_logfire=False, console=False)\n"
    "logfire.instrument_openai(client, version=1)\n" + CALLS + "logfire.shutdown()\n",
}


APPS["traceloop-0.40"] = APPS["traceloop"]
"""To be run with opentelemetry-instrumentation-openai 0.40, which sends the indexed names."""


def plan(body: dict) -> FakeReply:
    """A tool call where tools are offered, else the default."""
    if body.get("tools"):
        return FakeReply(text="", tool=("weather", {"city": "Paris"}), finish_reason="tool_calls", cached_tokens=4)
    return default_reply(body)


def record(python: str, name: str) -> None:
    """Runs one app and writes what it exported."""
    with FakeProvider(plan) as provider, tempfile.TemporaryDirectory() as folder:
        collector = Collector()
        threading.Thread(target=collector.serve_forever, daemon=True).start()
        environ = {
            "PATH": "/usr/bin:/bin",
            "HOME": folder,
            "OPENAI_BASE_URL": provider.base_url,
            "OPENAI_API_KEY": "any",
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
            "OTEL_SERVICE_NAME": name,
            "OTEL_SEMCONV_STABILITY_OPT_IN": "gen_ai_latest_experimental",
            "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "SPAN_ONLY",
            "LANGFUSE_BASE_URL": collector.url,
            "LANGFUSE_HOST": collector.url,
            "LANGFUSE_PUBLIC_KEY": "pk-any",
            "LANGFUSE_SECRET_KEY": "sk-any",
        }
        subprocess.run([python, "-c", APPS[name]], env=environ, check=True, timeout=120)
        collector.shutdown()
        requests = [request for _, _, request in collector.received]
    bodies = [neutral(request).SerializeToString() for request in requests]
    (HERE / f"{name}.otlp").write_bytes(b"".join(len(body).to_bytes(4, "little") + body for body in bodies))
    print(name, sum(len(s.spans) for r in requests for g in r.resource_spans for s in g.scope_spans), "spans")


def neutral(request: ExportTraceServiceRequest) -> ExportTraceServiceRequest:
    """Without what tells of the machine it ran on."""
    for group in request.resource_spans:
        kept = [a for a in group.resource.attributes if not a.key.startswith(("process.", "host.", "logfire.code"))]
        del group.resource.attributes[:]
        group.resource.attributes.extend(kept)
    return request


if __name__ == "__main__":
    for each in sys.argv[2:] or APPS:
        record(sys.argv[1], each)
