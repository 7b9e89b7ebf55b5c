"""`llmtrace demo` as a script runs it."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from llmtrace_collector.commands.demo import main
from support.services import stack_at
from support.waiting import wait_for

pytestmark = pytest.mark.processes


def test_it_ends_by_itself_with_0_after_its_webhook_was_verified_also_with_a_key_and_twice(tmp_path: Path) -> None:
    with stack_at(tmp_path, LLMTRACE_INGEST_KEY="a-key") as stack:
        for _ in range(2):
            demo = stack.command("demo", *stack.up_options(), "--no-dashboard", "--duration", "6")
            assert demo.popen.wait(90) == 0, demo.output
            assert "alert.firing, signature verified" in demo.output
            assert " 0 rejected" in demo.output
            assert "Traceback" not in demo.output
        stack.store()
        sql = "SELECT countIf(is_call) > 20, uniq(model) > 3, uniq(trace_id) < count() FROM spans"
        assert stack.reader().query(sql).result_rows == [(1, 1, 1)]


@pytest.mark.parametrize("text", ["soon", "-1", "nan", "1e9"])
def test_a_duration_that_is_none_is_answered_with_how_to_write_one(
    text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main([f"--duration={text}"])
    assert ended.value.code == 2
    assert f'"{text}" is not a duration; write seconds, like 30' in capsys.readouterr().err


def test_without_a_duration_it_plays_until_ctrl_c(tmp_path: Path) -> None:
    with stack_at(tmp_path) as stack:
        demo = stack.command("demo", *stack.up_options(), "--no-dashboard")
        wait_for(lambda: "webhook    alert.firing" in demo.output, 60)
        assert demo.popen.poll() is None
        demo.popen.send_signal(signal.SIGINT)
        assert demo.popen.wait(40) == 0
