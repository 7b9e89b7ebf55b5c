"""Statements on their way through the engine: in lanes, so that nobody's slow ones keep another's waiting.

owner's writes     2 at once
owner's reads      4 at once
strangers'         STRANGERS_AT_ONCE, STRANGERS_WAITING wait for at most WAIT_S, others are refused at once
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

from llmtrace_collector.store import confined, fence, native
from llmtrace_collector.store.engine import Answer, Engine
from llmtrace_collector.store.limits import STRANGER_LIMITS, STRANGERS_AT_ONCE, STRANGERS_WAITING, WAIT_S, lowered
from llmtrace_collector.store.refusals import ClickHouseError, denied, stopping
from llmtrace_collector.store.statements import READS, Statement
from llmtrace_collector.store.tree import RefusedError


class Lanes:
    """The engine's threads."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._strangers = ThreadPoolExecutor(STRANGERS_AT_ONCE, thread_name_prefix="stranger")
        self._readers = ThreadPoolExecutor(4, thread_name_prefix="read")
        self._writers = ThreadPoolExecutor(2, thread_name_prefix="write")
        self._places = asyncio.Semaphore(STRANGERS_AT_ONCE)
        self._jobs: set[Future[Answer]] = set()
        self._waiting = 0
        self._stopping = asyncio.Event()

    async def run(self, statement: Statement) -> Answer:
        """What it gives, when a thread of its lane has run it.

        Raises:
            ClickHouseError: a stranger may not run it, or there is no place for it, or the store stops.
            EngineError: the engine refuses it.
        """
        loop = asyncio.get_running_loop()
        if statement.owner:
            pool = self._readers if READS.match(statement.text) else self._writers
            return await loop.run_in_executor(pool, partial(self._run_owner, statement))
        await self._take_place()
        job = self._strangers.submit(self._run_stranger, statement)
        self._jobs.add(job)
        job.add_done_callback(partial(self._give_place, loop))
        answer = asyncio.wrap_future(job)
        ended = asyncio.ensure_future(self._stopping.wait())
        either: tuple[asyncio.Future[Any], ...] = (answer, ended)
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        ended.cancel()
        if not answer.done():
            answer.cancel()
            raise stopping()
        return answer.result()

    async def _take_place(self) -> None:
        refused = ClickHouseError(
            202, "TOO_MANY_SIMULTANEOUS_QUERIES", "too many queries run and wait; try again later"
        )
        if self._waiting >= STRANGERS_WAITING or self._stopping.is_set():
            raise refused
        self._waiting += 1
        try:
            async with asyncio.timeout(WAIT_S):
                await self._places.acquire()
        except TimeoutError:
            raise refused from None
        finally:
            self._waiting -= 1
        if self._stopping.is_set():
            raise stopping()

    def _give_place(self, loop: asyncio.AbstractEventLoop, job: Future[Answer]) -> None:
        """When the thread is free, which may be long after whoever asked has gone."""
        self._jobs.discard(job)
        with suppress(RuntimeError):  # the loop is closed: the process ends
            loop.call_soon_threadsafe(self._places.release)

    def _run_owner(self, statement: Statement) -> Answer:
        answer = self._engine.run(
            statement.text.decode(),
            data=statement.data,
            settings=statement.settings,
            parameters=statement.parameters,
            database=statement.database,
            output_format=statement.output_format,
        )
        return _framed(answer) if statement.framed else answer

    def _run_stranger(self, statement: Statement) -> Answer:
        def text(sql: str, parameters: Mapping[str, str]) -> str:
            answer = self._engine.run(
                sql, parameters=parameters, settings=STRANGER_LIMITS, output_format="TabSeparatedRaw", readonly=True
            )
            return answer.body.decode(errors="replace")

        if statement.data is not None:
            raise denied("writing needs the store's key, which only the collector has")
        try:
            sql = fence.judge(statement.text.decode(errors="replace"), statement.parameters, text)
            if statement.project:
                fence.confine(sql, statement.parameters, text)
        except RefusedError as error:
            raise denied(str(error)) from error
        confining = confined.settings(self._engine, statement.project) if statement.project else {}
        answer = self._engine.run(
            sql,
            settings={**STRANGER_LIMITS, **lowered(statement.settings), **confining},
            parameters=statement.parameters,
            database=statement.database,
            output_format=statement.output_format,
            readonly=True,
        )
        return _framed(answer) if statement.framed else answer

    def stop(self) -> None:
        """Tells strangers that wait for an answer that none will come; call it before the server stops."""
        self._stopping.set()
        for _ in range(self._waiting):
            self._places.release()

    def close(self, within_s: float) -> bool:
        """Waits for the owner's running statements; False when some statement, a stranger's or not, still runs."""
        for pool in (self._strangers, self._readers, self._writers):
            pool.shutdown(wait=False, cancel_futures=True)
        owners = threading.Thread(target=self._join_owner, name="join-owner", daemon=True)
        owners.start()
        owners.join(within_s)
        return not owners.is_alive() and not self._jobs

    def _join_owner(self) -> None:
        self._readers.shutdown(wait=True)
        self._writers.shutdown(wait=True)


def _framed(answer: Answer) -> Answer:
    return replace(answer, body=native.framed(answer.body))
