"""Titles of pages: what a moderator set, else what the earliest approved comment that sent one calls the page."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, func, select, update

from moderation_service.domain.comments.comment import Status
from moderation_service.domain.comments.pages import Title, Titled
from moderation_service.storage.comments import changes
from moderation_service.storage.engine.database import Connection
from moderation_service.storage.schema import comments, pages


async def get(connection: Connection, page_id: str) -> Titled | None:
    """Return a page's title, None for a page that was never met."""
    query = select(pages.c.site_id, pages.c.url, public_title(), pages.c.title.is_not(None)).where(
        pages.c.id == page_id
    )
    row = (await connection.execute(query)).first()
    if row is None:
        return None
    return Titled(page_id=page_id, site_id=row[0], url=row[1], title=row[2], is_set=bool(row[3]))


async def of_pages(connection: Connection, page_ids: Collection[str]) -> dict[str, Title]:
    """Return what pages are called, by id."""
    query = select(
        pages.c.id,
        pages.c.title,
        _sent(comments.c.page_title).scalar_subquery(),
        _sent(comments.c.id).scalar_subquery(),
    ).where(pages.c.id.in_(page_ids))
    return {row[0]: Title(chosen=row[1], sent=row[2], sent_by=row[3]) for row in await connection.execute(query)}


async def put(connection: Connection, page: Titled, title: str | None, *, at: datetime) -> None:
    """Set a page's title, or with None leave it to the comments, and take two of the site's numbers.

    One makes every process forget its answers, the other is a change of the page's newest public comment, for
    those who follow the feed.
    """
    newest = (
        select(comments.c.id)
        .where(comments.c.page_id == page.page_id, comments.c.status == Status.APPROVED)
        .order_by(comments.c.id.desc())
        .limit(1)
        .with_for_update()
    )
    shown = (await connection.execute(newest)).scalar_one_or_none()
    number = await changes.take(connection, page.site_id, 1)
    await connection.execute(
        update(pages).where(pages.c.id == page.page_id).values(title=title, title_number=number, title_at=at)
    )
    if shown is not None:
        await changes.stamp(connection, page.site_id, [shown], at=at)


def public_title() -> ColumnElement[str | None]:
    """Ask what readers see as the title of a page of `pages`."""
    return func.coalesce(pages.c.title, _sent(comments.c.page_title).scalar_subquery())


def _sent(column: ColumnElement[Any]) -> Select[Any]:
    """Ask for something of the comment after which a page is called."""
    return (
        select(column)
        .where(
            comments.c.page_id == pages.c.id,
            comments.c.status == Status.APPROVED,
            comments.c.page_title.is_not(None),
        )
        .order_by(comments.c.id)
        .limit(1)
        .correlate(pages)
    )
