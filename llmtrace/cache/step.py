"""The cache as a step of the chain: exact first, then semantic within a scope, else the provider."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Any

from llmtrace import semconv
from llmtrace.cache.careful import CarefulStore
from llmtrace.cache.control import Wish, control, current_wish
from llmtrace.cache.entries import Entry
from llmtrace.cache.flights import Flights
from llmtrace.cache.judging import Bench, Doubt
from llmtrace.cache.memories import NearMisses, RecentHits
from llmtrace.cache.replies import response_id_of, why_not, words_of
from llmtrace.cache.requests import Question, question_of
from llmtrace.cache.settings import CacheSettings
from llmtrace.chain import Asked, Do, Origin, Proceed, Reply

if TYPE_CHECKING:
    from llmtrace.cache.matching import Match, Matcher

Steps = Generator[Any, Any, Reply]


@dataclass(frozen=True, kw_only=True)
class _Case:
    """One call before the cache."""

    asked: Asked
    question: Question
    wish: Wish

    def mark(self, name: str, value: str | bool | float) -> None:
        self.asked.marks[name] = value

    def fault(self, error: Exception) -> None:
        self.asked.marks[semconv.CACHE_FAULT] = type(error).__name__


class CacheStep:
    """Stands in the chain for a `Cache`."""

    name = "cache"
    fault_mark = semconv.CACHE_FAULT

    def __init__(
        self,
        settings: CacheSettings,
        store: CarefulStore,
        *,
        matcher: Matcher | None,
        bench: Bench | None,
        hits: RecentHits,
        near_misses: NearMisses,
        clock: Callable[[], float],
        random: Random,
    ) -> None:
        self._settings = settings
        self._store = store
        self._matcher = matcher
        self._bench = bench
        self._hits = hits
        self._near_misses = near_misses
        self._clock = clock
        self._random = random
        self._flights = Flights(settings.flight_wait_s)
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="llmtrace-cache") if store.waits else None

    def around(self, asked: Asked, proceed: Proceed) -> Steps:
        """Answers from the cache, or asks further in and keeps what comes."""
        wish = current_wish()
        if wish.bypass:
            asked.marks[semconv.CACHE_RESULT] = "bypass"
            return (yield from proceed(asked))
        settings = self._settings
        question = question_of(asked, wish, share=settings.share, multi_turn=settings.multi_turn)
        if question is None:
            asked.marks[semconv.CACHE_RESULT] = "unfit"
            return (yield from proceed(asked))
        case = _Case(asked=asked, question=question, wish=wish)
        if wish.refresh:
            case.mark(semconv.CACHE_RESULT, "refresh")
            return (yield from self._fetched(case, proceed, (yield from self._row(case))))
        entry = yield from self._exact(case)
        if entry is not None:
            return self._given(case, entry, "exact")
        if asked.stream or asked.raw or not settings.flight_wait_s:
            return (yield from self._searched(case, proceed))
        return (yield from self._in_one_flight(case, proceed))

    def _in_one_flight(self, case: _Case, proceed: Proceed) -> Steps:
        key = case.question.key
        flight = self._flights.board(key)
        if flight is None:
            try:
                return (yield from self._searched(case, proceed))
            finally:
                self._flights.land(key)
        yield self._flights.waiting(flight)
        entry = yield from self._exact(case)
        if entry is not None:
            return self._given(case, entry, "shared")
        return (yield from self._searched(case, proceed))

    def _searched(self, case: _Case, proceed: Proceed) -> Steps:
        """By another question's answer, or by the provider."""
        row = yield from self._row(case)
        match = (yield from self._match(case, row)) if row else None
        if match is not None:
            return self._given(case, match.entry, "semantic", wrong=match.wrong)
        case.mark(semconv.CACHE_RESULT, "miss")
        return (yield from self._fetched(case, proceed, row))

    def _exact(self, case: _Case) -> Generator[Any, Any, Entry | None]:
        work = partial(self._store.get, case.question.key, self._clock(), case.fault)
        entry: Entry | None = (yield Do(work=work, waits=True)) if self._store.waits else work()
        return entry

    def _row(self, case: _Case) -> Generator[Any, Any, bytes]:
        """The question's numbers; none where no other question's answer will do, or the embedder failed."""
        matcher, text = self._matcher, case.question.text
        if matcher is None or not text:
            return b""

        def work() -> bytes:
            with control(bypass=True):  # an embedder that asks a provider does so through the same client
                return matcher.row(text)

        try:
            row: bytes = (yield Do(work=work, waits=True)) if matcher.embedder.waits else work()
        except Exception as error:  # noqa: BLE001 - exact hits are left
            case.fault(error)
            return b""
        return row

    def _match(self, case: _Case, row: bytes) -> Generator[Any, Any, Match | None]:
        """The candidate whose answer may be given."""
        matcher = self._matcher
        if matcher is None:
            return None
        question = case.question

        def work() -> Match | None:
            now_s = self._clock()
            entries = self._store.scope(question.scope, now_s, case.fault)
            match = matcher.best(question.scope, entries, question.text, row, now_s)
            alive = match and self._store.get(match.entry.key, now_s, case.fault)
            return replace(match, entry=alive) if match is not None and alive else None

        match: Match | None = (yield Do(work=work, waits=True)) if self._store.waits else work()
        matcher.bound.ask()
        if match is None:
            matcher.bound.admits(1.0)
            return None
        case.mark(semconv.CACHE_SIMILARITY, match.similarity)
        case.mark(semconv.CACHE_WRONG_PROBABILITY, round(match.wrong, 6))
        refused = yield from self._refused(case, matcher, match)
        if refused:
            case.mark(semconv.CACHE_NEAR_MISS, refused)
            self._near_misses.add(match, question.text, refused, self._clock())
        return None if refused else match

    def _refused(self, case: _Case, matcher: Matcher, match: Match) -> Generator[Any, Any, str]:
        """Why the candidate's answer is not given: a guard, `bound` or `judge`; '' when it is."""
        admitted = matcher.bound.admits(match.wrong)
        if match.guard:
            return match.guard
        if self._bench is None:
            return "" if admitted else "bound"
        if admitted and self._random.random() >= self._settings.verify_share:
            return ""
        if not admitted and match.wrong > self._settings.judge_up_to:
            return "bound"
        serves = yield from self._verdict(case, match)
        if admitted and serves is not None:
            matcher.bound.learn(match.wrong, is_wrong=not serves, share=self._settings.verify_share)
        if serves:
            return ""
        if admitted:  # also without a verdict: it was drawn to be looked at
            matcher.bound.give_back(match.wrong)
        return "bound" if serves is None else "judge"

    def _verdict(self, case: _Case, match: Match) -> Generator[Any, Any, bool | None]:
        if self._bench is None:
            return None
        answer = words_of(case.asked.operation.wire, match.entry.reply())
        doubt = Doubt(
            stored=match.entry.text,
            asked=case.question.text,
            answer=answer,
            similarity=match.similarity,
            wrong=match.wrong,
        )
        try:
            found: bool | None = yield self._bench.verdict(doubt)
        except Exception as error:  # noqa: BLE001 - no verdict
            case.fault(error)
            return None
        return found

    def _given(self, case: _Case, entry: Entry, how: str, *, wrong: float = 0.0) -> Reply:
        now_s = self._clock()
        age_s = max(0.0, now_s - entry.made_s)
        case.mark(semconv.CACHE_RESULT, how)
        case.mark(semconv.CACHE_AGE, round(age_s, 3))
        case.mark(semconv.CACHE_SAVED_TIME, round(entry.took_s, 6))
        self._hits.add(entry, case.question.text, how, wrong)
        if self._settings.renew_on_hit:
            self._write(replace(entry, expires_s=now_s + self._settings.ttl_s), case)
        headers = {**entry.headers, "x-llmtrace-cache": how, "age": str(int(age_s))}
        return Reply(body=entry.body, stream=entry.stream, origin=Origin.CACHE, headers=headers)

    def _fetched(self, case: _Case, proceed: Proceed, row: bytes) -> Steps:
        """From the provider, and kept if it may be."""
        if case.wish.no_store:
            return (yield from proceed(case.asked))
        begun_s = time.perf_counter()
        if case.asked.stream or case.asked.raw:
            listener = lambda reply: self._keep(case, reply, row, begun_s, later=True)  # noqa: E731
            return (yield from proceed(replace(case.asked, listeners=(*case.asked.listeners, listener))))
        reply = yield from proceed(case.asked)
        if reply.origin is Origin.PROVIDER and not reply.stream:
            keep = partial(self._keep, case, reply, row, begun_s)
            if self._store.waits:
                yield Do(work=keep, waits=True)
            else:
                keep()
        return reply

    def _keep(self, case: _Case, reply: Reply, row: bytes, begun_s: float, *, later: bool = False) -> None:
        wire, question, now_s = case.asked.operation.wire, case.question, self._clock()
        took_s = time.perf_counter() - begun_s
        if reason := why_not(wire, reply, tool_calls=self._settings.tool_calls):
            case.mark(semconv.CACHE_NOT_KEPT, reason)
            return
        matcher = self._matcher
        entry = Entry(
            key=question.key,
            scope=question.scope,
            text=question.text if row else "",
            body=reply.body,
            stream=reply.stream,
            headers=dict(reply.headers),
            response_id=response_id_of(wire, reply),
            made_s=now_s,
            expires_s=now_s + (case.wish.ttl_s or self._settings.ttl_s),
            took_s=took_s,
            user=question.user,
            prompt=question.prompt,
            tags=question.tags,
            vector=row,
            embedder=matcher.embedder.name if row and matcher is not None else "",
        )
        self._write(entry, case, later=later)

    def _write(self, entry: Entry, case: _Case, *, later: bool = True) -> None:
        """At once, or where the store waits and the caller must not, on a thread."""
        work = partial(self._store.put, entry, self._clock(), case.fault)
        if later and self._writer is not None:
            self._writer.submit(work)
        else:
            work()
