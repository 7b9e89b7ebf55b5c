"""The process: one sentence and code 2 when an option is wrong, code 0 when asked to stop, nothing left behind."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from llmtrace_dashboards import cli
from llmtrace_dashboards.database import Address
from support.services import Process, free_ports


def test_a_port_in_use_is_one_sentence_and_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert cli.main(["--port", str(port)]) == 2
    said = capsys.readouterr().err
    assert f"127.0.0.1:{port}" in said
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize("url", ["localhost:8123", "ftp://x", "http://", "http://x:notaport", "http://me:secret@x:1"])
def test_a_url_that_is_none_is_one_sentence_and_code_2(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--clickhouse", url]) == 2
    said = capsys.readouterr().err
    assert len(said.splitlines()) == 1
    assert "secret" not in said


def test_a_url_names_host_port_and_tls() -> None:
    assert cli.address("https://ch.example:9443/", "me", "p") == Address(
        host="ch.example", port=9443, secure=True, user="me", password="p"
    )
    assert cli.address("https://ch.example", "me", "").port == 8443
    assert "p4ss" not in repr(cli.address("http://x", "me", "p4ss"))


@pytest.mark.processes
def test_it_starts_without_a_store_ends_with_0_and_writes_no_file(tmp_path: Path) -> None:
    home, port = tmp_path / "home", free_ports(1)[0]
    home.mkdir()
    command = ["llmtrace_dashboards", "--clickhouse", "http://127.0.0.1:1", "--port", str(port)]
    process = Process.start(
        command, tmp_path / "app.log", {"HOME": str(home), "XDG_CONFIG_HOME": str(home), "PYTHONWARNINGS": "error"}
    )
    try:
        process.wait_answer(f"http://127.0.0.1:{port}/_stcore/health")
        assert process.stop() == 0
    finally:
        process.clean_up()
    assert process.output == f"llmtrace dashboards: http://127.0.0.1:{port}\n"
    assert list(home.iterdir()) == []
