"""Charts: pure functions from rows and a palette to an Altair chart."""
