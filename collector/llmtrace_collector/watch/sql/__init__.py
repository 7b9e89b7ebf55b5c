"""The watch's SQL: files of statements, each under a line `-- name: WHAT`."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


@cache
def statements(filename: str) -> Mapping[str, str]:
    """The statements of `filename` in this folder, by name."""
    text = (files(__package__) / filename).read_text(encoding="utf-8")
    pieces = _NAME.split(text)[1:]
    return MappingProxyType({name: sql.strip() for name, sql in zip(pieces[::2], pieces[1::2], strict=True)})
