"""API keys: made, listed, revoked by the command; asked for at both doors, in every receiver process."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
from pathlib import Path

import grpc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmtrace_collector.access import KeyRing, Scope
from llmtrace_collector.access.guard import DeniedError, Guard, ScopeError
from llmtrace_collector.access.keys import make
from llmtrace_collector.access.register import Register
from llmtrace_collector.folder import DataFolder
from support.otlp import post, request, span
from support.services import Stack, stack_at
from support.waiting import wait_for

_EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"


def keys(stack: Stack, *words: str) -> str:
    command = [sys.executable, "-m", "llmtrace.cli", "keys", *words, "--data", str(stack.data)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def created(stack: Stack, name: str, *words: str) -> tuple[str, str]:
    """The id and the text of a new key, made by the command."""
    text = keys(stack, "create", name, *words).splitlines()[0]
    return text.split("_")[1], text


def made(stack: Stack, name: str, project: str, scope: Scope = Scope.INGEST) -> tuple[str, str]:
    """The same, made in this process: a command takes a second to start."""
    key, text = Register(DataFolder(stack.data)).create(name=name, project=project, scopes={scope}, who="tests")
    return key.id, text


def send(stack: Stack, name: str, key: str = "") -> int:
    headers = {"authorization": f"Bearer {key}"} if key else {}
    return post(f"{stack.http_url}/v1/traces", request(span(name=name)), **headers)[0]


def send_grpc(stack: Stack, name: str, key: str = "") -> grpc.StatusCode:
    with grpc.insecure_channel(f"127.0.0.1:{stack.grpc_port}") as channel:
        try:
            metadata = (("authorization", f"Bearer {key}"),) if key else ()
            channel.unary_unary(_EXPORT)(request(span(name=name)), metadata=metadata, timeout=20)
        except grpc.RpcError as error:
            return error.code()
    return grpc.StatusCode.OK


def projects(stack: Stack) -> dict[str, str]:
    return dict(stack.reader().query("SELECT name, any(project) FROM spans GROUP BY name").result_rows)


def test_keys_are_asked_for_decide_the_project_and_end_when_revoked_in_every_receiver(tmp_path: Path) -> None:
    with stack_at(tmp_path) as stack:
        stack.store()
        collector = stack.collector("--receivers", "2")
        stack.wait_migrated()
        assert send(stack, "before any key") == 200
        shop_id, shop = created(stack, "the shop", "--project", "shop")
        _, desk = made(stack, "the desk", "desk")
        _, reader = made(stack, "a reader", "shop", Scope.READ)
        # Connections fall to either process by chance, so each thing is asked often enough for both.
        wait_for(lambda: {send(stack, "keyless") for _ in range(12)} == {401})
        # Whoever knows the last key knows them all.
        wait_for(lambda: {send(stack, "no", reader) for _ in range(12)} == {403})
        assert {send(stack, "of the shop", shop) for _ in range(12)} == {200}
        assert send_grpc(stack, "of the desk", desk) == grpc.StatusCode.OK
        assert send(stack, "no", shop[:-1] + "x") == 401
        assert send(stack, "no", "nonsense") == 401
        assert send_grpc(stack, "no") == grpc.StatusCode.UNAUTHENTICATED
        assert send_grpc(stack, "no", reader) == grpc.StatusCode.PERMISSION_DENIED
        expected = {"before any key": "default", "of the shop": "shop", "of the desk": "desk"}
        wait_for(lambda: projects(stack).items() >= expected.items(), 60)
        keys(stack, "revoke", shop_id)
        wait_for(lambda: {send(stack, "revoked", shop) for _ in range(12)} == {401})
        assert send(stack, "of the desk", desk) == 200
        assert not {"no", "keyless"} & (projects(stack).keys() - {"keyless"})
        kept = [*tmp_path.glob("*.log"), *stack.data.glob("keys.json"), *stack.data.glob("audit.jsonl")]
        for secret in (shop, desk, reader):
            secret_part = secret.split("_", 2)[2]
            assert not any(secret_part in file.read_text(errors="replace") for file in kept)
        assert collector.popen.poll() is None


def test_the_shared_key_of_the_environment_holds_beside_keys_for_the_project_default(tmp_path: Path) -> None:
    with stack_at(tmp_path, LLMTRACE_INGEST_KEY="s3cret-key") as stack:
        stack.store()
        stack.collector()
        stack.wait_migrated()
        _, shop = made(stack, "shop", "shop")
        assert send(stack, "shared", "s3cret-key") == 200
        wait_for(lambda: send(stack, "keyed", shop) == 200)
        assert send(stack, "none") == 401
        wait_for(lambda: projects(stack) == {"shared": "default", "keyed": "shop"})


def test_damaged_keys_let_nobody_in_and_lose_nothing(tmp_path: Path) -> None:
    with stack_at(tmp_path) as stack:
        collector = stack.collector()
        _, shop = made(stack, "shop", "default")
        wait_for(lambda: send(stack, "no") == 401)
        sound = (stack.data / "keys.json").read_bytes()
        (stack.data / "keys.json").write_bytes(sound[:-9])
        wait_for(lambda: send(stack, "no", shop) == 503)
        assert "keys.json cannot be read" in collector.output
        (stack.data / "keys.json").write_bytes(sound)
        wait_for(lambda: send(stack, "yes", shop) == 200)


def test_the_command_lists_keys_without_what_opens_doors(tmp_path: Path) -> None:
    stack = Stack.at(tmp_path)
    key_id, text = created(stack, "the shop", "--project", "shop", "--scope", "ingest", "--scope", "read")
    file = stack.data / "keys.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE((stack.data / "audit.jsonl").stat().st_mode) == 0o600
    listed = json.loads(keys(stack, "list", "--json"))
    assert listed.pop("created_at")
    assert listed.pop("created_by")
    assert listed == {
        "id": key_id,
        "name": "the shop",
        "project": "shop",
        "scopes": ["ingest", "read"],
        "last4": text[-4:],
        "revoked_at": "",
    }
    keys(stack, "revoke", key_id)
    keys(stack, "revoke", key_id)
    audit = [json.loads(line) for line in (stack.data / "audit.jsonl").read_text().splitlines()]
    assert [(line["action"], line["subject"]) for line in audit] == [("key.create", key_id), ("key.revoke", key_id)]
    assert key_id in keys(stack, "list")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("create", "x", "--project", "a b"), "is not a project name"),
        (("create", "x", "--scope", "write"), "is not a scope"),
        (("revoke", "nobody"), "there is no key"),
    ],
)
def test_wrong_words_are_answered_by_a_sentence(tmp_path: Path, words: tuple[str, ...], sentence: str) -> None:
    command = [sys.executable, "-m", "llmtrace.cli", "keys", *words, "--data", str(tmp_path / "data")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2
    assert sentence in done.stderr


def test_two_who_make_keys_at_once_lose_none(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "llmtrace.cli", "keys", "create", "k", "--data", str(tmp_path / "data")]
    running = [subprocess.Popen(command, stdout=subprocess.DEVNULL) for _ in range(3)]
    assert [process.wait(120) for process in running] == [0] * 3
    assert len(Register(DataFolder(tmp_path / "data")).all()) == 3


def test_to_revoke_the_last_key_does_not_open_the_door(tmp_path: Path) -> None:
    register = Register(DataFolder(tmp_path))
    key, text = register.create(name="one", project="shop", scopes={Scope.INGEST}, who="me")
    guard = Guard(KeyRing(tmp_path))
    assert guard.authorize(f"Bearer {text}".encode(), Scope.INGEST).project == "shop"
    register.revoke(key.id, who="me")
    for given_key in (b"", f"Bearer {text}".encode()):
        with pytest.raises(DeniedError):
            Guard(KeyRing(tmp_path)).authorize(given_key, Scope.INGEST)


def test_administration_needs_a_key_even_where_nothing_else_does(tmp_path: Path) -> None:
    guard = Guard(KeyRing(tmp_path), shared_key="shared")
    with pytest.raises(DeniedError):
        guard.authorize(b"", Scope.ADMIN)
    with pytest.raises(ScopeError):
        guard.authorize(b"Bearer shared", Scope.ADMIN)


@given(st.binary(max_size=200))
def test_no_header_but_the_keys_own_lets_anybody_in(header: bytes) -> None:
    key, text = make(name="k", project="p", scopes={Scope.INGEST}, now="", who="")
    guard = Guard(shared_key=text, required=True)
    assert key.matches(text)
    with pytest.raises(DeniedError):
        guard.authorize(header, Scope.INGEST)
