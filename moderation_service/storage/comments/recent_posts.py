"""Who posted what in the last minutes, as keyed hashes that are soon forgotten."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Column, delete, func, select

from moderation_service.domain.comments.comment import Draft, Receipt, Traces
from moderation_service.storage.engine.bulk_insert import insert_rows
from moderation_service.storage.engine.database import Connection
from moderation_service.storage.engine.moments import is_since
from moderation_service.storage.schema import comments, pages, recent_posts


@dataclass(slots=True)
class Recent:
    """Times of posts by network hash, newest last, and receipts by fingerprint."""

    times: dict[str, list[datetime]]
    receipts: dict[str, Receipt]


async def find(
    connection: Connection,
    drafts: Sequence[Draft],
    *,
    posts_since: datetime,
    repetitions_since: datetime,
    now: datetime,
) -> Recent:
    """Return what the drafts' networks have posted where that is limited, and which drafts were posted before.

    What was posted in the future, by a clock that was wrong, counts as long ago.
    """
    traces = [draft.traces for draft in drafts if draft.traces is not None]
    fingerprints = {one for trace in traces for one in trace.fingerprints}
    recent = Recent(await times(connection, traces, since=posts_since, now=now), {})
    seen = await connection.execute(
        select(recent_posts.c.fingerprint, comments.c.id, pages.c.url, comments.c.created_at)
        .join(comments, comments.c.id == recent_posts.c.comment_id)
        .join(pages, pages.c.id == comments.c.page_id)
        .where(
            recent_posts.c.fingerprint.in_(fingerprints),
            is_since(recent_posts.c.created_at, repetitions_since, now),
        )
    )
    for fingerprint, comment_id, page_url, created_at in seen:
        recent.receipts[fingerprint] = Receipt(id=comment_id, page_url=page_url, created_at=created_at)
    return recent


async def times(
    connection: Connection, traces: Sequence[Traces], *, since: datetime, now: datetime
) -> dict[str, list[datetime]]:
    """Return when networks that are limited posted or edited something lately, by their hashes, the newest last.

    Of wide networks only where some of these posts may be too many: theirs are counted in an index first.
    """
    limited = [one.limits for one in traces if one.limits]
    if not limited:
        return {}
    networks = {one for (hashes, _), _ in limited for one in hashes}
    found = await _times_by(connection, recent_posts.c.network_hash, networks, since, now)
    most = {one: most for _, (hashes, most) in limited for one in hashes}
    counted = await connection.execute(
        select(recent_posts.c.wide_network_hash, func.count())
        .where(recent_posts.c.wide_network_hash.in_(most), is_since(recent_posts.c.created_at, since, now))
        .group_by(recent_posts.c.wide_network_hash)
    )
    near = [one for one, count in counted if count + len(limited) >= most[one]]
    if near:
        found |= await _times_by(connection, recent_posts.c.wide_network_hash, near, since, now)
    return found


async def _times_by(
    connection: Connection, column: Column[str], hashes: Collection[str], since: datetime, now: datetime
) -> dict[str, list[datetime]]:
    rows = await connection.execute(
        select(column, recent_posts.c.created_at)
        .where(column.in_(hashes), is_since(recent_posts.c.created_at, since, now))
        .order_by(recent_posts.c.created_at)
    )
    found: dict[str, list[datetime]] = {}
    for network, at in rows:
        found.setdefault(network, []).append(at)
    return found


async def add_about(
    connection: Connection, traces: Traces, comment_id: str, *, post_id: str, at: datetime
) -> None:
    """Remember what is about a comment, as an edit is: it counts as a post of its networks and repeats nothing."""
    row = {"comment_id": post_id, "fingerprint": "", "created_at": at, "about_id": comment_id, **_networks(traces)}
    await insert_rows(connection, recent_posts, [row])


async def add(connection: Connection, drafts: Iterable[Draft]) -> None:
    """Remember posts by the hashes under the current key."""
    rows = [
        {
            "comment_id": draft.id,
            "fingerprint": draft.traces.fingerprints[0],
            "created_at": draft.created_at,
            **_networks(draft.traces),
        }
        for draft in drafts
        if draft.traces is not None
    ]
    if rows:
        await insert_rows(connection, recent_posts, rows)


def _networks(traces: Traces) -> dict[str, str]:
    """Return what a post counts under: nothing where it comes from a network that is free of limits."""
    if traces.most is None:
        return {"network_hash": "", "wide_network_hash": ""}
    return {"network_hash": traces.networks[0], "wide_network_hash": traces.wide_networks[0]}


async def forget(connection: Connection, most: int, *, before: datetime) -> int:
    """Delete up to `most` posts that are too old to matter; return how many."""
    old = select(recent_posts.c.comment_id).where(recent_posts.c.created_at < before).limit(most)
    result = await connection.execute(delete(recent_posts).where(recent_posts.c.comment_id.in_(old)))
    return result.rowcount


async def forget_about(connection: Connection, comment_ids: Collection[str]) -> None:
    """Delete what is remembered of edits, objections and reports that some comments got."""
    await connection.execute(delete(recent_posts).where(recent_posts.c.about_id.in_(comment_ids)))


async def forget_posts(connection: Connection, post_ids: Collection[str]) -> None:
    """Delete what is remembered of some posts, by their own ids."""
    await connection.execute(delete(recent_posts).where(recent_posts.c.comment_id.in_(post_ids)))
