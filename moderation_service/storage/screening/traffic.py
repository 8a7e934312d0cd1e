"""What processes tell each other of a site's traffic, and how each site stands."""

from collections.abc import Collection
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import delete, func, select, update

from moderation_service.domain.comments.comment import Status
from moderation_service.domain.screening.attack import Standing
from moderation_service.storage.engine.database import Connection, insert
from moderation_service.storage.schema import comments, site_traffic, traffic_reports


@dataclass(frozen=True, slots=True)
class Report:
    """What a process said last of a site, and when."""

    at: datetime
    report: bytes


Reports = dict[tuple[str, str], Report]
"""Reports by the ids of process and site."""


async def tell(connection: Connection, process_id: str, reports: dict[str, bytes], *, at: datetime) -> None:
    """Keep a process's reports of some sites, by site, in place of its last ones."""
    rows = [
        {"process_id": process_id, "site_id": site_id, "at": at, "report": reports[site_id]}
        for site_id in sorted(reports)
    ]
    fresh = insert(connection, traffic_reports)
    replaced = fresh.on_conflict_do_update(
        index_elements=["process_id", "site_id"], set_={"at": fresh.excluded.at, "report": fresh.excluded.report}
    )
    await connection.execute(replaced, rows)


async def told_since(connection: Connection, process_id: str, since: datetime) -> Reports:
    """Return the last reports of other processes that were kept since a moment."""
    query = select(traffic_reports)
    rows = await connection.execute(
        query.where(traffic_reports.c.at >= since, traffic_reports.c.process_id != process_id)
    )
    return {(row.process_id, row.site_id): Report(row.at, row.report) for row in rows}


async def forget(connection: Connection, most: int, *, before: datetime) -> int:
    """Delete up to `most` reports that are too old to matter; return how many."""
    key = (traffic_reports.c.process_id, traffic_reports.c.site_id)
    old = (await connection.execute(select(*key).where(traffic_reports.c.at < before).limit(most))).all()
    for process_id, site_id in old:
        await connection.execute(
            delete(traffic_reports).where(
                traffic_reports.c.process_id == process_id,
                traffic_reports.c.site_id == site_id,
                traffic_reports.c.at < before,
            )
        )
    return len(old)


async def standings(connection: Connection) -> dict[str, Standing]:
    """Return how sites stand, by id."""
    names = list(Standing.__dataclass_fields__)
    rows = await connection.execute(select(site_traffic.c.site_id, *(site_traffic.c[name] for name in names)))
    return {row.site_id: Standing(**{name: row._mapping[name] for name in names}) for row in rows}  # noqa: SLF001


async def begin(connection: Connection, site_id: str, standing: Standing) -> None:
    """Store how a site stands of which nothing is known yet."""
    row = {"site_id": site_id, **asdict(standing)}
    await connection.execute(insert(connection, site_traffic).values(row).on_conflict_do_nothing())


async def move(connection: Connection, site_id: str, before: Standing, after: Standing) -> bool:
    """Store how a site stands, unless another process did so meanwhile; tell whether it was stored."""
    unchanged = [
        site_traffic.c[name].is_not_distinct_from(getattr(before, name))
        for name in ("counted_until", "attack_since", "calm_since")
    ]
    result = await connection.execute(
        update(site_traffic).where(site_traffic.c.site_id == site_id, *unchanged).values(asdict(after))
    )
    return result.rowcount > 0


async def under_attack(connection: Connection, site_ids: Collection[str]) -> dict[str, datetime]:
    """Return which of some sites are under attack, and since when."""
    query = select(site_traffic.c.site_id, site_traffic.c.attack_since)
    rows = await connection.execute(
        query.where(site_traffic.c.site_id.in_(site_ids), site_traffic.c.attack_since.is_not(None))
    )
    return {row.site_id: row.attack_since for row in rows}


async def comments_since(connection: Connection, site_id: str, first_id: str, *, most: int) -> int:
    """Return how many comments of a site have an id from one on, counted no further than `most`."""
    count = 0
    for status in Status:
        found = (
            select(comments.c.id)
            .where(comments.c.site_id == site_id, comments.c.status == status, comments.c.id >= first_id)
            .limit(most)
            .subquery()
        )
        count += (await connection.execute(select(func.count()).select_from(found))).scalar_one()
    return min(count, most)
