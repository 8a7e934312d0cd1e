"""What moderators are still to be told, and the messages that tell them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import exists, func, insert, not_, select, update

from moderation_service.domain.comments import Draft, Status
from moderation_service.domain.notices import MessageState, PromiseState
from moderation_service.storage.bulk import insert_rows
from moderation_service.storage.database import Connection
from moderation_service.storage.tables import comments, messages, promises

_STILL_PENDING = exists().where(
    comments.c.id == promises.c.comment_id,
    comments.c.status == Status.PENDING,
    comments.c.revision == promises.c.revision,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One moderator's part in one site, as promises name it."""

    site_id: str
    moderator_id: str
    person_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fixed:
    """A message on disk."""

    id: str
    message_id: str
    created_at: datetime
    attempts: int
    shortened: bool


async def promise(connection: Connection, drafts: Iterable[Draft]) -> None:
    """Promise to tell every recipient of every draft."""
    rows = [
        {
            "comment_id": draft.id,
            "moderator_id": recipient.moderator_id,
            "revision": 1,
            "site_id": draft.page.site_id,
            "person_id": recipient.person_id,
            "state": PromiseState.WAITING,
            "created_at": draft.created_at,
        }
        for draft in drafts
        for recipient in draft.recipients
    ]
    if rows:
        await insert_rows(connection, promises, rows)


async def renew(connection: Connection, comment_ids: Sequence[str]) -> None:
    """Promise again what nobody was told of before it was decided: the decision was taken back."""
    await connection.execute(
        update(promises)
        .where(promises.c.comment_id.in_(comment_ids), promises.c.state == PromiseState.SUPERSEDED)
        .values(state=PromiseState.WAITING, message_id=None)
    )


async def fixed(connection: Connection, person_id: str) -> Fixed | None:
    """Return the person's message that a server may have seen, if there is one."""
    row = (
        await connection.execute(
            select(messages)
            .where(messages.c.person_id == person_id, messages.c.state == MessageState.FIXED)
            .order_by(messages.c.id)
            .limit(1)
        )
    ).first()
    return None if row is None else _fixed(dict(row._mapping))  # noqa: SLF001


async def fix(connection: Connection, person_id: str, *, new_id: str, message_id: str, now: datetime) -> Fixed:
    """Make a message of all that waits for a person."""
    values = {
        "id": new_id,
        "person_id": person_id,
        "message_id": message_id,
        "state": MessageState.FIXED,
        "created_at": now,
        "attempts": 0,
        "shortened": False,
    }
    await connection.execute(insert(messages).values(values))
    await connection.execute(
        update(promises)
        .where(
            promises.c.person_id == person_id,
            promises.c.state == PromiseState.WAITING,
            promises.c.message_id.is_(None),
        )
        .values(message_id=new_id)
    )
    return _fixed(values)


async def drop_decided(connection: Connection, person_id: str) -> None:
    """Take out of the waiting promises what was decided or edited meanwhile."""
    await connection.execute(
        update(promises)
        .where(promises.c.person_id == person_id, promises.c.state == PromiseState.WAITING, not_(_STILL_PENDING))
        .values(state=PromiseState.SUPERSEDED)
    )


async def waiting_in(connection: Connection, message_id: str, limit: int) -> tuple[list[tuple[str, str]], int]:
    """Return the first comments of a message, oldest first, each with its moderator's id, and the count of all."""
    inside = (promises.c.message_id == message_id, promises.c.state == PromiseState.WAITING)
    rows = await connection.execute(
        select(promises.c.comment_id, func.min(promises.c.moderator_id))
        .where(*inside)
        .group_by(promises.c.comment_id)
        .order_by(promises.c.comment_id)
        .limit(limit)
    )
    count = await connection.execute(select(func.count(promises.c.comment_id.distinct())).where(*inside))
    return [(row[0], row[1]) for row in rows], count.scalar_one()


async def settle(
    connection: Connection,
    message_id: str,
    state: MessageState,
    promised: PromiseState,
    **values: object,
) -> None:
    """Close a message; its promises go to `promised`, back to the waiting ones where that is waiting."""
    await connection.execute(update(messages).where(messages.c.id == message_id).values(state=state, **values))
    change: dict[str, object] = {"state": promised}
    if promised is PromiseState.WAITING:
        change["message_id"] = None
    await connection.execute(
        update(promises)
        .where(promises.c.message_id == message_id, promises.c.state == PromiseState.WAITING)
        .values(**change)
    )


async def note_attempt(connection: Connection, message_id: str, **values: object) -> None:
    """Write what an attempt came to, on a message that stays fixed."""
    await connection.execute(
        update(messages).where(messages.c.id == message_id).values(attempts=messages.c.attempts + 1, **values)
    )


async def waiting_parts(connection: Connection) -> set[Part]:
    """Return for whom something waits."""
    rows = await connection.execute(
        select(promises.c.site_id, promises.c.moderator_id, promises.c.person_id)
        .where(promises.c.state == PromiseState.WAITING)
        .distinct()
    )
    return {Part(**row._mapping) for row in rows}  # noqa: SLF001


async def hand_over(connection: Connection, gone: Part, heirs: Sequence[Part], now: datetime) -> None:
    """Pass what waits for somebody who left to those who remain, and have not been told of it."""
    waiting = (
        promises.c.site_id == gone.site_id,
        promises.c.moderator_id == gone.moderator_id,
        promises.c.person_id == gone.person_id,
        promises.c.state == PromiseState.WAITING,
    )
    same = next((heir for heir in heirs if heir.moderator_id == gone.moderator_id), None)
    if same is not None:
        change = update(promises).where(*waiting).values(person_id=same.person_id, message_id=None)
        await connection.execute(change)
        return
    left = (await connection.execute(select(promises.c.comment_id, promises.c.revision).where(*waiting))).all()
    rows = [
        {
            "comment_id": comment_id,
            "revision": revision,
            "moderator_id": heir.moderator_id,
            "site_id": heir.site_id,
            "person_id": heir.person_id,
            "state": PromiseState.WAITING,
            "created_at": now,
        }
        for comment_id, revision in left
        for heir in heirs
    ]
    if rows:
        await insert_rows(connection, promises, rows, new_only=True)
    await connection.execute(
        update(promises).where(*waiting).values(state=PromiseState.SUPERSEDED, message_id=None)
    )


def _fixed(row: Mapping[str, Any]) -> Fixed:
    return Fixed(**{name: row[name] for name in ("id", "message_id", "created_at", "attempts", "shortened")})
