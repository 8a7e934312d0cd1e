"""Comments on disk: written in batches, read by the public, looked through by moderators."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, update

from moderation_service.domain.comments import Draft, QueuedComment, Status
from moderation_service.domain.markup import PLAIN_RENDERER
from moderation_service.domain.pages import FORM
from moderation_service.storage import bounded
from moderation_service.storage.bulk import insert_rows
from moderation_service.storage.database import Connection
from moderation_service.storage.tables import comments, pages

_LOOKED_AT_FOR_REPLIES = 5_000
_QUEUED = select(
    comments.c.id,
    comments.c.site_id,
    comments.c.page_id,
    pages.c.url.label("page_url"),
    comments.c.page_title,
    comments.c.parent_id,
    comments.c.status,
    comments.c.revision,
    comments.c.author_name,
    comments.c.author_url,
    comments.c.body,
    comments.c.body_html,
    comments.c.spam_score,
    comments.c.created_at,
    comments.c.changed_at,
    comments.c.change_number,
    comments.c.spam_reasons,
).join(pages, pages.c.id == comments.c.page_id)


async def add(connection: Connection, drafts: Sequence[Draft]) -> None:
    """Store pages that are new, then the comments, all pending."""
    found = {draft.page.id: draft for draft in drafts}
    await insert_rows(
        connection,
        pages,
        [
            {
                "id": page_id,
                "site_id": found[page_id].page.site_id,
                "url": found[page_id].page.url,
                "created_at": found[page_id].created_at,
                "form": FORM,
            }
            for page_id in sorted(found)
        ],
        new_only=True,
    )
    await insert_rows(connection, comments, [_row(draft) for draft in drafts])


async def stored(connection: Connection, ids: Sequence[str]) -> set[str]:
    """Return which of the ids are on disk."""
    return set((await connection.execute(select(comments.c.id).where(comments.c.id.in_(ids)))).scalars())


async def simplified(connection: Connection, ids: Sequence[str]) -> set[str]:
    """Return which of the comments are shown as plain paragraphs, because they hold too much markup."""
    if not ids:
        return set()
    query = select(comments.c.id).where(comments.c.id.in_(ids), comments.c.renderer == PLAIN_RENDERER)
    return set((await connection.execute(query)).scalars())


async def waiting(connection: Connection, site_id: str, *, most: int) -> int:
    """Return how many of a site's comments wait for a decision, counted no further than `most`."""
    found = (
        select(comments.c.id)
        .where(comments.c.site_id == site_id, comments.c.status == Status.PENDING)
        .limit(most)
        .subquery()
    )
    count: int = (await connection.execute(select(func.count()).select_from(found))).scalar_one()
    return count


async def approved_on_page(connection: Connection, ids: Sequence[str]) -> dict[str, str]:
    """Return the page ids of those comments that are approved; of one that is to move, the page it moves to."""
    rows = await connection.execute(
        select(comments.c.id, func.coalesce(pages.c.moves_to, pages.c.id).label("page_id"))
        .join(pages, pages.c.id == comments.c.page_id)
        .where(comments.c.id.in_(ids), comments.c.status == Status.APPROVED)
    )
    return {row.id: row.page_id for row in rows}


async def count_approved(connection: Connection, page_id: str) -> int:
    """Return how many comments of a page are approved."""
    query = select(func.count()).where(comments.c.page_id == page_id, comments.c.status == Status.APPROVED)
    return (await connection.execute(query)).scalar_one()


async def get(connection: Connection, comment_id: str) -> QueuedComment | None:
    """Return a comment as a moderator sees it."""
    row = (await connection.execute(_QUEUED.where(comments.c.id == comment_id))).first()
    return None if row is None else _queued(row._mapping)  # noqa: SLF001


async def get_many(connection: Connection, ids: Sequence[str]) -> list[QueuedComment]:
    """Return comments by id, in order of arrival."""
    rows = await connection.execute(_QUEUED.where(comments.c.id.in_(ids)).order_by(comments.c.id))
    return [_queued(row._mapping) for row in rows]  # noqa: SLF001


async def fitting(connection: Connection, ids: Sequence[str], largest: int) -> int:
    """Return how many of the first comments have texts of less than `largest` bytes together, at least one."""
    query = select(comments.c.id, bounded.size().label("size")).where(comments.c.id.in_(ids))
    sizes = {row.id: row.size for row in await connection.execute(query)}
    total = 0
    for count, comment_id in enumerate(ids):
        total += sizes.get(comment_id, 0)
        if total > largest:
            return max(count, 1)
    return len(ids)


async def ancestors(connection: Connection, comment: QueuedComment, *, limit: int) -> list[str]:
    """Return the ids of what a comment answers, what that answers, and so on: the first one first."""
    found: list[str] = []
    parent_id = comment.parent_id
    while parent_id is not None and len(found) < limit:
        found.append(parent_id)
        query = select(comments.c.parent_id).where(comments.c.id == parent_id)
        parent_id = (await connection.execute(query)).scalar_one_or_none()
    return found[::-1]


async def replies(connection: Connection, comment: QueuedComment, *, limit: int) -> list[str]:
    """Return the ids of what answers a comment, in order of arrival, among what came after it on its page."""
    found: list[str] = []
    for status in Status:
        later = (
            select(comments.c.id, comments.c.parent_id)
            .where(comments.c.page_id == comment.page_id, comments.c.status == status, comments.c.id > comment.id)
            .order_by(comments.c.id)
            .limit(_LOOKED_AT_FOR_REPLIES)
            .subquery()
        )
        query = select(later.c.id).where(later.c.parent_id == comment.id).order_by(later.c.id).limit(limit)
        found += (await connection.execute(query)).scalars()
    return sorted(found)[:limit]


async def lock(connection: Connection, ids: Sequence[str]) -> dict[str, QueuedComment]:
    """Return comments by id and keep everybody else from changing them until the transaction ends."""
    query = _QUEUED.where(comments.c.id.in_(ids)).order_by(comments.c.id).with_for_update(of=comments)
    return {row.id: _queued(row._mapping) for row in await connection.execute(query)}  # noqa: SLF001


async def set_status(connection: Connection, status: Status, ids: Sequence[str], *, at: datetime) -> None:
    """Write the new state of comments that are locked."""
    await connection.execute(update(comments).where(comments.c.id.in_(ids)).values(status=status, changed_at=at))


def _row(draft: Draft) -> dict[str, object]:
    return {
        "id": draft.id,
        "site_id": draft.page.site_id,
        "page_id": draft.page.id,
        "page_title": draft.page_title,
        "parent_id": draft.parent_id,
        "status": Status.PENDING,
        "revision": 1,
        "author_name": draft.author_name,
        "author_url": draft.author_url,
        "body": draft.body,
        "body_html": draft.body_html,
        "renderer": draft.renderer,
        "spam_score": draft.spam_score,
        "spam_reasons": " ".join(draft.spam_reasons),
        "created_at": draft.created_at,
        "changed_at": draft.created_at,
    }


def _queued(row: Any) -> QueuedComment:
    reasons = tuple(row["spam_reasons"].split())
    return QueuedComment(**{**row, "status": Status(row["status"]), "spam_reasons": reasons})
