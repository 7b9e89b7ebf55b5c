"""What llmtrace costs and what it bears: scripts, each run by hand."""
