"""Writing many rows at once with the least work for each."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import Dialect, String, Table
from sqlalchemy.types import TypeEngine

from moderation_service.storage.engine.database import Connection, insert

_MOST_ROWS = 64


@dataclass(frozen=True, slots=True)
class _Plan:
    """A compiled INSERT of some rows: its text, and how each value of a row becomes what the driver takes."""

    text: str
    values: tuple[tuple[str, Callable[[Any], Any] | None], ...]


_plans: WeakKeyDictionary[Dialect, dict[tuple[object, ...], _Plan]] = WeakKeyDictionary()


async def insert_rows(
    connection: Connection, table: Table, rows: Sequence[dict[str, Any]], *, new_only: bool = False
) -> None:
    """Insert rows that all have the same keys; with `new_only`, pass over those that are there already.

    On PostgreSQL one statement takes them all, as an array for each column: it is one round trip and one plan,
    however many they are. On SQLite one takes as many rows as a power of two allows, 64 at most, so that few texts
    are compiled. Row by row the driver hands the interpreter back and waits for it again each time, while requests
    are being read; and SQLAlchemy's bookkeeping for each row costs as much as writing it (docs/performance.md).
    """
    if connection.dialect.name == "postgresql":
        await _insert_arrays(connection, table, rows, new_only=new_only)
        return
    first = 0
    while first < len(rows):
        count = min(_MOST_ROWS, 1 << ((len(rows) - first).bit_length() - 1))
        plan = _plan(connection, table, tuple(rows[0]), count, new_only=new_only)
        parameters = tuple(
            [
                row[name] if convert is None else convert(row[name])
                for row in rows[first : first + count]
                for name, convert in plan.values
            ]
        )
        await connection.exec_driver_sql(plan.text, parameters)
        first += count


async def _insert_arrays(
    connection: Connection, table: Table, rows: Sequence[dict[str, Any]], *, new_only: bool
) -> None:
    if not rows:
        return
    plan = _plan(connection, table, tuple(rows[0]), 0, new_only=new_only)
    arrays = tuple(
        [row[name] if convert is None else convert(row[name]) for row in rows] for name, convert in plan.values
    )
    await connection.exec_driver_sql(plan.text, arrays)


def _plan(connection: Connection, table: Table, columns: tuple[str, ...], count: int, *, new_only: bool) -> _Plan:
    plans = _plans.setdefault(connection.dialect, {})
    kind = (table.name, columns, count, new_only)
    plan = plans.get(kind)
    if plan is None:
        if count:
            plan = _compile(connection, table, columns, count, new_only=new_only)
        else:
            plan = _compile_arrays(connection, table, columns, new_only=new_only)
        plans[kind] = plan
    return plan


def _compile(
    connection: Connection, table: Table, columns: tuple[str, ...], count: int, *, new_only: bool
) -> _Plan:
    statement = insert(connection, table).values([dict.fromkeys(columns)] * count)
    if new_only:
        statement = statement.on_conflict_do_nothing()
    dialect = connection.dialect
    compiled = statement.compile(dialect=dialect)
    names = [column.name for column in table.columns if column.name in columns]
    first_row = (compiled.positiontup or ())[: len(names)]
    types = [compiled.binds[name].type for name in first_row]
    converters = [one.dialect_impl(dialect).bind_processor(dialect) for one in types]
    return _Plan(str(compiled), tuple(zip(names, converters, strict=True)))


def _compile_arrays(connection: Connection, table: Table, columns: tuple[str, ...], *, new_only: bool) -> _Plan:
    dialect = connection.dialect
    quote = dialect.identifier_preparer.quote
    found = [column for column in table.columns if column.name in columns]
    names = ", ".join(quote(column.name) for column in found)
    arrays = ", ".join(
        f"${place}::{_array_of(column.type, dialect)}" for place, column in enumerate(found, start=1)
    )
    text = f"INSERT INTO {quote(table.name)} ({names}) SELECT * FROM unnest({arrays})"  # noqa: S608 - our names
    converters = [column.type.dialect_impl(dialect).bind_processor(dialect) for column in found]
    values = tuple(zip((column.name for column in found), converters, strict=True))
    return _Plan(f"{text} ON CONFLICT DO NOTHING" if new_only else text, values)


def _array_of(kind: TypeEngine[Any], dialect: Dialect) -> str:
    """Return a type of arrays; texts without a length, for a cast would cut off what the column refuses."""
    return "text[]" if isinstance(kind, String) else f"{kind.compile(dialect)}[]"
