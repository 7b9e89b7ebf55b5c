"""Every HTTP call the installed OpenAI client can make, read out of its source: what is there, not what we remember."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import openai

_VERBS = {"_get": "GET", "_post": "POST", "_put": "PUT", "_patch": "PATCH", "_delete": "DELETE", "_get_api_list": "GET"}


@dataclass(frozen=True, kw_only=True)
class ClientCall:
    """One method of one resource."""

    where: str
    """``files.py Files.create``."""
    method: str
    path: str
    """With its ids as ``{name}``: ``/files/{file_id}``."""

    @property
    def url(self) -> str:
        """The path with ids in it, as the client asks for it."""
        parts = self.path.split("/")
        return "/".join("id-17x" if part.startswith("{") else part.replace("{", "").replace("}", "") for part in parts)

    @property
    def words(self) -> list[str]:
        """The segments that are no ids."""
        path = self.path.partition("?")[0]
        return [part for part in path.split("/") if part and "{" not in part]


def client_calls() -> list[ClientCall]:
    """Every call of every resource, sync and async."""
    folder = Path(openai.__file__).parent / "resources"
    return [call for source in sorted(folder.rglob("*.py")) for call in _calls_in(source, str(source.name))]


def _calls_in(source: Path, name: str) -> Iterator[ClientCall]:
    for owner in ast.parse(source.read_text()).body:
        if not isinstance(owner, ast.ClassDef):
            continue
        for function in owner.body:
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                yield from _calls_of(function, f"{name} {owner.name}.{function.name}")


def _calls_of(function: ast.FunctionDef | ast.AsyncFunctionDef, where: str) -> Iterator[ClientCall]:
    for node in ast.walk(function):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or not node.args:
            continue
        verb, path = _VERBS.get(node.func.attr), _path(node.args[0])
        if verb and path:
            named = [word.value for word in node.keywords if word.arg == "method"]
            given = named[0].value if named and isinstance(named[0], ast.Constant) else verb
            yield ClientCall(where=where, method=str(given).upper(), path=path)


def _path(node: ast.expr) -> str | None:
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.JoinedStr):
        parts = [part.value if isinstance(part, ast.Constant) else "{id}" for part in node.values]
        return "".join(str(part) for part in parts)
    if isinstance(node, ast.Call) and node.args:  # path_template("/files/{file_id}", ...)
        return _path(node.args[0])
    return None
