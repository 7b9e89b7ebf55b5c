"""Data sets from traffic: good answers alone, without secrets, split by session, in forms that trainers take."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmtrace.cli import main
from llmtrace_collector.finetune.validity import problems
from support.services import Stack, stack_at

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
FORMATS = ("openai", "dpo", "together", "fireworks", "trl")


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with stack_at(tmp_path_factory.mktemp("finetune")) as running:
        running.store()
        running.collector()
        running.wait_migrated()
        yield running


def part(role: str, *parts: Any, **more: Any) -> dict[str, Any]:
    return {"role": role, "parts": [{"type": "text", "content": p} if isinstance(p, str) else p for p in parts], **more}


class Traffic:
    """Calls of a project of its own, put into the store."""

    def __init__(self, stack: Stack, project: str) -> None:
        self.stack, self.project, self.waiting = stack, project, list[tuple[str, dict[str, Any]]]()

    def call(self, asked: Any = "What is 2 + 2?", answered: Any = "4", **columns: Any) -> tuple[str, str]:
        ids = os.urandom(16).hex(), os.urandom(8).hex()
        at = AT + timedelta(milliseconds=len(ids[0]))
        messages = asked if isinstance(asked, list) else [part("user", asked)]
        answers = answered if isinstance(answered, list) else [part("assistant", answered, finish_reason="stop")]
        content = {
            "project": self.project, "timestamp": at, "trace_id": ids[0], "span_id": ids[1],
            "input_messages": json.dumps(messages), "output_messages": json.dumps(answers),
            "input_format": "messages", "output_format": "messages",
            "system_instructions": columns.pop("system", ""), "tool_definitions": columns.pop("tools", ""),
        }  # fmt: skip
        row = {
            "project": self.project, "timestamp": at, "trace_id": ids[0], "span_id": ids[1], "is_call": True,
            "operation": "chat", "model": "gpt-5", "session_id": ids[0], "input_tokens": 10, "output_tokens": 5,
            "response_id": f"r-{ids[0]}",
        } | columns  # fmt: skip
        self._put("spans", row)
        self._put("span_content", content)
        return ids

    def say(self, ids: tuple[str, str], *, by_answer: bool = False, **columns: Any) -> None:
        about = {"response_id": f"r-{ids[0]}"} if by_answer else {"trace_id": ids[0], "span_id": ids[1]}
        row = {
            "project": self.project,
            "timestamp": AT + timedelta(days=3),
            "name": "rating",
            "user_id": os.urandom(4).hex(),
        }
        self._put("feedback", row | about | columns)

    def judge(self, ids: tuple[str, str], name: str, value: float) -> None:
        row = {
            "project": self.project,
            "timestamp": AT,
            "trace_id": ids[0],
            "span_id": ids[1],
            "name": name,
            "value": value,
        }
        self._put("scores", row)

    def _put(self, table: str, row: dict[str, Any]) -> None:
        self.waiting.append((table, row))

    def _put_all(self) -> None:
        """One insert for each table and set of columns."""
        together: dict[tuple[str, ...], list[list[Any]]] = {}
        for table, row in self.waiting:
            together.setdefault((table, *row), []).append(list(row.values()))
        for (table, *names), rows in together.items():
            self.stack.owner().insert(table, rows, column_names=names)
        self.waiting.clear()

    def export(self, out: Path, form: str, *words: str) -> tuple[int, dict[str, Any]]:
        self._put_all()
        days = ["--from", "2026-11-20", "--to", "2026-11-21", "--project", self.project, "--data", str(self.stack.data)]
        reach = ["--store-port", str(self.stack.store_port)]
        code = main(["export", "finetune", "--format", form, "--out", str(out), *days, *reach, *words])
        return code, json.loads((out / "manifest.json").read_text())


@pytest.fixture
def traffic(stack: Stack) -> Traffic:
    return Traffic(stack, f"p-{os.urandom(4).hex()}")


def read(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_call_with_tools_becomes_an_example_that_openai_takes(traffic: Traffic, tmp_path: Path) -> None:
    call = {"type": "tool_call", "id": "c-1", "name": "weather", "arguments": {"city": "Oslo"}}
    told = {"type": "tool_call_response", "id": "c-1", "response": "rain"}
    asked = [part("user", "Weather?"), part("assistant", call), part("tool", told)]
    schema = {"type": "object", "properties": {"city": {"type": "string"}}}
    tools = json.dumps([{"type": "function", "name": "weather", "parameters": schema}])
    ids = traffic.call(asked, "It rains.", system=json.dumps([{"type": "text", "content": "Be short."}]), tools=tools)
    code, manifest = traffic.export(tmp_path / "o", "openai", "--held-out", "0")
    assert code == 1  # one example is fewer than a job needs
    (line,) = read(tmp_path / "o/train.jsonl")
    arguments = '{"city": "Oslo"}'
    assert line == {
        "messages": [
            {"role": "system", "content": "Be short."},
            {"role": "user", "content": "Weather?"},
            {
                "role": "assistant",
                "content": "",
                "tool_calls": [
                    {"id": "c-1", "type": "function", "function": {"name": "weather", "arguments": arguments}}
                ],
            },
            {"role": "tool", "tool_call_id": "c-1", "content": "rain"},
            {"role": "assistant", "content": "It rains."},
        ],
        "tools": [{"type": "function", "function": {"name": "weather", "parameters": schema}}],
    }
    (origin,) = read(tmp_path / "o/provenance.jsonl")
    assert (origin["file"], origin["line"], origin["trace_id"], origin["model"]) == ("train", 1, ids[0], "gpt-5")
    assert manifest["train"]["tokens"]["sum"] == 15
    assert traffic.export(tmp_path / "t", "together", "--held-out", "0")[1]["turned_away"] == {"tools_not_taken": 1}


def test_each_gate_turns_away_what_is_not_good_and_says_how_many(traffic: Traffic, tmp_path: Path) -> None:
    traffic.call("good")
    traffic.call("Good ", "4")
    traffic.call("failed", status_code="ERROR")
    traffic.call("cached", attributes={"llmtrace.reply.origin": "cache"})
    traffic.call("guarded", attributes={"llmtrace.guardrail.verdict": "redact"})
    traffic.call("cut", output_truncated=True)
    traffic.call("refused", output_refused=True)
    traffic.call("bad json", json_valid=False)
    traffic.call([part("user", {"type": "blob", "modality": "image"})])
    traffic.call("many", [part("assistant", "a"), part("assistant", "b")])
    traffic.say(traffic.call("disliked"), label="down")
    traffic.say(traffic.call("disliked by the answer's id"), by_answer=True, value=0.2)
    _, manifest = traffic.export(tmp_path / "o", "openai", "--held-out", "0")
    assert manifest["turned_away"] == {
        "content_not_text": 1, "duplicate": 1, "error": 1, "guardrail": 1, "invalid": 1, "low_feedback": 2,
        "no_single_answer": 1, "not_by_the_provider": 1, "refused": 1, "truncated": 1,
    }  # fmt: skip
    assert (manifest["looked_at"], manifest["train"]["examples"]) == (12, 1)


def test_feedback_and_scores_can_be_asked_for(traffic: Traffic, tmp_path: Path) -> None:
    liked, judged = traffic.call("liked"), traffic.call("judged")
    traffic.call("nobody said anything")
    traffic.say(liked, label="up")
    traffic.say(liked, value=0.8)
    traffic.judge(judged, "faithful", 0.9)
    _, by_people = traffic.export(tmp_path / "a", "openai", "--held-out", "0", "--min-feedback", "0.9")
    assert (by_people["train"]["examples"], by_people["turned_away"]) == (1, {"no_feedback": 2})
    _, by_judges = traffic.export(tmp_path / "b", "openai", "--held-out", "0", "--min-score", "faithful=0.8")
    assert (by_judges["train"]["examples"], by_judges["turned_away"]) == (1, {"no_score": 2})


def test_a_correction_is_learnt_in_place_of_the_answer_and_preferred_to_it(traffic: Traffic, tmp_path: Path) -> None:
    traffic.say(traffic.call("First man on the moon?", "Gagarin"), label="down", correction="Armstrong")
    traffic.export(tmp_path / "o", "openai", "--held-out", "0")
    (line,) = read(tmp_path / "o/train.jsonl")
    assert line["messages"][-1] == {"role": "assistant", "content": "Armstrong"}
    traffic.export(tmp_path / "d", "dpo", "--held-out", "0")
    (pair,) = read(tmp_path / "d/train.jsonl")
    assert pair["preferred_output"] == [{"role": "assistant", "content": "Armstrong"}]
    assert pair["non_preferred_output"] == [{"role": "assistant", "content": "Gagarin"}]
    traffic.export(tmp_path / "t", "trl", "--held-out", "0")
    (pair,) = read(tmp_path / "t/train.jsonl")
    assert (pair["prompt"], pair["rejected"]) == (
        [{"role": "user", "content": "First man on the moon?"}],
        [{"role": "assistant", "content": "Gagarin"}],
    )


def test_of_two_answers_to_one_question_the_liked_one_is_preferred(traffic: Traffic, tmp_path: Path) -> None:
    good, bad = traffic.call("q", "right"), traffic.call("q", "wrong")
    traffic.say(good, value=1.0)
    traffic.say(bad, value=0.0)
    traffic.say(traffic.call("alone", "x"), value=1.0)
    _, manifest = traffic.export(tmp_path / "d", "dpo", "--held-out", "0")
    (pair,) = read(tmp_path / "d/train.jsonl")
    assert (pair["preferred_output"][0]["content"], pair["non_preferred_output"][0]["content"]) == ("right", "wrong")
    assert manifest["turned_away"] == {"no_pair": 1}
    assert read(tmp_path / "d/provenance.jsonl")[0]["worse"]["trace_id"] == bad[0]


def test_neither_secrets_nor_personal_data_are_in_the_files(traffic: Traffic, tmp_path: Path) -> None:
    key, mail = "ghp_" + "a1B2c3" * 6, "ada@example.com"
    ids = traffic.call(f"my key is {key}", f"write to {mail}", session_id="ada-session", user_id="ada-user")
    traffic.say(ids, correction=f"never write to {mail} with {key}")
    _, manifest = traffic.export(tmp_path / "d", "dpo", "--held-out", "0")
    written = "".join(path.read_text() for path in (tmp_path / "d").iterdir())
    assert "[redacted: email" in written
    assert not [private for private in (key, mail, "ada-session", "ada-user") if private in written]
    assert manifest["scrubbed"] == 1


@pytest.mark.parametrize("form", FORMATS)
def test_sessions_stay_together_and_what_is_tested_was_not_trained_on(
    traffic: Traffic, tmp_path: Path, form: str
) -> None:
    for session in range(30):
        for turn in range(2):
            ids = traffic.call(f"question {session} {turn}", f"answer {turn}", session_id=f"s-{session}")
            traffic.say(ids, correction=f"better {turn}")
    traffic.call("asked by all", "the same", session_id="s-0")
    code, manifest = traffic.export(tmp_path / "o", form, "--held-out", "0.3", "--seed", "4")
    assert code == 0
    train, test = read(tmp_path / "o/train.jsonl"), read(tmp_path / "o/test.jsonl")
    assert train
    assert test
    in_train, in_test = ({text.split()[1] for text in _questions(lines)} for lines in (train, test))
    assert not in_train & in_test
    assert not problems(tmp_path / "o/train.jsonl", form)
    again = traffic.export(tmp_path / "again", form, "--held-out", "0.3", "--seed", "4")[1]
    assert again["train"]["sha256"] == manifest["train"]["sha256"]


def _questions(lines: list[Any]) -> list[str]:
    texts = [line.get("messages") or line.get("prompt") or line["input"]["messages"] for line in lines]
    return [text[0]["content"] for text in texts if text[0]["content"].startswith("question")]


GOOD: dict[str, Any] = {"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]}
PAIR: dict[str, Any] = {
    "prompt": [{"role": "user", "content": "q"}],
    "chosen": [{"role": "assistant", "content": "a"}],
    "rejected": [{"role": "assistant", "content": "b"}],
}


@pytest.mark.parametrize(
    ("form", "line", "sentence"),
    [
        ("openai", {}, "messages is missing"),
        ("openai", {**GOOD, "text": "x"}, "text is no field"),
        ("openai", {"messages": GOOD["messages"][:1]}, "not the assistant's"),
        (
            "openai",
            {"messages": [{"role": "tool", "tool_call_id": "x", "content": "y"}, *GOOD["messages"]]},
            "not made",
        ),
        ("openai", {**GOOD, "tools": [{"type": "function"}]}, "no function with a name"),
        ("together", {"messages": [*GOOD["messages"], GOOD["messages"][1]]}, "do not take turns"),
        ("fireworks", {"messages": [GOOD["messages"][1]]}, "do not take turns"),
        ("dpo", GOOD, "input is missing"),
        ("trl", {**PAIR, "rejected": PAIR["chosen"]}, "the same"),
        ("trl", {**PAIR, "prompt": "q"}, "no list of messages"),
    ],
)
def test_a_file_that_a_trainer_would_refuse_is_told_line_by_line(
    tmp_path: Path, capsys: Any, form: str, line: Any, sentence: str
) -> None:
    path = tmp_path / "file.jsonl"
    good = PAIR if form == "trl" else GOOD
    path.write_text("".join(json.dumps(each) + "\n" for each in (*[good] * (0 if form == "dpo" else 10), line)))
    assert main(["export", "finetune", "--format", form, "--check", str(path)]) == 1
    told = capsys.readouterr().out
    assert sentence in told
    assert f"line {1 if form == 'dpo' else 11}:" in told


@given(st.binary(max_size=200), st.sampled_from(FORMATS))
def test_any_file_is_judged_and_none_breaks_the_judge(tmp_path_factory: Any, data: bytes, form: str) -> None:
    path = tmp_path_factory.getbasetemp() / "any.jsonl"
    path.write_bytes(data)
    assert problems(path, form)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "--out is missing"),
        (["--out", "OUT", "--held-out", "1"], "--held-out is a share"),
        (["--out", "OUT", "--min-score", "faithful"], "is no NAME=NUMBER"),
        (["--out", "OUT", "--from", "soon"], "is not a time"),
        (["--check", "/nowhere.jsonl"], "cannot be read"),
    ],
)
def test_mistakes_are_one_sentence(tmp_path: Path, capsys: Any, words: list[str], sentence: str) -> None:
    given_ = [str(tmp_path / "o") if word == "OUT" else word for word in words]
    assert main(["export", "finetune", "--format", "openai", *given_, "--data", str(tmp_path)]) == 2
    assert sentence in capsys.readouterr().err


def test_a_folder_that_has_something_in_it_is_left_alone(traffic: Traffic, tmp_path: Path, capsys: Any) -> None:
    (tmp_path / "kept").write_text("mine")
    words = ["--data", str(traffic.stack.data), "--store-port", str(traffic.stack.store_port)]
    assert main(["export", "finetune", "--format", "openai", "--out", str(tmp_path), *words]) == 2
    assert "is not empty" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]
