"""`llmtrace ...` in this process: the same door as the program's, without the start of an interpreter."""

from __future__ import annotations

import io
from contextlib import redirect_stderr, redirect_stdout

from llmtrace.cli import main
from support.services import Stack


def llmtrace(stack: Stack, *words: str) -> tuple[int, str]:
    """Exit code and output of a command about the data of `stack`."""
    said = io.StringIO()
    with redirect_stdout(said), redirect_stderr(said):
        code = main([*words, "--data", str(stack.data), "--store-port", str(stack.store_port)])
    return code, said.getvalue()
