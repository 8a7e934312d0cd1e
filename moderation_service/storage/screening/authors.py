"""What authors wrote before, found by the keyed hashes of their addresses."""

from collections.abc import Collection

from sqlalchemy import func, select

from moderation_service.domain.comments.comment import Status
from moderation_service.storage.engine.database import Connection
from moderation_service.storage.schema import comments, contacts

COUNTED = (Status.PENDING, Status.APPROVED)
"""Where comments stand that count: what was refused or taken back makes nobody known."""


async def earlier_of_each(connection: Connection, comment_ids: Collection[str], *, most: int) -> dict[str, int]:
    """Return for each of some comments how many older ones of its site have its address, as far as `most`."""
    one, address = comments.alias("one"), contacts.alias("address")
    older = (
        select(comments.c.id)
        .join(contacts, contacts.c.comment_id == comments.c.id)
        .where(
            contacts.c.address_hash == address.c.address_hash,
            comments.c.site_id == one.c.site_id,
            comments.c.status.in_(COUNTED),
            comments.c.id < one.c.id,
        )
        .correlate(one, address)
        .limit(most)
        .subquery()
    )
    counted = select(func.count()).select_from(older).scalar_subquery()
    query = select(one.c.id, counted).join(address, address.c.comment_id == one.c.id)
    rows = await connection.execute(query.where(one.c.id.in_(comment_ids)))
    return {row[0]: row[1] for row in rows}


async def earlier(
    connection: Connection,
    site_id: str,
    address_hashes: Collection[str],
    *,
    before: str | None = None,
    most: int,
) -> int:
    """Return how many comments of a site have an address, as far as `most`; with `before`, of those older than it.

    `before` is the id of a comment: ids rise with time.
    """
    theirs = (
        select(comments.c.id)
        .join(contacts, contacts.c.comment_id == comments.c.id)
        .where(
            contacts.c.address_hash.in_(address_hashes),
            comments.c.site_id == site_id,
            comments.c.status.in_(COUNTED),
        )
    )
    if before is not None:
        theirs = theirs.where(comments.c.id < before)
    counted = select(func.count()).select_from(theirs.limit(most).subquery())
    found: int = (await connection.execute(counted)).scalar_one()
    return found
