"""Whole transactions on SQLite in a thread of their own, for those that write many rows.

Through aiosqlite each statement is an errand to another thread and back, and between them every core may
idle: a batch of 32 comments took twice as long (docs/decisions/0009-batches-in-a-thread.md).
"""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar, cast

from sqlalchemy import Connection, CursorResult, Dialect, Engine, Executable
from sqlalchemy.exc import OperationalError

from moderation_service.storage.engine import connection as statements

Result = TypeVar("Result")


class WriterThread:
    """One thread that writes through one connection."""

    def __init__(self, engine: Engine, *, name: str = "writer") -> None:
        """Prepare a thread that connects when it is first needed."""
        self.engine = engine
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)

    async def transact(self, work: Callable[[statements.Connection], Awaitable[Result]]) -> Result:
        """Return what `work` returns, once it is on disk; it runs in the thread from its first line to its last.

        Who is cancelled still waits for the end: until then the file is being written to.
        """
        running = asyncio.get_running_loop().run_in_executor(self._thread, self._transact, work)
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            await asyncio.wait([running])
            raise

    def _transact(self, work: Callable[[statements.Connection], Awaitable[Result]]) -> Result:
        with self.engine.connect() as connection:
            try:
                with connection.begin():
                    return _finish(work(_Straight(connection)))
            except OperationalError as error:
                connection.invalidate(error)
                raise

    async def close(self) -> None:
        """Close the connection and end the thread."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self.engine.dispose)
        self._thread.shutdown()


class _Straight:
    """A connection for queries, over one that makes nobody wait."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @property
    def dialect(self) -> Dialect:
        return self._connection.dialect

    async def execute(self, statement: Executable, parameters: Any = None) -> CursorResult[Any]:
        return self._connection.execute(statement, parameters)

    async def exec_driver_sql(self, statement: str, parameters: Any = None) -> CursorResult[Any]:
        return self._connection.exec_driver_sql(statement, parameters)


def _finish(work: Awaitable[Result]) -> Result:
    steps = work.__await__()
    try:
        next(steps)
    except StopIteration as end:
        return cast("Result", end.value)
    raise RuntimeError("a transaction in the writer's thread may wait for nothing but its connection")
