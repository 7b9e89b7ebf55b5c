"""Guardrails on labelled texts, and the weights of the injection classifier."""
