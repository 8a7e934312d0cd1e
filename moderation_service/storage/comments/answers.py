"""Answers of sites on disk: comments that are published as they are written, by nobody who has an address."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from sqlalchemy import select

from moderation_service.domain.comments.comment import NO_CONTACT, QueuedComment, Status
from moderation_service.domain.moderation.decisions import Answer
from moderation_service.storage.engine.bulk_insert import insert_rows
from moderation_service.storage.engine.database import Connection
from moderation_service.storage.schema import IS_PUBLIC, comments, contacts

_parents = comments.alias("parents")


async def add(
    connection: Connection,
    answers: Sequence[tuple[QueuedComment, Answer]],
    *,
    author_name: str,
    at: datetime,
) -> None:
    """Store answers to comments that are locked, on the pages where these stand, in their threads."""
    parent_ids = [parent.id for parent, _ in answers]
    rows = await connection.execute(select(comments.c.id, comments.c.root_id).where(comments.c.id.in_(parent_ids)))
    roots = {row.id: row.root_id for row in rows}
    stored: list[dict[str, object]] = [
        {
            "id": answer.id,
            "site_id": parent.site_id,
            "page_id": parent.page_id,
            "parent_id": parent.id,
            "root_id": roots[parent.id],
            "status": Status.APPROVED,
            "revision": 1,
            "author_name": author_name,
            "body": answer.body,
            "body_html": answer.body_html,
            "renderer": answer.renderer,
            "spam_score": 0,
            "spam_reasons": "",
            "created_at": at,
            "changed_at": at,
            "by_site": True,
        }
        for parent, answer in answers
    ]
    await insert_rows(connection, comments, stored)
    await insert_rows(
        connection,
        contacts,
        [
            {
                "comment_id": answer.id,
                "address_sealed": NO_CONTACT.sealed,
                "address_hash": NO_CONTACT.address_hash,
            }
            for _, answer in answers
        ],
    )


async def given(connection: Connection, bodies: Mapping[str, Collection[str]]) -> set[tuple[str, str]]:
    """Return which of these texts the site has answered to comments already, each with the comment's id.

    Only what readers see counts: it is found in the index of their threads.
    """
    query = (
        select(comments.c.parent_id, comments.c.body)
        .join(_parents, _parents.c.id == comments.c.parent_id)
        .where(
            _parents.c.id.in_(bodies),
            comments.c.page_id == _parents.c.page_id,
            comments.c.root_id == _parents.c.root_id,
            IS_PUBLIC,
            comments.c.by_site,
        )
    )
    rows = await connection.execute(query)
    return {(row.parent_id, row.body) for row in rows if row.body in bodies[row.parent_id]}
