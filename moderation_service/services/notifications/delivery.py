"""Notifying moderators of comments, for as long as the service runs."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from moderation_service.domain import clocks
from moderation_service.domain.keys import KeyRing
from moderation_service.domain.notifications import mail_interval, retry_policy
from moderation_service.mail.compose import Composer
from moderation_service.mail.failures import DeliveryError
from moderation_service.mail.transport import Transport
from moderation_service.metrics import MailCounters
from moderation_service.services.accounts.directory import Directory
from moderation_service.services.notifications import preferences, reminders
from moderation_service.services.notifications.circuit_breaker import Circuit
from moderation_service.services.notifications.dispatch import Dispatch
from moderation_service.services.notifications.gathering import Reader, Roles, Stamp
from moderation_service.services.notifications.leasing import Collaborators
from moderation_service.services.notifications.limits import DeliveryLimits
from moderation_service.services.notifications.reassignment import Reassignment
from moderation_service.storage.engine.database import Database
from moderation_service.storage.moderation import decisions
from moderation_service.storage.notifications import deliveries, people

_UPKEEP_EVERY = timedelta(minutes=1)
_MOST_FAILURES = 3
"""Whoever has failed more often in outages may be the cause of them, and keeps to their own waits."""


class Delivery:
    """Sends the people of the directory their notifications, over one connection for each transport."""

    def __init__(
        self,
        database: Database,
        directory: Directory,
        reassignment: Reassignment,
        keys: KeyRing,
        composer: Composer,
        transports: Sequence[Transport],
        *,
        circuit: Circuit,
        interval: timedelta,
        remind_after: timedelta,
        clock: Callable[[], datetime],
        new_id: Callable[[], str],
        counters: MailCounters,
        is_busy: Callable[[], bool] = lambda: False,
        limits: DeliveryLimits | None = None,
    ) -> None:
        self._database = database
        self._directory = directory
        self._reassignment = reassignment
        self._composer = composer
        self._transports = transports
        self._circuit = circuit
        self._remind_after = remind_after
        self._clock = clock
        self._new_id = new_id
        self._upkeep_at: datetime | None = None
        self._decided_at: dict[str, datetime] = {}
        self._recoveries = circuit.recoveries
        limits = limits or DeliveryLimits()
        self._work = Collaborators(
            database=database,
            composer=composer,
            circuit=circuit,
            reader=Reader(roles_of=self._roles_of, keys=keys, stamp=self._stamp, limits=limits),
            is_known=lambda person_id: bool(directory.roles_of(person_id)),
            later=lambda connection: preferences.not_by_mail(connection, directory, clock()),
            interval=interval,
            clock=clock,
            counters=counters,
            limits=limits,
            is_busy=is_busy,
        )

    @property
    def is_paused(self) -> bool:
        """Whether the mail server is away, or refuses everything."""
        return self._circuit.is_open

    async def is_late(self) -> bool:
        """Whether a message to somebody who can be reached is due since longer than mail_interval.LATE_AFTER."""
        async with self._database.read() as connection:
            mailed = await preferences.mailed_for(
                connection, self._directory, self._clock(), mail_interval.LATE_AFTER
            )
            return await people.anybody_late(
                connection, mailed, self._work.mail_interval(), mail_interval.LATE_AFTER
            )

    async def deliver_due(self, stop: asyncio.Event | None = None) -> int:
        """Write to everybody who is due, until `stop`; return how many messages the server accepted."""
        stop = stop or asyncio.Event()
        await self._keep_up()
        await self._follow_decisions()
        accepted = 0
        if self._circuit.is_open:
            if not self._circuit.take_probe():
                return 0
            accepted = await self._probe(stop)
        await self._recover()
        while not (self._circuit.is_open or stop.is_set()):
            run = Dispatch(self._work, self._transports)
            await run.run(stop)
            accepted += run.accepted
            if not await self._recover():
                break
        return accepted

    async def _probe(self, stop: asyncio.Event) -> int:
        """Try one message, or a log-in where nobody is to be notified, whether the server works again."""
        run = Dispatch(self._work, self._transports, probing=True)
        if await run.has_anything():
            await run.run(stop)
            return run.accepted
        transport = self._transports[0]
        try:
            await transport.log_in()
        except DeliveryError as error:
            self._circuit.fail(error)
        else:
            self._circuit.close()
        finally:
            await transport.close()
        return 0

    async def _recover(self) -> bool:
        """Let out what waited for the server, once it works again; tell whether that is so."""
        if self._recoveries == self._circuit.recoveries:
            return False
        self._recoveries = self._circuit.recoveries
        held_up, everybody = self._work.held_up | self._work.unanswered, self._directory.person_ids()
        self._work.held_up.clear()
        self._work.unanswered.clear()
        async with self._database.write() as connection:
            await people.let_try_again(connection, held_up, most_failures=_MOST_FAILURES)
            await deliveries.take_up(connection, everybody, most_tries=retry_policy.MOST_TRIES_OF_REFUSED)
        return True

    async def _keep_up(self) -> None:
        """Remind, and find successors for what came in for people who had just left."""
        now = self._clock()
        if self._upkeep_at is None or clocks.waited(self._upkeep_at, now) >= _UPKEEP_EVERY:
            await reminders.renew(self._database, self._directory, now=now, after=self._remind_after)
            await self._reassignment.pass_on(now=now)
            self._upkeep_at = now

    async def _follow_decisions(self) -> None:
        """Bring the interval back to its start for the people of sites where somebody decided."""
        site_ids = [site.id for site in self._directory.sites]
        async with self._database.read() as connection:
            found = await decisions.last_of(connection, site_ids)
        for site_id, at in found.items():
            if self._decided_at.get(site_id) != at:
                async with self._database.write() as connection:
                    person_ids = self._directory.people_of(site_id)
                    await people.quicken(connection, person_ids, notified_before=at, now=self._clock())
        self._decided_at = found

    def _roles_of(self, person_id: str | None) -> Roles:
        return {(site.id, one.id): (site, one) for site, one in self._directory.roles_of(person_id)}

    def _stamp(self) -> Stamp:
        new_id = self._new_id()
        return Stamp(id=new_id, message_id=self._composer.new_message_id(new_id), now=self._clock())
