"""What moderators should know of what leaves their sites: whom mail and webhooks do not reach."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from moderation_service.domain.accounts.sites import Membership
from moderation_service.domain.comments.comment import QueuedComment
from moderation_service.domain.notifications.states import MODERATION, DeliveryState
from moderation_service.domain.notifications.webhooks import recipient
from moderation_service.services.accounts.directory import Directory
from moderation_service.services.notifications import preferences
from moderation_service.storage.comments import comments
from moderation_service.storage.engine.database import Connection, Database
from moderation_service.storage.notifications import deliveries, people, undeliverable, webhooks

MOST_NAMED = 20
"""How many comments are named; the rest is a count."""

MOST_COUNTED = 99
"""How far they are counted; beyond there are more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnreachableModerator:
    """A moderator to whom mail is refused `since` a time, or, without one, to whom some message was."""

    name: str
    site_name: str
    is_oneself: bool
    since: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FailingWebhook:
    """A webhook that `ended` at a time or, without one, that refuses some changes for good."""

    id: str
    site_name: str
    ended: str | None
    since: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryProblems:
    """All of it for one person's sites; `count` ends at MOST_COUNTED + 1."""

    undeliverable: list[QueuedComment]
    count: int
    moderators: list[UnreachableModerator]
    webhooks: list[FailingWebhook]
    everybody_away: list[str]
    """The names of sites whose moderators are all away."""


class DeliveryMonitor:
    """Finds out whom mail does not reach."""

    def __init__(self, database: Database, directory: Directory, *, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._directory = directory
        self._clock = clock

    async def look(self, memberships: Sequence[Membership]) -> DeliveryProblems:
        """Return what is wrong with what leaves the sites of these memberships, whatever their paths."""
        site_ids = [membership.site.id for membership in memberships]
        async with self._database.read() as connection:
            failing = await _failing_webhooks(connection, memberships)
            away = await preferences.sites_without_anybody(connection, self._directory, self._clock())
            everybody_away = [one.site.name for one in memberships if one.site.id in away]
            found = await _unreachable(connection, self._directory, memberships)
            if not found:
                return DeliveryProblems(
                    undeliverable=[], count=0, moderators=[], webhooks=failing, everybody_away=everybody_away
                )
            ids = await undeliverable.first(
                connection, self._directory.person_ids(), MOST_COUNTED + 1, site_ids=site_ids
            )
            named = await comments.get_many(connection, ids[:MOST_NAMED])
        return DeliveryProblems(
            undeliverable=named,
            count=len(ids),
            moderators=found,
            webhooks=failing,
            everybody_away=everybody_away,
        )


async def _failing_webhooks(connection: Connection, memberships: Sequence[Membership]) -> list[FailingWebhook]:
    listed = {
        recipient(membership.site.id, webhook.id): (membership.site.name, webhook.id)
        for membership in memberships
        for webhook in membership.site.webhooks
    }
    if not listed:
        return []
    states = await webhooks.all_of(connection)
    counts = await deliveries.counts(connection, list(listed))
    ended = {name: state for name, (state, _) in states.items() if state.ended is not None}
    return [
        FailingWebhook(
            id=webhook_id,
            site_name=site_name,
            ended=ended[name].ended if name in ended else None,
            since=ended[name].ended_at if name in ended else None,
        )
        for name, (site_name, webhook_id) in sorted(listed.items())
        if name in ended or counts.get((name, DeliveryState.PARKED))
    ]


async def _unreachable(
    connection: Connection, directory: Directory, memberships: Sequence[Membership]
) -> list[UnreachableModerator]:
    behind = {
        (membership.site.id, one.id): person_id
        for membership in memberships
        for one in membership.site.moderators
        if (person_id := directory.person_of(one.email)) is not None
    }
    known = await people.get_many(connection, set(behind.values()))
    refused = await deliveries.in_state(connection, [DeliveryState.PARKED], set(behind.values()), kind=MODERATION)
    silent = {one.person_id: None for one in refused} | {
        person.id: person.parked_since for person in known.values() if person.parked_since is not None
    }
    return [
        UnreachableModerator(
            name=one.name,
            site_name=membership.site.name,
            is_oneself=one in membership.moderators,
            since=silent[person_id],
        )
        for membership in memberships
        for one in membership.site.moderators
        if (person_id := behind.get((membership.site.id, one.id))) in silent and person_id is not None
    ]
