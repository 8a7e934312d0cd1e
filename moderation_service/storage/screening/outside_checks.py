"""Comments that services outside are to be asked about, and those that were, for what is reported back to them."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import ColumnElement, delete, or_, select, update

from moderation_service.domain.comments.comment import Draft
from moderation_service.storage.engine.bulk_insert import insert_rows
from moderation_service.storage.engine.database import Connection
from moderation_service.storage.schema import outside_checks

TABLE = "outside_checks"


class CheckState(StrEnum):
    """Where the checks of one comment stand: `decided` is what moderators decided on since it was asked about."""

    OPEN = "open"
    ASKED = "asked"
    DECIDED = "decided"


@dataclass(frozen=True, slots=True, kw_only=True)
class OutsideCheck:
    """One comment to ask about, or to report; it is this worker's while `next_at` is what it was set to.

    `network_sealed` is the client's network, encrypted.
    """

    comment_id: str
    site_id: str
    state: CheckState
    created_at: datetime
    next_at: datetime
    attempts: int
    reported: str | None
    network_sealed: bytes = field(repr=False)


_COLUMNS = tuple(outside_checks.c[name] for name in OutsideCheck.__dataclass_fields__)
_IS_DUE = outside_checks.c.next_at.is_not(None)


async def add(connection: Connection, drafts: Iterable[Draft]) -> None:
    """Note that services outside are to be asked about those drafts for which it was prepared."""
    rows = [
        {
            "comment_id": draft.id,
            "site_id": draft.page.site_id,
            "state": CheckState.OPEN,
            "created_at": draft.created_at,
            "next_at": draft.created_at,
            "attempts": 0,
            "network_sealed": draft.network_sealed,
        }
        for draft in drafts
        if draft.network_sealed is not None
    ]
    if rows:
        await insert_rows(connection, outside_checks, rows)


async def is_any_due(connection: Connection, now: datetime) -> bool:
    """Tell whether anything is to be asked or reported by `now`."""
    query = select(outside_checks.c.comment_id).where(_IS_DUE, outside_checks.c.next_at <= now).limit(1)
    return (await connection.execute(query)).first() is not None


async def claim(connection: Connection, most: int, *, now: datetime, lease: timedelta) -> list[OutsideCheck]:
    """Return up to `most` that are due, those to ask about first, and keep them from others for so long."""
    query = (
        select(*_COLUMNS)
        .where(_IS_DUE, outside_checks.c.next_at <= now)
        .order_by(outside_checks.c.state.desc(), outside_checks.c.next_at)
        .limit(most)
        .with_for_update(skip_locked=True)
    )
    until = now + lease
    found = [
        OutsideCheck(**{**row._mapping, "state": CheckState(row.state), "next_at": until})  # noqa: SLF001
        for row in await connection.execute(query)
    ]
    if found:
        theirs = outside_checks.c.comment_id.in_([one.comment_id for one in found])
        await connection.execute(update(outside_checks).where(theirs).values(next_at=until))
    return found


async def overdue(connection: Connection, most: int, *, before: datetime, now: datetime) -> list[str]:
    """Return comments that wait for an answer since before a time, or since a future that a wrong clock made."""
    created = outside_checks.c.created_at
    query = (
        select(outside_checks.c.comment_id)
        .where(_IS_DUE, outside_checks.c.state == CheckState.OPEN, or_(created < before, created > now))
        .limit(most)
    )
    return list((await connection.execute(query)).scalars())


async def close(connection: Connection, comment_id: str) -> bool:
    """Note that a comment was asked about, as well as it went; False where that was noted before."""
    result = await connection.execute(
        update(outside_checks)
        .where(outside_checks.c.comment_id == comment_id, outside_checks.c.state == CheckState.OPEN)
        .values(state=CheckState.ASKED, next_at=None)
    )
    return result.rowcount == 1


async def is_open(connection: Connection, comment_id: str) -> bool:
    """Tell whether services outside are asked about a comment just now."""
    query = select(outside_checks.c.comment_id).where(
        outside_checks.c.comment_id == comment_id, outside_checks.c.state == CheckState.OPEN
    )
    return (await connection.execute(query)).first() is not None


async def note_decided(connection: Connection, comment_ids: Collection[str], *, at: datetime) -> None:
    """Note that comments stand differently, where services outside were asked about them."""
    await connection.execute(
        update(outside_checks)
        .where(outside_checks.c.comment_id.in_(comment_ids), outside_checks.c.state != CheckState.OPEN)
        .values(state=CheckState.DECIDED, next_at=at, attempts=0)
    )


async def note_reported(connection: Connection, check: OutsideCheck, reported: str | None) -> None:
    """Note what was reported of a comment last, unless it was decided on again meanwhile."""
    await connection.execute(
        update(outside_checks)
        .where(*_is_held(check))
        .values(state=CheckState.ASKED, next_at=None, reported=reported)
    )


async def put_off(connection: Connection, check: OutsideCheck, *, until: datetime) -> None:
    """Report later: the service did not take it."""
    await connection.execute(
        update(outside_checks).where(*_is_held(check)).values(next_at=until, attempts=check.attempts + 1)
    )


def _is_held(check: OutsideCheck) -> tuple[ColumnElement[bool], ...]:
    return outside_checks.c.comment_id == check.comment_id, outside_checks.c.next_at == check.next_at


async def forget(connection: Connection, most: int, *, site_id: str, before: datetime) -> int:
    """Delete up to `most` of a site's older checks, and the networks with them; return how many."""
    is_old = (outside_checks.c.site_id == site_id, outside_checks.c.created_at < before)
    return await _delete(connection, most, *is_old)


async def forget_unlisted(connection: Connection, most: int, *, listed: Iterable[str]) -> int:
    """Delete up to `most` checks of sites that are no longer listed; return how many."""
    return await _delete(connection, most, outside_checks.c.site_id.not_in(list(listed)))


async def _delete(connection: Connection, most: int, *conditions: ColumnElement[bool]) -> int:
    """Delete what nobody is notified by any more: an open check is settled first."""
    chosen = select(outside_checks.c.comment_id).where(outside_checks.c.state != CheckState.OPEN, *conditions)
    result = await connection.execute(
        delete(outside_checks).where(outside_checks.c.comment_id.in_(chosen.limit(most)))
    )
    return result.rowcount
