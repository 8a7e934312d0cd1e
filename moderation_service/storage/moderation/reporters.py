"""Those who reported and gave an address: whether they proved it, and what they were told."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, bindparam, delete, select, update

from moderation_service.domain.keys import KeyRing
from moderation_service.domain.moderation.decisions import Channel
from moderation_service.domain.moderation.reports import ReportDraft, Reporter, ReportOutcome
from moderation_service.storage.engine.database import Connection, insert
from moderation_service.storage.notifications import deliveries
from moderation_service.storage.schema import author_mails, reporters, reports

TABLE = reporters.name


async def add(connection: Connection, draft: ReportDraft, report_id: str, sealed: bytes) -> None:
    """Keep the address of a report that went into `report_id`."""
    await connection.execute(
        insert(connection, reporters).values(
            id=draft.id,
            report_id=report_id,
            comment_id=draft.comment_id,
            site_id=draft.site_id,
            address_sealed=sealed,
            address_hash=draft.address_hash,
            created_at=draft.at,
        )
    )


async def is_known(connection: Connection, report_id: str, address_hashes: Collection[str]) -> bool:
    """Tell whether an address is among those of a report."""
    query = select(reporters.c.id).where(
        reporters.c.report_id == report_id, reporters.c.address_hash.in_(address_hashes)
    )
    return (await connection.execute(query.limit(1))).first() is not None


async def get(connection: Connection, reporter_id: str) -> Reporter | None:
    """Return one by its id."""
    query = (
        select(reporters, reports.c.explanation, reports.c.outcome, reports.c.means, reports.c.decided_at)
        .join(reports, reports.c.id == reporters.c.report_id)
        .where(reporters.c.id == reporter_id)
    )
    row = (await connection.execute(query)).first()
    if row is None:
        return None
    return Reporter(
        id=row.id,
        comment_id=row.comment_id,
        site_id=row.site_id,
        created_at=row.created_at,
        proved_at=row.proved_at,
        outcome_mail=row.outcome_mail,
        explanation=row.explanation if row.id == row.report_id else None,
        outcome=None if row.outcome is None else ReportOutcome(row.outcome),
        means=None if row.means is None else Channel(row.means),
        decided_at=row.decided_at,
    )


async def address(connection: Connection, keys: KeyRing, reporter_id: str) -> str | None:
    """Return an address; None where it is gone. Raises KeyNotListedError."""
    query = select(reporters.c.address_sealed).where(reporters.c.id == reporter_id)
    sealed = (await connection.execute(query)).scalar_one_or_none()
    return None if sealed is None else keys.open(sealed, table=TABLE, row=reporter_id)


async def note_proof(connection: Connection, reporter_id: str, *, at: datetime) -> bool:
    """Write that an address was proved; tell whether it was not before."""
    result = await connection.execute(
        update(reporters)
        .where(reporters.c.id == reporter_id, reporters.c.proved_at.is_(None))
        .values(proved_at=at)
    )
    return result.rowcount == 1


async def untold(connection: Connection, comment_ids: Collection[str]) -> list[str]:
    """Return who proved an address, reported one of some comments, and was not told what was decided on that."""
    query = (
        select(reporters.c.id)
        .join(reports, reports.c.id == reporters.c.report_id)
        .where(
            reporters.c.comment_id.in_(comment_ids),
            reporters.c.proved_at.is_not(None),
            reporters.c.outcome_mail.is_(None),
            reports.c.outcome.is_not(None),
        )
    )
    return list((await connection.execute(query.order_by(reporters.c.id))).scalars())


async def tell(connection: Connection, mails: Sequence[tuple[str, str]]) -> None:
    """Write by which delivery reporters are told: reporter, then delivery."""
    if mails:
        await connection.execute(
            update(reporters)
            .where(reporters.c.id == bindparam("of_reporter"))
            .values(outcome_mail=bindparam("by")),
            [{"of_reporter": reporter_id, "by": delivery_id} for reporter_id, delivery_id in mails],
        )


async def take_back(connection: Connection, reporter_id: str) -> None:
    """Note that somebody was not told after all: the decision was undone before."""
    await connection.execute(update(reporters).where(reporters.c.id == reporter_id).values(outcome_mail=None))


async def forget_of_comments(connection: Connection, comment_ids: Collection[str]) -> None:
    """Delete who reported some comments, and mail to them."""
    await _forget(connection, select(reporters.c.id).where(reporters.c.comment_id.in_(comment_ids)))


async def forget_of_reports(connection: Connection, report_ids: Collection[str]) -> None:
    """Delete who sent some reports, and mail to them."""
    await _forget(connection, select(reporters.c.id).where(reporters.c.report_id.in_(report_ids)))


async def forget_address(
    connection: Connection, address_hashes: Collection[str], *, site_id: str | None = None
) -> None:
    """Delete those of an address at one site or everywhere, and mail to them."""
    await _forget(connection, _of_address(address_hashes, site_id))


async def ids_of(connection: Connection, address_hashes: Collection[str], *, site_id: str | None) -> set[str]:
    """Return the ids of those of an address at one site or everywhere."""
    return set((await connection.execute(_of_address(address_hashes, site_id))).scalars())


def _of_address(address_hashes: Collection[str], site_id: str | None) -> Select[Any]:
    theirs = select(reporters.c.id).where(reporters.c.address_hash.in_(address_hashes))
    return theirs if site_id is None else theirs.where(reporters.c.site_id == site_id)


async def _forget(connection: Connection, query: Select[Any]) -> None:
    ids = list((await connection.execute(query)).scalars())
    if ids:
        await deliveries.forget_about(connection, ids)
        await connection.execute(delete(author_mails).where(author_mails.c.comment_id.in_(ids)))
        await connection.execute(delete(reporters).where(reporters.c.id.in_(ids)))
