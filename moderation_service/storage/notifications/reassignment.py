"""What is open for moderators whose it is no longer, and who has it from then on."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, or_, select, update

from moderation_service.domain.comments.comment import Status
from moderation_service.domain.notifications.pushes import PushState
from moderation_service.domain.notifications.states import NotificationState
from moderation_service.storage.engine.bulk_insert import insert_rows
from moderation_service.storage.engine.database import Connection
from moderation_service.storage.notifications.outbox import STILL_PENDING
from moderation_service.storage.schema import IS_PARKED, IS_WAITING, comments, contacts, notifications, pages

Successors = Callable[[str, str | None], Sequence["Role"]]
"""Whose a comment is now, by the URL of its page and the keyed hash of its author's address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """One moderator's role in one site, as notifications name it."""

    site_id: str
    moderator_id: str
    person_id: str
    has_push: bool = field(default=False, compare=False)


async def open_roles(connection: Connection, site_ids: Sequence[str] = ()) -> set[Role]:
    """Return for whom something waits or is parked; in the sites named, also who knows what is pending."""
    columns = select(notifications.c.site_id, notifications.c.moderator_id, notifications.c.person_id).distinct()
    queries = [columns.where(IS_WAITING), columns.where(IS_PARKED)]
    if site_ids:
        pending = select(comments.c.id).where(
            comments.c.site_id.in_(site_ids), comments.c.status == Status.PENDING
        )
        queries.append(
            columns.where(
                notifications.c.comment_id.in_(pending), notifications.c.state == NotificationState.NOTIFIED
            )
        )
    return {
        Role(**row._mapping)  # noqa: SLF001
        for query in queries
        for row in await connection.execute(query)
    }


async def open_pages(connection: Connection, role: Role, *, with_notified: bool) -> dict[str, str]:
    """Return the pages, URLs by id, of which something waits or is parked for a moderator.

    With `with_notified` they are also those of what the moderator was notified of and nobody has decided.
    """
    here = (
        select(pages.c.id, pages.c.url)
        .distinct()
        .join(comments, comments.c.page_id == pages.c.id)
        .join(notifications, notifications.c.comment_id == comments.c.id)
        .where(*_is_of(role))
    )
    queries = [here.where(IS_WAITING), here.where(IS_PARKED)]
    if with_notified:
        is_pending = (comments.c.site_id == role.site_id, comments.c.status == Status.PENDING)
        queries.append(here.where(*is_pending, notifications.c.state == NotificationState.NOTIFIED))
    return {row.id: row.url for query in queries for row in await connection.execute(query)}


async def open_comments(
    connection: Connection,
    gone: Role,
    *,
    page_ids: Collection[str] | None = None,
    after: str | None,
    most: int,
) -> list[str]:
    """Return the first `most` comments behind `after` of which something is open for a moderator.

    With `page_ids` they are those of some pages.
    """
    mine = (
        select(notifications.c.comment_id)
        .where(*_is_of(gone))
        .distinct()
        .order_by(notifications.c.comment_id)
        .limit(most)
    )
    if after is not None:
        mine = mine.where(notifications.c.comment_id > after)
    with_comments = mine.join(comments, comments.c.id == notifications.c.comment_id)
    if page_ids is not None:
        mine = with_comments = with_comments.where(comments.c.page_id.in_(page_ids))
    notified = with_comments.where(
        notifications.c.state == NotificationState.NOTIFIED, comments.c.revision == notifications.c.revision
    ).where(comments.c.site_id == gone.site_id, comments.c.status == Status.PENDING)
    found: set[str] = set()
    for query in (mine.where(IS_WAITING), mine.where(IS_PARKED), notified):
        found.update((await connection.execute(query)).scalars())
    return sorted(found)[:most]


async def reassign(
    connection: Connection,
    gone: Role,
    comment_ids: Sequence[str],
    successors_of: Successors,
    now: datetime,
) -> None:
    """Pass what is open for a moderator, of some comments that are theirs no longer, to those whose they are now.

    That is what waits or is parked, and what they were notified of and nobody has decided: their links are void.
    Who has only another address keeps the notification, and who has one already keeps that, unless it was passed
    on from them earlier; comments are locked before notifications, as everywhere.
    """
    is_open = (
        *_is_of(gone),
        or_(IS_WAITING, IS_PARKED, and_(notifications.c.state == NotificationState.NOTIFIED, STILL_PENDING)),
    )
    moved: dict[tuple[str, bool], list[str]] = {}
    inherited: list[dict[str, object]] = []
    inherited_by: dict[Role, list[str]] = {}
    for row in await _locked(connection, comment_ids, is_open):
        successors = successors_of(row.url, row.address_hash)
        itself = next((one for one in successors if one.moderator_id == gone.moderator_id), None)
        key = ("", False) if itself is None else (itself.person_id, itself.has_push)
        moved.setdefault(key, []).append(row.comment_id)
        for successor in successors:
            if successor is not itself:
                inherited.append(_inherited(row, successor, now))
                inherited_by.setdefault(successor, []).append(row.comment_id)
    for (person_id, has_push), ids in moved.items():
        change: dict[str, object] = {"state": NotificationState.SUPERSEDED}
        if person_id:
            change = {
                "state": NotificationState.WAITING,
                "person_id": person_id,
                "push": PushState.WAITING if has_push else None,
            }
        await connection.execute(
            update(notifications)
            .where(notifications.c.comment_id.in_(ids), *is_open)
            .values(message_id=None, **change)
        )
    for successor, ids in inherited_by.items():
        await connection.execute(
            update(notifications)
            .where(
                notifications.c.comment_id.in_(ids),
                notifications.c.site_id == successor.site_id,
                notifications.c.moderator_id == successor.moderator_id,
                notifications.c.state == NotificationState.SUPERSEDED,
                STILL_PENDING,
            )
            .values(
                state=NotificationState.WAITING,
                person_id=successor.person_id,
                message_id=None,
                push=PushState.WAITING if successor.has_push else None,
            )
        )
    if inherited:
        await insert_rows(connection, notifications, inherited, new_only=True)


async def _locked(
    connection: Connection, comment_ids: Sequence[str], is_open: Sequence[ColumnElement[bool]]
) -> Sequence[Row[*tuple[Any, ...]]]:
    """Return what is open of some comments, with page and author's hash, and keep it from being changed."""
    await connection.execute(
        select(comments.c.id)
        .where(comments.c.id.in_(comment_ids))
        .order_by(comments.c.id)
        .with_for_update(read=True, key_share=True)
    )
    found = await connection.execute(
        select(
            notifications.c.comment_id,
            notifications.c.revision,
            notifications.c.quiet,
            pages.c.url,
            contacts.c.address_hash,
        )
        .join(comments, comments.c.id == notifications.c.comment_id)
        .join(pages, pages.c.id == comments.c.page_id)
        .outerjoin(contacts, contacts.c.comment_id == comments.c.id)
        .where(notifications.c.comment_id.in_(comment_ids), *is_open)
        .order_by(notifications.c.comment_id)
        .with_for_update(of=notifications)
    )
    return found.all()


def _is_of(role: Role) -> tuple[ColumnElement[bool], ...]:
    return (
        notifications.c.site_id == role.site_id,
        notifications.c.moderator_id == role.moderator_id,
        notifications.c.person_id == role.person_id,
    )


def _inherited(row: Any, successor: Role, now: datetime) -> dict[str, object]:
    return {
        "comment_id": row.comment_id,
        "moderator_id": successor.moderator_id,
        "revision": row.revision,
        "site_id": successor.site_id,
        "person_id": successor.person_id,
        "state": NotificationState.WAITING,
        "created_at": now,
        "quiet": row.quiet,
        "push": PushState.WAITING if successor.has_push else None,
    }
