"""SQL functions that the two databases call differently: a query's rows as one JSON text, the bytes of a text.

A list that comes as one value is one step of the driver. Row by row, a reading thread would have to ask for the
interpreter once a row, and wait for it each time.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson
from sqlalchemy import Boolean, ColumnElement, Integer, Text, Uuid
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from moderation_service.storage.schema import UtcDateTime

_HEX = 32
_SIGN_OF_ZONE = -6

Rows = str | list[list[Any]] | None
"""The JSON of rows: its text, or what it says where it came within other JSON; None without any."""
Decode = Callable[[Rows], list[list[Any]]]


class json_rows(FunctionElement[str]):  # noqa: N801 - a function of SQL
    """An aggregate: all rows as one JSON array of arrays, in no certain order; NULL or `[]` without any."""

    type = Text()
    inherit_cache = True


class json_pairs(FunctionElement[str]):  # noqa: N801 - a function of SQL
    """An aggregate: all rows of a number and a JSON text as one JSON array of arrays, in no certain order."""

    type = Text()
    inherit_cache = True


class json_item(FunctionElement[str]):  # noqa: N801 - a function of SQL
    """An item of a JSON array, a text, by its place in it, from 0 on."""

    type = Text()
    inherit_cache = True


class byte_length(FunctionElement[int]):  # noqa: N801 - a function of SQL
    """How many bytes a text takes in UTF-8."""

    type = Integer()
    inherit_cache = True


class json_texts(FunctionElement[str]):  # noqa: N801 - a function of SQL
    """A table with one column, `value`: the texts of a JSON array."""

    inherit_cache = True


class as_id(FunctionElement[str]):  # noqa: N801 - a function of SQL
    """A text of 32 hexadecimal digits as the database keeps ids."""

    type = Uuid(as_uuid=False)
    inherit_cache = True


@compiles(json_rows, "sqlite")
def _json_rows_sqlite(element: json_rows, compiler: SQLCompiler, **options: Any) -> str:
    return f"json_group_array(json_array({compiler.process(element.clauses, **options)}))"


@compiles(json_pairs, "postgresql")
@compiles(json_rows, "postgresql")
def _json_rows_postgresql(element: json_rows | json_pairs, compiler: SQLCompiler, **options: Any) -> str:
    return f"json_agg(json_build_array({compiler.process(element.clauses, **options)}))"


@compiles(json_pairs, "sqlite")
def _json_pairs_sqlite(element: json_pairs, compiler: SQLCompiler, **options: Any) -> str:
    number, text = (compiler.process(one, **options) for one in element.clauses)
    return f"'[' || group_concat('[' || {number} || ',' || {text} || ']') || ']'"


@compiles(json_item, "sqlite")
def _json_item_sqlite(element: json_item, compiler: SQLCompiler, **options: Any) -> str:
    array, place = (compiler.process(one, **options) for one in element.clauses)
    return f"json_extract({array}, '$[{place}]')"


@compiles(json_item, "postgresql")
def _json_item_postgresql(element: json_item, compiler: SQLCompiler, **options: Any) -> str:
    array, place = (compiler.process(one, **options) for one in element.clauses)
    return f"(CAST({array} AS JSON) ->> {place})"


@compiles(byte_length, "sqlite")
def _byte_length_sqlite(element: byte_length, compiler: SQLCompiler, **options: Any) -> str:
    return f"length(CAST({compiler.process(element.clauses, **options)} AS BLOB))"


@compiles(byte_length, "postgresql")
def _byte_length_postgresql(element: byte_length, compiler: SQLCompiler, **options: Any) -> str:
    return f"octet_length({compiler.process(element.clauses, **options)})"


@compiles(json_texts, "sqlite")
def _json_texts_sqlite(element: json_texts, compiler: SQLCompiler, **options: Any) -> str:
    return f"json_each({compiler.process(element.clauses, **options)})"


@compiles(json_texts, "postgresql")
def _json_texts_postgresql(element: json_texts, compiler: SQLCompiler, **options: Any) -> str:
    return f"json_array_elements_text(CAST({compiler.process(element.clauses, **options)} AS JSON))"


@compiles(as_id, "sqlite")
def _as_id_sqlite(element: as_id, compiler: SQLCompiler, **options: Any) -> str:
    return compiler.process(element.clauses, **options)


@compiles(as_id, "postgresql")
def _as_id_postgresql(element: as_id, compiler: SQLCompiler, **options: Any) -> str:
    return f"CAST({compiler.process(element.clauses, **options)} AS UUID)"


def decoder(columns: Sequence[ColumnElement[Any]]) -> Decode:
    """Return what reads the JSON of `json_rows(*columns)`: rows of what the program knows as those columns."""
    convert = [(place, _text_of(column)) for place, column in enumerate(columns)]
    special = [(place, read) for place, read in convert if read is not None]

    def decode(found: Rows) -> list[list[Any]]:
        rows = rows_of(found)
        for place, read in special:
            for row in rows:
                value = row[place]
                if value is not None:
                    row[place] = read(value)
        return rows

    return decode


def rows_of(found: Rows) -> list[list[Any]]:
    """Return the rows of `json_rows` or `json_pairs` with what JSON knows."""
    if isinstance(found, list):
        return found
    rows: list[list[Any]] = [] if found is None else orjson.loads(found)
    return rows


def _text_of(column: ColumnElement[Any]) -> Callable[[Any], Any] | None:
    if isinstance(column.type, UtcDateTime):
        return _time
    if isinstance(column.type, Boolean):
        return bool
    return _identifier if isinstance(column.type, Uuid) else None


def _identifier(text: str) -> str:
    """Return a UUID with its hyphens, which a database without such a type stores without."""
    if len(text) != _HEX:
        return text
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def _time(text: str) -> datetime:
    """Return a moment in UTC, which a database without time zones does not name."""
    found = datetime.fromisoformat(text if text[_SIGN_OF_ZONE] in "+-" else f"{text}+00:00")
    return found if found.tzinfo is UTC else found.astimezone(UTC)
