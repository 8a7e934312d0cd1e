"""Who is not to be told just now, as they have chosen; never so that nobody is told at all."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from moderation_service.domain import clocks
from moderation_service.domain.accounts.sites import Moderator, Site
from moderation_service.domain.errors import FieldsInvalidError
from moderation_service.domain.notifications.preferences import Preferences, Ways
from moderation_service.services.accounts.directory import Directory
from moderation_service.storage.engine.database import Connection, Database
from moderation_service.storage.notifications import preferences as stored
from moderation_service.storage.notifications.preferences import Chosen

_PUSH_FAILS_AFTER = timedelta(hours=1)
"""How long a push may wait before who is told by push alone gets mail as well."""


_UNTIL_THE_ABSENT = 2
"""After so many times a site's `escalate_after` those who are away are told, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Moment:
    """Who is away, and how many times its site's `escalate_after` something has waited for whom."""

    now: datetime
    away: frozenset[str]
    waited: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What a person has chosen, in which time zone, and whether there are places for push.

    Somebody away `is_told_anyway` where nobody else covers all of their pages.
    """

    preferences: Preferences
    timezone: str
    has_push: bool
    is_told_anyway: bool


async def not_by_mail(connection: Connection, directory: Directory, now: datetime) -> set[str]:
    """Return who is not to be mailed to just now.

    Who has chosen push alone is mailed to where no place is listed, or where push has failed for an hour.
    """
    chosen = await _chosen(connection, directory)
    by_push = {
        one.person_id for one in chosen if one.preferences.ways is Ways.PUSH and has_push(directory, one.person_id)
    }
    if by_push:
        by_push -= await stored.failing(connection, by_push, before=now - _PUSH_FAILS_AFTER)
    moment = await _moment(connection, directory, chosen, now)
    return {
        one.person_id
        for one in chosen
        if one.person_id in by_push or not _is_time(directory, one, moment, last=one.last_message_at)
    }


async def not_by_push(connection: Connection, directory: Directory, now: datetime) -> set[str]:
    """Return who is not to be told by push just now."""
    chosen = await _chosen(connection, directory)
    moment = await _moment(connection, directory, chosen, now)
    return {
        one.person_id
        for one in chosen
        if one.preferences.ways is Ways.MAIL or not _is_time(directory, one, moment, last=one.pushed_at)
    }


async def mailed_for(connection: Connection, directory: Directory, now: datetime, duration: timedelta) -> set[str]:
    """Return who could be mailed to just now, and so long ago: whom no choice of theirs keeps waiting."""
    later = await not_by_mail(connection, directory, now)
    return set(directory.person_ids()) - later - await not_by_mail(connection, directory, now - duration)


async def told_by_push_alone(connection: Connection, person_id: str) -> bool:
    """Tell whether a push stands for a mail, too."""
    return (await stored.get(connection, person_id)).ways is Ways.PUSH


async def sites_without_anybody(connection: Connection, directory: Directory, now: datetime) -> list[str]:
    """Return the ids of the sites whose moderators are all away: they are told all the same."""
    away = _absent(directory, await _chosen(connection, directory), now)
    return [
        site.id
        for site in directory.sites
        if away and all(directory.person_of(one.email) in away for one in site.moderators)
    ]


class NotificationSettings:
    """What people choose at the desk."""

    def __init__(self, database: Database, directory: Directory, *, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._directory = directory
        self._clock = clock

    async def standing(self, person_id: str) -> Standing:
        """Return what a person has chosen, and what it comes to just now."""
        directory = self._directory
        async with self._database.read() as connection:
            mine = await stored.get(connection, person_id)
            away = _absent(directory, await _chosen(connection, directory), self._clock())
        return Standing(
            preferences=mine,
            timezone=_zone(directory, person_id).key,
            has_push=has_push(directory, person_id),
            is_told_anyway=person_id in away and not _is_covered(directory, person_id, away),
        )

    async def keep(self, person_id: str, chosen: Preferences) -> None:
        """Keep what was chosen; raise FieldsInvalidError for a day that is over or half of the quiet hours."""
        now = self._clock()
        today = now.astimezone(_zone(self._directory, person_id)).date()
        if chosen.away_until is not None and not today < chosen.away_until < date.max:
            raise FieldsInvalidError({"away_until": ["in_the_past"]})
        if (chosen.quiet_from is None) != (chosen.quiet_until is None):
            missing = "quiet_from" if chosen.quiet_from is None else "quiet_until"
            raise FieldsInvalidError({missing: ["required"]})
        async with self._database.write() as connection:
            await stored.keep(connection, person_id, chosen, at=now)


def has_push(directory: Directory, person_id: str) -> bool:
    """Tell whether the sites file lists a place for push of a person."""
    return any(moderator.push for _, moderator in directory.roles_of(person_id))


async def _chosen(connection: Connection, directory: Directory) -> list[Chosen]:
    return [one for one in await stored.everybody(connection) if directory.roles_of(one.person_id)]


def _absent(directory: Directory, chosen: Collection[Chosen], now: datetime) -> set[str]:
    return {one.person_id for one in chosen if one.preferences.is_away(now, _zone(directory, one.person_id))}


async def _moment(
    connection: Connection, directory: Directory, chosen: Collection[Chosen], now: datetime
) -> _Moment:
    """Find out who is away, and for whom something has waited so long that it escalates."""
    waited: dict[str, int] = {}
    ids = {one.person_id for one in chosen}
    for site in directory.sites:
        if site.escalate_after is None or not ids:
            continue
        oldest = await stored.oldest_waiting(connection, site.id, ids)
        for person_id, since in oldest.items():
            steps = clocks.age(since, now) // site.escalate_after
            waited[person_id] = max(steps, waited.get(person_id, 0))
    return _Moment(now=now, away=frozenset(_absent(directory, chosen, now)), waited=waited)


def _is_time(directory: Directory, one: Chosen, moment: _Moment, *, last: datetime | None) -> bool:
    """Tell whether somebody may be told just now; only the quiet hours, which end soon, do not give way."""
    zone, person_id, steps = _zone(directory, one.person_id), one.person_id, moment.waited.get(one.person_id, 0)
    if one.preferences.is_quiet(moment.now, zone):
        return False
    if person_id in moment.away and steps < _UNTIL_THE_ABSENT and _is_covered(directory, person_id, moment.away):
        return False
    since = one.changed_at if last is None else max(last, one.changed_at)
    return steps > 0 or one.preferences.is_time(moment.now, zone, since)


def _is_covered(directory: Directory, person_id: str, away: Collection[str]) -> bool:
    """Tell whether somebody who is not away is told of all that an absent person would be told of."""
    return all(_stands_in(directory, site, moderator, away) for site, moderator in directory.roles_of(person_id))


def _stands_in(directory: Directory, site: Site, absent: Moderator, away: Collection[str]) -> bool:
    present = [one for one in site.moderators if directory.person_of(one.email) not in away]
    return all(any(one.covers(path) for one in present) for path in absent.paths)


def _zone(directory: Directory, person_id: str) -> ZoneInfo:
    _, moderator = directory.roles_of(person_id)[0]
    return ZoneInfo(moderator.timezone)
