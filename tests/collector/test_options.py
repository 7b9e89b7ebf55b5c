"""Options: where a value comes from, and what is said when it is wrong."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

import pytest

from llmtrace_collector.errors import ConfigError
from llmtrace_collector.options import OPTIONS, Options, add_to, settle


def settled(*argv: str, **environ: str) -> Options:
    parser = argparse.ArgumentParser()
    add_to(parser)
    return settle(parser.parse_args(argv), environ)


def test_the_defaults_are_those_that_scripts_rely_on() -> None:
    options = settled(HOME="/nowhere")
    assert (options.host, options.http_port, options.grpc_port) == ("127.0.0.1", 4318, 4317)
    assert (options.store_port, options.dashboard_port) == (8123, 8501)
    assert (options.clickhouse, options.no_dashboard, options.rules) == ("", False, None)
    assert options.data.name == "llmtrace"


def test_the_command_line_wins_over_the_environment_and_that_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "llmtrace.yaml"
    file.write_text("http-port: 1001\ngrpc_port: 1001\nstore_port: 1001\nno_dashboard: true\n")
    environ = {"LLMTRACE_HTTP_PORT": "1002", "LLMTRACE_GRPC_PORT": "1002"}
    options = settled("--config", str(file), "--http-port", "1003", **environ)
    assert (options.http_port, options.grpc_port, options.store_port) == (1003, 1002, 1001)
    assert options.no_dashboard


def test_help_says_what_kind_of_value_an_option_wants() -> None:
    parser = argparse.ArgumentParser()
    add_to(parser)
    text = " ".join(parser.format_help().split())
    for shown in (
        "--data DIR",
        "--clickhouse URL",
        "--host ADDRESS",
        "--http-port PORT",
        "--rules FILE",
        "--config FILE",
        "--wal-quota-mib MIB",
        "--receivers N",
    ):
        assert shown in text
    assert {name for name, value in re.findall(r"--([a-z-]+) ([A-Z]+)\b", text) if value == "PORT"} == {
        option.name.replace("_", "-") for option in OPTIONS if option.name.endswith("_port")
    }


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.name)
def test_every_option_can_come_from_its_variable(option: object, tmp_path: Path) -> None:
    values = {int: "1234", bool: "yes", str: "text", Path: str(tmp_path / "x")}
    kind, name = option.kind, option.name  # type: ignore[attr-defined]
    if name == "config":
        (tmp_path / "x").write_text("")
    got = getattr(settled(**{option.variable: values[kind]}), name)  # type: ignore[attr-defined]
    assert got == {int: 1234, bool: True, str: "text", Path: tmp_path / "x"}[kind]


@pytest.mark.parametrize(
    ("argv", "environ", "sentence"),
    [
        (["--http-port", "70000"], {}, '--http-port: "70000" is not a port; write a number from 1 to 65535'),
        ([], {"LLMTRACE_STORE_PORT": "abc"}, 'LLMTRACE_STORE_PORT: "abc" is not a port'),
        (["--receivers", "0"], {}, '--receivers: "0" is not a number from 1 on'),
        (["--price-interval", "-1"], {}, '--price-interval: "-1" is not a number from 0 on'),
        ([], {"LLMTRACE_NO_DASHBOARD": "maybe"}, 'LLMTRACE_NO_DASHBOARD: "maybe" is not yes or no'),
        (["--config", "/nowhere.yaml"], {}, "the config file /nowhere.yaml cannot be read: No such file"),
    ],
)
def test_a_wrong_value_is_named_with_where_it_came_from(
    argv: list[str], environ: dict[str, str], sentence: str
) -> None:
    with pytest.raises(ConfigError) as raised:
        settled(*argv, **environ)
    assert sentence in str(raised.value)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("htp_port: 1", 'is not an option; did you mean "http_port"?'),
        ("a: [", "is not YAML: line"),
        ("- 1", "must be a list of `name: value`"),
        ("http_port: [1]", "is not a port"),
    ],
)
def test_a_mistake_in_the_file_is_explained(tmp_path: Path, text: str, sentence: str) -> None:
    file = tmp_path / "llmtrace.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError) as raised:
        settled("--config", str(file))
    assert sentence in str(raised.value)
