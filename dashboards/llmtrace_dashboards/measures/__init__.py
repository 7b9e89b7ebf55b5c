"""What figures mean: pure functions over counts."""
