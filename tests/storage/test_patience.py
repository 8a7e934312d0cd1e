"""Who waits for a writer that does not finish is told that nothing can be stored now."""

import pytest
from sqlalchemy import text

from moderation_service.domain.errors import UnavailableError
from moderation_service.storage import database as storage
from moderation_service.storage.database import Connection, Database
from tests.running import PATIENCE

SECONDS = (storage._PATIENCE, storage._LOCK_PATIENCE)
"""As they are where the tests have not lengthened them."""


async def keep_others_out(connection: Connection) -> None:
    """SQLite's writers are serial as they are."""
    if connection.dialect.name == "postgresql":
        await connection.execute(text("LOCK TABLE comments"))


async def test_a_writer_whose_turn_does_not_come_is_told_so_and_others_go_on(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage, "_PATIENCE", 0.1)
    monkeypatch.setattr(storage, "_LOCK_PATIENCE", 0.1)
    async with Database.open(database_url) as one, Database.open(database_url) as other:
        async with one.write() as slow:
            await keep_others_out(slow)
            with pytest.raises(UnavailableError):
                async with other.write() as connection:
                    await keep_others_out(connection)
        monkeypatch.setattr(storage, "_PATIENCE", PATIENCE)
        async with other.write() as connection:
            await connection.execute(text("DELETE FROM comments"))


def test_nobody_waits_for_a_turn_longer_than_a_visitor_would() -> None:
    assert SECONDS == (2.0, 5.0)
