"""What is open for moderators who left, and who has it from then on."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, or_, select, update

from moderation_service.domain.comments import Status
from moderation_service.domain.notices import PromiseState
from moderation_service.storage import database
from moderation_service.storage.database import Connection
from moderation_service.storage.outbox import STILL_PENDING
from moderation_service.storage.tables import IS_PARKED, IS_WAITING, comments, pages, promises


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One moderator's part in one site, as promises name it."""

    site_id: str
    moderator_id: str
    person_id: str


async def open_parts(connection: Connection, site_ids: Sequence[str] = ()) -> set[Part]:
    """Return for whom something waits or is parked; in the sites named, also who was told of what is pending."""
    columns = select(promises.c.site_id, promises.c.moderator_id, promises.c.person_id).distinct()
    queries = [columns.where(IS_WAITING), columns.where(IS_PARKED)]
    if site_ids:
        pending = select(comments.c.id).where(
            comments.c.site_id.in_(site_ids), comments.c.status == Status.PENDING
        )
        queries.append(columns.where(promises.c.comment_id.in_(pending), promises.c.state == PromiseState.TOLD))
    return {
        Part(**row._mapping)  # noqa: SLF001
        for query in queries
        for row in await connection.execute(query)
    }


async def hand_over(
    connection: Connection, gone: Part, heirs_of: Callable[[str], Sequence[Part]], now: datetime
) -> None:
    """Pass what is open for somebody who left to those who have its page now.

    That is what waits or is parked, and what they were told of and nobody has decided: their links are void.
    """
    is_open = (
        promises.c.site_id == gone.site_id,
        promises.c.moderator_id == gone.moderator_id,
        promises.c.person_id == gone.person_id,
        or_(IS_WAITING, IS_PARKED, and_(promises.c.state == PromiseState.TOLD, STILL_PENDING)),
    )
    left = await connection.execute(
        select(promises.c.comment_id, promises.c.revision, promises.c.quiet, pages.c.url)
        .join(comments, comments.c.id == promises.c.comment_id)
        .join(pages, pages.c.id == comments.c.page_id)
        .where(*is_open)
    )
    rows = [
        {
            "comment_id": row.comment_id,
            "revision": row.revision,
            "moderator_id": heir.moderator_id,
            "site_id": heir.site_id,
            "person_id": heir.person_id,
            "state": PromiseState.WAITING,
            "created_at": now,
            "quiet": row.quiet,
        }
        for row in left
        for heir in heirs_of(row.url)
    ]
    new_addresses = {row["person_id"] for row in rows if row["moderator_id"] == gone.moderator_id}
    change: dict[str, object] = {"state": PromiseState.SUPERSEDED, "message_id": None}
    if new_addresses:
        change = {"state": PromiseState.WAITING, "message_id": None, "person_id": new_addresses.pop()}
    await connection.execute(update(promises).where(*is_open).values(**change))
    if rows:
        await connection.execute(database.insert(connection, promises).on_conflict_do_nothing(), rows)
