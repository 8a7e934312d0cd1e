"""All that lies in a database, to compare before and after."""

from typing import Any

from sqlalchemy import or_, select

from moderation_service.storage.database import Database
from moderation_service.storage.desk_tables import logins
from moderation_service.storage.tables import IS_DUE, metadata, people, promises
from tests.running import until

_AT_WORK = (
    select(people.c.id).where(people.c.lease_token.is_not(None)),
    select(people.c.id).where(promises.c.person_id == people.c.id, IS_DUE, people.c.next_attempt_at.is_(None)),
    select(logins.c.id).where(
        logins.c.person_id.is_not(None),
        logins.c.sent_at.is_(None),
        logins.c.given_up_at.is_(None),
        or_(logins.c.lease_token.is_not(None), logins.c.attempts == 0),
    ),
)


async def settled(database: Database) -> None:
    """Wait until all that was promised is told or put off, and written down: no worker has anything to write."""

    async def is_settled() -> bool:
        async with database.read() as connection:
            return not any([(await connection.execute(query.limit(1))).first() for query in _AT_WORK])

    await until(is_settled)


async def all_rows(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table, in an order of its own, when nobody is at work on them."""
    await settled(database)
    found = {}
    async with database.read() as connection:
        for table in metadata.sorted_tables:
            rows = await connection.execute(select(table))
            found[table.name] = sorted((tuple(row) for row in rows), key=repr)
    return found
