"""Starts the app."""

import sys

from llmtrace_dashboards.cli import main

sys.exit(main())
