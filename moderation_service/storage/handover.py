"""What is open for moderators who left, and who has it from then on."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, or_, select, update

from moderation_service.domain.comments import Status
from moderation_service.domain.notices import PromiseState
from moderation_service.storage.bulk import insert_rows
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


async def open_comments(connection: Connection, gone: Part, *, after: str | None, most: int) -> list[str]:
    """Return the first `most` comments behind `after` of which something is open for somebody who left."""
    mine = (
        select(promises.c.comment_id).where(*_is_of(gone)).distinct().order_by(promises.c.comment_id).limit(most)
    )
    if after is not None:
        mine = mine.where(promises.c.comment_id > after)
    told = (
        mine.join(comments, comments.c.id == promises.c.comment_id)
        .where(promises.c.state == PromiseState.TOLD, comments.c.revision == promises.c.revision)
        .where(comments.c.site_id == gone.site_id, comments.c.status == Status.PENDING)
    )
    found: set[str] = set()
    for query in (mine.where(IS_WAITING), mine.where(IS_PARKED), told):
        found.update((await connection.execute(query)).scalars())
    return sorted(found)[:most]


async def hand_over(
    connection: Connection,
    gone: Part,
    comment_ids: Sequence[str],
    heirs_of: Callable[[str], Sequence[Part]],
    now: datetime,
) -> None:
    """Pass what is open for somebody who left, of some comments, to those who have their pages now.

    That is what waits or is parked, and what they were told of and nobody has decided: their links are void. Who
    has only another address keeps the promise; comments are locked before promises, as everywhere.
    """
    await connection.execute(
        select(comments.c.id)
        .where(comments.c.id.in_(comment_ids))
        .order_by(comments.c.id)
        .with_for_update(read=True, key_share=True)
    )
    is_open = (
        *_is_of(gone),
        or_(IS_WAITING, IS_PARKED, and_(promises.c.state == PromiseState.TOLD, STILL_PENDING)),
    )
    left = await connection.execute(
        select(promises.c.comment_id, promises.c.revision, promises.c.quiet, pages.c.url)
        .join(comments, comments.c.id == promises.c.comment_id)
        .join(pages, pages.c.id == comments.c.page_id)
        .where(promises.c.comment_id.in_(comment_ids), *is_open)
        .order_by(promises.c.comment_id)
        .with_for_update(of=promises)
    )
    moved: dict[str, list[str]] = {}
    inherited: list[dict[str, object]] = []
    for row in left:
        heirs = heirs_of(row.url)
        itself = next((one for one in heirs if one.moderator_id == gone.moderator_id), None)
        moved.setdefault("" if itself is None else itself.person_id, []).append(row.comment_id)
        inherited += [_inherited(row, heir, now) for heir in heirs if heir is not itself]
    for person_id, ids in moved.items():
        change: dict[str, object] = {"state": PromiseState.SUPERSEDED}
        if person_id:
            change = {"state": PromiseState.WAITING, "person_id": person_id}
        await connection.execute(
            update(promises).where(promises.c.comment_id.in_(ids), *is_open).values(message_id=None, **change)
        )
    if inherited:
        await insert_rows(connection, promises, inherited, new_only=True)


def _is_of(part: Part) -> tuple[ColumnElement[bool], ...]:
    return (
        promises.c.site_id == part.site_id,
        promises.c.moderator_id == part.moderator_id,
        promises.c.person_id == part.person_id,
    )


def _inherited(row: Any, heir: Part, now: datetime) -> dict[str, object]:
    return {
        "comment_id": row.comment_id,
        "moderator_id": heir.moderator_id,
        "revision": row.revision,
        "site_id": heir.site_id,
        "person_id": heir.person_id,
        "state": PromiseState.WAITING,
        "created_at": now,
        "quiet": row.quiet,
    }
