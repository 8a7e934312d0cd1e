"""One run of telling moderators: people are leased by the batch and written to over several connections."""

import asyncio
import secrets
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from moderation_service.domain.errors import UnavailableError
from moderation_service.domain.notices import Action, Message, MessageState, Outage, Phase, PromiseState
from moderation_service.mail.compose import Composer
from moderation_service.mail.failures import DeliveryError
from moderation_service.mail.transport import Transport
from moderation_service.services import aftermath, gathering, in_flight
from moderation_service.services.aftermath import LeaseLostError
from moderation_service.services.circuit import BY_A_WORKING_SERVER, LEASE, RENEW_EVERY, Circuit
from moderation_service.services.gathering import Reader
from moderation_service.storage import messages, outbox, people
from moderation_service.storage.database import Connection, Database
from moderation_service.storage.people import Lease, Rhythm
from moderation_service.tallies import Sendings

MOST_LEASED = 64
MUCH = 200
"""For whom more waits, the message is gathered by itself, by statements that are bounded however much it is."""

_GATHER_RESULTS_FOR = 0.05
_BEFORE_WRITING_AGAIN = 1.0
_A_BATCH_TAKES = 2.0

_log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What every run works with."""

    database: Database
    composer: Composer
    circuit: Circuit
    reader: Reader
    is_known: Callable[[str], bool]
    interval: timedelta
    clock: Callable[[], datetime]
    sendings: Sendings
    held_up: set[str] = field(default_factory=set)
    """Whom only the server's failure makes wait, and whose message it has not seen."""
    unanswered: set[str] = field(default_factory=set)
    """Whose message the server may have seen and did not answer."""

    def rhythm(self) -> Rhythm:
        """Return by when people may be written to just now."""
        return Rhythm(now=self.clock(), interval=self.interval)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    """A person to write to; without a message it is gathered when their turn comes."""

    lease: Lease
    message: Message | None


class Dispatch:
    """Writes to everybody who is due, or with `probing` to one person, to see whether the server works again."""

    def __init__(self, means: Means, transports: Sequence[Transport], *, probing: bool = False) -> None:
        self._means = means
        self._transports = transports[:1] if probing else transports
        self._probing = probing
        self._stopped = False
        self._jobs: deque[_Job] = deque()
        self._held: dict[str, Lease] = {}
        self._nothing: set[str] = set()
        self._claiming = asyncio.Lock()
        self._batch = 1 if probing else len(transports)
        self._batch_began = time.monotonic()
        self._accepted: list[tuple[Lease, Message]] = []
        self._writing = asyncio.Lock()
        self._arrived = asyncio.Event()
        self._tried = 0
        self.accepted = 0
        """How many messages the server took."""

    async def run(self, stop: asyncio.Event) -> None:
        """Go on until nothing is due, the server fails, or `stop`; what came of it is written then."""
        due = await self._due(len(self._transports))
        senders = {asyncio.create_task(self._send(one)): one for one in self._transports[: len(due)]}
        beside = [asyncio.create_task(self._write_results()), asyncio.create_task(self._renew())]
        try:
            await in_flight.finish(senders, stop)
        finally:
            self._stopped = True
            for task in beside:
                task.cancel()
            await asyncio.gather(*beside, return_exceptions=True)
            try:
                await self._write_accepted()
            finally:
                await self._give_back()
                for transport in self._transports:
                    await transport.close()

    async def has_anything(self) -> bool:
        """Tell whether somebody is to be written to."""
        return bool(await self._due(1))

    async def _due(self, most: int) -> list[str]:
        """Return the first who are due, of those who moderate something; then, when probing, who was held up."""
        unknown: set[str] = set()
        while True:
            async with self._means.database.read() as connection:
                found = await people.due(
                    connection, self._means.rhythm(), most, lease=LEASE, without=self._nothing | unknown
                )
            strangers = {one for one in found if not self._means.is_known(one)}
            if not strangers:
                break
            unknown |= strangers
        if not found and self._probing:
            found = sorted(self._means.held_up - self._nothing)[:most]
        return found

    async def _send(self, transport: Transport) -> None:
        """Write to one person after the other over one connection."""
        try:
            await transport.log_in()
        except DeliveryError as error:
            await self._server_failed(error)
            return
        while not self._is_over() and (job := await self._next()) is not None:
            await self._work_on(job, transport)
        if self._probing and not self._tried and not self._stopped:
            self._means.circuit.close()

    def _is_over(self) -> bool:
        if self._stopped:
            return True
        return self._tried > 0 if self._probing else self._means.circuit.is_open

    async def _next(self) -> _Job | None:
        async with self._claiming:
            if not self._jobs and not self._is_over():
                await self._claim()
            return self._jobs.popleft() if self._jobs else None

    async def _claim(self) -> None:
        """Lease the next people and make their messages; fewer at a time where the server is slow."""
        now = time.monotonic()
        if not self._probing:
            is_slow = now - self._batch_began > _A_BATCH_TAKES
            wanted = self._batch // 2 if is_slow else min(self._batch * 2, MOST_LEASED)
            self._batch = max(len(self._transports), wanted)
        self._batch_began = now
        accepted = self.accepted
        ids = await self._due(self._batch)
        if not ids and (self._accepted or self.accepted != accepted):
            await self._write_accepted()
            ids = await self._due(self._batch)
        if not ids:
            return
        token = secrets.token_hex(16)
        try:
            async with self._means.database.write() as connection:
                jobs = await self._lease(connection, ids, token, gathered=True)
        except UnavailableError:
            raise
        except Exception:
            _log.exception("mail.batch_failed", people=len(ids))
            async with self._means.database.write() as connection:
                jobs = await self._lease(connection, ids, token, gathered=False)
        self._jobs.extend(jobs)
        self._held |= {one.lease.person_id: one.lease for one in jobs}
        self._nothing |= {one for one in ids if one not in self._held}

    async def _lease(
        self, connection: Connection, ids: Sequence[str], token: str, *, gathered: bool
    ) -> list[_Job]:
        rhythm = None if self._probing and set(ids) <= self._means.held_up else self._means.rhythm()
        leases = await people.claim(connection, ids, rhythm, lease=LEASE, token=token)
        if not gathered:
            return [_Job(lease=one, message=None) for one in leases]
        mine = [one.person_id for one in leases]
        much = await people.with_much(connection, mine, over=min(MUCH, outbox.MOST_IN_A_MESSAGE))
        little = [one for one in mine if one not in much]
        found = await gathering.gather_many(connection, little, self._means.reader) if little else {}
        nothing = [one for one in leases if one.person_id in found and found[one.person_id] is None]
        if nothing:
            await people.release_many(connection, nothing)
        return [
            _Job(lease=one, message=found.get(one.person_id))
            for one in leases
            if one.person_id in much or found.get(one.person_id) is not None
        ]

    async def _work_on(self, job: _Job, transport: Transport) -> None:
        lease, message = job.lease, job.message
        try:
            message = message or await self._gather(lease)
            if message is None:
                return
            mail = self._means.composer.compose(message)
            self._tried += 1
            try:
                await transport.send(mail, message.notices[0].moderator.email)
            except DeliveryError as error:
                await self._write_failure(lease, message, error)
                return
            self._note_accepted(lease, message)
        except LeaseLostError:
            self._lost(lease)
        except asyncio.CancelledError:
            if not transport.is_handing_in:
                self._jobs.append(_Job(lease=lease, message=message))
            raise
        except Exception as error:
            _log.exception("mail.failed", person=lease.person_id)
            await self._write_mistake(lease, message, type(error).__name__)

    async def _gather(self, lease: Lease) -> Message | None:
        async with self._means.database.write() as connection:
            if not await people.still_held(connection, [lease]):
                raise LeaseLostError
            message = await gathering.gather(connection, lease.person_id, self._means.reader)
            if message is None:
                await people.release(connection, lease)
        if message is None:
            self._nothing.add(lease.person_id)
            self._let_go(lease)
        return message

    def _note_accepted(self, lease: Lease, message: Message) -> None:
        self._means.circuit.accept()
        self._means.sendings.accepted += 1
        self._means.held_up.discard(lease.person_id)
        self._accepted.append((lease, message))
        self._arrived.set()

    async def _write_results(self) -> None:
        """Write what was accepted, as much at once as comes within a moment."""
        while True:
            await self._arrived.wait()
            await asyncio.sleep(_GATHER_RESULTS_FOR)
            await self._write_accepted()

    async def _write_accepted(self) -> None:
        """Write that messages are with the server, and try again where that cannot be written just now."""
        async with self._writing:
            self._arrived.clear()
            told = list(self._accepted)
            if not told:
                return
            for is_last in (False, False, True):
                try:
                    async with self._means.database.write() as connection:
                        lost = await aftermath.accepted(
                            connection, told, self._means.clock(), self._means.interval
                        )
                    break
                except UnavailableError:
                    if is_last:
                        raise
                    await asyncio.sleep(_BEFORE_WRITING_AGAIN)
            del self._accepted[: len(told)]
        for lease in lost:
            self._lost(lease)
        for lease, message in told:
            self._let_go(lease)
            if lease not in lost:
                self.accepted += 1
                _log.info("mail.sent", message=message.id, comments=message.total)

    def _lost(self, lease: Lease) -> None:
        _log.warning("mail.lease_lost", person=lease.person_id)
        self._let_go(lease)
        self._nothing.add(lease.person_id)

    async def _write_failure(self, lease: Lease, message: Message, error: DeliveryError) -> None:
        circuit = self._means.circuit
        action = error.action
        if action is Action.PARK_MESSAGE and circuit.refuse_message() and message.shortened:
            action = Action.PAUSE_ALL
        self._means.sendings.refused[action] += 1
        _log.warning(
            "mail.refused",
            message=message.id,
            phase=error.phase,
            code=error.code,
            status=error.status,
            action=action,
        )
        if action is Action.PAUSE_ALL:
            circuit.fail(error, Outage.AWAY if error.action is Action.PARK_MESSAGE else None)
            if error.phase in BY_A_WORKING_SERVER:
                self._means.held_up.add(lease.person_id)
            elif error.phase is Phase.ANSWER:
                self._means.unanswered.add(lease.person_id)
        elif error.phase in BY_A_WORKING_SERVER:
            circuit.close()
        async with self._means.database.write() as connection:
            await aftermath.refused(
                connection, lease, message, error, action, self._means.clock(), probing=self._probing
            )
        self._let_go(lease)

    def _let_go(self, lease: Lease) -> None:
        """Hold a lease no longer, unless the person was leased anew meanwhile."""
        if self._held.get(lease.person_id) is lease:
            del self._held[lease.person_id]

    async def _write_mistake(self, lease: Lease, message: Message | None, error: str) -> None:
        async with self._means.database.write() as connection:
            await aftermath.failed(connection, lease, message, seen=False, error=error, now=self._means.clock())
        self._let_go(lease)

    async def _server_failed(self, error: DeliveryError) -> None:
        """Note that the server cannot be talked to, also beside those whom it keeps from being told."""
        if self._means.circuit.is_open and not self._probing:
            return
        _log.warning("mail.unreachable", phase=error.phase, code=error.code, status=error.status)
        self._means.circuit.fail(error)
        self._means.sendings.refused[error.action] += 1
        ids = await self._due(MOST_LEASED)
        if ids:
            async with self._means.database.write() as connection:
                await people.note_error(connection, ids, error.reply)

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(RENEW_EVERY)
            held = list(self._held.values())
            if held:
                with suppress(UnavailableError):
                    async with self._means.database.write() as connection:
                        await people.renew(connection, held, lease=LEASE)

    async def _give_back(self) -> None:
        """Release who was not written to; messages that no server saw are dissolved, to be composed anew."""
        if not self._held:
            return
        unseen = {
            one.lease.person_id: one.message.id
            for one in self._jobs
            if one.message is not None and not (one.message.may_have_arrived or one.message.shortened)
        }
        held = list(self._held.values())
        async with self._means.database.write() as connection:
            kept = await people.still_held(connection, held)
            dissolved = [message_id for person_id, message_id in unseen.items() if person_id in kept]
            if dissolved:
                await messages.settle_many(connection, dissolved, MessageState.DISSOLVED, PromiseState.WAITING)
            await people.release_many(connection, held)
        self._held.clear()
        self._jobs.clear()
