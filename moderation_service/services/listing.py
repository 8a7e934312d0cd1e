"""What the public may read: approved comments of a page."""

from dataclasses import dataclass
from datetime import datetime

from moderation_service.domain.comments import PublicComment
from moderation_service.domain.errors import NotFoundError
from moderation_service.domain.pages import Page
from moderation_service.storage import comments, public
from moderation_service.storage.database import Database

LARGEST = 1024 * 1024
"""Bytes before which a list ends, however many entries were asked for; there is always one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """A stretch of a page's comments; `next_after` is the id to go on behind, None at the end.

    `title` is what the earliest approved comment that sent one calls the page: no later one can change it.
    """

    page_url: str
    count: int
    comments: list[PublicComment]
    next_after: str | None
    last_change: datetime | None
    title: str | None


async def list_page(
    database: Database, page: Page, *, after: str | None, limit: int, newest_first: bool
) -> Listing:
    """Return up to `limit` approved comments of a page behind the comment `after`, fewer where they are long."""
    found = await public.stretch(
        database.reads, page.id, after=after, limit=limit, newest_first=newest_first, largest=LARGEST
    )
    return Listing(
        page_url=page.url,
        count=found.count,
        comments=found.comments,
        next_after=None if found.is_last else found.comments[-1].id,
        last_change=found.last_change,
        title=found.title,
    )


async def get(database: Database, comment_id: str) -> PublicComment:
    """Return one approved comment; raise NotFoundError for any other."""
    found = await public.one(database.reads, comment_id)
    if found is None:
        raise NotFoundError
    return found


async def answered(database: Database, page: Page, comment_id: str) -> PublicComment | None:
    """Return a comment that may be answered: an approved one of the page."""
    async with database.read() as connection:
        if (await comments.approved_on_page(connection, [comment_id])).get(comment_id) != page.id:
            return None
    return await public.one(database.reads, comment_id)


async def count(database: Database, page_id: str) -> int:
    """Return how many approved comments a page has."""
    async with database.read() as connection:
        return await comments.count_approved(connection, page_id)
