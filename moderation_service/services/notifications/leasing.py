"""People leased ahead of being written to, each with the message for them: by the batch, renewed, given back."""

import asyncio
import secrets
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from moderation_service.domain.errors import UnavailableError
from moderation_service.domain.notifications.mail_interval import MailInterval
from moderation_service.domain.notifications.message import Message
from moderation_service.domain.notifications.states import DeliveryState, NotificationState
from moderation_service.mail.compose import Composer
from moderation_service.metrics import MailCounters
from moderation_service.services.notifications import gathering
from moderation_service.services.notifications.circuit_breaker import Circuit
from moderation_service.services.notifications.gathering import Reader
from moderation_service.services.notifications.limits import DeliveryLimits
from moderation_service.services.notifications.results import LeaseLostError
from moderation_service.storage.engine.database import Connection, Database
from moderation_service.storage.notifications import messages, people
from moderation_service.storage.notifications.people import Lease

MOST_LEASED = 64

_A_BATCH_TAKES = 2.0

_log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Collaborators:
    """What every run works with."""

    database: Database
    composer: Composer
    circuit: Circuit
    reader: Reader
    is_known: Callable[[str], bool]
    later: Callable[[Connection], Awaitable[set[str]]]
    """Who is not to be mailed to just now, as they have chosen."""
    interval: timedelta
    clock: Callable[[], datetime]
    counters: MailCounters
    limits: DeliveryLimits
    is_busy: Callable[[], bool] = lambda: False
    """Whether comments are coming in just now: who posts waits for an answer, and mail has time."""
    held_up: set[str] = field(default_factory=set)
    """Whom only the server's failure makes wait, and whose message it has not seen."""
    unanswered: set[str] = field(default_factory=set)
    """Whose message the server may have seen and did not answer."""

    def mail_interval(self) -> MailInterval:
        """Return by when people may be written to just now."""
        return MailInterval(now=self.clock(), base=self.interval)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A person to write to; without a message it is gathered when their turn comes."""

    lease: Lease
    message: Message | None


class LeasedAhead:
    """Who is to be written to next by some senders, which go on while more are claimed.

    `settle` writes what came of messages since it was asked last, and tells whether there was any: then others may
    be due. Nobody is claimed any more once it `is_over`.
    """

    def __init__(
        self,
        work: Collaborators,
        *,
        senders: int,
        probing: bool,
        is_over: Callable[[], bool],
        settle: Callable[[], Awaitable[bool]],
    ) -> None:
        self._work = work
        self._senders = senders
        self._probing = probing
        self._is_over = is_over
        self._settle = settle
        self._jobs: deque[Job] = deque()
        self._held: dict[str, Lease] = {}
        self._nothing: set[str] = set()
        self._claiming = asyncio.Lock()
        self._is_dry = False
        self._batch = 1 if probing else senders
        self._batch_began = time.monotonic()

    async def due(self, most: int) -> list[str]:
        """Return the first who are due, of those who moderate something; then, when probing, who was held up."""
        unknown: set[str] = set()
        while True:
            async with self._work.database.read() as connection:
                later = await self._work.later(connection)
                found = await people.due(
                    connection,
                    self._work.mail_interval(),
                    most,
                    lease=self._work.limits.lease,
                    without=self._nothing | unknown | later,
                )
            strangers = {one for one in found if not self._work.is_known(one)}
            if not strangers:
                break
            unknown |= strangers
        if not found and self._probing:
            found = sorted(self._work.held_up - self._nothing)[:most]
        return found

    async def next(self) -> Job | None:
        """Return the next job; whoever takes one of the last claims more first, while others go on with these."""
        is_running_out = len(self._jobs) <= self._batch // 2 and not (self._is_dry or self._claiming.locked())
        if not self._jobs or is_running_out:
            async with self._claiming:
                if (not self._jobs or is_running_out) and not self._is_over():
                    await self._claim()
        return self._jobs.popleft() if self._jobs else None

    def put_back(self, job: Job) -> None:
        """Take back a job that was not begun: it is given back with the others."""
        self._jobs.append(job)

    def let_go(self, lease: Lease) -> None:
        """Hold a lease no longer, unless the person was leased anew meanwhile."""
        if self._held.get(lease.person_id) is lease:
            del self._held[lease.person_id]

    def lost(self, lease: Lease) -> None:
        """Leave a person to the other worker that has them now."""
        _log.warning("mail.lease_lost", person=lease.person_id)
        self.let_go(lease)
        self._nothing.add(lease.person_id)

    async def gather(self, lease: Lease) -> Message | None:
        """Return the message for a person, None where nothing is left to say; raise LeaseLostError."""
        async with self._work.database.write() as connection:
            if not await people.still_held(connection, [lease]):
                raise LeaseLostError
            message = await gathering.gather(connection, lease.person_id, self._work.reader)
            if message is None:
                await people.release(connection, lease)
        if message is None:
            self._nothing.add(lease.person_id)
            self.let_go(lease)
        return message

    async def renew(self) -> None:
        """Renew all leases while they are held, until cancelled."""
        while True:
            await asyncio.sleep(self._work.limits.renew_every)
            held = list(self._held.values())
            if held:
                with suppress(UnavailableError):
                    async with self._work.database.write() as connection:
                        await people.renew(connection, held, lease=self._work.limits.lease)

    async def give_back(self) -> None:
        """Release who was not written to; messages that no server saw are dissolved, to be composed anew."""
        if not self._held:
            return
        unseen = {
            one.lease.person_id: one.message.id
            for one in self._jobs
            if one.message is not None and not (one.message.may_have_arrived or one.message.shortened)
        }
        held = list(self._held.values())
        async with self._work.database.write() as connection:
            kept = await people.still_held(connection, held)
            dissolved = [message_id for person_id, message_id in unseen.items() if person_id in kept]
            if dissolved:
                await messages.settle_many(
                    connection, dissolved, DeliveryState.SUPERSEDED, NotificationState.WAITING
                )
            await people.release_many(connection, held)
        self._held.clear()
        self._jobs.clear()

    async def _claim(self) -> None:
        """Lease the next people and make their messages; fewer at a time where the server is slow."""
        now = time.monotonic()
        if not self._probing:
            is_slow = now - self._batch_began > _A_BATCH_TAKES
            wanted = self._batch // 2 if is_slow else min(self._batch * 2, MOST_LEASED)
            self._batch = max(self._senders, wanted)
        self._batch_began = now
        ids = await self.due(self._batch)
        self._is_dry = not ids
        if not ids and not self._jobs and await self._settle():
            ids = await self.due(self._batch)
        if not ids:
            return
        interval = None if self._probing and set(ids) <= self._work.held_up else self._work.mail_interval()
        token = secrets.token_hex(16)
        try:
            await self._lease(ids, interval, token, gathered=True)
        except UnavailableError:
            raise
        except Exception:
            _log.exception("mail.batch_failed", people=len(ids))
            await self._lease(ids, interval, token, gathered=False)
        self._nothing |= {one for one in ids if one not in self._held}

    async def _lease(
        self, ids: Sequence[str], interval: MailInterval | None, token: str, *, gathered: bool
    ) -> None:
        """Lease people and take their jobs up, also when cancelled: what was leased is to be given back then."""
        leased: list[Job] = []

        async def lease(connection: Connection) -> None:
            leased[:] = await self._leased(connection, ids, interval, token, gathered=gathered)

        try:
            await self._work.database.transact(lease)
        except asyncio.CancelledError:
            self._take_up(leased)
            raise
        self._take_up(leased)

    def _take_up(self, jobs: Sequence[Job]) -> None:
        self._jobs.extend(jobs)
        self._held |= {one.lease.person_id: one.lease for one in jobs}

    async def _leased(
        self,
        connection: Connection,
        ids: Sequence[str],
        interval: MailInterval | None,
        token: str,
        *,
        gathered: bool,
    ) -> list[Job]:
        """Lease people and make their messages, those of whom little waits for; it waits for nothing else."""
        leases = await people.claim(connection, ids, interval, lease=self._work.limits.lease, token=token)
        if not gathered:
            return [Job(lease=one, message=None) for one in leases]
        limits = self._work.limits
        mine = [one.person_id for one in leases]
        much = await people.with_much(connection, mine, over=min(limits.most_by_batch, limits.most_in_message))
        little = [one for one in mine if one not in much]
        found = await gathering.gather_many(connection, little, self._work.reader) if little else {}
        nothing = [one for one in leases if one.person_id in found and found[one.person_id] is None]
        if nothing:
            await people.release_many(connection, nothing)
        return [
            Job(lease=one, message=found.get(one.person_id))
            for one in leases
            if one.person_id in much or found.get(one.person_id) is not None
        ]
