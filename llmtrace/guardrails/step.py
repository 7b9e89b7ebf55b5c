"""The step of the chain: looks at what is asked before it leaves, and at what is answered before the app has it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from typing import Any, Final

from llmtrace import semconv
from llmtrace.chain import Asked, Do, Origin, Proceed, Reply
from llmtrace.guardrails.answers import substitute_body, substitute_reply
from llmtrace.guardrails.bodies import Path, Piece, answered_pieces, asked_pieces, told_texts, with_texts
from llmtrace.guardrails.budget import Budget
from llmtrace.guardrails.checking import Looked, Steps, begun, enforce, gathered, is_looking, look, placed, unknown
from llmtrace.guardrails.chunks import ChatChunks, ResponsesChunks
from llmtrace.guardrails.held import without
from llmtrace.guardrails.making import Given, make_guardrails
from llmtrace.guardrails.spending import Spending
from llmtrace.guardrails.streams import StreamGuard
from llmtrace.guardrails.surroundings import current_documents
from llmtrace.guardrails.telling import Telling
from llmtrace.guardrails.texts import GuardedText
from llmtrace.guardrails.verdicts import (
    Decision,
    Guardrail,
    GuardrailBlocked,
    Mode,
    Opinion,
    Stage,
    Subject,
    Verdict,
)
from llmtrace.prices import NegotiatedPrices
from llmtrace.redaction.kinds import marker

Mark = Callable[[str], str]
_ANSWERED: Final = frozenset({"chat", "completions", "responses"})


class GuardrailsStep:
    """All guardrails of a process, in the order they were given."""

    name = "guardrails"
    fault_mark = semconv.GUARDRAIL_FAULT

    def __init__(self, given: Sequence[Given], prices: Callable[[], NegotiatedPrices] = NegotiatedPrices) -> None:
        guards = make_guardrails(given)
        self._guards = guards
        self._budgets = [guard for guard in guards if isinstance(guard, Budget)]
        self._prices = prices
        self._spending: Spending | None = None
        self._named = {guard.name: guard for guard in guards}

    def around(self, asked: Asked, proceed: Proceed) -> Any:
        """Answers it, changed where a guardrail takes something out, or refuses.

        Raises:
            GuardrailBlocked: a guardrail refuses the call, and has no answer of its own.
        """
        if is_looking():  # a judge's own call
            return (yield from proceed(asked))
        watch = _Watch(asked=asked, telling=Telling(asked.marks), documents=current_documents())
        try:
            sent = yield from self._closed(Stage.INPUT, self._asked(watch))
            reply = yield from proceed(self._listening(watch, sent))
            self._count(asked, reply)
            return (yield from self._closed(Stage.OUTPUT, self._answered(watch, reply)))
        except GuardrailBlocked as blocked:
            text = self._substitute(blocked.verdict)
            answer = None if text is None else substitute_reply(asked, text)
            if answer is None:
                raise
            return answer

    def _substitute(self, verdict: Verdict) -> str | None:
        guard = self._named.get(verdict.name)
        return None if guard is None else guard.substitute

    def _closed(self, stage: Stage, steps: Any) -> Any:
        """What the steps come to; a fault of ours in them refuses the call where the user chose so."""
        try:
            return (yield from steps)
        except GuardrailBlocked:
            raise
        except Exception as error:
            for guard in self._guards:
                enforce(unknown(guard, stage, Decision.ERROR, type(error).__name__))
            raise

    def _asked(self, watch: _Watch) -> Any:
        """The call as it may leave."""
        asked = watch.asked
        pieces = asked_pieces(asked.operation.wire, asked.body)
        stages: dict[Stage, list[Piece]] = {}
        for piece in pieces:
            stages.setdefault(piece.stage, []).append(piece)
        for number, document in enumerate(watch.documents):
            stages.setdefault(Stage.RETRIEVAL, []).append(Piece(path=(number,), stage=Stage.RETRIEVAL, text=document))
        changes: dict[Path, str] = {}
        for stage, here in stages.items():
            texts = yield from self._looked(watch, stage, here, {})
            if stage is not Stage.RETRIEVAL:
                changes |= texts
        if not changes:
            return asked
        body = with_texts(asked.body, changes)
        return replace(asked, body=body)

    def _looked(self, watch: _Watch, stage: Stage, pieces: Sequence[Piece], reply: Mapping[str, Any]) -> Any:
        """Texts that are to stand in place of others."""
        guards = [guard for guard in self._guards if stage in guard.stages]
        texts = [piece.text for piece in pieces]
        local = [guard for guard in guards if guard.local]
        found = []
        for guard in local:
            looked = yield from look(guard, watch.subjects(stage, texts, reply))
            watch.telling.tell(looked.verdict)
            enforce(looked.verdict)
            found.append(looked.found)
        if found:
            each = [placed(local, [places[number] for places in found]) for number in range(len(texts))]
            texts = [without(text, places, marker) for text, places in zip(texts, each, strict=True)]
        for guard in guards:
            if guard.local:
                continue
            if _goes_beside(guard) and stage in (Stage.INPUT, Stage.TOOL) and not reply:
                watch.begin(guard, watch.subjects(stage, texts, reply))
                continue
            looked = yield from look(guard, watch.subjects(stage, texts, reply))
            watch.telling.tell(looked.verdict)
            enforce(looked.verdict)
            if looked.verdict.decision is Decision.REDACT:
                places = [placed([guard], [here]) for here in looked.found]
                texts = [without(text, where, marker) for text, where in zip(texts, places, strict=True)]
        return {piece.path: text for piece, text in zip(pieces, texts, strict=True) if text != piece.text}

    def _listening(self, watch: _Watch, asked: Asked) -> Asked:
        """The call with a filter for its answer, where that comes as it is made."""
        if self._budgets:
            asked = replace(asked, listeners=(*asked.listeners, lambda reply: self._count(watch.asked, reply)))
        if asked.operation.wire not in _ANSWERED or not (asked.stream or asked.raw):
            return asked
        if not any(guard.stages & {Stage.OUTPUT, Stage.TOOL} for guard in self._guards) and not watch.beside:
            return asked
        watch.filter = self._filter(watch)
        return replace(asked, filters=(*asked.filters, watch.filter))

    def _count(self, asked: Asked, reply: Reply) -> None:
        """What a call cost goes to the budgets; one from the cache cost nothing, one without usage is not known."""
        if not self._budgets or reply.origin is not Origin.PROVIDER or not reply.body:
            return
        if self._spending is None:
            self._spending = Spending(self._prices())
        if usd := self._spending.usd(asked, reply):
            for budget in self._budgets:
                budget.count(asked, usd)

    def _filter(self, watch: _Watch) -> StreamGuard:
        def begin(stage: Stage) -> GuardedText:
            (subject,) = watch.subjects(stage, [""], {})
            return GuardedText(subject, self._guards, mark=marker, tell=watch.telling.tell)

        chunks = ResponsesChunks(begin) if watch.asked.operation.wire == "responses" else ChatChunks(begin)

        def whole(data: bytes) -> Steps[bytes]:
            return self._whole(watch, data)

        def substitute(verdict: Verdict) -> str | None:
            return self._substitute(verdict)

        def closing() -> Steps[None]:
            return self._collected(watch)

        def failed(error: Exception) -> None:
            watch.asked.marks[self.fault_mark] = type(error).__name__
            for guard in self._guards:
                enforce(unknown(guard, Stage.OUTPUT, Decision.ERROR, type(error).__name__))

        return StreamGuard(watch.asked, chunks, whole=whole, substitute=substitute, closing=closing, failed=failed)

    def _whole(self, watch: _Watch, data: bytes) -> Steps[bytes]:
        """An answer that the app reads as bytes, all of it."""
        try:
            yield from self._collected(watch)
            changed = yield from self._body(watch, Reply(body=data).json)
        except GuardrailBlocked as blocked:
            text = self._substitute(blocked.verdict)
            if text is None:
                raise
            return json.dumps(substitute_body(watch.asked, text)).encode()
        return data if changed is None else json.dumps(changed).encode()

    def _answered(self, watch: _Watch, reply: Reply) -> Any:
        """The reply as the app may have it."""
        if reply.stream:
            if watch.filter is not None and reply.body:  # the cache's: it came whole, and past the filter
                body = yield from watch.filter.all_of(reply.body)
                return replace(reply, body=body, result=None)
            return reply
        yield from self._collected(watch)
        changed = yield from self._body(watch, reply.json)
        return reply if changed is None else replace(reply, body=json.dumps(changed).encode(), result=None)

    def _body(self, watch: _Watch, body: Mapping[str, Any]) -> Steps[dict[str, Any] | None]:
        """An answer's body with other texts in it; None when it may be as it is."""
        changes: dict[Path, str] = {}
        pieces = answered_pieces(watch.asked.operation.wire, body)
        for stage in (Stage.OUTPUT, Stage.TOOL):
            here = [piece for piece in pieces if piece.stage is stage]
            if here:
                changes |= yield from self._looked(watch, stage, here, body)
        if not changes:
            return None
        return _without_logprobs(with_texts(body, changes))

    def _collected(self, watch: _Watch) -> Steps[None]:
        """What was begun beside the call has until its time is over."""
        for begun_beside in watch.beside:
            yield Do(work=begun_beside.wait, waits=True)
            watch.telling.tell(begun_beside.looked().verdict)
        watch.beside.clear()


@dataclass(kw_only=True, slots=True)
class _Beside:
    """A check that runs beside the call, for it can only tell."""

    guard: Guardrail
    subjects: Sequence[Subject]
    result: Future[list[Opinion]]
    began: float

    def wait(self) -> None:
        left = self.began + self.guard.timeout_s - time.perf_counter()
        try:
            self.result.exception(max(0.0, left))
        except TimeoutError:
            return

    def looked(self) -> Looked:
        return gathered(self.guard, self.subjects, self.result, self.began)


@dataclass(kw_only=True, slots=True)
class _Watch:
    """One call under watch."""

    asked: Asked
    telling: Telling
    documents: tuple[str, ...]
    beside: list[_Beside] = field(default_factory=list)
    filter: StreamGuard | None = None

    def subjects(self, stage: Stage, texts: Sequence[str], reply: Mapping[str, Any]) -> list[Subject]:
        documents = self.documents or told_texts(self.asked.operation.wire, self.asked.body)
        return [Subject(text=text, stage=stage, asked=self.asked, documents=documents, reply=reply) for text in texts]

    def begin(self, guard: Guardrail, subjects: Sequence[Subject]) -> None:
        began = time.perf_counter()
        try:
            self.beside.append(_Beside(guard=guard, subjects=subjects, result=begun(guard, subjects), began=began))
        except Exception as error:  # noqa: BLE001 - an error is a verdict
            failed: Future[list[Opinion]] = Future()
            failed.set_exception(error)
            self.telling.tell(gathered(guard, subjects, failed, began).verdict)


def _goes_beside(guard: Guardrail) -> bool:
    return guard.waits and guard.mode == Mode.OBSERVE and not guard.fail_closed


def _without_logprobs(body: dict[str, Any]) -> dict[str, Any]:
    """A body whose texts were changed: the tokens of the old ones go."""
    for choice in body.get("choices") or ():
        if isinstance(choice, dict) and choice.get("logprobs"):
            choices = [{**each, "logprobs": None} if isinstance(each, dict) else each for each in body["choices"]]
            return {**body, "choices": choices}
    return body
