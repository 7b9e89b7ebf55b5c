"""Doing something as soon as a module is imported, by whomever; never importing it ourselves."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType
from typing import Final

import wrapt

from llmtrace import faults

Hook = Callable[[ModuleType], None]

# wrapt cannot take a hook back, so there is one for each name, and it asks here.
_waiting: Final[dict[str, list[Hook]]] = {}


def when_imported(name: str, hook: Hook) -> Callable[[], None]:
    """Call ``hook`` with the module of this name: now when it is there, else once it is. The answer takes that back."""
    module = sys.modules.get(name)
    if module is not None:
        _call(hook, module)
        return lambda: None
    known = name in _waiting
    hooks = _waiting.setdefault(name, [])
    hooks.append(hook)
    if not known:
        wrapt.register_post_import_hook(_imported, name)

    def take_back() -> None:
        if hook in hooks:
            hooks.remove(hook)

    return take_back


def _imported(module: ModuleType) -> None:
    hooks = _waiting.get(module.__name__, [])
    while hooks:
        _call(hooks.pop(0), module)


def _call(hook: Hook, module: ModuleType) -> None:
    try:
        hook(module)
    except Exception as error:  # noqa: BLE001 - the app's import must not fail because of us
        faults.report("imports", error)
