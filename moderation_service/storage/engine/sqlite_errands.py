"""Connections to a SQLite file by which a statement is one errand to the thread that holds it, rows and all.

By aiosqlite's own cursors it is four: open, execute, fetch and close, each through a queue, a greenlet and a turn
of the event loop. SQLAlchemy fetches all rows at once anyway.
"""

import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple, Self

import aiosqlite

_CHUNK = 64


class _Outcome(NamedTuple):
    """What a statement came to."""

    description: Any
    rows: list[Any]
    rowcount: int
    lastrowid: int | None


class Connection(aiosqlite.Connection):
    """A connection with such cursors."""

    def __init__(self, path: Path) -> None:
        """Prepare to open a file, by a connection that begins nothing unasked."""
        super().__init__(lambda: sqlite3.connect(path, isolation_level=None), _CHUNK)

    def cursor(self) -> "Cursor":  # type: ignore[override]
        """Return a cursor, which nobody has to wait for."""
        return Cursor(self)

    async def run(self, sql: str, parameters: Iterable[Any], *, many: bool) -> _Outcome:
        """Run a statement in the connection's thread, once or for each of several rows."""
        return await self._execute(_run, self._conn, sql, parameters, many)  # type: ignore[no-untyped-call,no-any-return]


class Cursor:
    """Runs one statement after the other; what the last came to is here when it has ended."""

    arraysize = 1

    def __init__(self, connection: Connection) -> None:
        """Run statements by a connection."""
        self._connection = connection
        self._outcome = _Outcome(None, [], -1, None)

    async def __aenter__(self) -> Self:
        """Return the cursor: there is nothing to open."""
        return self

    async def execute(self, sql: str, parameters: Iterable[Any] = ()) -> Self:
        """Run a statement, and fetch its rows."""
        self._outcome = await self._connection.run(sql, parameters, many=False)
        return self

    async def executemany(self, sql: str, parameters: Iterable[Iterable[Any]]) -> Self:
        """Run a statement for each of several rows."""
        self._outcome = await self._connection.run(sql, parameters, many=True)
        return self

    async def fetchall(self) -> list[Any]:
        """Return all rows."""
        return self._outcome.rows

    async def close(self) -> None:
        """Do nothing: what was opened in the thread is closed there."""

    @property
    def description(self) -> Any:
        """What the columns are; None of a statement without rows."""
        return self._outcome.description

    @property
    def rowcount(self) -> int:
        """How many rows were written."""
        return self._outcome.rowcount

    @property
    def lastrowid(self) -> int | None:
        """The number of the row that was added last."""
        return self._outcome.lastrowid


def _run(connection: sqlite3.Connection, sql: str, parameters: Any, many: bool) -> _Outcome:  # noqa: FBT001 - passed on
    cursor = connection.cursor()
    try:
        if many:
            cursor.executemany(sql, parameters)
        else:
            cursor.execute(sql, parameters)
        rows = [] if cursor.description is None else cursor.fetchall()
        return _Outcome(cursor.description, rows, cursor.rowcount, cursor.lastrowid)
    finally:
        cursor.close()
