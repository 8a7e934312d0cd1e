"""Telling a site's moderators that an attack on it began: once each, and not again for the next one soon after."""

from collections.abc import Callable
from datetime import datetime, timedelta

from moderation_service.domain.accounts.sites import Site
from moderation_service.mail.attack import AttackComposer
from moderation_service.services.accounts.directory import Directory
from moderation_service.services.notifications.kinds import Letter
from moderation_service.storage.engine.database import Connection
from moderation_service.storage.notifications import deliveries
from moderation_service.storage.notifications.deliveries import Claimed

KIND = "attack"
"""The kind of delivery that says so; its reference is the site and the moment."""

GIVE_UP_AFTER = timedelta(hours=6)
"""How long a mail is tried: later it is of no use."""

QUIET_FOR = timedelta(hours=12)
"""How long a person is told of no other attack on the same site."""


class AttackNotices:
    """Queues the mail and writes it."""

    def __init__(
        self,
        directory: Directory,
        composer: AttackComposer,
        *,
        clock: Callable[[], datetime],
        new_id: Callable[[], str],
    ) -> None:
        self._directory = directory
        self._composer = composer
        self._clock = clock
        self._new_id = new_id

    async def enqueue(self, connection: Connection, site: Site, since: datetime) -> None:
        """Queue a mail for each of a site's moderators, in the transaction in which an attack on it begins."""
        for person_id in self._directory.people_of(site.id):
            told = await deliveries.newest(connection, person_id, kind=KIND, of=f"{site.id} ")
            if told is not None and since - told < QUIET_FOR:
                continue
            new_id = self._new_id()
            await deliveries.add_for(
                connection,
                person_id,
                new_id=new_id,
                kind=KIND,
                reference=f"{site.id} {since.isoformat()}",
                message_id=self._composer.message_id(new_id),
                now=since,
            )

    async def compose(self, delivery: Claimed) -> Letter | None:
        """Return the mail, None where its person no longer moderates the site."""
        site_id, _, since = (delivery.reference or "").partition(" ")
        for site, moderator in self._directory.roles_of(delivery.person_id):
            if site.id == site_id:
                mail = self._composer.compose(
                    site,
                    moderator,
                    message_id=delivery.message_id,
                    since=datetime.fromisoformat(since),
                    now=self._clock(),
                )
                return Letter(mail, moderator.email)
        return None
