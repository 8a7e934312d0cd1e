"""Comments by the keyed hash of their author's address, and what moderators noted about authors.

An address is looked for under every listed key, so it has several hashes; all questions are bound to sites.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, delete, func, insert, select, union_all

from moderation_service.domain.comments.comment import Status
from moderation_service.domain.moderation.authors import MOST_COUNTED, AuthorNote
from moderation_service.storage.engine.database import Connection
from moderation_service.storage.schema import author_notes, comments, contacts, pages

_TERMS = 400
"""How many hashes one statement asks for; SQLite takes no more than 500 parts of a union."""
_COUNTED = (Status.APPROVED, Status.REJECTED, Status.SPAM)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """How many comments of an address on one page stand in one state."""

    address_hash: str
    site_id: str
    page_url: str
    status: Status
    count: int


async def decided(
    connection: Connection, site_ids: Collection[str], address_hashes: Sequence[str]
) -> list[Decided]:
    """Count the decided comments of addresses on sites, among the newest 1,000 of each address."""
    found: list[Decided] = []
    for some in _parts(address_hashes):
        newest = union_all(*(select(_newest(one).subquery()) for one in some)).subquery()
        query = (
            select(newest.c.address_hash, comments.c.site_id, pages.c.url, comments.c.status, func.count())
            .outerjoin_from(newest, comments, _is_decided(newest.c.comment_id, comments.c.site_id.in_(site_ids)))
            .outerjoin(pages, pages.c.id == comments.c.page_id)
            .group_by(newest.c.address_hash, comments.c.site_id, pages.c.url, comments.c.status)
        )
        found += [
            Decided(address_hash=row[0], site_id=row[1], page_url=row[2], status=Status(row[3]), count=row[4])
            for row in await connection.execute(query)
            if row[3] is not None
        ]
    return found


async def decided_of_proved(
    connection: Connection, site_id: str, address_hashes: Sequence[str]
) -> list[tuple[Status, int]]:
    """Count the decided comments of an address on a site whose address was proved, among its newest 1,000."""
    some = union_all(*(select(_newest(one).subquery()) for one in address_hashes)).subquery()
    is_proved = and_(comments.c.site_id == site_id, comments.c.proved_at.is_not(None))
    query = (
        select(comments.c.status, func.count())
        .outerjoin_from(some, comments, _is_decided(some.c.comment_id, is_proved))
        .group_by(comments.c.status)
    )
    return [(Status(row[0]), row[1]) for row in await connection.execute(query) if row[0] is not None]


async def newest(connection: Connection, site_id: str, address_hashes: Sequence[str]) -> list[tuple[str, str]]:
    """Return the newest 1,000 comments of an address on a site, as ids and addresses of pages, newest first."""
    some = union_all(*(select(_newest(one).subquery()) for one in address_hashes)).subquery()
    query = (
        select(comments.c.id, pages.c.url)
        .join(some, some.c.comment_id == comments.c.id)
        .join(pages, pages.c.id == comments.c.page_id)
        .where(comments.c.site_id == site_id)
        .order_by(comments.c.id.desc())
    )
    return [(row.id, row.url) for row in await connection.execute(query)]


async def comment_of(connection: Connection, site_id: str, address_hash: str) -> str | None:
    """Return a comment on a site by the author of a hash."""
    query = (
        select(contacts.c.comment_id)
        .join(comments, comments.c.id == contacts.c.comment_id)
        .where(contacts.c.address_hash == address_hash, comments.c.site_id == site_id)
        .limit(1)
    )
    found: str | None = (await connection.execute(query)).scalar_one_or_none()
    return found


async def notes(
    connection: Connection, site_ids: Collection[str], address_hashes: Sequence[str]
) -> dict[tuple[str, str], AuthorNote]:
    """Return what was noted about authors, by site and hash; the newest where two wrote at the same moment."""
    query = select(author_notes).where(
        author_notes.c.site_id.in_(site_ids), author_notes.c.address_hash.in_(address_hashes)
    )
    return {
        (row.site_id, row.address_hash): AuthorNote(
            text=row.note, moderator_id=row.moderator_id, actor_name=row.actor_name, at=row.at
        )
        for row in await connection.execute(query.order_by(author_notes.c.id))
    }


async def put_note(
    connection: Connection,
    note: AuthorNote | None,
    *,
    new_id: str,
    site_id: str,
    address_hashes: Sequence[str],
) -> None:
    """Replace what is noted about an author, by nothing where that is None; the first hash is the current one."""
    theirs = (author_notes.c.site_id == site_id, author_notes.c.address_hash.in_(address_hashes))
    await connection.execute(delete(author_notes).where(*theirs))
    if note is not None:
        await connection.execute(
            insert(author_notes).values(
                id=new_id,
                site_id=site_id,
                address_hash=address_hashes[0],
                note=note.text,
                moderator_id=note.moderator_id,
                actor_name=note.actor_name,
                at=note.at,
            )
        )


def _is_decided(comment_id: ColumnElement[str], condition: ColumnElement[bool]) -> ColumnElement[bool]:
    """Join a decided comment that meets a condition, by an outer join that leaves the others empty.

    An inner one would leave the order to the database, and SQLite, which has no statistics, would begin at all
    decided comments of the site.
    """
    return and_(comments.c.id == comment_id, condition, comments.c.status.in_(_COUNTED))


def _newest(address_hash: str) -> Select[Any]:
    return (
        select(contacts.c.address_hash, contacts.c.comment_id)
        .where(contacts.c.address_hash == address_hash)
        .order_by(contacts.c.comment_id.desc())
        .limit(MOST_COUNTED)
    )


def _parts(address_hashes: Sequence[str]) -> Iterator[Sequence[str]]:
    for first in range(0, len(address_hashes), _TERMS):
        yield address_hashes[first : first + _TERMS]
