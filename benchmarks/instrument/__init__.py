"""What the instrument costs its host; ``python -m benchmarks.instrument``."""
