"""What transactions write: how many rows each of them inserted, changed or deleted."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, event

_WRITING = ("INSERT", "UPDATE", "DELETE")


@contextmanager
def rows_of_transactions() -> Iterator[list[int]]:
    """Collect the numbers of rows that this process's transactions wrote, in the order of their commits."""
    found: list[int] = []
    running: Counter[int] = Counter()

    def begin(connection: Connection) -> None:
        running[id(connection)] = 0

    def count(connection: Connection, cursor: Any, statement: str, parameters: Any, *rest: Any) -> None:
        _, executemany = rest
        if statement.lstrip().upper().startswith(_WRITING):
            running[id(connection)] += len(parameters) if executemany else max(cursor.rowcount, 0)

    def commit(connection: Connection) -> None:
        written = running.pop(id(connection), 0)
        if written:
            found.append(written)

    listeners: dict[str, Callable[..., None]] = {"begin": begin, "after_cursor_execute": count, "commit": commit}
    for name, listener in listeners.items():
        event.listen(Engine, name, listener)
    try:
        yield found
    finally:
        for name, listener in listeners.items():
            event.remove(Engine, name, listener)
