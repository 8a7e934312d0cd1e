"""Who posted what in the last minutes, as keyed hashes that are soon forgotten."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select

from moderation_service.domain.comments import Draft, Receipt
from moderation_service.storage.bulk import insert_rows
from moderation_service.storage.database import Connection
from moderation_service.storage.tables import comments, pages, recent_posts


@dataclass(slots=True)
class Recent:
    """Times of posts by network hash, newest last, and receipts by fingerprint."""

    times: dict[str, list[datetime]]
    receipts: dict[str, Receipt]


async def find(
    connection: Connection, drafts: Sequence[Draft], *, posts_since: datetime, repetitions_since: datetime
) -> Recent:
    """Return what the drafts' networks have posted where that is limited, and which drafts were posted before."""
    traces = [draft.traces for draft in drafts if draft.traces is not None]
    networks = {one for trace in traces if trace.most is not None for one in trace.networks}
    fingerprints = {one for trace in traces for one in trace.fingerprints}
    recent = Recent({}, {})
    if networks:
        rows = await connection.execute(
            select(recent_posts.c.network_hash, recent_posts.c.created_at)
            .where(recent_posts.c.network_hash.in_(networks), recent_posts.c.created_at > posts_since)
            .order_by(recent_posts.c.created_at)
        )
        for network, at in rows:
            recent.times.setdefault(network, []).append(at)
    seen = await connection.execute(
        select(recent_posts.c.fingerprint, comments.c.id, pages.c.url, comments.c.created_at)
        .join(comments, comments.c.id == recent_posts.c.comment_id)
        .join(pages, pages.c.id == comments.c.page_id)
        .where(recent_posts.c.fingerprint.in_(fingerprints), recent_posts.c.created_at > repetitions_since)
    )
    for fingerprint, comment_id, page_url, created_at in seen:
        recent.receipts[fingerprint] = Receipt(id=comment_id, page_url=page_url, created_at=created_at)
    return recent


async def add(connection: Connection, drafts: Iterable[Draft]) -> None:
    """Remember posts by the hashes under the current key."""
    rows = [
        {
            "comment_id": draft.id,
            "network_hash": draft.traces.networks[0],
            "fingerprint": draft.traces.fingerprints[0],
            "created_at": draft.created_at,
        }
        for draft in drafts
        if draft.traces is not None
    ]
    if rows:
        await insert_rows(connection, recent_posts, rows)


async def forget(connection: Connection, most: int, *, before: datetime) -> int:
    """Delete up to `most` posts that are too old to matter; return how many."""
    old = select(recent_posts.c.comment_id).where(recent_posts.c.created_at < before).limit(most)
    result = await connection.execute(delete(recent_posts).where(recent_posts.c.comment_id.in_(old)))
    return result.rowcount
