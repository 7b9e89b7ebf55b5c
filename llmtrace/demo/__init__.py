"""Traffic to look at: a small made-up app that calls a fake provider through the real OpenAI client.

Run it as ``python -m llmtrace.demo --collector-url http://127.0.0.1:4318 --duration 60``. Nothing leaves the machine.
The app is set up as one with OpenTelemetry of its own is: it has a provider, spans of its own around some calls, and
one line for llmtrace. A few heavy users spend most of the money, so that a small budget fires within seconds.
"""
