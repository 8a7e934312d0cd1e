"""Authors' own comments, found by their receipts; and what authors did to them, which only grows."""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, exists, insert, or_, select

from moderation_service.domain.comments import receipts
from moderation_service.domain.comments.comment import Status
from moderation_service.domain.comments.receipts import AuthorAction, AuthorChange, OwnComment, OwnEdit
from moderation_service.domain.moderation import statements
from moderation_service.storage.comments import revisions as texts
from moderation_service.storage.engine.database import Connection
from moderation_service.storage.moderation import decisions as history_of_decisions
from moderation_service.storage.schema import (
    ERASED,
    FILED_BY_RULE,
    author_changes,
    comments,
    decisions,
    pages,
    revisions,
)

_IS_FILED_BY_RULE = and_(
    FILED_BY_RULE,
    ~exists().where(decisions.c.comment_id == comments.c.id).correlate(comments),
)
"""A rule of the site's owner filed it as spam, and nobody has decided on it: to its author it waits."""


_OWN: Select[Any] = (
    select(
        comments.c.id,
        comments.c.site_id,
        pages.c.url.label("page_url"),
        comments.c.status,
        comments.c.revision,
        comments.c.author_name,
        comments.c.author_url,
        comments.c.body,
        comments.c.body_html,
        comments.c.created_at,
        comments.c.receipt_hash,
        comments.c.objection,
        comments.c.objected_at,
        comments.c.redacted,
        _IS_FILED_BY_RULE.label("is_filed_by_rule"),
        revisions.c.number,
        revisions.c.body.label("new_body"),
        revisions.c.body_html.label("new_body_html"),
        revisions.c.at,
    )
    .join(pages, pages.c.id == comments.c.page_id)
    .outerjoin(
        revisions,
        and_(revisions.c.comment_id == comments.c.id, revisions.c.number == comments.c.waiting_revision),
    )
)


async def find(connection: Connection, token: str) -> OwnComment | None:
    """Return the comment of a receipt, with the edit that waits; None for a token that is none of ours.

    What a rule filed as spam waits as far as its author learns, until somebody decides.
    """
    comment_id = receipts.comment_id_of(token)
    row = None if comment_id is None else await _row(connection, comments.c.id == comment_id)
    if row is None or not receipts.is_token(token, row.receipt_hash):
        return None
    return await _own(connection, row)


async def find_proved(connection: Connection, comment_id: str) -> OwnComment | None:
    """Return a comment, as `find` does, whose author's address was proved; None for every other one."""
    is_proved = comments.c.proved_at.is_not(None), comments.c.status != ERASED
    row = await _row(connection, comments.c.id == comment_id, *is_proved)
    return None if row is None else await _own(connection, row)


async def _row(connection: Connection, *conditions: ColumnElement[bool]) -> Row[Any] | None:
    found: Row[Any] | None = (await connection.execute(_OWN.where(*conditions))).first()
    return found


async def _own(connection: Connection, row: Row[Any]) -> OwnComment:
    values = dict(row._mapping)  # noqa: SLF001
    del values["receipt_hash"]
    number, body, body_html, at = (values.pop(one) for one in ("number", "new_body", "new_body_html", "at"))
    if number is not None:
        values["edit"] = OwnEdit(revision=number, body=body, body_html=body_html, at=at)
    values["status"] = Status.PENDING if values.pop("is_filed_by_rule") else Status(row.status)
    if values["status"] is Status.REJECTED or (values["status"] is Status.APPROVED and number is None):
        statement = statements.of(await history_of_decisions.history(connection, row.id))
        values["statement"] = None if statement is not None and statement.is_redaction else statement
    if values["status"] is Status.APPROVED and row.redacted:
        history = await history_of_decisions.history(connection, row.id)
        values["redaction"] = statements.of_redaction(history, row.revision)
        values["original"] = (await texts.originals(connection, [row.id])).get(row.id)
    return OwnComment(**values)


async def waits(connection: Connection, comment_id: str) -> bool:
    """Tell whether a comment waits for a decision, as far as its author learns."""
    waiting = or_(comments.c.status == Status.PENDING, _IS_FILED_BY_RULE)
    query = select(comments.c.id).where(comments.c.id == comment_id, waiting)
    return (await connection.execute(query)).first() is not None


async def note(
    connection: Connection,
    comment_id: str,
    action: AuthorAction,
    *,
    revision: int,
    of_published: bool = False,
    at: datetime,
) -> None:
    """Write down what an author did to a comment that is locked."""
    await connection.execute(
        insert(author_changes).values(
            comment_id=comment_id, revision=revision, action=action, of_published=of_published, at=at
        )
    )


async def history(connection: Connection, comment_id: str) -> list[AuthorChange]:
    """Return what an author did to a comment, the first first."""
    rows = await connection.execute(
        select(author_changes)
        .where(author_changes.c.comment_id == comment_id)
        .order_by(author_changes.c.revision, author_changes.c.action)
    )
    found = [
        AuthorChange(
            revision=row.revision,
            action=AuthorAction(row.action),
            at=row.at,
            is_of_published=row.of_published,
        )
        for row in rows
    ]
    objected = await connection.execute(
        select(comments.c.revision, comments.c.objected_at).where(
            comments.c.id == comment_id, comments.c.objected_at.is_not(None)
        )
    )
    found += [
        AuthorChange(revision=row.revision, action=AuthorAction.OBJECT, at=row.objected_at) for row in objected
    ]
    return sorted(found, key=lambda one: one.at)
