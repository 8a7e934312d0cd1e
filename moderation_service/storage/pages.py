"""Pages on disk: those whose address is told apart by an older rule, and the moving of their comments."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, exists, or_, select, update

from moderation_service.domain.comments import Status
from moderation_service.domain.pages import FORM, Page
from moderation_service.storage import changes
from moderation_service.storage.bulk import insert_rows
from moderation_service.storage.database import Connection
from moderation_service.storage.tables import PAGE_IS_MOVING, PAGE_IS_UNCHECKED, comments, pages


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPage:
    """A page as it stands on disk, whatever its address would be today."""

    id: str
    site_id: str
    url: str
    created_at: datetime


async def is_settled(connection: Connection) -> bool:
    """Tell whether every comment is stored under its page's id of today."""
    waits = exists().where(or_(PAGE_IS_UNCHECKED, PAGE_IS_MOVING))
    return not (await connection.execute(select(waits))).scalar_one()


async def ids_of(connection: Connection, page_id: str) -> list[str]:
    """Return the ids under which a page's comments are stored: its own, and those that are still to move there."""
    moving = await connection.execute(select(pages.c.id).where(pages.c.moves_to == page_id, PAGE_IS_MOVING))
    return [page_id, *moving.scalars()]


async def unchecked(connection: Connection, limit: int) -> list[StoredPage]:
    """Return pages that the rule of today has not been asked about, and keep them from being changed meanwhile."""
    query = select(pages.c.id, pages.c.site_id, pages.c.url, pages.c.created_at).where(PAGE_IS_UNCHECKED)
    rows = await connection.execute(query.order_by(pages.c.id).limit(limit).with_for_update())
    return [StoredPage(**row._mapping) for row in rows]  # noqa: SLF001


async def keep(connection: Connection, page_ids: Sequence[str]) -> None:
    """Note that pages have the id that the rule of today gives them."""
    if page_ids:
        await connection.execute(update(pages).where(pages.c.id.in_(page_ids)).values(form=FORM))


async def send(connection: Connection, found: StoredPage, target: Page) -> None:
    """Note that a page's comments move to another one, which is there from now on."""
    row = {"id": target.id, "site_id": target.site_id, "url": target.url, "created_at": found.created_at}
    await insert_rows(connection, pages, [row | {"form": FORM}], new_only=True)
    await connection.execute(update(pages).where(pages.c.id == found.id).values(form=FORM, moves_to=target.id))


async def moving(connection: Connection) -> tuple[StoredPage, str] | None:
    """Return a page whose comments are to move, and the id of the page that they move to."""
    query = select(pages.c.id, pages.c.site_id, pages.c.url, pages.c.created_at, pages.c.moves_to)
    row = (await connection.execute(query.where(PAGE_IS_MOVING).order_by(pages.c.id).limit(1))).first()
    if row is None:
        return None
    values = dict(row._mapping)  # noqa: SLF001
    target = values.pop("moves_to")
    return StoredPage(**values), target


async def move(connection: Connection, found: StoredPage, target_id: str, *, limit: int, at: datetime) -> int:
    """Move up to `limit` comments of a page, a change for the readers of each public one; return how many."""
    rows = await connection.execute(
        select(comments.c.id, comments.c.status)
        .where(comments.c.page_id == found.id)
        .order_by(comments.c.id)
        .limit(limit)
        .with_for_update()
    )
    status_of = {row.id: row.status for row in rows}
    if not status_of:
        await connection.execute(
            delete(pages).where(pages.c.id == found.id, ~exists().where(comments.c.page_id == found.id))
        )
        return 0
    await connection.execute(update(comments).where(comments.c.id.in_(status_of)).values(page_id=target_id))
    public = [one for one, status in status_of.items() if status == Status.APPROVED]
    if public:
        await changes.stamp(connection, found.site_id, public, at=at)
    return len(status_of)
