"""Who waits for a writer that does not finish is told that nothing can be stored now."""

from functools import partial

import pytest
from sqlalchemy import text

from moderation_service.domain.errors import UnavailableError
from moderation_service.storage.engine.database import Connection, Database
from moderation_service.storage.engine.limits import DatabaseLimits
from tests.support.running import until
from tests.support.time_limits import PATIENT


async def keep_others_out(connection: Connection) -> None:
    """SQLite's writers are serial as they are."""
    if connection.dialect.name == "postgresql":
        await connection.execute(text("LOCK TABLE comments"))


async def may_write(database: Database) -> bool:
    try:
        async with database.write() as connection:
            await connection.execute(text("DELETE FROM comments"))
    except UnavailableError:
        return False
    return True


async def test_a_writer_whose_turn_does_not_come_is_told_so_and_others_go_on(database_url: str) -> None:
    impatient = DatabaseLimits(turn=0.1, lock=0.1)
    async with (
        Database.open(database_url, limits=PATIENT) as one,
        Database.open(database_url, limits=impatient) as other,
    ):
        async with one.write() as slow:
            await keep_others_out(slow)
            with pytest.raises(UnavailableError):
                async with other.write() as connection:
                    await keep_others_out(connection)
        await until(partial(may_write, other))


def test_nobody_waits_for_a_turn_longer_than_a_visitor_would() -> None:
    assert (DatabaseLimits().turn, DatabaseLimits().lock) == (2.0, 5.0)
