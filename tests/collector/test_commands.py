"""The commands as a person finds them: by help, and where an extra is not installed."""

from __future__ import annotations

import subprocess
import sys

from support.command import program

COMMANDS = (
    *("up", "demo", "doctor", "keys", "data", "query", "report", "savings", "alerts", "rules", "webhooks", "wal"),
    *("schema", "backup", "export", "reconcile", "detect", "forecast", "router", "cache", "tokenizers"),
    *("guardrails", "prices"),
)


def test_help_names_every_command_and_an_unknown_one_is_answered_with_them() -> None:
    assert set(COMMANDS) <= set(program("--help").stdout.split())
    unknown = program("upp")
    assert (unknown.returncode, unknown.stderr.strip()) == (
        2,
        f'llmtrace: there is no command "upp"; these are: {", ".join(COMMANDS)}',
    )


def test_the_plain_install_says_which_extra_a_command_needs() -> None:
    done = plain_install("up")
    assert done.returncode == 2
    assert 'pip install "llmtrace-otel[all]"' in done.stderr


def test_doctor_works_in_the_plain_install_where_an_app_lives() -> None:
    done = plain_install("doctor", "--endpoint", "http://127.0.0.1:9")
    assert done.returncode == 1
    assert "nobody answers at http://127.0.0.1:9" in done.stdout
    assert done.stderr == ""


def plain_install(*words: str) -> subprocess.CompletedProcess[str]:
    """`llmtrace WORDS` where the extras' packages cannot be imported."""
    absent = ["chdb", "clickhouse_connect", "platformdirs", "starlette", "streamlit", "uvicorn", "yaml"]
    run = f"sys.exit(main({list(words)}))"
    code = f"import sys; sys.modules.update(dict.fromkeys({absent}))\nfrom llmtrace.cli import main\n{run}"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
