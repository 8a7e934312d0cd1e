"""One run of sending moderation mail: to whoever is leased, over several connections, and what came of it."""

import asyncio
from collections.abc import Sequence
from functools import partial

import structlog

from moderation_service.domain.errors import UnavailableError
from moderation_service.domain.notifications.message import Message
from moderation_service.domain.notifications.retry_policy import Action, Phase
from moderation_service.mail.failures import DeliveryError
from moderation_service.mail.transport import Transport
from moderation_service.services.notifications import in_flight, results
from moderation_service.services.notifications.circuit_breaker import BY_A_WORKING_SERVER
from moderation_service.services.notifications.leasing import MOST_LEASED, Collaborators, Job, LeasedAhead
from moderation_service.services.notifications.pace import Pace
from moderation_service.services.notifications.results import LeaseLostError
from moderation_service.storage.notifications import people
from moderation_service.storage.notifications.people import Lease

_GATHER_RESULTS_FOR = 0.05
_GATHER_RESULTS_BESIDE_POSTS_FOR = 0.25
_BEFORE_WRITING_AGAIN = 1.0

_log = structlog.stdlib.get_logger(__name__)


class Dispatch:
    """Writes to everybody who is due, or with `probing` to one person, to see whether the server works again."""

    def __init__(self, work: Collaborators, transports: Sequence[Transport], *, probing: bool = False) -> None:
        self._work = work
        self._transports = transports[:1] if probing else transports
        self._probing = probing
        self._stopped = False
        self._stop = asyncio.Event()
        self._leases = LeasedAhead(
            work, senders=len(transports), probing=probing, is_over=self._is_over, settle=self._settle
        )
        self._accepted: list[tuple[Lease, Message]] = []
        self._writing = asyncio.Lock()
        self._pace = Pace()
        self._arrived = asyncio.Event()
        self._tried = 0
        self._settled = 0
        self.accepted = 0
        """How many messages the server took."""

    async def run(self, stop: asyncio.Event) -> None:
        """Go on until nothing is due, the server fails, or `stop`; what came of it is written then."""
        self._stop = stop
        due = await self._leases.due(len(self._transports))
        senders = {asyncio.create_task(self._send(one)): one for one in self._transports[: len(due)]}
        writing, renewing = asyncio.create_task(self._write_results()), asyncio.create_task(self._leases.renew())
        try:
            await in_flight.finish(senders, stop, within=self._work.limits.in_flight)
        finally:
            self._stopped = True
            self._arrived.set()
            renewing.cancel()
            await asyncio.gather(writing, renewing, return_exceptions=True)
            try:
                await self._write_accepted()
            finally:
                await self._leases.give_back()
                for transport in self._transports:
                    await transport.close()

    async def has_anything(self) -> bool:
        """Tell whether somebody is to be written to."""
        return bool(await self._leases.due(1))

    async def _send(self, transport: Transport) -> None:
        """Write to one person after the other over one connection."""
        try:
            await transport.log_in()
        except DeliveryError as error:
            await self._server_failed(error)
            return
        while not self._is_over() and (job := await self._leases.next()) is not None:
            await self._work_on(job, transport)
        if self._probing and not self._tried and not self._is_stopping:
            self._work.circuit.close()

    @property
    def _is_stopping(self) -> bool:
        """Whether no message is begun any more, also by who has just finished one."""
        return self._stopped or self._stop.is_set()

    def _is_over(self) -> bool:
        if self._is_stopping:
            return True
        return self._tried > 0 if self._probing else self._work.circuit.is_open

    async def _work_on(self, job: Job, transport: Transport) -> None:
        lease, message = job.lease, job.message
        try:
            message = message or await self._leases.gather(lease)
            if message is None:
                return
            await self._give_way()
            mail = self._work.composer.compose(message)
            self._tried += 1
            try:
                await transport.send(mail, message.notifications[0].moderator.email)
            except DeliveryError as error:
                await self._write_failure(lease, message, error)
                return
            self._note_accepted(lease, message)
        except LeaseLostError:
            self._leases.lost(lease)
        except asyncio.CancelledError:
            if not transport.is_handing_in:
                self._leases.put_back(Job(lease=lease, message=message))
            raise
        except UnavailableError:
            # The database is away, which is no fault of this message: the lease is given back with the others.
            raise
        except Exception as error:
            _log.exception("mail.failed", person=lease.person_id)
            await self._write_mistake(lease, message, type(error).__name__)

    async def _give_way(self) -> None:
        """Wait for the next message's turn while comments come in."""
        if self._work.is_busy():
            await asyncio.sleep(self._pace.take_turn())

    def _note_accepted(self, lease: Lease, message: Message) -> None:
        self._work.circuit.accept()
        self._work.counters.sent.inc()
        self._work.held_up.discard(lease.person_id)
        self._accepted.append((lease, message))
        self._arrived.set()

    async def _write_results(self) -> None:
        """Write what was accepted, as much at once as comes within a moment."""
        while not self._stopped:
            await self._arrived.wait()
            if not self._stopped:
                is_busy = self._work.is_busy()
                await asyncio.sleep(_GATHER_RESULTS_BESIDE_POSTS_FOR if is_busy else _GATHER_RESULTS_FOR)
            await self._write_accepted()

    async def _settle(self) -> bool:
        """Write what was accepted; tell whether anything was since this was asked last: then others may be due."""
        await self._write_accepted()
        before, self._settled = self._settled, self.accepted
        return self.accepted != before

    async def _write_accepted(self) -> None:
        """Write that messages are with the server, and try again where that cannot be written just now."""
        async with self._writing:
            self._arrived.clear()
            accepted = list(self._accepted)
            if not accepted:
                return
            for is_last in (False, False, True):
                try:
                    lost = await self._work.database.transact(
                        partial(
                            results.accepted, taken=accepted, now=self._work.clock(), interval=self._work.interval
                        )
                    )
                    break
                except UnavailableError:
                    if is_last:
                        raise
                    await asyncio.sleep(_BEFORE_WRITING_AGAIN)
            del self._accepted[: len(accepted)]
        for lease in lost:
            self._leases.lost(lease)
        for lease, message in accepted:
            self._leases.let_go(lease)
            if lease not in lost:
                self.accepted += 1
                _log.info("mail.sent", message=message.id, comments=message.total)

    async def _write_failure(self, lease: Lease, message: Message, error: DeliveryError) -> None:
        action = self._work.circuit.judge(error, is_final=message.shortened)
        self._work.counters.refused[action].inc()
        _log.warning(
            "mail.refused",
            message=message.id,
            phase=error.phase,
            code=error.code,
            status=error.status,
            action=action,
        )
        if action is Action.PAUSE_ALL and error.phase in BY_A_WORKING_SERVER:
            self._work.held_up.add(lease.person_id)
        elif action is Action.PAUSE_ALL and error.phase is Phase.ANSWER:
            self._work.unanswered.add(lease.person_id)
        async with self._work.database.write() as connection:
            await results.refused(
                connection, lease, message, error, action, self._work.clock(), probing=self._probing
            )
        self._leases.let_go(lease)

    async def _write_mistake(self, lease: Lease, message: Message | None, error: str) -> None:
        async with self._work.database.write() as connection:
            await results.failed(connection, lease, message, seen=False, error=error, now=self._work.clock())
        self._leases.let_go(lease)

    async def _server_failed(self, error: DeliveryError) -> None:
        """Note that the server cannot be talked to, also beside those whom it keeps from being notified."""
        if self._work.circuit.is_open and not self._probing:
            return
        _log.warning("mail.unreachable", phase=error.phase, code=error.code, status=error.status)
        self._work.circuit.fail(error)
        self._work.counters.refused[error.action].inc()
        ids = await self._leases.due(MOST_LEASED)
        if ids:
            async with self._work.database.write() as connection:
                await people.note_error(connection, ids, error.reply)
