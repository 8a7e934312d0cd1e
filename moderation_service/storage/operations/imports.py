"""Comments that came from other systems: what was brought earlier, and writing more in short transactions."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from moderation_service.domain.comments.comment import Contact, Original, Revision, Status
from moderation_service.domain.comments.markup import Rendering
from moderation_service.domain.comments.pages import Page
from moderation_service.storage.comments import changes, revisions
from moderation_service.storage.engine.bulk_insert import insert_rows
from moderation_service.storage.engine.database import Connection
from moderation_service.storage.operations.import_spool import Known
from moderation_service.storage.schema import (
    author_changes,
    comments,
    contacts,
    decisions,
    imported_comments,
    pages,
)


class TakenError(Exception):
    """Another import brought some of the same comments meanwhile; nothing of this batch is written."""

    def __init__(self, found: Mapping[str, Known]) -> None:
        super().__init__(f"{len(found)} are there already")
        self.found = found


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A comment as it is to be written; `status` is None of one whose place alone is kept.

    `decisions` and `author_changes` are rows of its history, where that came along, and `edit` one that waits of a
    published comment, with its number; `original` is what a shortened one said.
    """

    key: str
    id: str
    root_id: str
    parent_id: str | None
    page: Page
    page_title: str | None
    status: Status | None
    revision: int
    author_name: str
    author_url: str | None
    by_site: bool
    contact: Contact
    body: str
    body_html: str
    renderer: int
    created_at: datetime
    changed_at: datetime
    decisions: Sequence[dict[str, Any]] = ()
    author_changes: Sequence[dict[str, Any]] = ()
    edit: tuple[int, Revision] | None = None
    redacted: bool = False
    original: tuple[Original, Rendering] | None = None


async def known(connection: Connection, site_id: str, source: str, keys: Collection[str]) -> dict[str, Known]:
    """Return what earlier imports from a source made of comments, by their keys; those that came."""
    mine = imported_comments.c
    query = select(mine.source_id, mine.comment_id, mine.root_id).where(
        mine.site_id == site_id, mine.source == source, mine.source_id.in_(keys)
    )
    return {
        row.source_id: Known(comment_id=row.comment_id, root_id=row.root_id)
        for row in await connection.execute(query)
    }


async def with_ids(connection: Connection, ids: Collection[str]) -> dict[str, tuple[str, Known]]:
    """Return the comments that have some ids, each with its site."""
    query = select(comments.c.id, comments.c.site_id, comments.c.root_id).where(comments.c.id.in_(ids))
    return {
        row.id: (row.site_id, Known(comment_id=row.id, root_id=row.root_id or row.id))
        for row in await connection.execute(query)
    }


async def on_pages(connection: Connection, found: Mapping[str, Known]) -> dict[str, str]:
    """Return the page of each known comment that is stored, by its key in `found`."""
    ids = {one.comment_id for one in found.values()}
    rows = await connection.execute(select(comments.c.id, comments.c.page_id).where(comments.c.id.in_(ids)))
    page_of = {row.id: row.page_id for row in rows}
    return {key: page_of[one.comment_id] for key, one in found.items() if one.comment_id in page_of}


async def add(
    connection: Connection, site_id: str, source: str, arrivals: Sequence[Arrival], *, now: datetime
) -> None:
    """Write comments, each that is published as one change; raise TakenError where another import was first.

    The site's counter is taken when all else is locked that others lock too.
    """
    await _claim(connection, site_id, source, arrivals, now)
    stored = [one for one in arrivals if one.status is not None]
    if not stored:
        return
    found = {one.page.id: (one.page, one.created_at) for one in reversed(stored)}
    await insert_rows(
        connection,
        pages,
        [
            {"id": page_id, "site_id": site_id, "url": page.url, "created_at": at, "form": page.form}
            for page_id, (page, at) in sorted(found.items())
        ],
        new_only=True,
    )
    here = select(pages.c.id).where(pages.c.id.in_(found)).order_by(pages.c.id)
    await connection.execute(here.with_for_update(read=True, key_share=True))
    published = [one.id for one in stored if one.status is Status.APPROVED]
    numbers: dict[str, int] = {}
    if published:
        last = await changes.take(connection, site_id, len(published))
        numbers = dict(zip(published, range(last - len(published) + 1, last + 1), strict=True))
    await insert_rows(connection, comments, [_row(one, site_id, numbers.get(one.id), now) for one in stored])
    await insert_rows(
        connection,
        contacts,
        [
            {
                "comment_id": one.id,
                "address_sealed": one.contact.sealed,
                "address_hash": one.contact.address_hash,
            }
            for one in stored
        ],
    )
    await insert_rows(connection, decisions, [row for one in stored for row in one.decisions])
    await insert_rows(connection, author_changes, [row for one in stored for row in one.author_changes])
    for one in stored:
        if one.edit is not None:
            number, revision = one.edit
            await revisions.put(connection, revision, number=number)
        if one.original is not None:
            original, rendering = one.original
            await revisions.put_original(connection, one.id, original, rendering, redacted_as=one.revision)


async def brought(connection: Connection, changed: Mapping[str, datetime]) -> set[str]:
    """Return those of some comments that changed last when an import brought them, by when they changed."""
    mine = imported_comments.c
    rows = await connection.execute(select(mine.comment_id, mine.imported_at).where(mine.comment_id.in_(changed)))
    return {row.comment_id for row in rows if row.imported_at == changed[row.comment_id]}


async def _claim(
    connection: Connection, site_id: str, source: str, arrivals: Sequence[Arrival], now: datetime
) -> None:
    rows = [
        {
            "site_id": site_id,
            "source": source,
            "source_id": one.key,
            "comment_id": one.id,
            "root_id": one.root_id,
            "imported_at": now,
        }
        for one in sorted(arrivals, key=lambda one: one.key)
    ]
    await insert_rows(connection, imported_comments, rows, new_only=True)
    found = await known(connection, site_id, source, [one.key for one in arrivals])
    taken = {one.key: found[one.key] for one in arrivals if found[one.key].comment_id != one.id}
    if taken:
        raise TakenError(taken)


def _row(one: Arrival, site_id: str, number: int | None, now: datetime) -> dict[str, object]:
    return {
        "id": one.id,
        "site_id": site_id,
        "page_id": one.page.id,
        "page_title": one.page_title,
        "parent_id": one.parent_id,
        "root_id": one.root_id,
        "status": one.status,
        "revision": one.revision,
        "author_name": one.author_name,
        "author_url": one.author_url,
        "by_site": one.by_site,
        "body": one.body,
        "body_html": one.body_html,
        "renderer": one.renderer,
        "spam_score": 0,
        "spam_reasons": "",
        "created_at": one.created_at,
        "changed_at": one.changed_at,
        "redacted": one.redacted,
        "change_number": number,
        "change_at": None if number is None else now,
    }
