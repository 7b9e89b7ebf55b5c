"""What the detectors promise, simulated with fixed seeds; each file runs by itself."""
