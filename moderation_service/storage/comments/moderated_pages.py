"""A site's pages as its moderators see them: with waiting comments too, and the addresses that they had before."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from moderation_service.domain.comments.closing import Commenting
from moderation_service.domain.comments.comment import Status
from moderation_service.storage.engine.database import Connection
from moderation_service.storage.schema import ERASED, PAGE_IS_MOVING, comments, page_aliases, pages


@dataclass(frozen=True, slots=True, kw_only=True)
class PageRow:
    """A page on disk: the address under which it was first met, when, and what was said about new comments."""

    id: str
    url: str
    first_at: datetime
    commenting: Commenting


async def rows(
    connection: Connection, site_id: str, *, page_id: str | None = None, after: str | None = None, limit: int
) -> list[PageRow]:
    """Return up to `limit` pages of a site by rising id, behind one or from the first, or the one with an id.

    Pages that move to another are left out.
    """
    query = select(pages.c.id, pages.c.url, pages.c.created_at, pages.c.commenting).where(
        pages.c.site_id == site_id, pages.c.moves_to.is_(None)
    )
    if page_id is not None:
        query = query.where(pages.c.id == page_id)
    if after is not None:
        query = query.where(pages.c.id > after)
    return [
        PageRow(
            id=row.id,
            url=row.url,
            first_at=row.created_at,
            commenting=Commenting(row.commenting or Commenting.BY_RULE),
        )
        for row in await connection.execute(query.order_by(pages.c.id).limit(limit))
    ]


async def counts(connection: Connection, page_ids: Collection[str]) -> dict[tuple[str, Status], int]:
    """Return how many comments pages have, by page and state; those count that are still to move there."""
    moving = await connection.execute(
        select(pages.c.id, pages.c.moves_to).where(pages.c.moves_to.in_(page_ids), PAGE_IS_MOVING)
    )
    stands_for = dict.fromkeys(page_ids, "") | {row.id: row.moves_to for row in moving}
    query = select(comments.c.page_id, comments.c.status, func.count()).where(
        comments.c.page_id.in_(stands_for), comments.c.status != ERASED
    )
    found: dict[tuple[str, Status], int] = {}
    for page_id, status, count in await connection.execute(query.group_by(comments.c.page_id, comments.c.status)):
        place = stands_for[page_id] or page_id, Status(status)
        found[place] = found.get(place, 0) + count
    return found


async def aliases(connection: Connection, page_ids: Collection[str]) -> dict[str, list[str]]:
    """Return which addresses were moved to pages, in order, by the id of the page."""
    query = select(page_aliases.c.moves_to, page_aliases.c.url).where(
        page_aliases.c.moves_to.in_(page_ids), page_aliases.c.id != page_aliases.c.moves_to
    )
    found: dict[str, list[str]] = {}
    for page_id, url in await connection.execute(query.order_by(page_aliases.c.url)):
        found.setdefault(page_id, []).append(url)
    return found
