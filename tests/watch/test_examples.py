"""The sample receivers run as they stand and take what the watch sends, once each, and nothing that is forged."""

from __future__ import annotations

import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import pytest

from llmtrace_collector.channels import Webhook
from llmtrace_collector.channels.signing import key_of
from llmtrace_collector.watch import trial
from llmtrace_collector.watch.times import system_clock
from support.services import free_ports
from support.waiting import wait_for
from watch.helpers import SECRET, local_sender

EXAMPLES = Path(__file__).parents[2] / "examples"
NEW = "whsec_bmV3IG5ldyBuZXcgbmV3IG5ldyBuZXc="


@contextmanager
def running(name: str, port: int, log: IO[bytes]) -> Iterator[None]:
    environ = {**os.environ, "ALERT_WEBHOOK_SECRET": f"{NEW} {SECRET}"}
    process = subprocess.Popen([sys.executable, str(EXAMPLES / name), str(port)], stdout=log, stderr=log, env=environ)
    try:
        wait_for(lambda: answers(port), what=name)
        yield
    finally:
        process.terminate()
        process.wait()


def answers(port: int) -> bool:
    try:
        urllib.request.urlopen(urllib.request.Request(f"http://127.0.0.1:{port}/", data=b"{}"), timeout=5)
    except urllib.error.HTTPError as error:
        with error:
            return error.code == 401
    except OSError:
        return False
    return False


@pytest.mark.processes
@pytest.mark.parametrize("name", ["receiver_stdlib.py", "receiver_starlette.py"])
def test_a_sample_receiver_takes_what_is_signed_once_and_nothing_else(name: str, tmp_path: Path) -> None:
    [port] = free_ports(1)
    url = f"http://127.0.0.1:{port}/alerts"

    def send(secret: str, message_id: str) -> int:
        channel: Any = Webhook(name="ours", url=url, keys=(key_of(secret),))
        [notice] = trial.notices(channel, message_id, system_clock())
        return local_sender()(channel.message(notice, system_clock())).status

    with (tmp_path / "log").open("wb") as log, running(name, port, log):
        assert send(SECRET, "msg_1") == 204
        assert send(NEW, "msg_1") == 204
        assert send(NEW, "msg_2") == 204
        assert send("whsec_" + "Zm9yZ2VkIGZvcmdlZCBmb3JnZWQgZm8=", "msg_3") == 401
        printed = wait_for(lambda: (tmp_path / "log").read_text().count("test.firing llmtrace test") >= 2)
    assert printed
    assert (tmp_path / "log").read_text().count("test.firing llmtrace test") == 2
