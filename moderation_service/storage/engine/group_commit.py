"""Many writers, one transaction: what arrives together shares one commit and one fsync."""

import asyncio
import math
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock
from typing import Generic, TypeVar

import structlog

from moderation_service.domain.errors import UnavailableError
from moderation_service.storage.engine.database import Connection, Database
from moderation_service.storage.engine.faults import ConnectionLostError
from moderation_service.storage.engine.limits import DatabaseLimits

Item = TypeVar("Item")
Result = TypeVar("Result")

_log = structlog.stdlib.get_logger(__name__)
MOST_QUEUED = 2_000
"""How many items may wait to be written."""

_BATCH = 256
_BUSY = 8
_LINGER = 0.004
"""Seconds that a batch waits for clients who are expected back, while there are many."""
LONGEST = 0.05
"""Seconds that it waits at most for those who are back, and whose items are being made."""
_BUSY_FOR = 0.05
"""Seconds after an arrival for which more are expected."""


@dataclass(slots=True, eq=False)
class _Waiting(Generic[Item, Result]):
    """An item until it is answered. Either its transaction takes it, or its client is told that it does not."""

    item: Item
    answer: asyncio.Future[Result]
    is_taken: bool = False
    is_given_up: bool = False


class GroupCommit(Generic[Item, Result]):
    """Gathers items and writes them together; each is answered once its transaction is on disk.

    `accept(connection, items, again)` returns one result or one exception for each item, in order. It must
    write nothing for an item that it answers with an exception. With `again` the items were tried before, in
    a transaction of which nobody knows whether it was kept.

    An item whose transaction has not begun within `patience` seconds is answered with UnavailableError and never
    written. Once it has begun, the answer is what came of it. Items that are being made are waited for `longest`
    seconds. `on_batch` is told how many are written together.
    """

    def __init__(
        self,
        database: Database,
        accept: Callable[[Connection, Sequence[Item], bool], Awaitable[Sequence[Result | Exception]]],
        *,
        patience: float = DatabaseLimits().beginning,
        most_queued: int = MOST_QUEUED,
        longest: float = LONGEST,
        on_batch: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._database = database
        self._accept = accept
        self._patience = patience
        self._most_queued = most_queued
        self._longest = longest
        self._on_batch = on_batch
        self._waiting: deque[_Waiting[Item, Result]] = deque()
        self._taking = Lock()
        self._arrived = asyncio.Event()
        self._expected = 0
        self._closed = False
        self.last_failure = -math.inf
        """When the database last refused everything, by the monotonic clock."""
        self._last_arrival = -math.inf

    @property
    def is_busy(self) -> bool:
        """Whether items are coming in: one waits, or one came within the last moment."""
        return bool(self._waiting) or time.monotonic() - self._last_arrival < _BUSY_FOR

    @property
    def waiting(self) -> int:
        """How many items are not in a transaction yet."""
        return len(self._waiting)

    @contextmanager
    def expecting(self) -> Iterator[None]:
        """Count on one more item, which is being made until the context ends."""
        self._expected += 1
        try:
            yield
        finally:
            self._expected -= 1

    async def submit(self, item: Item) -> Result:
        """Return the item's result when it is on disk; raise UnavailableError when there is no room or time."""
        if self._closed or len(self._waiting) >= self._most_queued:
            raise UnavailableError
        loop = asyncio.get_running_loop()
        one = _Waiting[Item, Result](item, loop.create_future())
        self._waiting.append(one)
        self._last_arrival = time.monotonic()
        self._arrived.set()
        deadline = loop.call_later(self._patience, self._give_up, one)
        try:
            return await one.answer
        finally:
            deadline.cancel()

    def _give_up(self, one: _Waiting[Item, Result]) -> None:
        """Answer an item that nobody began to write, and see to it that nobody does."""
        with self._taking:
            if one.is_taken or one.answer.done():
                return
            one.is_given_up = True
        if one in self._waiting:
            self._waiting.remove(one)
        self.last_failure = time.monotonic()
        one.answer.set_exception(UnavailableError())

    def _take(self, batch: Sequence[_Waiting[Item, Result]]) -> list[_Waiting[Item, Result]]:
        """Return those that are still to be written; from now on none of them is given up."""
        with self._taking:
            taken = [one for one in batch if not one.is_given_up]
            for one in taken:
                one.is_taken = True
        return taken

    async def run(self) -> None:
        """Write what waits until `close` was called and nothing waits any more."""
        crowd = 0
        while self._waiting or not self._closed:
            if not self._waiting:
                self._arrived.clear()
                await self._arrived.wait()
                continue
            await self._gather(crowd)
            batch = [self._waiting.popleft() for _ in range(min(_BATCH, len(self._waiting)))]
            self._on_batch(len(batch))
            try:
                await self._write(batch)
            except asyncio.CancelledError:
                for one in batch:
                    one.answer.cancel()
                raise
            crowd = len(batch) + len(self._waiting)

    async def _gather(self, crowd: int) -> None:
        """Let those be read first who are here, and under load those who were here before: `crowd` in number.

        Who was answered just now mostly asks again at once. A batch of all costs hardly more than one of half, and
        two halves that are read and written in turns hold each other up.
        """
        is_busy = crowd >= _BUSY
        began = time.monotonic()
        most = min(crowd, _BATCH) if is_busy else _BATCH
        while len(self._waiting) < most:
            waiting = len(self._waiting)
            await asyncio.sleep(0)
            patience = (self._longest if self._expected else _LINGER) if is_busy else 0.0
            if len(self._waiting) == waiting and time.monotonic() - began >= patience:
                return

    def close(self) -> None:
        """Refuse what comes from now on; `run` returns when the rest is written."""
        self._closed = True
        self._arrived.set()

    async def _write(self, batch: Sequence[_Waiting[Item, Result]]) -> None:
        taken: list[_Waiting[Item, Result]] = []
        results: Sequence[Result | Exception]
        try:
            taken, results = await self._transact(batch)
        except UnavailableError as error:
            self.last_failure = time.monotonic()
            taken, results = list(batch), [error] * len(batch)
        except Exception as error:
            if len(batch) > 1:
                _log.warning("batch.refused", error=type(error).__name__, items=len(batch))
                for one in batch:
                    await self._write([one])
                return
            taken, results = list(batch), [error]
        for one, result in zip(taken, results, strict=True):
            _answer(one, result)

    async def _transact(
        self, batch: Sequence[_Waiting[Item, Result]]
    ) -> tuple[list[_Waiting[Item, Result]], Sequence[Result | Exception]]:
        """Write those of a batch that nobody has given up; return them with what came of each."""

        async def work(
            connection: Connection,
        ) -> tuple[list[_Waiting[Item, Result]], Sequence[Result | Exception]]:
            taken = self._take(batch)
            if not taken:
                return [], []
            return taken, await self._accept(connection, [one.item for one in taken], again)

        again = False
        try:
            return await self._database.transact(work)
        except ConnectionLostError:
            again = True
            return await self._database.transact(work)


def _answer(one: _Waiting[Item, Result], result: Result | Exception) -> None:
    if one.answer.done():
        return
    if isinstance(result, Exception):
        one.answer.set_exception(result)
    else:
        one.answer.set_result(result)
