"""Who posted what in the last minutes, as keyed hashes that are soon forgotten."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter

import orjson
from sqlalchemy import Select, Text, bindparam, column, delete, func, literal, select, union_all

from moderation_service.domain import clocks
from moderation_service.domain.comments.comment import Draft, Receipt, Traces
from moderation_service.storage.engine.bulk_insert import insert_rows
from moderation_service.storage.engine.database import Connection, answer_from_indexes
from moderation_service.storage.engine.json_rows import json_texts
from moderation_service.storage.schema import UtcDateTime, comments, pages, recent_posts


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
    """Return what networks near their limit have posted, and which drafts were posted before.

    What was posted in the future, by a clock that was wrong, counts as long ago.
    """
    traces = [draft.traces for draft in drafts if draft.traces is not None]
    fingerprints = {one for trace in traces for one in trace.fingerprints}
    counted = await _counted(
        connection, traces, fingerprints, posts_since=posts_since, repetitions_since=repetitions_since, now=now
    )
    recent = Recent(await _times(connection, traces, counted, posts_since, now), {})
    repeated = [one for one in fingerprints if counted[_FINGERPRINT, one]]
    if repeated:
        seen = await connection.execute(
            select(
                recent_posts.c.created_at,
                recent_posts.c.fingerprint,
                comments.c.id,
                pages.c.url,
                comments.c.created_at,
            )
            .join(comments, comments.c.id == recent_posts.c.comment_id)
            .join(pages, pages.c.id == comments.c.page_id)
            .where(recent_posts.c.fingerprint.in_(repeated))
        )
        for at, fingerprint, comment_id, page_url, created_at in seen:
            if clocks.is_since(at, repetitions_since, now):
                recent.receipts[fingerprint] = Receipt(id=comment_id, page_url=page_url, created_at=created_at)
    return recent


async def times(
    connection: Connection, traces: Sequence[Traces], *, since: datetime, now: datetime
) -> dict[str, list[datetime]]:
    """Return when networks posted or edited something lately, by their hashes, the newest last.

    Only of networks that are limited, and of those only where another post may be too many.
    """
    counted = await _counted(connection, traces, (), posts_since=since, repetitions_since=since, now=now)
    return await _times(connection, traces, counted, since, now)


_Counts = Mapping[tuple[str, str], int]
"""How many posts were found by a column's name and a hash."""

_NETWORK, _WIDE, _FINGERPRINT = "network_hash", "wide_network_hash", "fingerprint"


def _count_of_each(name: str, since: str) -> Select[str, str, int]:
    """Return the query that counts the posts of each hash of a column, from a moment on; both are parameters.

    It looks each hash up by itself, and at the time only of what it finds: by an index of time alone a plan would
    look at what everybody posted.
    """
    wanted = json_texts(bindparam(name, type_=Text())).table_valued(column("value", Text)).alias(f"wanted_{name}")
    of_hash = select(recent_posts.c.created_at).where(recent_posts.c[name] == wanted.c.value)
    posts = of_hash.correlate(wanted).offset(0).subquery("posts")
    count = select(func.count()).where(
        posts.c.created_at > bindparam(since, type_=UtcDateTime()),
        posts.c.created_at <= bindparam("until", type_=UtcDateTime()),
    )
    return select(literal(name, Text), wanted.c.value, count.scalar_subquery())


_COUNTS = union_all(
    _count_of_each(_NETWORK, "posts_since"),
    _count_of_each(_WIDE, "posts_since"),
    _count_of_each(_FINGERPRINT, "repetitions_since"),
)


async def _counted(
    connection: Connection,
    traces: Sequence[Traces],
    fingerprints: Collection[str],
    *,
    posts_since: datetime,
    repetitions_since: datetime,
    now: datetime,
) -> _Counts:
    """Count what is limited and what may be repeated, in one statement whatever their number."""
    limited = [one for one in traces if one.limits]
    if not limited and not fingerprints:
        return {}
    await answer_from_indexes(connection)
    found = await connection.execute(
        _COUNTS,
        {
            _NETWORK: _json({one for each in limited for one in each.networks}),
            _WIDE: _json({one for each in limited for one in each.wide_networks}),
            _FINGERPRINT: _json(fingerprints),
            "posts_since": posts_since,
            "repetitions_since": repetitions_since,
            "until": now + clocks.SKEW,
        },
    )
    return {(name, value): count for name, value, count in found}


def _json(texts: Collection[str]) -> str:
    return orjson.dumps(sorted(texts)).decode()


async def _times(
    connection: Connection, traces: Sequence[Traces], counted: _Counts, since: datetime, now: datetime
) -> dict[str, list[datetime]]:
    """Return the times of posts of networks that are so near a limit that these posts may pass it."""
    near: dict[str, set[str]] = {_NETWORK: set(), _WIDE: set()}
    coming = Counter(limit for one in traces for limit in _limits(one))
    for (name, hashes, most), count in coming.items():
        if sum(counted[name, each] for each in hashes) + count > most:
            near[name].update(hashes)
    found: dict[str, list[datetime]] = {}
    for name, wanted in near.items():
        if not wanted:
            continue
        hashed = recent_posts.c[name]
        rows = await connection.execute(select(hashed, recent_posts.c.created_at).where(hashed.in_(wanted)))
        for network, at in sorted(rows, key=itemgetter(1)):
            if clocks.is_since(at, since, now):
                found.setdefault(network, []).append(at)
    return found


def _limits(traces: Traces) -> list[tuple[str, tuple[str, ...], int]]:
    """Return what limits a post: the column, a network's hashes in it, and how many it may send."""
    return [(name, *limit) for name, limit in zip((_NETWORK, _WIDE), traces.limits, strict=False)]


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
