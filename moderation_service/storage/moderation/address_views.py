"""Who looked at the whole address of an author. It only grows."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import insert, select

from moderation_service.storage.engine.database import Connection
from moderation_service.storage.schema import address_views


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressView:
    """One look."""

    moderator_id: str
    actor_name: str
    at: datetime


async def add(connection: Connection, view: AddressView, *, new_id: str, comment_id: str) -> None:
    """Record a look, in the transaction that makes it possible."""
    await connection.execute(
        insert(address_views).values(
            id=new_id,
            comment_id=comment_id,
            moderator_id=view.moderator_id,
            actor_name=view.actor_name,
            at=view.at,
        )
    )


async def of_comment(connection: Connection, comment_id: str) -> list[AddressView]:
    """Return who looked, the first first."""
    query = select(address_views.c.moderator_id, address_views.c.actor_name, address_views.c.at)
    rows = await connection.execute(
        query.where(address_views.c.comment_id == comment_id).order_by(address_views.c.id)
    )
    return [AddressView(**row._mapping) for row in rows]  # noqa: SLF001
