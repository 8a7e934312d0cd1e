"""All that is kept about one address at one site, read for whoever has a right to it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, Table, select

from moderation_service.storage.engine.database import Connection
from moderation_service.storage.schema import (
    ERASED,
    address_views,
    author_changes,
    author_mails,
    author_notes,
    blocks,
    comment_networks,
    comments,
    contacts,
    decisions,
    notices,
    pages,
    reports,
    revisions,
    subscriptions,
)

Rows = Sequence[Row[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """Rows of each table, the oldest first; those of comments by the comment's id."""

    comments: Rows
    decisions: Mapping[str, Rows]
    author_changes: Mapping[str, Rows]
    revisions: Mapping[str, Rows]
    subscriptions: Mapping[str, Rows]
    notices: Mapping[str, Rows]
    address_views: Mapping[str, Rows]
    networks: Mapping[str, Rows]
    mails: Rows
    reports: Rows
    blocks: Rows
    notes: Rows


async def find(connection: Connection, address_hashes: Sequence[str], *, site_id: str) -> Kept:
    """Return what is kept under the hashes of an address at a site."""
    found = (
        await connection.execute(
            select(comments, pages.c.url.label("page_url"))
            .join(contacts, contacts.c.comment_id == comments.c.id)
            .join(pages, pages.c.id == comments.c.page_id)
            .where(
                contacts.c.address_hash.in_(address_hashes),
                comments.c.site_id == site_id,
                comments.c.status != ERASED,
            )
            .order_by(comments.c.id)
        )
    ).all()
    ids = [row.id for row in found]
    return Kept(
        comments=found,
        decisions=await _of_comments(connection, decisions, ids, decisions.c.number),
        author_changes=await _of_comments(connection, author_changes, ids, author_changes.c.at),
        revisions=await _of_comments(connection, revisions, ids, revisions.c.number),
        subscriptions=await _of_comments(connection, subscriptions, ids, subscriptions.c.notice),
        notices=await _of_comments(connection, notices, ids, notices.c.at),
        address_views=await _of_comments(connection, address_views, ids, address_views.c.at),
        networks=await _of_comments(connection, comment_networks, ids, comment_networks.c.created_at),
        mails=await _of_address(connection, author_mails, address_hashes, site_id),
        reports=await _of_address(connection, reports, address_hashes, site_id),
        blocks=(
            await connection.execute(
                select(blocks)
                .where(blocks.c.value_hash.in_(address_hashes), blocks.c.site_id == site_id)
                .order_by(blocks.c.id)
            )
        ).all(),
        notes=await _of_address(connection, author_notes, address_hashes, site_id),
    )


async def _of_comments(
    connection: Connection, table: Table, ids: Sequence[str], order: Any
) -> dict[str, list[Row[Any]]]:
    query = select(table).where(table.c.comment_id.in_(ids)).order_by(table.c.comment_id, order)
    found: dict[str, list[Row[Any]]] = {}
    for row in await connection.execute(query):
        found.setdefault(row.comment_id, []).append(row)
    return found


async def _of_address(
    connection: Connection, table: Table, address_hashes: Sequence[str], site_id: str
) -> Sequence[Row[Any]]:
    query = select(table).where(table.c.address_hash.in_(address_hashes), table.c.site_id == site_id)
    return (await connection.execute(query.order_by(table.c.id))).all()
