"""Texts of comments that are not the comment's own now: edits that wait, what was replaced or rejected, originals.

All functions that write do so for comments that are locked.
"""

from collections.abc import Collection, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, delete, func, insert, literal, or_, select, update

from moderation_service.domain.comments.comment import Original, QueuedComment, Redaction, Revision, WaitingEdit
from moderation_service.domain.comments.markup import Rendering
from moderation_service.domain.comments.receipts import AuthorAction
from moderation_service.domain.moderation.decision_batch import DecidedText
from moderation_service.domain.moderation.decisions import Entry
from moderation_service.domain.screening.assessment import HARMLESS
from moderation_service.storage.comments import assessments
from moderation_service.storage.engine.database import Connection
from moderation_service.storage.moderation import reports
from moderation_service.storage.schema import author_changes, comments, decisions, revisions

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
    "redacted",
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
    ORIGINAL = "original"
    """What an author wrote, and moderators took passages out of."""


async def waiting(connection: Connection, comment_ids: Collection[str]) -> dict[str, WaitingEdit]:
    """Return the edits that wait, by comment."""
    query = select(
        revisions.c.comment_id,
        revisions.c.number.label("revision"),
        revisions.c.body,
        revisions.c.body_html,
        revisions.c.at,
        revisions.c.redacted,
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


async def originals(connection: Connection, comment_ids: Collection[str]) -> dict[str, Original]:
    """Return what the authors of comments wrote whose texts were shortened, while that is kept, by comment."""
    query = (
        select(
            revisions.c.comment_id,
            revisions.c.number,
            revisions.c.body,
            revisions.c.at,
            revisions.c.decided_at,
        )
        .join(
            comments, and_(comments.c.id == revisions.c.comment_id, comments.c.revision == revisions.c.redacted_as)
        )
        .where(revisions.c.comment_id.in_(comment_ids))
    )
    return {
        row.comment_id: Original(revision=row.number, body=row.body, at=row.at, redacted_at=row.decided_at)
        for row in await connection.execute(query)
    }


async def put_original(
    connection: Connection, comment_id: str, original: Original, rendering: Rendering, *, redacted_as: int
) -> None:
    """Keep what an author wrote beside what moderators left of it."""
    await connection.execute(
        insert(revisions).values(
            comment_id=comment_id,
            number=original.revision,
            state=State.ORIGINAL,
            body=original.body,
            body_html=rendering.html,
            renderer=rendering.renderer,
            at=original.at,
            decided_at=original.redacted_at,
            redacted_as=redacted_as,
            **assessments.as_values(HARMLESS),
        )
    )


async def next_number(connection: Connection, comment: QueuedComment) -> int:
    """Return the number of the next text: none has it, also of those that are not kept any more."""
    edited = select(func.max(author_changes.c.revision)).where(author_changes.c.comment_id == comment.id)
    redacted = select(func.max(decisions.c.redacted_as)).where(decisions.c.comment_id == comment.id)
    query = select(edited.scalar_subquery(), redacted.scalar_subquery())
    last = (await connection.execute(query)).one()
    return max(comment.newest_revision, *(one or 0 for one in last)) + 1


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
            redacted=revision.is_redacted,
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


async def decided(connection: Connection, last: Mapping[str, Entry]) -> dict[str, DecidedText]:
    """Return what the newest decisions did with texts that are kept, by comment."""
    query = select(
        revisions.c.comment_id,
        revisions.c.number,
        revisions.c.state,
        revisions.c.decision_number,
        revisions.c.redacted_as,
    ).where(
        revisions.c.comment_id.in_(last),
        or_(revisions.c.decision_number.is_not(None), revisions.c.redacted_as.is_not(None)),
    )
    replaced: dict[str, int] = {}
    rejected: set[str] = set()
    redacted: set[str] = set()
    for row in await connection.execute(query):
        entry = last[row.comment_id]
        if row.decision_number == entry.number and row.state == State.REPLACED:
            replaced[row.comment_id] = row.number
        elif row.decision_number == entry.number:
            rejected.add(row.comment_id)
        elif entry.redacted_as is not None and row.redacted_as == entry.redacted_as:
            redacted.add(row.comment_id)
    found: dict[str, DecidedText] = {}
    for comment_id, entry in last.items():
        before = replaced.get(comment_id)
        if entry.redacted_as is None and (before is not None or comment_id in rejected):
            found[comment_id] = DecidedText(edit=entry.revision, replaced=before)
        elif comment_id in redacted:
            edit = entry.revision if before not in (None, entry.revision) else None
            found[comment_id] = DecidedText(
                edit=edit, replaced=before or entry.revision, redaction=entry.redacted_as
            )
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


async def redact(connection: Connection, redaction: Redaction, entry: Entry, *, edit: int | None) -> None:
    """Make what moderators left of a comment's newest text its text, and keep the original.

    `edit` is one that waits, whose text it is then: what that replaces is kept for as long as an undo needs it,
    and so is what was left of the same original before.
    """
    comment_id = redaction.comment_id
    if edit is not None:
        await publish(connection, comment_id, edit, entry)
    was_redacted = await connection.execute(
        update(revisions)
        .where(revisions.c.comment_id == comment_id, revisions.c.redacted_as == entry.revision)
        .values(redacted_as=entry.redacted_as, decided_at=entry.at)
    )
    if was_redacted.rowcount:
        await _keep(connection, comment_id, State.REPLACED, entry=entry)
    else:
        await _keep(connection, comment_id, State.ORIGINAL, at=entry.at, redacted_as=entry.redacted_as)
    await connection.execute(
        update(comments)
        .where(comments.c.id == comment_id)
        .values(
            revision=entry.redacted_as,
            body=redaction.body,
            body_html=redaction.body_html,
            renderer=redaction.renderer,
            redacted=True,
            changed_at=entry.at,
        )
    )


async def unredact(connection: Connection, comment_id: str, text: DecidedText, *, at: datetime) -> None:
    """Take back that passages were taken out: the comment has the text that it had, and an edit waits again."""
    is_original = and_(revisions.c.comment_id == comment_id, revisions.c.redacted_as == text.redaction)
    if text.edit is not None:
        waits = {"state": State.WAITING, "redacted_as": None, "decided_at": None}
        await connection.execute(update(revisions).where(is_original).values(waits))
        await _set_waiting(connection, comment_id, text.edit, at=at)
    else:
        await connection.execute(update(revisions).where(is_original).values(redacted_as=text.replaced))
        await connection.execute(update(comments).where(comments.c.id == comment_id).values(changed_at=at))
    if text.replaced is not None:
        await _restore(connection, comment_id, text.replaced)


async def reopen(connection: Connection, comment_id: str, text: DecidedText, *, at: datetime) -> None:
    """Let an edit wait again whose decision is taken back; what it replaced is the comment's text again."""
    if text.edit is None:
        return
    if text.replaced is not None:
        await _swap(connection, comment_id, text.replaced, State.WAITING, None)
    await connection.execute(
        update(revisions)
        .where(_is(comment_id, text.edit))
        .values(state=State.WAITING, decision_number=None, decided_at=None)
    )
    await _set_waiting(connection, comment_id, text.edit, at=at)


async def count_originals(connection: Connection, *, site_id: str, before: datetime) -> int:
    """Return how many originals a site keeps of which passages were taken out before."""
    query = select(func.count()).select_from(_old_originals(site_id, before).subquery())
    return (await connection.execute(query)).scalar_one()


async def forget_originals(connection: Connection, most: int, *, site_id: str, before: datetime) -> int:
    """Delete up to `most` originals of a site of which passages were taken out before, and return how many."""
    return await _delete(connection, _old_originals(site_id, before).limit(most), before)


async def forget(connection: Connection, most: int, *, before: datetime) -> int:
    """Delete up to `most` texts that were put aside before, and return how many; originals stay."""
    old = select(revisions.c.comment_id, revisions.c.number).where(
        revisions.c.decided_at < before, revisions.c.state != State.ORIGINAL
    )
    return await _delete(connection, old.limit(most), before)


def _old_originals(site_id: str, before: datetime) -> Select[tuple[str, int]]:
    return (
        select(revisions.c.comment_id, revisions.c.number)
        .join(comments, comments.c.id == revisions.c.comment_id)
        .where(comments.c.site_id == site_id, revisions.c.decided_at < before, revisions.c.state == State.ORIGINAL)
    )


async def _delete(connection: Connection, found: Select[tuple[str, int]], before: datetime) -> int:
    old = found.subquery()
    is_old = (
        select(old.c.number)
        .where(old.c.comment_id == revisions.c.comment_id, old.c.number == revisions.c.number)
        .exists()
    )
    return (await connection.execute(delete(revisions).where(revisions.c.decided_at < before, is_old))).rowcount


async def _swap(connection: Connection, comment_id: str, number: int, state: State, entry: Entry | None) -> None:
    """Make a kept text the comment's own, and keep the comment's own in its place as `state`."""
    await _keep(connection, comment_id, state, entry=entry)
    await _restore(connection, comment_id, number)


async def _keep(
    connection: Connection,
    comment_id: str,
    state: State,
    *,
    entry: Entry | None = None,
    at: datetime | None = None,
    redacted_as: int | None = None,
) -> None:
    """Keep the comment's own text as `state`, put aside `at` a moment, or by the decision whose undo needs it."""
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
        literal(at if entry is None else entry.at, revisions.c.decided_at.type),
        literal(redacted_as, revisions.c.redacted_as.type),
    ).where(comments.c.id == comment_id)
    names = ["comment_id", "number", "state", *_TEXT, "at", "decision_number", "decided_at", "redacted_as"]
    await connection.execute(insert(revisions).from_select(names, own))


async def _restore(connection: Connection, comment_id: str, number: int) -> None:
    """Make a kept text the comment's own in place of that."""
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
