"""SQL functions that the two databases call differently: a query's rows as one JSON text, the bytes of a text.

A list that comes as one value is one step of the driver. Row by row, a reading thread would have to ask for the
interpreter once a row, and wait for it each time.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Integer, Text, Uuid
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from moderation_service.storage.tables import UtcDateTime

_HEX = 32

Decode = Callable[[str | None], list[list[Any]]]


class json_rows(FunctionElement[str]):  # noqa: N801 - a function of SQL
    """An aggregate: all rows as one JSON array of arrays, in no certain order; NULL or `[]` without any."""

    type = Text()
    inherit_cache = True


class byte_length(FunctionElement[int]):  # noqa: N801 - a function of SQL
    """How many bytes a text takes in UTF-8."""

    type = Integer()
    inherit_cache = True


@compiles(json_rows, "sqlite")
def _json_rows_sqlite(element: json_rows, compiler: SQLCompiler, **options: Any) -> str:
    return f"json_group_array(json_array({compiler.process(element.clauses, **options)}))"


@compiles(json_rows, "postgresql")
def _json_rows_postgresql(element: json_rows, compiler: SQLCompiler, **options: Any) -> str:
    return f"json_agg(json_build_array({compiler.process(element.clauses, **options)}))"


@compiles(byte_length, "sqlite")
def _byte_length_sqlite(element: byte_length, compiler: SQLCompiler, **options: Any) -> str:
    return f"length(CAST({compiler.process(element.clauses, **options)} AS BLOB))"


@compiles(byte_length, "postgresql")
def _byte_length_postgresql(element: byte_length, compiler: SQLCompiler, **options: Any) -> str:
    return f"octet_length({compiler.process(element.clauses, **options)})"


def decoder(columns: Sequence[ColumnElement[Any]]) -> Decode:
    """Return what reads the JSON of `json_rows(*columns)`: rows of what the program knows as those columns."""
    convert = [(place, _text_of(column)) for place, column in enumerate(columns)]
    special = [(place, read) for place, read in convert if read is not None]

    def decode(text: str | None) -> list[list[Any]]:
        rows: list[list[Any]] = [] if text is None else orjson.loads(text)
        for row in rows:
            for place, read in special:
                if row[place] is not None:
                    row[place] = read(row[place])
        return rows

    return decode


def _text_of(column: ColumnElement[Any]) -> Callable[[str], Any] | None:
    if isinstance(column.type, UtcDateTime):
        return _time
    return _identifier if isinstance(column.type, Uuid) else None


def _identifier(text: str) -> str:
    """Return a UUID with its hyphens, which a database without such a type stores without."""
    if len(text) != _HEX:
        return text
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def _time(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
