"""The documents say what is so: options, tables, links, names, and what runs in containers."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from llmtrace.cli import COMMANDS
from llmtrace_collector.options import OPTIONS
from support.services import stack_at

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("changelog.d/*.md")])


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere_and_nobody_is_sent_to_another_projects_package(document: Path) -> None:
    text = document.read_text()
    for target in re.findall(r"\]\((?!https?://|#)([^)#]+)", text):
        assert (document.parent / target).exists(), f"{document.name} links to {target}"
    assert not re.search(r"pip install [\"']?llmtrace(?!-otel)", text)


def test_the_command_line_page_has_the_table_of_options() -> None:
    page = (ROOT / "docs/reference/command-line.md").read_text()
    rows = re.findall(r"^\| `(--[\w-]+)` \| `(LLMTRACE_\w+)` \| (.*?) \| (.*) \|$", page, re.MULTILINE)
    shown = {None: "", "": "", False: "`false`"}
    expected = [
        (
            option.flag,
            option.variable,
            "user data folder" if option.name == "data" else shown.get(option.default, f"`{option.default}`"),
            "the data folder" if option.name == "data" else option.help,
        )
        for option in OPTIONS
    ]
    assert rows == expected
    for command in COMMANDS:
        assert f"`llmtrace {command}`" in page


def test_the_tables_page_names_every_column_with_its_type(tmp_path: Path) -> None:
    page = (ROOT / "docs/reference/tables.md").read_text()
    documented: dict[str, list[tuple[str, str]]] = {}
    for section in page.split("\n## `")[1:]:
        name, _, body = section.partition("`")
        documented[name] = re.findall(r"^\| `([\w.]+)` \| (.*?) \| .*\|$", body, re.MULTILINE)
    with stack_at(tmp_path) as stack:
        stack.store()
        stack.collector()
        stack.wait_migrated()
        sql = (
            "SELECT table, name, type FROM system.columns WHERE database = 'llmtrace' AND table IN"
            " (SELECT name FROM system.tables WHERE database = 'llmtrace' AND engine LIKE '%MergeTree')"
            " AND table != 'schema_migrations' ORDER BY table, position"
        )
        real: dict[str, list[tuple[str, str]]] = {}
        for table, column, kind in stack.reader().query(sql).result_rows:
            real.setdefault(table, []).append((column, written(kind)))
    assert documented == real


def written(kind: str) -> str:
    """A column type as the page writes it."""
    return "Enum8: " + ", ".join(re.findall(r"'(\w+)'", kind)) if kind.startswith("Enum8") else kind


def compose() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "docker-compose.yml").read_text())


def test_the_compose_file_publishes_to_this_machine_only_with_health_checks_and_keys() -> None:
    services = compose()["services"]
    assert services.keys() == {"clickhouse", "collector", "dashboard"}
    for service in services.values():
        assert service["healthcheck"]["test"][0] == "CMD"
        assert all(str(port).startswith("127.0.0.1:") for port in service.get("ports", []))
    assert "LLMTRACE_INGEST_KEY:?" in services["collector"]["environment"]["LLMTRACE_INGEST_KEY"]
    assert "LLMTRACE_CLICKHOUSE_PASSWORD:?" in services["clickhouse"]["environment"]["CLICKHOUSE_PASSWORD"]
    named = {volume.split(":")[0] for service in services.values() for volume in service.get("volumes", [])}
    assert {"clickhouse", "collector"} <= named
    assert compose()["volumes"].keys() == {"clickhouse", "collector"}


@pytest.mark.parametrize("service", ["collector", "dashboard"])
def test_what_the_compose_file_runs_takes_the_options_it_is_given(service: str, tmp_path: Path) -> None:
    import subprocess
    import sys

    command = compose()["services"][service]["command"]
    assert command[:2] == ["python", "-m"]
    done = subprocess.run([sys.executable, *command[1:], "--help"], capture_output=True, text=True)
    assert done.returncode == 0
    for option in command[3:]:
        assert option.split("=")[0] in done.stdout
