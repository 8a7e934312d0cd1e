"""Many writers, one transaction: what arrives together shares one commit and one fsync."""

import asyncio
import math
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

import structlog

from moderation_service.domain.errors import UnavailableError
from moderation_service.storage.database import Connection, Database
from moderation_service.storage.engine_faults import ConnectionLostError
from moderation_service.tallies import Distribution

Item = TypeVar("Item")
Result = TypeVar("Result")

_log = structlog.stdlib.get_logger(__name__)
_QUEUE = 2_000
_BATCH = 256
_BUSY = 8
_LINGER = 0.004
"""Seconds that a batch waits for clients who are expected back, while there are many."""
_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, _BATCH)


class GroupCommit(Generic[Item, Result]):
    """Gathers items and writes them together; each is answered once its transaction is on disk.

    `accept(connection, items, again)` returns one result or one exception for each item, in order. It must
    write nothing for an item that it answers with an exception. With `again` the items were tried before, in
    a transaction of which nobody knows whether it was kept.
    """

    def __init__(
        self,
        database: Database,
        accept: Callable[[Connection, Sequence[Item], bool], Awaitable[Sequence[Result | Exception]]],
    ) -> None:
        self._database = database
        self._accept = accept
        self._waiting: deque[tuple[Item, asyncio.Future[Result]]] = deque()
        self._arrived = asyncio.Event()
        self._closed = False
        self.last_failure = -math.inf
        """When the database last refused everything, by the monotonic clock."""
        self.batches = Distribution(_SIZES)
        """How many items were written together."""

    @property
    def waiting(self) -> int:
        """How many items are not in a transaction yet."""
        return len(self._waiting)

    async def submit(self, item: Item) -> Result:
        """Return the item's result when it is on disk; raise UnavailableError when there is no room for it."""
        if self._closed or len(self._waiting) >= _QUEUE:
            raise UnavailableError
        answer: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, answer))
        self._arrived.set()
        return await answer

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
            self.batches.add(len(batch))
            await self._write(batch)
            crowd = len(batch) + len(self._waiting)

    async def _gather(self, crowd: int) -> None:
        """Let those be read first who are here, and under load those who were here before: `crowd` in number.

        Who was answered just now mostly asks again at once. A batch of all costs hardly more than one of half, and
        two halves that are read and written in turns hold each other up.
        """
        until = time.monotonic() + (_LINGER if crowd >= _BUSY else 0.0)
        most = min(crowd, _BATCH) if crowd >= _BUSY else _BATCH
        while len(self._waiting) < most:
            waiting = len(self._waiting)
            await asyncio.sleep(0)
            if len(self._waiting) == waiting and time.monotonic() >= until:
                return

    def close(self) -> None:
        """Refuse what comes from now on; `run` returns when the rest is written."""
        self._closed = True
        self._arrived.set()

    async def _write(self, batch: list[tuple[Item, asyncio.Future[Result]]]) -> None:
        try:
            results = await self._transact([item for item, _ in batch])
        except UnavailableError as error:
            self.last_failure = time.monotonic()
            results = [error] * len(batch)
        except asyncio.CancelledError:
            for _, answer in batch:
                answer.cancel()
            raise
        except Exception as error:
            if len(batch) > 1:
                _log.warning("batch.refused", error=type(error).__name__, items=len(batch))
                for one in batch:
                    await self._write([one])
                return
            results = [error]
        for (_, answer), result in zip(batch, results, strict=True):
            if answer.done():
                continue
            if isinstance(result, Exception):
                answer.set_exception(result)
            else:
                answer.set_result(result)

    async def _transact(self, items: Sequence[Item]) -> Sequence[Result | Exception]:
        try:
            return await self._database.transact(lambda connection: self._accept(connection, items, False))
        except ConnectionLostError:
            return await self._database.transact(lambda connection: self._accept(connection, items, True))
