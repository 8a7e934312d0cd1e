"""Connections to a SQLite file by which a statement is one errand to another thread."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select, text, update
from sqlalchemy.exc import IntegrityError, OperationalError

from moderation_service.storage.engine import sqlite_connections
from moderation_service.storage.engine.database import Database
from moderation_service.storage.schema import people
from tests.conftest import ENGINES

pytestmark = pytest.mark.parametrize("place", [ENGINES[0]], indirect=True)

PEOPLE = [
    {"id": f"01900000-0000-7000-8000-00000000000{one}", "address_hash": str(one), "attempts": 0}
    for one in range(3)
]


async def test_rows_counts_and_columns_are_those_of_the_statement(database: Database) -> None:
    async with database.write() as connection:
        await connection.execute(insert(people), PEOPLE)
        changed = await connection.execute(update(people).values(address_hash=people.c.address_hash + "x"))
        assert (changed.rowcount, changed.returns_rows) == (3, False)
        returned = await connection.execute(
            update(people)
            .where(people.c.id == PEOPLE[0]["id"])
            .values(address_hash="a")
            .returning(people.c.address_hash)
        )
        assert (returned.all(), returned.rowcount) == ([("a",)], 1)
    async with database.read() as connection:
        found = await connection.execute(select(people.c.id, people.c.address_hash).order_by(people.c.id))
        assert list(found.keys()) == ["id", "address_hash"]
        assert [one for _, one in found] == ["a", "1x", "2x"]
        nobody = await connection.execute(select(people.c.id).where(people.c.address_hash == "nobody"))
        assert (list(nobody.keys()), nobody.all()) == (["id"], [])


async def test_a_statement_that_fails_says_so_and_the_connection_goes_on(database: Database) -> None:
    with pytest.raises(IntegrityError):
        async with database.write() as connection:
            await connection.execute(insert(people), [PEOPLE[0], PEOPLE[0]])
    async with database.write() as connection:
        await connection.execute(insert(people), PEOPLE[0])
        with pytest.raises(OperationalError):
            async with connection.begin_nested():
                await connection.execute(text("SELECT nothing FROM nowhere"))
        assert len((await connection.execute(select(people.c.id))).all()) == 1


async def test_a_statement_is_one_errand(place: str) -> None:
    connection = await sqlite_connections.connect(Path(place.removeprefix("sqlite:///")))
    errands: list[Any] = []
    thread = connection._tx

    class Counted:
        def put_nowait(self, errand: Any) -> None:
            errands.append(errand)
            thread.put_nowait(errand)

    connection._tx = Counted()  # type: ignore[assignment]
    cursor = await connection.cursor().__aenter__()
    await cursor.execute("VALUES (1), (2), (3)")
    assert await cursor.fetchall() == [(1,), (2,), (3,)]
    await cursor.close()
    assert len(errands) == 1
    await connection.close()
