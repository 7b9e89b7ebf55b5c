"""What `llmtrace COMMAND` runs: one module per command, each with `main(argv) -> exit code`."""
