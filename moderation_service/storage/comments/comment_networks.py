"""From which client networks comments came, as keyed hashes that are kept for some days."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import delete, select

from moderation_service.domain.comments.comment import Draft
from moderation_service.storage.engine.bulk_insert import insert_rows
from moderation_service.storage.engine.database import Connection
from moderation_service.storage.schema import comment_networks


async def add(connection: Connection, drafts: Iterable[Draft]) -> None:
    """Note where drafts came from, by the hash under the current key; those without traces came from nowhere."""
    rows = [
        {
            "comment_id": draft.id,
            "site_id": draft.page.site_id,
            "network_hash": draft.traces.networks[0],
            "created_at": draft.created_at,
        }
        for draft in drafts
        if draft.traces is not None
    ]
    if rows:
        await insert_rows(connection, comment_networks, rows)


async def of_comment(connection: Connection, site_id: str, comment_id: str) -> str | None:
    """Return the hash of the network from which a comment of a site came, None where it is not known any more."""
    query = select(comment_networks.c.network_hash).where(
        comment_networks.c.comment_id == comment_id, comment_networks.c.site_id == site_id
    )
    return (await connection.execute(query)).scalar_one_or_none()


async def forget(connection: Connection, most: int, *, site_id: str, before: datetime) -> int:
    """Delete up to `most` networks of a site's older comments; return how many."""
    old = (
        select(comment_networks.c.comment_id)
        .where(comment_networks.c.site_id == site_id, comment_networks.c.created_at < before)
        .limit(most)
    )
    result = await connection.execute(delete(comment_networks).where(comment_networks.c.comment_id.in_(old)))
    return result.rowcount


async def forget_unlisted(connection: Connection, most: int, *, listed: Iterable[str]) -> int:
    """Delete up to `most` networks of comments on sites that are no longer listed; return how many."""
    old = select(comment_networks.c.comment_id).where(comment_networks.c.site_id.not_in(list(listed))).limit(most)
    result = await connection.execute(delete(comment_networks).where(comment_networks.c.comment_id.in_(old)))
    return result.rowcount
