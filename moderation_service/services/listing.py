"""What the public may read: approved comments of a page."""

from dataclasses import dataclass
from datetime import datetime

from moderation_service.domain.comments import PublicComment
from moderation_service.domain.errors import NotFoundError
from moderation_service.domain.pages import Page
from moderation_service.storage import comments
from moderation_service.storage.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """A stretch of a page's comments; `next_after` is the id to go on behind, None at the end."""

    page_url: str
    count: int
    comments: list[PublicComment]
    next_after: str | None
    last_change: datetime | None


async def list_page(
    database: Database, page: Page, *, after: str | None, limit: int, newest_first: bool
) -> Listing:
    """Return up to `limit` approved comments of a page behind the comment `after`."""
    async with database.read() as connection:
        count, last_change = await comments.count_and_last_change(connection, page.id)
        found = await comments.approved(
            connection, page.id, after=after, limit=limit + 1, newest_first=newest_first
        )
    shown = found[:limit]
    return Listing(
        page_url=page.url,
        count=count,
        comments=shown,
        next_after=shown[-1].id if len(found) > limit else None,
        last_change=last_change,
    )


async def get(database: Database, comment_id: str) -> PublicComment:
    """Return one approved comment; raise NotFoundError for any other."""
    async with database.read() as connection:
        found = await comments.approved_one(connection, comment_id)
    if found is None:
        raise NotFoundError
    return found


async def title(database: Database, page_id: str) -> str | None:
    """Return what the newest approved comment calls its page."""
    async with database.read() as connection:
        return await comments.newest_title(connection, page_id)


async def answered(database: Database, page: Page, comment_id: str) -> PublicComment | None:
    """Return a comment that may be answered: an approved one of the page."""
    async with database.read() as connection:
        if (await comments.approved_on_page(connection, [comment_id])).get(comment_id) != page.id:
            return None
        return await comments.approved_one(connection, comment_id)


async def count(database: Database, page_id: str) -> int:
    """Return how many approved comments a page has."""
    async with database.read() as connection:
        approved, _ = await comments.count_and_last_change(connection, page_id)
    return approved
