"""Questions that readers ask all the time: those of one moment are put to the database together.

SQLAlchemy writes their SQL, once for each database; running them costs no more than the drivers do
(docs/decisions/0013-prepared-reads.md, docs/decisions/0038-reads-in-batches.md).
"""

import asyncio
import typing
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import orjson
import structlog
from sqlalchemy import (
    CTE,
    BindParameter,
    Dialect,
    Integer,
    Select,
    Text,
    bindparam,
    cast,
    column,
    literal_column,
    select,
)
from sqlalchemy.sql import visitors

from moderation_service.domain.errors import UnavailableError
from moderation_service.storage.engine.faults import in_our_words
from moderation_service.storage.engine.json_rows import (
    Decode,
    decoder,
    json_item,
    json_pairs,
    json_rows,
    json_texts,
    rows_of,
)

Row = list[Any]
Values = Mapping[str, Any]

_AT_ONCE = 8
"""How many are answered by one statement, which shares what a statement costs; yet the first has theirs soon."""
_ASKED = "asked"
WITHIN = 2.0
"""Seconds within which a question is sent to the database, where nothing else is said."""

_log = structlog.stdlib.get_logger(__name__)


class Reads(Protocol):
    """Runs questions, each in its own transaction; raises UnavailableError when no answer is to be had."""

    async def rows(self, question: "Question", values: Values) -> list[Row]:
        """Return a question's rows, as the program knows their columns."""

    async def close(self) -> None:
        """Close every connection."""


class Question:
    """A SELECT whose parameters are named by `bindparam`.

    `each` names those by which whoever asks differs from others who ask the same at the same moment. They may not
    stand in a LIMIT or OFFSET, where SQLite takes no value of a row.
    """

    def __init__(self, statement: Select[Any], *each: str) -> None:
        self.statement = statement
        self._each = each
        self._compiled: dict[str, Compiled] = {}

    def compiled(self, dialect: Dialect) -> "Compiled":
        """Return the SQL in a dialect, made when it is first asked for."""
        found = self._compiled.get(dialect.name)
        if found is None:
            found = self._compiled[dialect.name] = _compile(self.statement, self._each, dialect)
        return found


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Compiled:
    """SQL that answers a question for several at once, and what translates its values and rows."""

    sql: str
    parameters: tuple[str, ...]
    shared: tuple[str, ...]
    each: tuple[str, ...]
    writing: Mapping[str, Callable[[Any], Any]]
    fixed: Values
    read: Decode

    def written(self, names: tuple[str, ...], values: Values) -> tuple[Any, ...]:
        """Return values as the driver takes them."""
        if self.writing.keys().isdisjoint(names):
            return tuple(map(values.__getitem__, names))
        return tuple(
            values[name] if name not in self.writing or values[name] is None else self.writing[name](values[name])
            for name in names
        )


def _compile(statement: Select[Any], each: Collection[str], dialect: Dialect) -> Compiled:
    types = {
        one.key: one.type for one in visitors.iterate(statement) if isinstance(one, BindParameter) and one.required
    }
    writing = {name: kind.dialect_impl(dialect).bind_processor(dialect) for name, kind in types.items()}
    compiled = _for_several(statement, {name: types[name] for name in each}).compile(dialect=dialect)
    return Compiled(
        sql=str(compiled),
        parameters=tuple(compiled.positiontup or ()),
        shared=tuple(name for name in types if name not in each),
        each=tuple(each),
        writing={name: write for name, write in writing.items() if write is not None},
        fixed={name: value for name, value in compiled.params.items() if value is not None},
        read=decoder(list(statement.selected_columns)),
    )


def _for_several(statement: Select[Any], each: Mapping[str, Any]) -> Select[Any]:
    """Return a statement that answers another one for all who are named by the JSON text `asked`.

    That is an array, for each of them the array of a number and an array of the values of `each`. The answer is
    one as well: the numbers, each with its rows.
    """

    def as_asked(element: Any, **_: Any) -> Any:
        is_of_each = isinstance(element, BindParameter) and element.key in each
        return literal_column(f"{_ASKED}.{element.key}", element.type) if is_of_each else None

    given = json_texts(bindparam(_ASKED, type_=Text())).table_valued(column("value", Text))
    values = json_item(given.c.value, literal_column("1"))
    items = [
        cast(json_item(given.c.value, literal_column("0")), Integer()).label("number"),
        *(
            cast(json_item(values, literal_column(str(place))), kind).label(name)
            for place, (name, kind) in enumerate(each.items())
        ),
    ]
    # the limit says to PostgreSQL how many there are, which plans the rest by it; and each database then reads the
    # JSON once, not for each use of a value
    asked = select(*items).limit(literal_column(str(_AT_ONCE))).cte(_ASKED)
    inner = typing.cast("Select[Any]", visitors.replacement_traverse(statement, {}, as_asked))
    tables: dict[str, CTE] = {}
    for found in visitors.iterate(inner):
        if isinstance(found, CTE):
            tables.setdefault(str(found.name), found)  # a recursive one is met whole before it is in itself
    one = inner.add_cte(*tables.values(), nest_here=True).subquery("one")
    rows = select(json_rows(*one.c)).scalar_subquery()
    return select(json_pairs(asked.c.number, rows)).select_from(asked)


class _Asked:
    """Who waits for the answer to a question, and the values, in JSON, by which they differ from the others."""

    __slots__ = ("_done", "each", "is_sent")

    def __init__(self, each: tuple[Any, ...], done: asyncio.Future[list[Row]]) -> None:
        self.each = orjson.dumps(each).decode()
        self._done = done
        self.is_sent = False

    @property
    def is_over(self) -> bool:
        """Whether they were answered, or have left."""
        return self._done.done()

    def answer(self, rows: list[Row]) -> None:
        """Tell what the database found."""
        if not self._done.done():
            self._done.set_result(rows)

    def fail(self, error: Exception) -> None:
        """Tell why there is no answer."""
        if not self._done.done():
            self._done.set_exception(error)

    def give_up(self) -> None:
        """Tell that there is none, unless it is under way."""
        if not self.is_sent and not self._done.done():
            self._done.set_exception(_too_many())


class Batch:
    """A question that up to `_AT_ONCE` ask at one moment: SQL with its values, and who is to be answered."""

    __slots__ = ("_asked", "_on_end", "_question", "sql", "values")

    def __init__(
        self, question: Compiled, shared: tuple[Any, ...], asked: list[_Asked], on_end: Callable[[], None]
    ) -> None:
        self._question = question
        self._asked = asked
        self._on_end = on_end
        numbered = ",".join(f"[{number},{one.each}]" for number, one in enumerate(asked))
        given = {**question.fixed, _ASKED: f"[{numbered}]"}
        given.update(zip(question.shared, shared, strict=True))
        self.sql = question.sql
        self.values = [given[name] for name in question.parameters]

    def answer(self, found: str | None) -> None:
        """Tell all what the database found; what cannot be read of one's answer is no fault of another's."""
        try:
            answers = dict(rows_of(found))
        except ValueError as error:
            self.fail(error)
            return
        self._on_end()
        for number, one in enumerate(self._asked):
            try:
                one.answer(self._question.read(answers[number]))
            except Exception as error:
                one.fail(error)

    def fail(self, error: Exception) -> None:
        """Tell all why there is no answer."""
        self._on_end()
        for one in self._asked:
            one.fail(error)


class Gathering:
    """Gathers questions while others are answered, and sends them on in batches.

    `send` is given a batch at a time, and no more than `most_running` before one of them ends. Whoever is not sent
    `within` so many seconds is told that there is no answer.
    """

    def __init__(
        self,
        dialect: Dialect,
        send: Callable[[Batch], None],
        *,
        most_running: int,
        most_waiting: int,
        within: float = WITHIN,
    ) -> None:
        self._dialect = dialect
        self._send = send
        self._free = most_running
        self._most_waiting = most_waiting
        self._within = within
        self._waiting = 0
        self._gathered: dict[tuple[Compiled, tuple[Any, ...]], list[_Asked]] = {}

    async def rows(self, question: Question, values: Values) -> list[Row]:
        """Return a question's rows; with too many before it, say so at once."""
        if self._waiting >= self._most_waiting:
            raise _too_many()
        asked = question.compiled(self._dialect)
        loop = asyncio.get_running_loop()
        done: asyncio.Future[list[Row]] = loop.create_future()
        one = _Asked(asked.written(asked.each, values), done)
        if not self._gathered:
            loop.call_soon(self._send_gathered)
        self._gathered.setdefault((asked, asked.written(asked.shared, values)), []).append(one)
        self._waiting += 1
        deadline = loop.call_later(self._within, one.give_up)
        try:
            return await done
        except Exception:
            with in_our_words():
                raise
        finally:
            self._waiting -= 1
            deadline.cancel()

    def _send_gathered(self) -> None:
        while self._gathered and self._free:
            question, shared = key = next(iter(self._gathered))
            asked = [one for one in self._gathered.pop(key) if not one.is_over]
            if len(asked) > _AT_ONCE:
                self._gathered[key] = asked[_AT_ONCE:]
            if asked:
                for one in asked[:_AT_ONCE]:
                    one.is_sent = True
                self._free -= 1
                self._send(Batch(question, shared, asked[:_AT_ONCE], self._ended))

    def _ended(self) -> None:
        self._free += 1
        self._send_gathered()


def _too_many() -> UnavailableError:
    _log.warning("storage.unavailable", error="TooManyReaders")
    return UnavailableError(reason="too many wait to read")
