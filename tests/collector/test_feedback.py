"""Feedback at the collector: by its own small door and by OTLP, late, again, of unknown traces, at a bounded rate."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmtrace.testing import FakeProvider
from llmtrace_collector.access import Scope
from llmtrace_collector.access.register import Register
from llmtrace_collector.database import rows
from llmtrace_collector.folder import DataFolder
from llmtrace_collector.receive.rates import Rate, Rates
from support.services import Stack, stack_at
from support.waiting import wait_for

PATH = "/api/v1/feedback"
PAGE = "https://app.example.com"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with stack_at(tmp_path_factory.mktemp("feedback")) as running:
        running.store()
        running.collector("--cors-origins", PAGE)
        running.wait_migrated()
        yield running


@pytest.fixture
def key(stack: Stack) -> str:
    """One for feedback of the project shop, new for each test."""
    return made(stack, Scope.FEEDBACK)


def made(stack: Stack, scope: Scope) -> str:
    register = Register(DataFolder(stack.data))
    _, text = register.create(name="page", project="shop", scopes={scope}, who="me")
    wait_for(lambda: ask(stack, text, b"nonsense")[0] in {400, 403})
    return text


def ask(stack: Stack, key: str, said: Any, method: str = "POST", **headers: str) -> tuple[int, Any, Mapping[str, str]]:
    data = said if isinstance(said, bytes) else json.dumps(said).encode()
    asked = urllib.request.Request(f"{stack.http_url}{PATH}", data=data, method=method, headers=headers)
    if key:
        asked.add_header("authorization", f"Bearer {key}")
    try:
        with urllib.request.urlopen(asked, timeout=30) as answer:
            return answer.status, json.loads(answer.read() or b"null"), answer.headers
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read() or b"null"), error.headers


def stored(stack: Stack, response_id: str, count: int = 1) -> list[dict[str, Any]]:
    sql = "SELECT * FROM feedback WHERE response_id = {id:String} ORDER BY timestamp"
    return wait_for(lambda: (found := rows(stack.reader(), sql, {"id": response_id}))[count - 1 :] and found, 30)


def test_a_page_says_what_somebody_thinks_and_it_is_a_row_of_the_keys_project(stack: Stack, key: str) -> None:
    about = f"chatcmpl-{os.urandom(4).hex()}"
    secret = "ghp_" + "a1B2c3" * 6
    said = {
        "about": about,
        "score": 0,
        "label": "down",
        "comment": f"no, {secret}",
        "correction": "1969",
        "user": "ada",
    }
    status, told, headers = ask(stack, key, said, origin=PAGE)
    assert (status, headers["access-control-allow-origin"]) == (201, PAGE)
    (row,) = stored(stack, about)
    expected = {
        "project": "shop", "trace_id": "", "span_id": "", "name": "rating", "value": 0.0, "label": "down",
        "correction": "1969", "user_id": "ada", "attributes": {"llmtrace.feedback.id": told["id"]},
    }  # fmt: skip
    assert {name: row[name] for name in expected} == expected
    assert row["comment"].startswith("no, [redacted")


def test_feedback_of_a_trace_that_nobody_knows_is_kept_as_it_is(stack: Stack, key: str) -> None:
    trace_id, span_id = os.urandom(16).hex(), os.urandom(8).hex()
    assert ask(stack, key, {"about": f"00-{trace_id}-{span_id}-01", "score": 1})[0] == 201
    sql = "SELECT span_id, value FROM feedback WHERE trace_id = {id:String}"
    found = wait_for(lambda: rows(stack.reader(), sql, {"id": trace_id}), 30)
    assert found == [{"span_id": span_id, "value": 1.0}]


def test_what_is_said_again_is_a_row_of_its_own_under_its_own_id(stack: Stack, key: str) -> None:
    about = f"chatcmpl-{os.urandom(4).hex()}"
    for score in (0, 1):
        assert ask(stack, key, {"about": about, "score": score, "user": "ada", "id": f"f-{score}"})[0] == 201
    found = stored(stack, about, 2)
    assert [(row["value"], row["attributes"]["llmtrace.feedback.id"]) for row in found] == [(0, "f-0"), (1, "f-1")]


@pytest.mark.parametrize(
    ("said", "status", "sentence"),
    [
        (b"nonsense", 400, "not JSON"),
        ([], 400, "not a JSON object"),
        ({"score": 1}, 400, "about nothing"),
        ({"about": 3, "score": 1}, 400, "about: int is no text"),
        ({"about": "r-1"}, 400, "says nothing"),
        ({"about": "r-1", "stars": 5}, 400, '"stars" is not a field'),
        ({"about": "r-1", "score": "5"}, 400, "can be averaged"),
        ({"about": "r-1", "comment": "x" * 20_001}, 400, "too many"),
        (b" " * 70_000, 413, "larger than"),
    ],
)
def test_what_is_no_feedback_is_answered_by_a_sentence(
    stack: Stack, key: str, said: Any, status: int, sentence: str
) -> None:
    got, told, _ = ask(stack, key, said)
    assert (got, sentence in told["message"]) == (status, True), told


def test_the_door_is_for_keys_of_its_own_and_its_keys_open_nothing_else(stack: Stack, key: str) -> None:
    said = {"about": "r-1", "score": 1}
    assert ask(stack, "", said)[0] == 401
    assert ask(stack, made(stack, Scope.INGEST), said)[0] == 403
    for path in ("/v1/traces", "/v1/logs", "/api/v1/keys", "/api/v1/rules"):
        asked = urllib.request.Request(f"{stack.http_url}{path}", data=b"{}", method="POST")
        asked.add_header("authorization", f"Bearer {key}")
        asked.add_header("content-type", "application/json")
        with pytest.raises(urllib.error.HTTPError) as refused, urllib.request.urlopen(asked, timeout=30):
            pass
        refused.value.close()
        assert refused.value.code == 403


def test_pages_of_other_origins_are_not_let_in_and_only_post_is_taken(stack: Stack, key: str) -> None:
    said = {"about": "r-1", "score": 1}
    assert "access-control-allow-origin" not in ask(stack, key, said, origin="https://evil.example.com")[2]
    assert ask(stack, "", b"", method="OPTIONS", origin="https://evil.example.com")[0] == 405
    status, _, headers = ask(stack, "", b"", method="OPTIONS", origin=PAGE)
    assert (status, headers["access-control-allow-origin"]) == (204, PAGE)
    assert "authorization" in headers["access-control-allow-headers"]
    assert ask(stack, key, b"", method="PUT")[0] == 405


def test_who_sends_too_often_is_asked_to_wait_and_others_are_not(stack: Stack, key: str) -> None:
    said = {"about": f"r-{os.urandom(4).hex()}", "score": 1}
    began = time.monotonic()
    answers = [ask(stack, key, said) for _ in range(150)]
    took_s = time.monotonic() - began
    taken = sum(status == 201 for status, *_ in answers)
    assert {status for status, *_ in answers} == {201, 429}
    assert taken <= 60 + 10 * took_s + 1
    assert next(headers for status, _, headers in answers if status == 429)["retry-after"] == "1"
    assert ask(stack, made(stack, Scope.FEEDBACK), said)[0] == 201


@given(st.lists(st.tuples(st.sampled_from("ab"), st.floats(0, 2)), max_size=60))
def test_no_one_is_admitted_more_often_than_the_rate_says(visits: list[tuple[str, float]]) -> None:
    rates = Rates(Rate(per_s=2, burst=5))
    now_s, admitted = 0.0, {"a": 0, "b": 0}
    for who, pause_s in visits:
        now_s += pause_s
        admitted[who] += rates.admits(who, now_s)
        assert admitted[who] <= 5 + 2 * now_s + 1e-6


APP = """
import sys, openai, llmtrace
llmtrace.instrument(endpoint=sys.argv[2])
with openai.OpenAI(base_url=sys.argv[1], api_key="x") as client:
    answer = client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": sys.argv[3]}])
llmtrace.feedback(answer, score=1, user=sys.argv[3], comment="fine")
assert llmtrace.flush(), "something was not taken"
"""


@pytest.mark.processes
def test_what_an_app_says_of_its_answer_is_joined_to_the_span_by_the_answers_id(stack: Stack) -> None:
    user = os.urandom(4).hex()
    environ = {k: v for k, v in os.environ.items() if not k.startswith("OTEL_")}
    environ["LLMTRACE_INGEST_KEY"] = made(stack, Scope.INGEST)
    with FakeProvider() as provider:
        command = [sys.executable, "-c", APP, provider.base_url, stack.http_url, user]
        done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    sql = (
        "SELECT feedback.comment, spans.model FROM feedback JOIN spans USING (project, response_id)"
        " WHERE feedback.user_id = {user:String} AND spans.timestamp >= feedback.timestamp - INTERVAL 1 HOUR"
    )
    found = wait_for(lambda: rows(stack.reader(), sql, {"user": user}), 30)
    assert [tuple(row.values()) for row in found] == [("fine", "gpt-4o")]
