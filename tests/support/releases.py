"""What differs between releases of the client, for tests that run on many of them."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path
from traceback import walk_tb
from typing import Any

import openai
import pytest

VERSION = tuple(int(part) for part in openai.__version__.split(".")[:3])

http: Any = import_module("httpx2" if VERSION >= (3,) else "httpx")
"""The HTTP library the installed client runs on."""


_METHODS = "create|parse|stream|generate|edit"
_UNEXPECTED = re.compile(rf"(Async)?[A-Z]\w+\.({_METHODS})\(\) got an unexpected keyword argument")
_TESTS = Path(__file__).resolve().parents[1]


def needs_openai(version: str) -> pytest.MarkDecorator:
    """Skip a test of what the client has only from this release on."""
    needed = tuple(int(part) for part in version.split("."))
    return pytest.mark.skipif(needed > VERSION, reason=f"needs openai {version}, this is {openai.__version__}")


def missing_in_this_release(error: AttributeError | TypeError) -> str | None:
    """What a test asked the client for that this release does not have; None when it was not the test that asked.

    A fault of ours is never taken for it: an attribute must be asked for by a line of the tests, an argument be one
    of a public method, which nobody but the tests gives arguments of their own.
    """
    if isinstance(error, TypeError):
        return f"openai {openai.__version__}: {error}" if _UNEXPECTED.match(str(error)) else None
    frames = [frame.f_code.co_filename for frame, _ in walk_tb(error.__traceback__)]
    asked = error.obj if isinstance(error.obj, type) else type(error.obj)
    by_a_test = bool(frames) and (Path(frames[-1]).is_relative_to(_TESTS) or frames[-1].startswith("docs/"))
    if not by_a_test or asked.__module__.partition(".")[0] != "openai":
        return None
    return f"{asked.__name__} of openai {openai.__version__} has no {error.name}"
