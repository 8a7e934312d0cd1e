"""Many rows at once: all of them arrive as they are, in few statements, and what is refused is refused whole."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import event, func, select

from moderation_service.domain.errors import UnavailableError
from moderation_service.storage.engine.bulk_insert import insert_rows
from moderation_service.storage.engine.database import Database
from moderation_service.storage.schema import contacts, pages
from tests.conftest import ENGINES

NOON = datetime(2026, 5, 4, 12, 0, 0, 123456, tzinfo=UTC)
COUNTS = (1, 2, 31, 64, 100, 256)


def page(number: int, **changed: object) -> dict[str, Any]:
    return {
        "id": str(UUID(int=number)),
        "site_id": "coop",
        "url": f"https://www.example.org/{number}/àèì\"'\\{{}},NULL",
        "created_at": NOON + timedelta(seconds=number),
        "form": 1,
        "title": None if number % 3 else f"Titolo {number} 🦆\n",
    } | changed


@pytest.mark.parametrize("count", COUNTS)
async def test_rows_are_stored_as_they_are(database: Database, count: int) -> None:
    rows = [page(number) for number in range(count)]
    async with database.write() as connection:
        await insert_rows(connection, pages, rows)
    columns = [pages.c[name] for name in rows[0]]
    async with database.read() as connection:
        found = await connection.execute(select(*columns).order_by(pages.c.id))
        assert [dict(row._mapping) for row in found] == rows


async def test_with_new_only_what_is_there_stays_as_it_is(database: Database) -> None:
    async with database.write() as connection:
        await insert_rows(connection, pages, [page(3)])
        await insert_rows(connection, pages, [page(number, title="neu") for number in range(7)], new_only=True)
    async with database.read() as connection:
        found = await connection.execute(select(pages.c.title).order_by(pages.c.id))
        assert list(found.scalars()) == ["neu"] * 3 + [page(3)["title"]] + ["neu"] * 3


async def test_no_rows_are_no_statement(database: Database) -> None:
    async with database.write() as connection:
        await insert_rows(connection, pages, [])
        assert (await connection.execute(select(func.count()).select_from(pages))).scalar_one() == 0


@pytest.mark.parametrize("place", [ENGINES[1]], indirect=True)
async def test_a_text_that_is_too_long_is_refused_and_not_cut_off(database: Database) -> None:
    too_long = {"comment_id": str(UUID(int=1)), "address_sealed": b"x", "address_hash": "a" * 10_000}
    with pytest.raises(UnavailableError, match="22001"):
        async with database.write() as connection:
            await insert_rows(connection, contacts, [too_long])


@pytest.mark.parametrize("place", [ENGINES[1]], indirect=True)
@pytest.mark.parametrize("count", COUNTS)
async def test_on_postgresql_one_statement_takes_them_all(database: Database, count: int) -> None:
    statements: list[str] = []
    async with database.write() as connection:
        event.listen(
            connection.sync_connection, "before_cursor_execute", lambda *given: statements.append(given[2])
        )
        await insert_rows(connection, pages, [page(number) for number in range(count)])
    assert len(statements) == 1
