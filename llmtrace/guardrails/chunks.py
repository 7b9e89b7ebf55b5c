"""The events of a stream, each with what may be shown of the texts in it; one reader per wire format."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Protocol

from llmtrace.guardrails.bodies import answered_pieces, with_texts
from llmtrace.guardrails.checking import Steps
from llmtrace.guardrails.logprobs import Logprobs
from llmtrace.guardrails.texts import GuardedText
from llmtrace.guardrails.verdicts import Stage

Json = dict[str, Any]
Open = Callable[[Stage], GuardedText]
"""Begins a text of a stage."""
Key = tuple[Any, ...]


class Chunks(Protocol):
    """Reads the events of one stream."""

    def event(self, payload: Json) -> Steps[list[Json] | None]:
        """What stands in place of an event; None: it goes as it came."""

    def flush(self) -> Steps[list[Json]]:
        """Events with what is still held, when nothing more comes."""

    def abandon(self) -> list[Json]:
        """Events with what is held, as it came: guardrails are left out from here on."""


class _Text:
    """A text under way, and the confidence told with it."""

    def __init__(self, text: GuardedText) -> None:
        self.guarded = text
        self.logprobs = Logprobs()
        self.came: list[str] = []
        self.shown: list[str] = []

    def add(self, text: str) -> str:
        self.came.append(text)
        passed = self.guarded.add(text)
        self.logprobs.release(passed)
        self.shown.append(passed.text)
        return passed.text

    def finish(self) -> Steps[str]:
        passed = yield from self.guarded.finish()
        self.logprobs.release(passed)
        self.shown.append(passed.text)
        return passed.text


class ChatChunks:
    """Of chat and of legacy completions: deltas by choice, ended by its finish reason."""

    def __init__(self, begin: Open) -> None:
        self._begin = begin
        self._texts: dict[Key, _Text] = {}
        self._head: Json = {}

    def event(self, payload: Json) -> Steps[list[Json] | None]:
        """What stands in place of an event; None: it goes as it came."""
        choices = payload.get("choices")
        if not isinstance(choices, list) or not choices:
            return None
        self._head = {name: value for name, value in payload.items() if name not in ("choices", "usage")}
        made, changed, empty = [], False, True
        for choice in choices:
            told = choice
            if isinstance(choice, dict):
                told, moved, hollow = yield from self._choice(choice)
                changed, empty = changed or moved, empty and hollow
            made.append(told)
        if not changed:
            return None
        return [] if empty and not payload.get("usage") else [{**payload, "choices": made}]

    def flush(self) -> Steps[list[Json]]:
        """Events with what is still held, when nothing more comes."""
        made = []
        for index in dict.fromkeys(key[0] for key in self._texts):
            choice: Json = {"index": index, "finish_reason": None, "delta": {}}
            if (yield from self._end(index, choice)):
                made.append({**self._head, "choices": [choice]})
        return made

    def abandon(self) -> list[Json]:
        """Events with what is held, as it came."""
        made = []
        for (index, *key), text in self._texts.items():
            choice: Json = {"index": index, "finish_reason": None, "delta": {}}
            if text.guarded.pending:
                _put(choice, tuple(key), text.guarded.pending)
                made.append({**self._head, "choices": [choice]})
        self._texts.clear()
        return made

    def _choice(self, choice: Json) -> Steps[tuple[Json, bool, bool]]:
        """The choice, whether it was changed, and whether nothing is left of it."""
        index = choice.get("index", 0)
        told = {**choice, **({"delta": dict(choice["delta"])} if isinstance(choice.get("delta"), dict) else {})}
        changed = False
        for key, stage, owner, field in list(_texts_in(told)):
            text = self._text((index, *key), stage)
            if field in ("content", "text"):
                text.logprobs.take(choice.get("logprobs"))
            came = owner[field]
            owner[field] = text.add(came)
            if owner[field] != came:
                changed = True
        if changed and choice.get("logprobs"):
            told["logprobs"] = self._logprobs(index, choice["logprobs"])
        hollow = changed and _is_hollow(told)
        if choice.get("finish_reason"):
            changed = (yield from self._end(index, told)) or changed
            hollow = False
        return told, changed, hollow

    def _text(self, key: Key, stage: Stage) -> _Text:
        if key not in self._texts:
            self._texts[key] = _Text(self._begin(stage))
        return self._texts[key]

    def _end(self, index: object, choice: Json) -> Steps[bool]:
        """Put what is held of a choice's texts into this one; whether there was any."""
        changed = False
        for key in [key for key in self._texts if key[0] == index]:
            text = self._texts.pop(key)
            if left := (yield from text.finish()):
                _put(choice, key[1:], left)
                changed = True
                if key[1] in ("content", "text") and (told := text.logprobs.ready(choice.get("logprobs"))):
                    choice["logprobs"] = told
        return changed

    def _logprobs(self, index: object, came: Json) -> Json | None:
        text = self._texts.get((index, "content")) or self._texts.get((index, "text"))
        return text.logprobs.ready(came) if text else None


def _texts_in(choice: Json) -> Iterator[tuple[Key, Stage, Json, str]]:
    """The texts that go on in a choice: what they are known by, and where they stand."""
    if isinstance(choice.get("text"), str) and choice["text"]:
        yield ("text",), Stage.OUTPUT, choice, "text"
    delta = choice.get("delta")
    if not isinstance(delta, dict):
        return
    for name in ("content", "refusal", "reasoning_content", "reasoning"):
        if isinstance(delta.get(name), str) and delta[name]:
            yield (name,), Stage.OUTPUT, delta, name
    if isinstance(delta.get("function_call"), dict) and isinstance(delta["function_call"].get("arguments"), str):
        delta["function_call"] = dict(delta["function_call"])
        yield ("function_call",), Stage.TOOL, delta["function_call"], "arguments"
    if isinstance(delta.get("tool_calls"), list):
        delta["tool_calls"] = [dict(call) if isinstance(call, dict) else call for call in delta["tool_calls"]]
        for call in delta["tool_calls"]:
            yield from _arguments_in(call)


def _arguments_in(call: Any) -> Iterator[tuple[Key, Stage, Json, str]]:
    for kind, name in (("function", "arguments"), ("custom", "input")):
        if isinstance(call, dict) and isinstance(call.get(kind), dict) and isinstance(call[kind].get(name), str):
            call[kind] = dict(call[kind])
            yield ("tool_calls", call.get("index", 0), kind, name), Stage.TOOL, call[kind], name


def _put(choice: Json, key: Key, text: str) -> None:
    """Add to the text of this name in a choice."""
    if key == ("text",):
        choice["text"] = (choice.get("text") or "") + text
        return
    delta = choice.setdefault("delta", {})
    if key[0] == "function_call":
        call = delta.setdefault("function_call", {})
        call["arguments"] = (call.get("arguments") or "") + text
    elif key[0] == "tool_calls":
        _, index, kind, name = key
        calls = delta.setdefault("tool_calls", [])
        call = next((each for each in calls if each.get("index", 0) == index), None)
        if call is None:
            call = {"index": index}
            calls.append(call)
        made = call.setdefault(kind, {})
        made[name] = (made.get(name) or "") + text
    else:
        delta[key[0]] = (delta.get(key[0]) or "") + text


def _is_hollow(choice: Json) -> bool:
    """Whether an event of nothing but held text has nothing left to tell."""
    if "delta" not in choice:
        return not choice.get("text")
    return all(value in ("", None) for value in choice["delta"].values())


class ResponsesChunks:
    """Of the responses API: deltas by item and part, each ended by a `.done`, and told again with all that holds it."""

    def __init__(self, begin: Open) -> None:
        self._begin = begin
        self._texts: dict[Key, tuple[_Text, Json]] = {}
        self._known: dict[tuple[Stage, str], str] = {}
        self._shift = 0

    def event(self, payload: Json) -> Steps[list[Json] | None]:
        """What stands in place of an event; None: it goes as it came."""
        kind = payload.get("type")
        if not isinstance(kind, str):
            return None
        if kind.endswith(".delta") and isinstance(payload.get("delta"), str) and kind != "response.audio.delta":
            return self._numbered([self._delta(kind, payload)], payload)
        if kind.endswith(".done"):
            made = yield from self._done(kind, payload)
        else:
            made = yield from self._rest(payload)
        return self._numbered(made, payload)

    def flush(self) -> Steps[list[Json]]:
        """Events with what is still held, when nothing more comes."""
        made: list[Json] = []
        for key in list(self._texts):
            made += yield from self._ended(key)
        return made

    def abandon(self) -> list[Json]:
        """Events with what is held, as it came."""
        held = [
            {**event, "delta": text.guarded.pending} for text, event in self._texts.values() if text.guarded.pending
        ]
        self._texts.clear()
        return held

    def _delta(self, kind: str, payload: Json) -> Json:
        key = _key(kind.removesuffix(".delta"), payload)
        if key not in self._texts:
            self._texts[key] = (_Text(self._begin(_stage(kind))), payload)
        text, _ = self._texts[key]
        if "logprobs" in payload:
            text.logprobs.take({"content": payload["logprobs"]})
        shown = text.add(payload["delta"])
        if shown == payload["delta"]:
            return payload
        told = {**payload, "delta": shown}
        if "logprobs" in payload:
            told["logprobs"] = (text.logprobs.ready({"content": []}) or {}).get("content") or []
        return told

    def _done(self, kind: str, payload: Json) -> Steps[list[Json]]:
        key = _key(kind.removesuffix(".done"), payload)
        made = (yield from self._ended(key)) if key in self._texts else []
        self._shift += len(made)
        return [*made, *(yield from self._rest(payload))]

    def _ended(self, key: Key) -> Steps[list[Json]]:
        text, event = self._texts.pop(key)
        left = yield from text.finish()
        self._known[_stage(str(event.get("type"))), "".join(text.came)] = "".join(text.shown)
        return [{**event, "delta": left, **({"logprobs": []} if "logprobs" in event else {})}] if left else []

    def _rest(self, payload: Json) -> Steps[list[Json]]:
        """An event that tells texts again, whole."""
        told = dict(payload)
        for name, stage in (
            ("text", Stage.OUTPUT),
            ("refusal", Stage.OUTPUT),
            ("arguments", Stage.TOOL),
            ("input", Stage.TOOL),
        ):
            if isinstance(told.get(name), str) and told[name]:
                told[name] = yield from self._shown(stage, told[name])
                if told[name] != payload[name] and "logprobs" in told:
                    told["logprobs"] = []
        if isinstance(told.get("part"), dict):
            told["part"] = yield from self._part(told["part"])
        if isinstance(told.get("item"), dict):
            told["item"] = (yield from self._output([told["item"]]))[0]
        response = told.get("response")
        if isinstance(response, dict) and isinstance(response.get("output"), list) and response["output"]:
            told["response"] = {**response, "output": (yield from self._output(response["output"]))}
        return [told]

    def _part(self, part: Json) -> Steps[Json]:
        if not isinstance(part.get("text"), str):
            return part
        shown = yield from self._shown(Stage.OUTPUT, part["text"])
        return part if shown == part["text"] else _without_logprobs({**part, "text": shown})

    def _output(self, output: list[Any]) -> Steps[list[Any]]:
        body = {"output": output}
        changes = {}
        for piece in answered_pieces("responses", body):
            shown = yield from self._shown(piece.stage, piece.text)
            if shown != piece.text:
                changes[piece.path] = shown
        if not changes:
            return output
        told: list[Any] = with_texts(body, changes)["output"]
        return [_item_without_logprobs(item) for item in told]

    def _shown(self, stage: Stage, text: str) -> Steps[str]:
        """What may be shown of a whole text: as it was shown piece by piece, if it was."""
        if not text:
            return text
        if (stage, text) not in self._known:
            guarded = _Text(self._begin(stage))
            guarded.add(text)
            yield from guarded.finish()
            self._known[stage, text] = "".join(guarded.shown)
        return self._known[stage, text]

    def _numbered(self, made: list[Json], payload: Json) -> list[Json] | None:
        """Events in the order they go out; None when the one that came goes as it is."""
        if made == [payload] and not self._shift:
            return None
        first = payload.get("sequence_number")
        if not self._shift or not isinstance(first, int):
            return made
        last = first + self._shift
        return [{**each, "sequence_number": last - len(made) + 1 + n} for n, each in enumerate(made)]


def _key(kind: str, payload: Json) -> Key:
    places = ("item_id", "output_index", "content_index", "summary_index")
    return (kind, *(payload.get(name) for name in places))


def _stage(kind: str) -> Stage:
    return Stage.TOOL if "call" in kind else Stage.OUTPUT


def _without_logprobs(part: Json) -> Json:
    return {**part, "logprobs": []} if "logprobs" in part else part


def _item_without_logprobs(item: Any) -> Any:
    if not isinstance(item, dict) or not isinstance(item.get("content"), list):
        return item
    parts = [_without_logprobs(part) if isinstance(part, dict) else part for part in item["content"]]
    return {**item, "content": parts}
