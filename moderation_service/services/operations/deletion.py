"""What sites keep for so many days, deleted when that is over: in small batches, and never what waits.

A rule that is new, or stricter than before, deletes nothing for a week: whoever runs the service is told first.
"""

import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from moderation_service.domain import retention
from moderation_service.domain.accounts.sites import Sites
from moderation_service.domain.comments.comment import Status
from moderation_service.domain.retention import Kind, Rule
from moderation_service.services.accounts.directory import Directory
from moderation_service.storage.comments import erasure, revisions
from moderation_service.storage.engine.database import Database
from moderation_service.storage.operations import retention_rules
from moderation_service.storage.operations.retention_rules import ALL_SITES

_STATES = {Kind.REJECTED: Status.REJECTED, Kind.SPAM: Status.SPAM}
_BATCH = 200
_HOLDS = 3_600.0

_log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """What a rule of a site, or of none, deletes: `rows` of it by now, from `acts_at` on."""

    site_id: str
    kind: Kind
    days: int
    acts_at: datetime
    rows: int


class PlannedDeletions:
    """Knows what is to be deleted by rules that do not act yet, as it stood within the hour."""

    def __init__(
        self,
        database: Database,
        directory: Directory,
        *,
        clock: Callable[[], datetime],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._directory = directory
        self._clock = clock
        self._monotonic = monotonic
        self._found: list[Due] = []
        self._sites: Sites | None = None
        self._looked_at = 0.0

    async def of_site(self, site_id: str) -> list[Due]:
        """Return what is to be deleted of a site."""
        sites, now = self._directory.sites, self._clock()
        if self._sites is not sites or self._monotonic() - self._looked_at > _HOLDS:
            self._found = await plan(self._database, sites, now, only_later=True)
            self._sites, self._looked_at = sites, self._monotonic()
        return [one for one in self._found if one.site_id == site_id and one.acts_at > now]


def wanted(sites: Sites) -> dict[tuple[str, Kind], int | None]:
    """Return for how many days something is to be kept by the settings, None for ever, by site and kind."""
    found: dict[tuple[str, Kind], int | None] = {}
    for site in sites:
        found[site.id, Kind.REJECTED] = site.retention.rejected
        found[site.id, Kind.SPAM] = site.retention.spam
        found[site.id, Kind.ADDRESS] = site.retention.addresses
    found[ALL_SITES, Kind.DELIVERY] = max((site.retention.deliveries for site in sites), default=None)
    return found


async def adopt(database: Database, sites: Sites, now: datetime) -> dict[tuple[str, Kind], Rule]:
    """Put in force what the settings say, and return it; what is new or stricter is said in the log."""
    async with database.read() as connection:
        known = await retention_rules.known(connection)
    rules = _adopted(known, sites, now)
    changed = {key: rule for key, rule in rules.items() if known.get(key) != rule}
    if changed:
        async with database.write() as connection:
            for (site_id, kind), rule in sorted(changed.items()):
                await retention_rules.put(connection, site_id, kind, rule)
        for one in await _due(database, changed, now, only_later=True):
            _log.warning(
                "retention.will_delete",
                site=one.site_id,
                kind=one.kind,
                kept_days=one.days,
                rows=one.rows,
                since=one.acts_at.isoformat(timespec="seconds"),
            )
    return rules


async def plan(database: Database, sites: Sites, now: datetime, *, only_later: bool = False) -> list[Due]:
    """Return what the rules delete, and from when on, without changing anything.

    With `only_later` only of rules that do not act yet.
    """
    async with database.read() as connection:
        known = await retention_rules.known(connection)
    return await _due(database, _adopted(known, sites, now), now, only_later=only_later)


async def delete_due(database: Database, sites: Sites, now: datetime) -> list[Due]:
    """Delete what is kept no longer; return what was."""
    rules = await adopt(database, sites, now)
    in_force = {key: days for key, rule in sorted(rules.items()) if (days := rule.in_force(now)) is not None}
    forgotten = await _forget_addresses(database, _moments(in_force, now))
    done = []
    for (site_id, kind), days in in_force.items():
        if kind is Kind.ADDRESS:
            rows = forgotten[site_id]
        else:
            rows = await _delete(database, site_id, kind, now - timedelta(days=days), now)
        if rows:
            acts_at = rules[site_id, kind].acts_at
            done.append(Due(site_id=site_id, kind=kind, days=days, acts_at=acts_at, rows=rows))
            _log.info("retention.deleted", site=site_id, kind=kind, kept_days=days, rows=rows)
    return done


def _moments(days: Mapping[tuple[str, Kind], int], now: datetime) -> dict[str, datetime]:
    """Return, by site, before when a comment was decided whose address is kept no longer."""
    return {
        site_id: now - timedelta(days=count) for (site_id, kind), count in days.items() if kind is Kind.ADDRESS
    }


def _adopted(known: dict[tuple[str, Kind], Rule], sites: Sites, now: datetime) -> dict[tuple[str, Kind], Rule]:
    found = {}
    for key, days in wanted(sites).items():
        rule = known.get(key)
        kept, former, since = retention.adopted(rule, days, now)
        found[key] = Rule(
            days=kept,
            former_days=former,
            since=since,
            done_until=rule.done_until if rule else None,
            deleted=rule.deleted if rule else 0,
        )
    return found


async def _due(
    database: Database, rules: dict[tuple[str, Kind], Rule], now: datetime, *, only_later: bool
) -> list[Due]:
    asked = {
        key: rule.days
        for key, rule in sorted(rules.items())
        if rule.days is not None and not (only_later and rule.acts_at <= now)
    }
    addresses: Counter[str] = Counter()
    async for found in _due_addresses(database, _moments(asked, now)):
        addresses.update({site_id: len(ids) for site_id, ids in found.items()})
    due = []
    for (site_id, kind), days in asked.items():
        if kind is Kind.ADDRESS:
            rows = addresses[site_id]
        else:
            rows = await _count(database, site_id, kind, now - timedelta(days=days))
        due.append(Due(site_id=site_id, kind=kind, days=days, acts_at=rules[site_id, kind].acts_at, rows=rows))
    return [one for one in due if one.rows]


async def _count(database: Database, site_id: str, kind: Kind, before: datetime) -> int:
    async with database.read() as connection:
        if kind is Kind.DELIVERY:
            return await erasure.count_mail(connection, before=before)
        found = await erasure.count_disposable(connection, site_id=site_id, status=_STATES[kind], before=before)
        if kind is Kind.REJECTED:
            found += await revisions.count_originals(connection, site_id=site_id, before=before)
        return found


async def _delete(database: Database, site_id: str, kind: Kind, before: datetime, now: datetime) -> int:
    total = 0
    while True:
        async with database.write() as connection:
            if kind is Kind.DELIVERY:
                done = await erasure.forget_mail(connection, _BATCH, before=before)
            else:
                ids = await erasure.disposable(
                    connection, _BATCH, site_id=site_id, status=_STATES[kind], before=before
                )
                done = await erasure.erase(connection, ids, at=now) if ids else 0
            if done:
                await retention_rules.note(connection, site_id, kind, deleted=done, until=before)
        total += done
        if done < _BATCH:
            break
    if kind is Kind.REJECTED:
        total += await _delete_originals(database, site_id, before)
    return total


async def _delete_originals(database: Database, site_id: str, before: datetime) -> int:
    """Delete what authors wrote and moderators took out: it was rejected, too."""
    total = 0
    while True:
        async with database.write() as connection:
            done = await revisions.forget_originals(connection, _BATCH, site_id=site_id, before=before)
            if done:
                await retention_rules.note(connection, site_id, Kind.REJECTED, deleted=done, until=before)
        total += done
        if done < _BATCH:
            return total


async def _forget_addresses(database: Database, before: Mapping[str, datetime]) -> Counter[str]:
    """Forget the addresses that are due, in batches; return how many were, by site."""
    total: Counter[str] = Counter()
    async for due in _due_addresses(database, before):
        for site_id, ids in due.items():
            moment = before[site_id]
            for first in range(0, len(ids), _BATCH):
                async with database.write() as connection:
                    locked = await erasure.lock_decided(connection, ids[first : first + _BATCH], before=moment)
                    deleted = await erasure.forget_addresses(connection, locked)
                    await retention_rules.note(connection, site_id, Kind.ADDRESS, deleted=deleted, until=moment)
            total[site_id] += len(ids)
    return total


async def _due_addresses(
    database: Database, before: Mapping[str, datetime]
) -> AsyncIterator[dict[str, list[str]]]:
    """Look once through all addresses, whatever sites there are; yield the comments whose are due, by site."""
    after: str | None = None
    while before:
        async with database.read() as connection:
            due, after = await erasure.contacts_after(
                connection, database.limits.batch_rows, after=after, before=before
            )
        yield due
        if after is None:
            return
