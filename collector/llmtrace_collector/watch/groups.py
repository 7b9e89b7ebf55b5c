"""Groups by their key: the identity of an alert within its rule."""

from __future__ import annotations

import json
from collections.abc import Mapping

EVERYTHING = "{}"
"""The key of the one group of a rule that does not group."""


def group_key(group: Mapping[str, str]) -> str:
    """The canonical JSON of `group`: sorted keys, no blanks."""
    return json.dumps(dict(group), sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def group_of(key: str) -> dict[str, str]:
    """The group whose `group_key` is `key`."""
    group: dict[str, str] = json.loads(key)
    return group
