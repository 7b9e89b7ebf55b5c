"""`llmtrace ...`, as a program or in this process: the same door, without the start of an interpreter.

On a server each test has a database of its own, whose name a process learns when it starts: there it is a process.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout

from llmtrace.cli import main
from support.services import SERVER, Stack


def llmtrace(stack: Stack, *words: str) -> tuple[int, str]:
    """Exit code and output of a command about the data of `stack`."""
    # A restore opens an engine of its own, and this process may have one (tests/conftest.py).
    if SERVER or words[:2] == ("backup", "restore"):
        command = [sys.executable, "-m", "llmtrace.cli", *words, "--data", str(stack.data)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **stack.environ})
        return done.returncode, done.stdout + done.stderr
    said = io.StringIO()
    with redirect_stdout(said), redirect_stderr(said):
        code = main([*words, "--data", str(stack.data), "--store-port", str(stack.store_port)])
    return code, said.getvalue()


def program(*words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """`llmtrace WORDS` as a program, with these variables too; at most a minute."""
    return subprocess.run(
        [sys.executable, "-m", "llmtrace.cli", *words],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, **environ},
        check=False,
    )
