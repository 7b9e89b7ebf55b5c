"""The admin API: keys over HTTP, for those who may, and a record of it in the store."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from llmtrace_collector.access import Scope
from llmtrace_collector.access.register import Register
from llmtrace_collector.folder import DataFolder
from support.services import Stack, stack_at
from support.waiting import wait_for


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with stack_at(tmp_path_factory.mktemp("admin")) as running:
        running.store()
        running.collector()
        running.wait_migrated()
        yield running


def ask(stack: Stack, method: str, path: str, key: str = "", body: Any = None) -> tuple[int, dict[str, Any]]:
    data = body if isinstance(body, bytes) else json.dumps(body).encode() if body is not None else None
    asked = urllib.request.Request(f"{stack.http_url}{path}", data=data, method=method)
    if key:
        asked.add_header("authorization", f"Bearer {key}")
    try:
        with urllib.request.urlopen(asked, timeout=30) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())


def test_an_administrator_makes_lists_and_revokes_keys_and_the_store_tells_who_did_what(stack: Stack) -> None:
    register = Register(DataFolder(stack.data))
    admin, text = register.create(name="ops", project="default", scopes={Scope.ADMIN}, who="me@here")
    _, sending = register.create(name="app", project="shop", scopes={Scope.INGEST}, who="me@here")
    wait_for(lambda: ask(stack, "GET", "/api/v1/keys", text)[0] == 200)
    status, made = ask(stack, "POST", "/api/v1/keys", text, {"name": "new", "project": "shop", "scopes": ["read"]})
    assert status == 201
    assert made["key"].endswith(made["last4"])
    assert (made["project"], made["scopes"], made["created_by"]) == ("shop", ["read"], f"key:{admin.id}")
    listed = ask(stack, "GET", "/api/v1/keys", text)[1]["keys"]
    assert [key["name"] for key in listed] == ["ops", "app", "new"]
    assert all("sha256" not in key and "key" not in key for key in listed)
    status, revoked = ask(stack, "DELETE", f"/api/v1/keys/{made['id']}", text)
    assert status == 200
    assert revoked["revoked_at"]
    assert ask(stack, "GET", "/api/v1/keys")[0] == 401
    status, told = ask(stack, "POST", "/api/v1/keys", sending, {"name": "more"})
    assert status == 403
    assert "not for admin" in told["message"]

    sql = "SELECT who, action, subject FROM audit_log ORDER BY at, action"
    expected = [
        ("me@here", "key.create", admin.id),
        ("me@here", "key.create", sending.split("_")[1]),
        (f"key:{admin.id}", "key.create", made["id"]),
        (f"key:{admin.id}", "key.revoke", made["id"]),
    ]
    wait_for(lambda: len(stack.reader().query(sql).result_rows) == len(expected), 30)
    assert stack.reader().query(sql).result_rows == expected
    # As after a crash between the copy and its note: nothing is there twice.
    (stack.data / "audit.position").unlink()
    wait_for((stack.data / "audit.position").exists, 30)
    assert stack.reader().query(sql).result_rows == expected
    written = (stack.folder / "collector.log").read_text() + json.dumps(listed)
    assert not [secret for secret in (text, sending, made["key"]) if secret.split("_", 2)[2] in written]


@pytest.mark.parametrize(
    "case",
    [
        ("POST", "/api/v1/keys", b"nonsense", 400, "not JSON"),
        ("POST", "/api/v1/keys", b"[" * 50_000, 400, "not JSON"),
        ("POST", "/api/v1/keys", [], 400, "not a JSON object"),
        ("POST", "/api/v1/keys", {"name": "x", "admin": True}, 400, "is not a field"),
        ("POST", "/api/v1/keys", {"name": 3}, 400, "are texts"),
        ("POST", "/api/v1/keys", {"name": "x", "project": "a b"}, 400, "not a project name"),
        ("POST", "/api/v1/keys", {"name": "x", "scopes": ["all"]}, 400, "is not a scope"),
        ("POST", "/api/v1/keys", b" " * 70_000, 413, "larger than"),
        ("DELETE", "/api/v1/keys/nobody", None, 404, "there is no key"),
        ("GET", "/api/v1/rulers", None, 404, "all there is"),
    ],
)
def test_what_cannot_be_done_is_answered_by_a_sentence(stack: Stack, case: tuple[Any, ...]) -> None:
    method, path, body, status, sentence = case
    register = Register(DataFolder(stack.data))
    _, text = register.create(name="ops", project="default", scopes={Scope.ADMIN}, who="me")
    wait_for(lambda: ask(stack, "GET", "/api/v1/keys", text)[0] == 200)
    code, told = ask(stack, method, path, text, body)
    assert (code, sentence in told["message"]) == (status, True), told
