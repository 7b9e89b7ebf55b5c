"""The engine's own parse tree, as its `EXPLAIN AST` writes it: one node a line, a space a level."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_LINE = re.compile(r"^( *)([A-Za-z]+)(?: (.*))?$")
_CHILDREN = re.compile(r" ?\(children (\d+)\)$")
_ALIAS = re.compile(r" \(alias .*\)$")


class RefusedError(Exception):
    """The statement is not one that a stranger may run; the message says which part and what is allowed."""


@dataclass(frozen=True, kw_only=True)
class Node:
    """One line of `EXPLAIN AST`."""

    kind: str
    text: str
    """What follows the kind: a name or a literal, without alias and child count."""
    parent: str
    """The kind one level up, '' for the root."""
    heads: str = ""
    """The function whose first of several arguments this is, in lower case; '' when it is none."""


@dataclass(kw_only=True)
class _Above:
    """A node that is being gone through."""

    kind: str
    text: str
    children: int
    seen: int = 0
    """How many of them were."""


def nodes(tree: str) -> Iterator[Node]:
    """The nodes of an `EXPLAIN AST` text, each with the kind of its parent.

    Raises:
        RefusedError: a line does not read as a node.
    """
    path: list[_Above] = []
    for line in tree.split("\n"):
        if not line.strip():
            continue
        match = _LINE.match(line)
        if match is None:
            raise RefusedError("this statement cannot be judged, so it is refused; write it more plainly")
        depth, kind, rest = len(match[1]), match[2], match[3] or ""
        del path[depth:]
        children = _CHILDREN.search(rest)
        text = _ALIAS.sub("", _CHILDREN.sub("", rest)).strip()
        yield Node(kind=kind, text=text, parent=path[-1].kind if path else "", heads=_heads(path))
        if path:
            path[-1].seen += 1
        path.append(_Above(kind=kind, text=text, children=int(children[1]) if children else 0))


def _heads(path: list[_Above]) -> str:
    if len(path) < 2 or path[-1].kind != "ExpressionList" or path[-2].kind != "Function":
        return ""
    return path[-2].text.lower() if path[-1].children > 1 and not path[-1].seen else ""
