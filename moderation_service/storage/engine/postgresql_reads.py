"""Questions to a PostgreSQL server, over a few connections of their own."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from sqlalchemy import Dialect

from moderation_service.domain.errors import UnavailableError
from moderation_service.storage.engine.faults import GONE, code_of, in_our_words
from moderation_service.storage.engine.questions import Batch, Gathering, Question, Row, Values

if TYPE_CHECKING:
    from typing import Any

    import asyncpg

_CLOSED_WITHIN = 2.0
_CONNECTIONS = 4


class _GoneError(UnavailableError):
    """The server went away, or is about to."""


class PostgresqlReads:
    """Reads through a few connections.

    With `names_statements` each connection keeps what it prepared, and a batch is one round trip. Behind a pooler
    that hands a connection on after each transaction nothing can be kept, and a batch is a transaction.
    """

    def __init__(
        self,
        connect: Callable[[], Awaitable["asyncpg.Connection[Any]"]],
        dialect: Dialect,
        *,
        most_waiting: int,
        names_statements: bool = True,
    ) -> None:
        self._connect = connect
        self._names_statements = names_statements
        self._idle: list[asyncpg.Connection[Any]] = []
        self._gathering = Gathering(dialect, self._send, most_running=_CONNECTIONS, most_waiting=most_waiting)
        self._asking: set[asyncio.Task[None]] = set()

    async def rows(self, question: Question, values: Values) -> list[Row]:
        """Return a question's rows; a connection that went away while it was idle is replaced."""
        return await self._gathering.rows(question, values)

    def _send(self, batch: Batch) -> None:
        task = asyncio.create_task(self._answer(batch))
        self._asking.add(task)
        task.add_done_callback(self._asking.discard)

    async def _answer(self, batch: Batch) -> None:
        try:
            batch.answer(await self._found(batch))
        except Exception as error:
            batch.fail(error)

    async def _found(self, batch: Batch) -> str | None:
        with in_our_words():
            while self._idle:
                with suppress(_GoneError):
                    return await self._ask(self._idle.pop(), batch)
            return await self._ask(await self._connect(), batch)

    async def _ask(self, connection: "asyncpg.Connection[Any]", batch: Batch) -> str | None:
        """Ask, and keep the connection where nothing went wrong; raise _GoneError where it is of no use."""
        try:
            if self._names_statements:
                found: str | None = await connection.fetchval(batch.sql, *batch.values)
            else:
                async with connection.transaction(readonly=True):
                    found = await connection.fetchval(batch.sql, *batch.values)
        except BaseException as error:
            is_gone = connection.is_closed() or code_of(error) in GONE
            connection.terminate()
            if is_gone:
                raise _GoneError(reason="the connection broke") from error
            raise
        self._idle.append(connection)
        return found

    async def close(self) -> None:
        """Wait for what is being read, and close every connection."""
        while self._asking:
            await asyncio.wait(self._asking)
        while self._idle:
            await self._idle.pop().close(timeout=_CLOSED_WITHIN)
