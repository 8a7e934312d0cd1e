"""Pages that somebody closed or opened, as they stand on disk."""

from datetime import datetime

from sqlalchemy import select, update

from moderation_service.domain.comments.closing import Commenting
from moderation_service.domain.comments.pages import Page
from moderation_service.storage.comments import changes
from moderation_service.storage.engine.bulk_insert import insert_rows
from moderation_service.storage.engine.database import Connection
from moderation_service.storage.schema import pages


async def every(connection: Connection) -> dict[str, Commenting]:
    """Return what was said about pages, by id; of all sites."""
    query = select(pages.c.id, pages.c.commenting).where(
        pages.c.title_number.is_not(None), pages.c.commenting.is_not(None)
    )
    return {row.id: Commenting(row.commenting) for row in await connection.execute(query)}


async def after(connection: Connection, site_id: str, number: int) -> dict[str, Commenting]:
    """Return how those pages of a site stand that were changed themselves after a number of its changes."""
    query = select(pages.c.id, pages.c.commenting).where(pages.c.site_id == site_id, pages.c.title_number > number)
    return {row.id: Commenting(row.commenting or Commenting.BY_RULE) for row in await connection.execute(query)}


async def put(connection: Connection, page: Page, commenting: Commenting, *, at: datetime) -> bool:
    """Let a page be open or closed, or leave it to its site's rule; tell whether that is new.

    A page that nobody commented on yet is stored for it. Takes a number of the site, so that every process forgets
    its answers about the page.
    """
    wanted = None if commenting is Commenting.BY_RULE else commenting
    query = select(pages.c.commenting).where(pages.c.id == page.id).with_for_update()
    row = (await connection.execute(query)).first()
    if (None if row is None else row.commenting) == wanted:
        return False
    if row is None:
        new = {"id": page.id, "site_id": page.site_id, "url": page.url, "created_at": at, "form": page.form}
        await insert_rows(connection, pages, [new], new_only=True)
    number = await changes.take(connection, page.site_id, 1)
    await connection.execute(
        update(pages).where(pages.c.id == page.id).values(commenting=wanted, title_number=number, title_at=at)
    )
    return True
