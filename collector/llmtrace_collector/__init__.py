"""The server side of llmtrace: receive OTLP, keep it, store it in ClickHouse, watch it, alert."""
