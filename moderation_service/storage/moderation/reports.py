"""What readers report of published comments."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, select, update

from moderation_service.domain.comments.comment import QueuedComment
from moderation_service.domain.moderation.decisions import Entry
from moderation_service.domain.moderation.reports import Report, ReportDraft, ReportOutcome, Reports, outcome_of
from moderation_service.storage.engine.database import Connection, insert
from moderation_service.storage.moderation import reporters
from moderation_service.storage.schema import comments, reports

TABLE = reports.name
_SHOWN: tuple[ColumnElement[Any], ...] = (
    reports.c.id,
    reports.c.comment_id,
    reports.c.reason,
    reports.c.explanation,
    reports.c.reporter_name,
    reports.c.network_hash,
    reports.c.times,
    reports.c.is_suspect,
    reports.c.created_at,
    reports.c.decided_at,
    reports.c.outcome,
)
_IS_OPEN = reports.c.outcome.is_(None)
_MOST_SHOWN = 100


async def open_of(connection: Connection, comment_ids: Collection[str]) -> dict[str, Reports]:
    """Return the open reports of those comments that have some."""
    query = select(*_SHOWN).where(reports.c.comment_id.in_(comment_ids), _IS_OPEN).order_by(reports.c.id)
    found: dict[str, list[Report]] = {}
    for row in await connection.execute(query):
        found.setdefault(row.comment_id, []).append(_report(row))
    return {comment_id: Reports(one) for comment_id, one in found.items()}


async def of_comment(connection: Connection, comment_id: str) -> Reports:
    """Return the newest reports of a comment, open or not, the first first."""
    query = select(*_SHOWN).where(reports.c.comment_id == comment_id).order_by(reports.c.id.desc())
    rows = (await connection.execute(query.limit(_MOST_SHOWN))).all()
    return Reports([_report(row) for row in reversed(rows)])


async def add(connection: Connection, draft: ReportDraft, *, revision: int) -> None:
    """Keep a report of the text `revision` of a comment that is locked."""
    await connection.execute(
        insert(connection, reports).values(
            id=draft.id,
            comment_id=draft.comment_id,
            site_id=draft.site_id,
            revision=revision,
            reason=draft.reason,
            explanation=draft.explanation,
            reporter_name=draft.reporter_name,
            address_sealed=draft.address_sealed,
            address_hash=draft.address_hash,
            network_hash=draft.network_hashes[0] if draft.network_hashes else None,
            times=1,
            is_suspect=draft.is_suspect,
            created_at=draft.at,
        )
    )


async def count_with(connection: Connection, report_id: str) -> None:
    """Count another report with one that says the same."""
    await connection.execute(update(reports).where(reports.c.id == report_id).values(times=reports.c.times + 1))


async def set_place(connection: Connection, comment_ids: Collection[str], place: int | None) -> None:
    """Write where the open reports of comments that are locked stand in the queue; None where there are none."""
    await connection.execute(update(comments).where(comments.c.id.in_(comment_ids)).values(report_place=place))


async def settle(connection: Connection, written: Iterable[tuple[QueuedComment, Entry]]) -> None:
    """Follow decisions that were just taken, in their order, with the reports of their comments, which are locked.

    A decision closes the open reports, and an undo opens again what the decision closed that it takes back.
    """
    written = list(written)
    reported = {comment.id for comment, _ in written if comment.report_place is not None}
    undone = [comment.id for comment, entry in written if entry.is_undo]
    closed_by = await _closed_by(connection, undone) if undone else set()
    for comment, entry in written:
        if entry.is_undo:
            if (comment.id, entry.number - 1) in closed_by:
                await _open_again(connection, comment.id, entry.number - 1)
                reported.add(comment.id)
        elif comment.id in reported:
            await _close(connection, comment.id, entry)
            closed_by.add((comment.id, entry.number))
            reported.discard(comment.id)


async def _closed_by(connection: Connection, comment_ids: Sequence[str]) -> set[tuple[str, int]]:
    query = select(reports.c.comment_id, reports.c.decision_number).where(
        reports.c.comment_id.in_(comment_ids), reports.c.decision_number.is_not(None)
    )
    return {(row.comment_id, row.decision_number) for row in await connection.execute(query.distinct())}


async def _close(connection: Connection, comment_id: str, entry: Entry) -> None:
    await connection.execute(
        update(reports)
        .where(reports.c.comment_id == comment_id, _IS_OPEN)
        .values(
            decided_at=entry.at,
            outcome=outcome_of(entry.to_status),
            means=entry.actor.channel,
            decision_number=entry.number,
        )
    )
    await set_place(connection, [comment_id], None)


async def _open_again(connection: Connection, comment_id: str, number: int) -> None:
    await connection.execute(
        update(reports)
        .where(reports.c.comment_id == comment_id, reports.c.decision_number == number)
        .values(decided_at=None, outcome=None, means=None, decision_number=None)
    )
    found = (await open_of(connection, [comment_id])).get(comment_id)
    if found is not None:
        await set_place(connection, [comment_id], min(one.place for one in found.reports))


async def forget(connection: Connection, most: int, *, site_id: str, before: datetime) -> int:
    """Take words, names and addresses out of up to `most` older reports that are decided; return how many."""
    old = (
        select(reports.c.id)
        .where(
            reports.c.site_id == site_id,
            reports.c.created_at < before,
            ~_IS_OPEN,
            reports.c.explanation.is_not(None),
        )
        .limit(most)
    )
    ids = list((await connection.execute(old)).scalars())
    await reporters.forget_of_reports(connection, ids)
    result = await connection.execute(
        update(reports)
        .where(reports.c.id.in_(ids))
        .values(explanation=None, reporter_name=None, address_sealed=None, address_hash=None, network_hash=None)
    )
    return result.rowcount


async def forget_networks(
    connection: Connection, most: int, *, before: datetime, site_id: str | None = None
) -> int:
    """Take the networks out of up to `most` older reports, of a site or of all; return how many."""
    old = select(reports.c.id).where(reports.c.created_at < before, reports.c.network_hash.is_not(None))
    if site_id is not None:
        old = old.where(reports.c.site_id == site_id)
    old = old.limit(most)
    result = await connection.execute(update(reports).where(reports.c.id.in_(old)).values(network_hash=None))
    return result.rowcount


def _report(row: Row[Any]) -> Report:
    values = dict(row._mapping)  # noqa: SLF001
    values["outcome"] = None if row.outcome is None else ReportOutcome(row.outcome)
    return Report(**values)
