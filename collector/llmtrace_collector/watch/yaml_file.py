"""A YAML file as plain data: safe types only, no key twice, and faults named by line without quoting the file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from pathlib import Path

    from llmtrace_collector.watch.fields import Mistakes

_LARGEST_BYTES = 1 << 20


def read(path: Path, mistakes: Mistakes) -> Any:
    """The content of `path`; None, with a mistake noted, when it cannot be read."""
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST_BYTES + 1)
        if len(content) > _LARGEST_BYTES:
            mistakes.add("", f"the file is larger than {_LARGEST_BYTES} bytes; split or shorten it")
            return None
        text = content.decode()
    except OSError as error:
        mistakes.add("", f"cannot be read: {error.strerror}; check the path {path.absolute()} and its permissions")
    except UnicodeDecodeError as error:
        mistakes.add("", f"byte {error.start} is not UTF-8; save the file as UTF-8")
    else:
        return _parse(text, mistakes)
    return None


def _parse(text: str, mistakes: Mistakes) -> Any:
    try:
        _note_repeated_keys(yaml.compose(text, Loader=yaml.SafeLoader), mistakes)
        return yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        # str(error) quotes the line, and the line may hold a secret.
        mark = error.problem_mark or error.context_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        mistakes.add(where, f"is not YAML: {error.problem or error.context}; check indentation and quotes")
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mistakes.add("", f"is not YAML ({type(error).__name__}); check indentation and quotes")
    return None


def _note_repeated_keys(root: yaml.Node | None, mistakes: Mistakes) -> None:
    """YAML forbids a repeated key; PyYAML keeps the last one without a word."""
    waiting, visited = [root], set()
    while waiting:
        node = waiting.pop()
        if node is None or id(node) in visited:
            continue
        visited.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            waiting.extend(node.value)
        if isinstance(node, yaml.MappingNode):
            waiting.extend(value for _, value in node.value)
            _note_repeats_in(node, mistakes)


def _note_repeats_in(node: yaml.MappingNode, mistakes: Mistakes) -> None:
    first_line: dict[str, int] = {}
    for key, _ in node.value:
        if not isinstance(key, yaml.ScalarNode):
            continue
        line = key.start_mark.line + 1
        if key.value in first_line:
            mistakes.add(f"line {line}", f'"{key.value}" stands on line {first_line[key.value]} already; keep one')
        first_line.setdefault(key.value, line)
