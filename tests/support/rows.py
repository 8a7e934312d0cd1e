"""All that lies in a database, to compare before and after."""

from typing import Any

from sqlalchemy import and_, or_, select

from moderation_service.domain.moderation.reports import REPORT_OUTCOME
from moderation_service.domain.moderation.statements import STATEMENT
from moderation_service.domain.notifications.states import MODERATION
from moderation_service.storage.engine.database import Database
from moderation_service.storage.schema import (
    IS_DUE,
    IS_TO_DELIVER,
    comments,
    deliveries,
    metadata,
    notifications,
    people,
    retention_rules,
    score_lessons,
    score_models,
    site_traffic,
    traffic_reports,
    unlearned,
)
from tests.support.running import until
from tests.support.time_limits import PATIENCE

_LATER = (STATEMENT, REPORT_OUTCOME)
"""Kinds that wait on purpose before they are due; once a worker holds one, it is no longer put off."""

_AT_WORK = (
    select(people.c.id).where(
        notifications.c.person_id == people.c.id, IS_DUE, people.c.next_attempt_at.is_(None)
    ),
    select(people.c.id).where(people.c.lease_token.is_not(None)),
    select(deliveries.c.id).where(
        deliveries.c.kind != MODERATION,
        IS_TO_DELIVER,
        or_(
            deliveries.c.lease_token.is_not(None),
            and_(deliveries.c.attempts == 0, deliveries.c.kind.not_in(_LATER)),
            and_(deliveries.c.attempts == 0, deliveries.c.next_attempt_at <= deliveries.c.created_at),
        ),
    ),
)
"""What is due before who is leased: PostgreSQL answers each for another moment, and the one becomes the other."""

_COUNTED_ASIDE = {retention_rules, score_lessons, score_models, site_traffic, traffic_reports, unlearned}
"""What workers write when nobody asked for anything: counts of what comes in, what is learned, rules that hold."""


async def settled(database: Database, *, within: float = PATIENCE) -> None:
    """Wait until every notification is sent or put off, and written down: no worker has anything to write."""
    await until(lambda: is_settled(database), within=within)


async def is_settled(database: Database) -> bool:
    """Whether no worker has anything to write."""
    async with database.read() as connection:
        return not any([(await connection.execute(query.limit(1))).first() for query in _AT_WORK])


async def interval_is_back(database: Database) -> None:
    """Wait until a worker has brought the mail interval back to its start after a decision on what was mailed."""

    async def is_back() -> bool:
        async with database.read() as connection:
            unanswered = select(people.c.id).where(people.c.unanswered > 0)
            return (await connection.execute(unanswered.limit(1))).first() is None

    await until(is_back)


async def all_rows(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table that requests write, in an order of its own, when nobody is at work on them."""
    await settled(database)
    found = {}
    async with database.read() as connection:
        for table in set(metadata.sorted_tables) - _COUNTED_ASIDE:
            rows = await connection.execute(select(table))
            found[table.name] = sorted((tuple(row) for row in rows), key=repr)
    return found


async def values(database: Database) -> dict[str, bytes]:
    """All that stands in each column of each table, one value behind the other."""
    found: dict[str, bytes] = {}
    async with database.read() as connection:
        for table in metadata.sorted_tables:
            for row in (await connection.execute(select(table))).mappings():
                for name, value in row.items():
                    written = value if isinstance(value, bytes) else str(value).encode()
                    place = f"{table.name}.{name}"
                    found[place] = found.get(place, b"") + b"\n" + written
    return found


async def assessed(database: Database) -> dict[str, tuple[str, list[str]]]:
    """What screening says of each stored comment, by id: the verdict, and the codes of its reasons."""
    async with database.read() as connection:
        rows = await connection.execute(select(comments.c.id, comments.c.verdict, comments.c.spam_reasons))
        return {row.id: (row.verdict, row.spam_reasons.split()) for row in rows}
