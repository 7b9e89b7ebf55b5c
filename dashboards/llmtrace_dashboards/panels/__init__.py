"""Panels: what pages are made of. Each stands and falls alone."""
