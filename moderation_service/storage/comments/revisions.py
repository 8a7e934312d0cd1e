"""Texts of comments that are not the comment's own now: edits that wait, and what was replaced or rejected.

All functions that write do so for comments that are locked.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, func, insert, literal, select, update

from moderation_service.domain.comments.comment import QueuedComment, Revision, WaitingEdit
from moderation_service.domain.comments.receipts import AuthorAction
from moderation_service.domain.moderation.decisions import Entry
from moderation_service.storage.comments import assessments
from moderation_service.storage.engine.database import Connection
from moderation_service.storage.moderation import reports
from moderation_service.storage.schema import author_changes, comments, revisions

_TEXT = (
    "body",
    "body_html",
    "renderer",
    "spam_score",
    "spam_reasons",
    "reason_details",
    "verdict",
    "spam_probability",
    "suspicion",
    "text_group",
)
"""What a text consists of, in `comments` and in `revisions` alike."""


class State(StrEnum):
    """Why a text is kept beside the comment's own."""

    WAITING = "waiting"
    """An edit of a published comment that nobody has decided on."""
    REPLACED = "replaced"
    """What was public until an edit was approved."""
    REJECTED = "rejected"
    """An edit that was not approved."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DecidedEdit:
    """An edit that the newest decision on its comment was about, and what stood there before it was approved.

    `replaced` is the revision that was public until then, None where the edit was rejected.
    """

    revision: int
    replaced: int | None


async def waiting(connection: Connection, comment_ids: Collection[str]) -> dict[str, WaitingEdit]:
    """Return the edits that wait, by comment."""
    query = select(
        revisions.c.comment_id,
        revisions.c.number.label("revision"),
        revisions.c.body,
        revisions.c.body_html,
        revisions.c.at,
        *(revisions.c[name] for name in assessments.READ),
    ).where(revisions.c.comment_id.in_(comment_ids), revisions.c.state == State.WAITING)
    found: dict[str, WaitingEdit] = {}
    for row in (await connection.execute(query)).mappings():
        values = dict(row)
        comment_id = values.pop("comment_id")
        found[comment_id] = WaitingEdit(assessment=assessments.taken_from(values), **values)
    return found


async def rejected(connection: Connection, comment_id: str, number: int) -> tuple[str, str] | None:
    """Return the text of a rejected edit, and its HTML; None where it is not kept any more."""
    query = select(revisions.c.body, revisions.c.body_html).where(
        _is(comment_id, number), revisions.c.state == State.REJECTED
    )
    row = (await connection.execute(query)).first()
    return None if row is None else (row.body, row.body_html)


async def next_number(connection: Connection, comment: QueuedComment) -> int:
    """Return the number of the next text: none has it, also of those that are not kept any more."""
    query = select(func.max(author_changes.c.revision)).where(author_changes.c.comment_id == comment.id)
    last: int | None = (await connection.execute(query)).scalar_one()
    return max(comment.newest_revision, last or 0) + 1


async def put(connection: Connection, revision: Revision, *, number: int) -> None:
    """Let an edit of a published comment wait, in place of an earlier one."""
    await _drop_waiting(connection, revision.comment_id)
    await connection.execute(
        insert(revisions).values(
            comment_id=revision.comment_id,
            number=number,
            state=State.WAITING,
            body=revision.body,
            body_html=revision.body_html,
            renderer=revision.renderer,
            at=revision.at,
            **assessments.as_values(revision.assessment),
        )
    )
    await _set_waiting(connection, revision.comment_id, number)
    await place(connection, [revision.comment_id])


async def take_back(connection: Connection, comment_id: str) -> None:
    """Forget the edit that waits."""
    await _drop_waiting(connection, comment_id)
    await _set_waiting(connection, comment_id, None)
    await place(connection, [comment_id])


async def place(connection: Connection, comment_ids: Collection[str]) -> None:
    """Write where published comments stand in the queue for an edit or open reports; None where they do not."""
    query = select(revisions.c.comment_id, revisions.c.suspicion).where(
        revisions.c.comment_id.in_(comment_ids), revisions.c.state == State.WAITING
    )
    places = {row.comment_id: [row.suspicion] for row in await connection.execute(query)}
    for comment_id, found in (await reports.open_of(connection, comment_ids)).items():
        places.setdefault(comment_id, []).extend(one.place for one in found.reports)
    for comment_id in comment_ids:
        await reports.set_place(connection, [comment_id], min(places.get(comment_id, ()), default=None))


async def decided(connection: Connection, last: Mapping[str, Entry]) -> dict[str, DecidedEdit]:
    """Return the edits that the newest decisions were about, by comment."""
    query = select(
        revisions.c.comment_id, revisions.c.number, revisions.c.state, revisions.c.decision_number
    ).where(revisions.c.comment_id.in_(last), revisions.c.decision_number.is_not(None))
    found: dict[str, DecidedEdit] = {}
    for row in await connection.execute(query):
        entry = last[row.comment_id]
        if row.decision_number == entry.number:
            replaced = row.number if row.state == State.REPLACED else None
            found[row.comment_id] = DecidedEdit(revision=entry.revision, replaced=replaced)
    return found


async def publish(connection: Connection, comment_id: str, number: int, entry: Entry) -> None:
    """Make a waiting edit the comment's text, and keep what it replaces for as long as that can be undone."""
    await _swap(connection, comment_id, number, State.REPLACED, entry)
    await _set_waiting(connection, comment_id, None, at=entry.at)


async def reject(connection: Connection, comment_id: str, number: int, entry: Entry) -> None:
    """Put a waiting edit aside, for as long as that can be undone."""
    await connection.execute(
        update(revisions)
        .where(_is(comment_id, number))
        .values(state=State.REJECTED, decision_number=entry.number, decided_at=entry.at)
    )
    await _set_waiting(connection, comment_id, None, at=entry.at)


async def reopen(connection: Connection, comment_id: str, edit: DecidedEdit, *, at: datetime) -> None:
    """Let an edit wait again whose decision is taken back; what it replaced is the comment's text again."""
    if edit.replaced is not None:
        await _swap(connection, comment_id, edit.replaced, State.WAITING, None)
    await connection.execute(
        update(revisions)
        .where(_is(comment_id, edit.revision))
        .values(state=State.WAITING, decision_number=None, decided_at=None)
    )
    await _set_waiting(connection, comment_id, edit.revision, at=at)


async def forget(connection: Connection, most: int, *, before: datetime) -> int:
    """Delete up to `most` texts that were put aside before, and return how many."""
    old = (
        select(revisions.c.comment_id, revisions.c.number)
        .where(revisions.c.decided_at < before)
        .limit(most)
        .subquery()
    )
    is_old = (
        select(old.c.number)
        .where(old.c.comment_id == revisions.c.comment_id, old.c.number == revisions.c.number)
        .exists()
    )
    return (await connection.execute(delete(revisions).where(revisions.c.decided_at < before, is_old))).rowcount


async def _swap(connection: Connection, comment_id: str, number: int, state: State, entry: Entry | None) -> None:
    """Make a kept text the comment's own, and keep the comment's own in its place as `state`."""
    edited = (
        select(author_changes.c.at)
        .where(
            author_changes.c.comment_id == comments.c.id,
            author_changes.c.revision == comments.c.revision,
            author_changes.c.action == AuthorAction.EDIT,
        )
        .scalar_subquery()
    )
    own = select(
        comments.c.id,
        comments.c.revision,
        literal(state),
        *(comments.c[name] for name in _TEXT),
        func.coalesce(edited, comments.c.created_at),
        literal(None if entry is None else entry.number, revisions.c.decision_number.type),
        literal(None if entry is None else entry.at, revisions.c.decided_at.type),
    ).where(comments.c.id == comment_id)
    names = ["comment_id", "number", "state", *_TEXT, "at", "decision_number", "decided_at"]
    await connection.execute(insert(revisions).from_select(names, own))
    kept = select(*(revisions.c[name] for name in _TEXT)).where(_is(comment_id, number))
    values: dict[str, Any] = dict((await connection.execute(kept)).mappings().one())
    await connection.execute(update(comments).where(comments.c.id == comment_id).values(revision=number, **values))
    await connection.execute(delete(revisions).where(_is(comment_id, number)))


async def _drop_waiting(connection: Connection, comment_id: str) -> None:
    await connection.execute(
        delete(revisions).where(revisions.c.comment_id == comment_id, revisions.c.state == State.WAITING)
    )


async def _set_waiting(
    connection: Connection, comment_id: str, number: int | None, *, at: datetime | None = None
) -> None:
    """Write which edit waits, and `at` when somebody decided on one."""
    values: dict[str, Any] = {"waiting_revision": number} | ({} if at is None else {"changed_at": at})
    await connection.execute(update(comments).where(comments.c.id == comment_id).values(**values))


def _is(comment_id: str, number: int) -> ColumnElement[bool]:
    return and_(revisions.c.comment_id == comment_id, revisions.c.number == number)
