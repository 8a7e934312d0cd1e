"""How long sites keep something, as it was put in force, and what was deleted by that."""

from datetime import datetime

from sqlalchemy import select, update

from moderation_service.domain.retention import Kind, Rule
from moderation_service.storage.engine.database import Connection, insert
from moderation_service.storage.schema import retention_rules

ALL_SITES = ""
"""The site of rules that are of none."""


async def known(connection: Connection) -> dict[tuple[str, Kind], Rule]:
    """Return all rules that were put in force, by site and kind."""
    return {
        (row.site_id, Kind(row.kind)): Rule(
            days=row.days,
            former_days=row.former_days,
            since=row.since,
            done_until=row.done_until,
            deleted=row.deleted,
        )
        for row in await connection.execute(select(retention_rules))
    }


async def put(connection: Connection, site_id: str, kind: Kind, rule: Rule) -> None:
    """Put a rule in force; what was deleted by it before is not forgotten."""
    changed = {"days": rule.days, "former_days": rule.former_days, "since": rule.since}
    fresh = insert(connection, retention_rules).values(site_id=site_id, kind=kind, deleted=0, **changed)
    keys = [retention_rules.c.site_id, retention_rules.c.kind]
    await connection.execute(fresh.on_conflict_do_update(index_elements=keys, set_=changed))


async def note(connection: Connection, site_id: str, kind: Kind, *, deleted: int, until: datetime) -> None:
    """Write down that something was deleted by a rule, with it."""
    await connection.execute(
        update(retention_rules)
        .where(retention_rules.c.site_id == site_id, retention_rules.c.kind == kind)
        .values(deleted=retention_rules.c.deleted + deleted, done_until=until)
    )
