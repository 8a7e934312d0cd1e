"""Stored comments as rules look at them, of all sites, in stretches."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from moderation_service.domain.comments.comment import Status
from moderation_service.storage.engine.database import Connection
from moderation_service.storage.schema import ERASED, comments, contacts, pages


@dataclass(frozen=True, slots=True, kw_only=True)
class PastComment:
    """A comment as it stands, with what was known of it when it came.

    `address_hash` is empty where there is no address; `probability` of being spam is in thousandths, None where
    nothing was learned then; `page_since` is when the page had its first comment.
    """

    id: str
    site_id: str
    status: Status
    page_url: str
    page_since: datetime
    author_name: str
    author_url: str | None
    address_hash: str
    body: str
    probability: int | None
    created_at: datetime


async def stretch(connection: Connection, *, after: str | None, limit: int) -> list[PastComment]:
    """Return the next `limit` comments behind an id, the oldest first; answers of sites are none that came in."""
    query = (
        select(
            comments.c.id,
            comments.c.site_id,
            comments.c.status,
            pages.c.url.label("page_url"),
            pages.c.created_at.label("page_since"),
            comments.c.author_name,
            comments.c.author_url,
            contacts.c.address_hash,
            comments.c.body,
            comments.c.spam_probability.label("probability"),
            comments.c.created_at,
        )
        .join(pages, pages.c.id == comments.c.page_id)
        .outerjoin(contacts, contacts.c.comment_id == comments.c.id)
        .where(comments.c.status != ERASED, ~comments.c.by_site)
        .order_by(comments.c.id)
        .limit(limit)
    )
    if after is not None:
        query = query.where(comments.c.id > after)
    return [
        PastComment(**row | {"status": Status(row["status"]), "address_hash": row["address_hash"] or ""})
        for row in map(dict, (await connection.execute(query)).mappings())
    ]
