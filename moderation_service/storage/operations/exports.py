"""All comments of a site, read in stretches for an export."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, select

from moderation_service.domain.comments.comment import Original, Status, WaitingEdit
from moderation_service.storage.comments import revisions
from moderation_service.storage.engine.database import Connection, Database
from moderation_service.storage.schema import (
    ERASED,
    author_changes,
    comments,
    contacts,
    decisions,
    page_aliases,
    pages,
)

_AT_ONCE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedPage:
    """A page; `title` and `commenting` are what somebody set, None where nobody did."""

    id: str
    url: str
    title: str | None
    commenting: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedComment:
    """A comment with its author's address as it is stored, and what was done to it, oldest first.

    `edit` is one that waits, and `original` what a shortened one said; they come with the history.
    """

    id: str
    page_url: str
    page_title: str | None
    parent_id: str | None
    root_id: str
    status: Status
    revision: int
    author_name: str
    author_url: str | None
    by_site: bool
    address_sealed: bytes
    body: str
    body_html: str
    created_at: datetime
    changed_at: datetime
    redacted: bool
    decisions: Sequence[Any] = ()
    author_changes: Sequence[Any] = ()
    edit: WaitingEdit | None = None
    original: Original | None = None


async def site_pages(database: Database, site_id: str) -> AsyncIterator[ExportedPage]:
    """Return the pages of a site that have comments, or of which somebody said something, by rising id."""
    last: str | None = None
    while True:
        query = select(pages.c.id, pages.c.url, pages.c.title, pages.c.commenting).where(
            pages.c.site_id == site_id, pages.c.moves_to.is_(None)
        )
        if last is not None:
            query = query.where(pages.c.id > last)
        async with database.read() as connection:
            rows = (await connection.execute(query.order_by(pages.c.id).limit(_AT_ONCE))).all()
        for row in rows:
            yield ExportedPage(id=row.id, url=row.url, title=row.title, commenting=row.commenting)
        if len(rows) < _AT_ONCE:
            return
        last = rows[-1].id


async def aliases(database: Database, site_id: str) -> list[tuple[str, str]]:
    """Return the addresses of a site that were moved, each with that which its page has now."""
    query = (
        select(page_aliases.c.url, pages.c.url.label("target"))
        .join(pages, pages.c.id == page_aliases.c.moves_to)
        .where(page_aliases.c.site_id == site_id, page_aliases.c.moves_to != page_aliases.c.id)
        .order_by(page_aliases.c.url)
    )
    async with database.read() as connection:
        return [(row.url, row.target) for row in await connection.execute(query)]


async def site_comments(database: Database, site_id: str) -> AsyncIterator[list[ExportedComment]]:
    """Return all comments of a site by rising id, in stretches, with their histories; none that were erased."""
    conditions = (comments.c.site_id == site_id, comments.c.status != ERASED)
    async for batch in _batches(database, conditions, with_history=True):
        yield batch


async def page_comments(
    database: Database, page_id: str, statuses: Sequence[Status]
) -> AsyncIterator[list[ExportedComment]]:
    """Return the comments of a page that have some states, by rising id, in stretches."""
    conditions = (comments.c.page_id == page_id, comments.c.status.in_(statuses))
    async for batch in _batches(database, conditions, with_history=False):
        yield batch


async def _batches(
    database: Database, conditions: Sequence[ColumnElement[bool]], *, with_history: bool
) -> AsyncIterator[list[ExportedComment]]:
    last: str | None = None
    while True:
        query = (
            select(
                comments.c.id,
                pages.c.url.label("page_url"),
                comments.c.page_title,
                comments.c.parent_id,
                comments.c.root_id,
                comments.c.status,
                comments.c.revision,
                comments.c.author_name,
                comments.c.author_url,
                comments.c.by_site,
                contacts.c.address_sealed,
                comments.c.body,
                comments.c.body_html,
                comments.c.created_at,
                comments.c.changed_at,
                comments.c.redacted,
            )
            .join(pages, pages.c.id == comments.c.page_id)
            .outerjoin(contacts, contacts.c.comment_id == comments.c.id)
            .where(*conditions)
            .order_by(comments.c.id)
            .limit(_AT_ONCE)
        )
        if last is not None:
            query = query.where(comments.c.id > last)
        async with database.read() as connection:
            rows = (await connection.execute(query)).all()
            ids = [row.id for row in rows]
            decided = await _by_comment(connection, decisions, ids) if with_history else {}
            changed = await _by_comment(connection, author_changes, ids) if with_history else {}
            edits = await revisions.waiting(connection, ids) if with_history else {}
            originals = await revisions.originals(connection, ids) if with_history else {}
        if rows:
            yield [
                _exported(
                    row,
                    decided.get(row.id, ()),
                    changed.get(row.id, ()),
                    edits.get(row.id),
                    originals.get(row.id),
                )
                for row in rows
            ]
        if len(rows) < _AT_ONCE:
            return
        last = rows[-1].id


async def _by_comment(connection: Connection, table: Any, ids: Sequence[str]) -> dict[str, list[Any]]:
    order = table.c.number if "number" in table.c else table.c.at
    query = select(table).where(table.c.comment_id.in_(ids)).order_by(table.c.comment_id, order)
    found: dict[str, list[Any]] = {}
    for row in await connection.execute(query):
        found.setdefault(row.comment_id, []).append(row)
    return found


def _exported(
    row: Any,
    decided: Sequence[Any],
    changed: Sequence[Any],
    edit: WaitingEdit | None,
    original: Original | None,
) -> ExportedComment:
    return ExportedComment(
        id=row.id,
        page_url=row.page_url,
        page_title=row.page_title,
        parent_id=row.parent_id,
        root_id=row.root_id or row.id,
        status=Status(row.status),
        revision=row.revision,
        author_name=row.author_name,
        author_url=row.author_url,
        by_site=row.by_site,
        address_sealed=row.address_sealed or b"",
        body=row.body,
        body_html=row.body_html,
        created_at=row.created_at,
        changed_at=row.changed_at,
        redacted=row.redacted,
        decisions=decided,
        author_changes=changed,
        edit=edit,
        original=original,
    )
