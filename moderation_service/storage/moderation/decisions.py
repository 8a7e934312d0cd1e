"""The history of decisions, which only grows, and when the last one was taken on each site."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, case, func, literal_column, null, select, tuple_

from moderation_service.domain.comments.comment import Status
from moderation_service.domain.moderation.decisions import Actor, Channel, Decision, Entry
from moderation_service.storage.engine.database import Connection, insert
from moderation_service.storage.schema import comments, decisions, last_decisions


async def add(connection: Connection, entries: Sequence[tuple[str, Entry]]) -> None:
    """Write lines of history for comments that are locked, given by their ids."""
    await connection.execute(
        insert(connection, decisions),
        [
            {
                "comment_id": comment_id,
                "number": entry.number,
                "revision": entry.revision,
                "decision": _as_read_before(entry.decision),
                "from_status": entry.from_status,
                "to_status": entry.to_status,
                "means": _as_known_before(entry.actor.channel),
                "rule": entry.actor.name if entry.actor.channel is Channel.RULE else None,
                "moderator_id": entry.actor.moderator_id,
                "actor_name": entry.actor.name,
                "reason": entry.reason,
                "note": entry.note,
                "at": entry.at,
                "answer_id": entry.answer_id,
                "redacted_as": entry.redacted_as,
            }
            for comment_id, entry in entries
        ],
    )


async def history(connection: Connection, comment_id: str) -> list[Entry]:
    """Return all decisions on a comment, oldest first."""
    query = select(decisions).where(decisions.c.comment_id == comment_id).order_by(decisions.c.number)
    return [_entry(row) for row in await connection.execute(query)]


async def histories(connection: Connection, comment_ids: Collection[str]) -> dict[str, list[Entry]]:
    """Return all decisions on comments that have some, oldest first."""
    query = select(decisions).where(decisions.c.comment_id.in_(comment_ids)).order_by(decisions.c.number)
    found: dict[str, list[Entry]] = {}
    for row in await connection.execute(query):
        found.setdefault(row.comment_id, []).append(_entry(row))
    return found


async def newest(connection: Connection, comment_ids: Sequence[str]) -> dict[str, Entry]:
    """Return the newest decision on each comment that has one."""
    last = (
        select(decisions.c.comment_id, func.max(decisions.c.number))
        .where(decisions.c.comment_id.in_(comment_ids))
        .group_by(decisions.c.comment_id)
    )
    key = tuple_(decisions.c.comment_id, decisions.c.number)
    rows = await connection.execute(select(decisions).where(key.in_(last)))
    return {row.comment_id: _entry(row) for row in rows}


async def reasons_before(connection: Connection, last: Mapping[str, Entry]) -> dict[str, str]:
    """Return the reasons of the decisions before the newest ones, by comment, where they gave one."""
    keys = [(comment_id, one.number - 1) for comment_id, one in last.items()]
    key = tuple_(decisions.c.comment_id, decisions.c.number)
    query = select(decisions.c.comment_id, decisions.c.reason).where(
        key.in_(keys), decisions.c.reason.is_not(None)
    )
    return {row.comment_id: row.reason for row in await connection.execute(query)}


def withdrawn_because() -> ColumnElement[str | None]:
    """Ask for the reason of the decision that withdrew a comment of `comments`, which stands so since.

    It stays the same as long as readers see no difference.
    """
    withdrawn = decisions.alias("withdrawn")
    newest = (
        select(withdrawn.c.reason)
        .where(
            withdrawn.c.comment_id == comments.c.id,
            withdrawn.c.from_status == literal_column("'approved'"),
            withdrawn.c.to_status != literal_column("'approved'"),
        )
        .order_by(withdrawn.c.number.desc())
        .limit(1)
        .scalar_subquery()
    )
    is_decided = comments.c.status.in_([literal_column("'rejected'"), literal_column("'spam'")])
    return case((is_decided, newest), else_=null())


def _as_known_before(channel: Channel) -> Channel:
    """Return what versions before schema 0026 read as well, which know of no rules that decide."""
    return Channel.COMMAND if channel is Channel.RULE else channel


def _as_read_before(decision: Decision) -> Decision:
    """Return what versions before schema 0035 read as well, which know of no answers: they approve.

    Those before schema 0036 know of no redactions, which approve, too.
    """
    return Decision.APPROVE if decision in (Decision.ANSWER, Decision.REDACT) else decision


def _decided(row: Row[Any]) -> Decision:
    if row.answer_id is not None:
        return Decision.ANSWER
    return Decision(row.decision) if row.redacted_as is None else Decision.REDACT


def _entry(row: Row[Any]) -> Entry:
    return Entry(
        number=row.number,
        revision=row.revision,
        decision=_decided(row),
        from_status=Status(row.from_status),
        to_status=Status(row.to_status),
        actor=Actor(
            channel=Channel(row.means) if row.rule is None else Channel.RULE,
            moderator_id=row.moderator_id,
            name=row.actor_name,
        ),
        at=row.at,
        reason=row.reason,
        note=row.note,
        answer_id=row.answer_id,
        redacted_as=row.redacted_as,
    )


async def note_last(connection: Connection, site_id: str, at: datetime) -> None:
    """Write down when somebody last decided something on a site."""
    fresh = insert(connection, last_decisions).values(site_id=site_id, at=at)
    await connection.execute(fresh.on_conflict_do_update(index_elements=["site_id"], set_={"at": at}))


async def last_of(connection: Connection, site_ids: Collection[str]) -> dict[str, datetime]:
    """Return when somebody last decided something on sites, those where that is noted."""
    rows = await connection.execute(select(last_decisions).where(last_decisions.c.site_id.in_(site_ids)))
    return {row.site_id: row.at for row in rows}
