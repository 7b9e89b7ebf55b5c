# Plain lines that work without just, too.

# Everything a change must pass.
ci:
    .ci/run

# Lint, types, import contracts.
check:
    python3 dev.py check

# All tests; arguments go to pytest.
test *arguments:
    python3 dev.py test {{arguments}}

# Store, collector, dashboard, traffic, one budget that fires.
demo *arguments:
    python3 dev.py demo {{arguments}}

# Put code into the house's form.
format:
    uv run ruff format
    uv run ruff check --fix

# Microseconds added per call.
bench-instrument:
    uv run python benchmarks/instrument.py

# Spans per second accepted and stored.
bench-ingest:
    uv run python -m benchmarks.ingest

# Fold the fragments of changelog.d/ into CHANGELOG.md.
changelog version:
    uv run towncrier build --version {{version}}
