"""The fake provider and the demonstration built on it."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
from decimal import Decimal
from typing import Any

import openai
import pytest

from llmtrace.demo.play import play
from llmtrace.testing import FakeProvider

CHAT: Any = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}]}


def test_errors_come_at_the_asked_rate_and_repeat_with_the_seed() -> None:
    def outcomes() -> list[int]:
        found = []
        with FakeProvider(error_rate=0.5, rng=random.Random(3)) as provider:
            client = openai.OpenAI(base_url=provider.base_url, api_key="x", max_retries=0)
            for _ in range(12):
                try:
                    client.chat.completions.create(**CHAT)
                    found.append(200)
                except openai.APIStatusError as error:
                    found.append(error.status_code)
            client.close()
        return found

    first = outcomes()
    assert first == outcomes()
    assert {200, 429} <= set(first) <= {200, 429, 500}


def test_an_answer_has_a_request_id_and_an_unknown_path_is_404(fake: Any, client: Any) -> None:
    assert client.chat.completions.create(**CHAT)._request_id.startswith("req_")
    with pytest.raises(openai.NotFoundError):
        client.moderations.create(input="x")


def test_base_url_of_a_stopped_provider_says_what_to_do() -> None:
    with pytest.raises(RuntimeError, match="with"):
        _ = FakeProvider().base_url


def test_the_play_makes_calls_errors_and_money() -> None:
    tally = play(collector_url="http://127.0.0.1:9", duration_s=2.0, calls_per_s=60.0, seed=17, stop=threading.Event())
    assert tally.counts["calls"] > 3, "nothing after the opening"
    assert tally.usd > 0


def test_the_shortest_play_spends_more_than_the_budget_of_the_demo() -> None:
    for seed in range(5):
        tally = play(
            collector_url="http://127.0.0.1:9", duration_s=0.01, calls_per_s=60.0, seed=seed, stop=threading.Event()
        )
        assert tally.usd > Decimal("0.05")


@pytest.mark.processes
def test_the_command_stops_at_its_duration_with_one_line() -> None:
    command = [sys.executable, "-m", "llmtrace.demo", "--duration", "1", "--collector-url", "http://127.0.0.1:9"]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    assert " calls, " in done.stdout
    assert len(done.stdout.splitlines()) == 1
