"""Names that more than one room spells: environment variables and headers."""

from __future__ import annotations

INGEST_KEY = "LLMTRACE_INGEST_KEY"
"""The shared key that apps send as bearer token; only ever from the environment."""

ADMIN_KEY = "LLMTRACE_ADMIN_KEY"
"""The key with which the app asks for changes; only ever from the environment."""

DASHBOARD_TOKEN = "LLMTRACE_DASHBOARD_TOKEN"  # noqa: S105 - a name
OIDC = "LLMTRACE_OIDC"
"""Where one of both is set, the app lets people in by it."""

CLICKHOUSE_PASSWORD = "LLMTRACE_CLICKHOUSE_PASSWORD"  # noqa: S105 - a name
"""The password of the ClickHouse server, for the services: others can see their command lines."""

VERSION_HEADER = "llmtrace-version"
"""On /healthz: which llmtrace answers, for `llmtrace doctor`."""
