"""The collector reads by the names the instrument writes."""

from __future__ import annotations

import re
from importlib.resources import files

from llmtrace import semconv

OTHERS = {"deployment.environment.name", "deployment.environment"}
"""Of the resource, which the app or its platform sets."""


def test_every_attribute_the_schema_reads_is_a_name_of_the_conventions_module() -> None:
    known = {value for name, value in vars(semconv).items() if name.isupper() and isinstance(value, str)}
    text = "".join(file.read_text() for file in (files("llmtrace_collector.schema") / "migrations").iterdir())
    read = set(re.findall(r"(?:a|attributes)\['([a-z_.]+)'\]", text))
    assert len(read) > 20
    assert read - known - OTHERS == set()
