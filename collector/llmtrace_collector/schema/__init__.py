"""The tables: what one OTLP body looks like to ClickHouse, and the numbered migrations that build on it."""
