"""Measurements of the store: generated data, designs side by side, the dashboards' questions."""
