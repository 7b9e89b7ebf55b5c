"""What the semantic cache does, measured."""
