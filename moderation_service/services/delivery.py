"""Telling moderators: several people at a time, each by one worker, until nothing is due."""

import asyncio
import secrets
from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta

import structlog

from moderation_service.domain import notices
from moderation_service.domain.errors import UnavailableError
from moderation_service.domain.keys import KeyRing
from moderation_service.domain.notices import Action, Message, Phase
from moderation_service.mail.compose import Composer
from moderation_service.mail.failures import DeliveryError
from moderation_service.mail.transport import Transport
from moderation_service.services import aftermath, gathering, reminders
from moderation_service.services.aftermath import LeaseLostError
from moderation_service.services.directory import Directory
from moderation_service.services.gathering import Stamp
from moderation_service.services.pause import Pause
from moderation_service.storage import people
from moderation_service.storage.database import Database
from moderation_service.storage.people import Lease
from moderation_service.tallies import Sendings

_BEFORE_WRITING_AGAIN = 1.0
_WITH_A_WORKING_SERVER = frozenset({Phase.RECIPIENT, Phase.DATA, Phase.ANSWER})
_UPKEEP_EVERY = timedelta(minutes=1)

_log = structlog.stdlib.get_logger(__name__)


class Delivery:
    """Sends what was promised to the people of the directory, over one connection for each transport."""

    def __init__(
        self,
        database: Database,
        directory: Directory,
        keys: KeyRing,
        composer: Composer,
        transports: Sequence[Transport],
        *,
        interval: timedelta,
        remind_after: timedelta,
        clock: Callable[[], datetime],
        new_id: Callable[[], str],
    ) -> None:
        self._database = database
        self._directory = directory
        self._keys = keys
        self._composer = composer
        self._transports = transports
        self._interval = interval
        self._remind_after = remind_after
        self._clock = clock
        self._new_id = new_id
        self._lease = timedelta(seconds=3 * max(one.limits.message for one in transports))
        self._pause = Pause(clock)
        self._next_upkeep: datetime | None = None
        self.sendings = Sendings()

    @property
    def is_paused(self) -> bool:
        """Whether the mail server or our account there refuses everything."""
        return self._pause.is_on

    async def deliver_due(self, stop: asyncio.Event | None = None) -> int:
        """Write to everybody who is due, until `stop`; return how many messages the server accepted."""
        stop = stop or asyncio.Event()
        await self._keep_up()
        if self._pause.is_on and not (self._pause.is_probe_due() and await self._probe(stop)):
            return 0
        workers = self._transports[: await self._count_due(len(self._transports))]
        results = await asyncio.gather(*(self._run(one, stop) for one in workers), return_exceptions=True)
        for failure in results:
            if isinstance(failure, BaseException):
                raise failure
        return sum(sum(one) for one in results if not isinstance(one, BaseException))

    async def _keep_up(self) -> None:
        """Remind, and find heirs for what came in for people who had just left."""
        now = self._clock()
        if self._next_upkeep is None or now >= self._next_upkeep:
            await reminders.renew(self._database, self._directory, now=now, after=self._remind_after)
            await self._directory.pass_on(self._database, now=now)
            self._next_upkeep = now + _UPKEEP_EVERY

    async def _probe(self, stop: asyncio.Event) -> bool:
        """Try one message, or a log-in if none is due, whether the pause is over."""
        transport = self._transports[0]
        self._pause.probe_later()
        if await self._run(transport, stop, most=1) or stop.is_set():
            return not self.is_paused
        try:
            await transport.log_in()
        except DeliveryError as error:
            self._pause.begin(error)
            return False
        finally:
            await transport.close()
        self._pause.end()
        return True

    async def _run(self, transport: Transport, stop: asyncio.Event, most: int | None = None) -> list[bool]:
        """Work on person after person over one connection; return of each message whether it was accepted."""
        outcomes: list[bool] = []
        was_paused = self.is_paused
        nothing_left: set[str] = set()
        try:
            while not stop.is_set() and self.is_paused == was_paused and len(outcomes) != most:
                lease = await self._claim(nothing_left)
                if lease is None:
                    break
                outcome = await self._work_on(lease, transport)
                if outcome is None:
                    nothing_left.add(lease.person_id)
                else:
                    outcomes.append(outcome)
        finally:
            await transport.close()
        return outcomes

    async def _count_due(self, most: int, without: Collection[str] = ()) -> int:
        everybody = [one for one in self._directory.person_ids() if one not in without]
        async with self._database.read() as connection:
            return await people.count_due(connection, everybody, self._clock(), self._interval, most)

    async def _claim(self, without: Collection[str]) -> Lease | None:
        if not await self._count_due(1, without):
            return None
        everybody = [one for one in self._directory.person_ids() if one not in without]
        async with self._database.write() as connection:
            return await people.claim(
                connection,
                everybody,
                now=self._clock(),
                interval=self._interval,
                lease=self._lease,
                token=secrets.token_hex(16),
            )

    async def _work_on(self, lease: Lease, transport: Transport) -> bool | None:
        """Return whether a message was accepted, None where there was nothing to send."""
        message: Message | None = None
        seen = False
        try:
            message = await self._gather(lease)
            if message is None:
                return None
            mail = self._composer.compose(message)
            try:
                await transport.send(mail, message.notices[0].moderator.email)
            except DeliveryError as error:
                await self._write_failure(lease, message, error)
                return False
            seen = True
            await self._write_success(lease, message)
        except LeaseLostError:
            _log.warning("mail.lease_lost", person=lease.person_id)
            return False
        except Exception as error:
            _log.exception("mail.failed", person=lease.person_id)
            async with self._database.write() as connection:
                await aftermath.failed(
                    connection, lease, message, seen=seen, error=type(error).__name__, now=self._clock()
                )
            return False
        except BaseException:
            async with self._database.write() as connection:
                await people.release(connection, lease)
            raise
        return True

    async def _gather(self, lease: Lease) -> Message | None:
        parts = {(site.id, one.id): (site, one) for site, one in self._directory.parts_of(lease.person_id)}
        new_id = self._new_id()
        stamp = Stamp(id=new_id, message_id=self._composer.new_message_id(new_id), now=self._clock())
        async with self._database.write() as connection:
            if not await people.hold(connection, lease):
                raise LeaseLostError
            message = await gathering.gather(connection, lease.person_id, parts, self._keys, stamp)
            if message is None:
                await people.release(connection, lease)
        return message

    async def _write_success(self, lease: Lease, message: Message) -> None:
        """Write that a message is with the server, and try again where that cannot be written just now."""
        self._pause.end()
        self.sendings.accepted += 1
        for is_last in (False, False, True):
            try:
                async with self._database.write() as connection:
                    await aftermath.accepted(connection, lease, message, self._clock())
                break
            except UnavailableError:
                if is_last:
                    raise
                await asyncio.sleep(_BEFORE_WRITING_AGAIN)
        _log.info("mail.sent", message=message.id, comments=message.total)

    async def _write_failure(self, lease: Lease, message: Message, error: DeliveryError) -> None:
        action = notices.classify(error.phase, error.code)
        self.sendings.refused[action] += 1
        _log.warning(
            "mail.refused",
            message=message.id,
            phase=error.phase,
            code=error.code,
            status=error.status,
            action=action,
        )
        if action is Action.PAUSE_ALL:
            self._pause.begin(error)
        elif error.phase in _WITH_A_WORKING_SERVER:
            self._pause.end()
        async with self._database.write() as connection:
            await aftermath.refused(connection, lease, message, action, error.phase, error.reply, self._clock())
