"""Who posted what in the last minutes, as keyed hashes that are soon forgotten."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter

import orjson
from sqlalchemy import (
    ColumnElement,
    Integer,
    Select,
    Text,
    bindparam,
    cast,
    column,
    delete,
    func,
    literal,
    literal_column,
    select,
    union_all,
)

from moderation_service.domain import clocks
from moderation_service.domain.comments.comment import Draft, Receipt, Traces
from moderation_service.storage.engine.bulk_insert import insert_rows
from moderation_service.storage.engine.database import Connection, answer_from_indexes
from moderation_service.storage.engine.json_rows import json_item, json_texts
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
    counted = await _counted(
        connection, traces, posts_since=posts_since, repetitions_since=repetitions_since, now=now
    )
    recent = Recent(await _times(connection, traces, counted, posts_since, now), {})
    repeated = {one for trace in traces for one in _repetitions(trace) if counted[one]}
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
            .where(*_are_among(repeated))
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
    counted = await _counted(connection, traces, posts_since=since, repetitions_since=since, now=now)
    return await _times(connection, traces, counted, since, now)


_PLACE = (recent_posts.c.wide_network_hash, recent_posts.c.network_hash, recent_posts.c.fingerprint)
"""Where a post stands in the index by which it is counted: first by the wide network that it came from."""

_Place = tuple[str, ...]
"""The first of these columns: of a wide network, of a network in it, or of what a network posted."""

_NOWHERE = ""
"""The hash of a network that is free of limits."""


def _networks_of(traces: Traces) -> Sequence[tuple[str, str]]:
    """Return under what a post is counted, by each listed key: its wide network and its network."""
    if traces.most is None:
        return [(_NOWHERE, _NOWHERE)] * len(traces.networks)
    return list(zip(traces.wide_networks, traces.networks, strict=True))


def _repetitions(traces: Traces) -> Iterator[_Place]:
    """Yield where the same post stands if it was stored, by each listed key.

    It may have been stored when its network was limited, or when it was free of limits: the site's file changes.
    """
    for wide, network, fingerprint in zip(
        traces.wide_networks, traces.networks, traces.fingerprints, strict=False
    ):
        yield wide, network, fingerprint
        yield _NOWHERE, _NOWHERE, fingerprint


def _limits(traces: Traces) -> Sequence[tuple[tuple[_Place, ...], int]]:
    """Return what is limited of a post, by each listed key, and how many it may be: networks, then wide ones."""
    if traces.most is None:
        return ()
    networks = tuple(_networks_of(traces))
    limits = zip((networks, tuple((wide,) for wide, _ in networks)), traces.limits, strict=True)
    return [(places, most) for places, (_, most) in limits]


def _are_among(places: Collection[_Place]) -> list[ColumnElement[bool]]:
    """Return the conditions of posts that stand at places of one length; a hash stands at one place only."""
    return [column.in_({*values}) for column, values in zip(_PLACE, zip(*places, strict=True), strict=False)]


def _count_of_each(length: int, since: str) -> Select[int, int, int]:
    """Return the query that counts the posts at each place of a length, from a moment on; both are parameters.

    It looks each place up by itself, and at the time only of what it finds: by an index of time alone a plan would
    look at what everybody posted.
    """
    name = f"places_{length}"
    wanted = json_texts(bindparam(name, type_=Text())).table_valued(column("value", Text)).alias(name)
    items = [json_item(wanted.c.value, literal_column(str(number))) for number in range(1 + length)]
    is_there = [column == item for column, item in zip(_PLACE, items[1:], strict=False)]
    posts = select(recent_posts.c.created_at).where(*is_there).correlate(wanted).offset(0).subquery("posts")
    count = select(func.count()).where(
        posts.c.created_at > bindparam(since, type_=UtcDateTime()),
        posts.c.created_at <= bindparam("until", type_=UtcDateTime()),
    )
    return select(literal(length, Integer), cast(items[0], Integer()), count.scalar_subquery())


_COUNTS = union_all(
    _count_of_each(1, "posts_since"),
    _count_of_each(2, "posts_since"),
    _count_of_each(3, "repetitions_since"),
)


async def _counted(
    connection: Connection,
    traces: Sequence[Traces],
    *,
    posts_since: datetime,
    repetitions_since: datetime,
    now: datetime,
) -> Mapping[_Place, int]:
    """Count what is limited and what may be repeated, in one statement whatever their number."""
    places = {place for one in traces for places, _ in _limits(one) for place in places}
    places.update(place for one in traces for place in _repetitions(one))
    if not places:
        return {}
    asked: dict[int, list[_Place]] = {length: [] for length in (1, 2, 3)}
    for place in sorted(places):
        asked[len(place)].append(place)
    await answer_from_indexes(connection)
    found = await connection.execute(
        _COUNTS,
        {
            **{f"places_{length}": _numbered(some) for length, some in asked.items()},
            "posts_since": posts_since,
            "repetitions_since": repetitions_since,
            "until": now + clocks.SKEW,
        },
    )
    return {asked[length][number]: count for length, number, count in found.all()}


def _numbered(places: Sequence[_Place]) -> str:
    return orjson.dumps([(number, *place) for number, place in enumerate(places)]).decode()


async def _times(
    connection: Connection,
    traces: Sequence[Traces],
    counted: Mapping[_Place, int],
    since: datetime,
    now: datetime,
) -> dict[str, list[datetime]]:
    """Return the times of posts of networks that are so near a limit that these posts may pass it."""
    near: dict[int, set[_Place]] = {}
    for (places, most), coming in Counter(limit for one in traces for limit in _limits(one)).items():
        if sum(counted[place] for place in places) + coming > most:
            near.setdefault(len(places[0]), set()).update(places)
    found: dict[str, list[datetime]] = {}
    for length, wanted in near.items():
        posts = select(_PLACE[length - 1], recent_posts.c.created_at).where(*_are_among(wanted))
        for network, at in sorted(await connection.execute(posts), key=itemgetter(1)):
            if clocks.is_since(at, since, now):
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
    """Return what a post counts under, by the current key."""
    wide, network = _networks_of(traces)[0]
    return {"network_hash": network, "wide_network_hash": wide}


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
