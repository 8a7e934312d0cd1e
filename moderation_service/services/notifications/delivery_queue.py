"""The delivery queue: everything that leaves the service, sent by one worker, kind by kind.

A delivery is a row on disk before whoever asked for it is answered, so a crash loses none, and a slow server keeps
nobody waiting. Each kind is sent beside the others, so that none waits for another's server.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import structlog

from moderation_service.domain import clocks
from moderation_service.domain.errors import UnavailableError
from moderation_service.domain.notifications import retry_policy
from moderation_service.domain.notifications.retry_policy import Action
from moderation_service.domain.notifications.states import DeliveryState
from moderation_service.mail.failures import DeliveryError
from moderation_service.metrics import MailCounters
from moderation_service.services.notifications import in_flight
from moderation_service.services.notifications.kinds import AnyKind, Sender, TooEarlyError
from moderation_service.services.notifications.limits import DeliveryLimits
from moderation_service.storage.engine.database import Database
from moderation_service.storage.notifications import deliveries
from moderation_service.storage.notifications.deliveries import Claimed

_FINAL = frozenset({Action.PARK_PERSON, Action.PARK_MESSAGE})

_log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DeliveryChannel:
    """The way out of one kind: `deliver_due` sends what is due until the event is set, and says how much it was.

    The worker looks for more at once when it was `asked` to, though it `rests` so many seconds after each time.
    With `looks_every` it also looks by itself after so many seconds; without, only when asked.
    """

    name: str
    deliver_due: Callable[[asyncio.Event], Awaitable[int]]
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    rests: float = 0.0
    looks_every: float | None = None


class DeliveryQueue:
    """The kinds that were registered, each with its channel; the worker sends by each while the service runs."""

    def __init__(
        self, database: Database, *, clock: Callable[[], datetime], limits: DeliveryLimits | None = None
    ) -> None:
        self._database = database
        self._limits = limits or DeliveryLimits()
        self._clock = clock
        self.channels: dict[str, DeliveryChannel] = {}
        self._kinds: dict[str, KindDelivery] = {}

    def register(self, kind: AnyKind, counters: MailCounters) -> None:
        """Let deliveries of a kind be sent, and be counted by what became of them."""
        delivery = KindDelivery(kind, self._database, counters, clock=self._clock, limits=self._limits)
        self._kinds[kind.name] = delivery
        self.open(DeliveryChannel(name=kind.name, deliver_due=delivery.deliver_due))

    def open(self, channel: DeliveryChannel) -> None:
        """Let a kind be sent that has a way of its own, as moderation mail does."""
        self.channels[channel.name] = channel

    def wake(self, name: str) -> None:
        """Say that something of a kind is due."""
        self.channels[name].asked.set()

    async def look(self) -> None:
        """Find out for all registered kinds at once what is due, and wake those that have something to do."""
        for name, one in self._kinds.items():
            if one.has_recovered:
                self.wake(name)
        async with self._database.read() as connection:
            due = await deliveries.kinds_due(connection, self._kinds, self._clock(), self._limits.lease)
        for name in due:
            self.wake(name)

    async def deliver_due(self, name: str, stop: asyncio.Event | None = None) -> int:
        """Send what is due of a kind, until `stop`; return how much was accepted."""
        return await self.channels[name].deliver_due(stop or asyncio.Event())


class KindDelivery:
    """Sends what is due of one kind, or of one recipient's: claims, renews, and writes what became of it."""

    def __init__(
        self,
        kind: AnyKind,
        database: Database,
        counters: MailCounters,
        *,
        clock: Callable[[], datetime],
        limits: DeliveryLimits,
    ) -> None:
        self._kind = kind
        self._database = database
        self._counters = counters
        self._clock = clock
        self._limits = limits
        self._recoveries = kind.circuit.recoveries
        self._accepted = 0

    @property
    def has_recovered(self) -> bool:
        """Whether the server was found to work again since the last time that anything was sent."""
        return self._recoveries != self._kind.circuit.recoveries

    async def deliver_due(self, stop: asyncio.Event) -> int:
        """Send what is due by all of the kind's senders, until `stop`; return how much was accepted.

        While the server is away or refuses us, one is tried now and then, as a probe for all that goes to it.
        """
        before = self._accepted
        await self._recover()
        try:
            sending = {asyncio.create_task(self._send_due(one, stop)): one for one in self._kind.senders}
            await in_flight.finish(sending, stop, within=self._limits.in_flight)
        finally:
            for one in self._kind.senders:
                await one.close()
        return self._accepted - before

    async def _recover(self) -> None:
        """Let out what waits for the server to work again: what was parked, or what goes to one recipient."""
        if self.has_recovered:
            self._recoveries = self._kind.circuit.recoveries
            async with self._database.write() as connection:
                if self._kind.recipient is not None:
                    await deliveries.hasten(connection, self._kind.name, self._kind.recipient)
                else:
                    await deliveries.release_parked(
                        connection, self._kind.name, most_tries=retry_policy.MOST_TRIES_OF_REFUSED
                    )

    async def _send_due(self, sender: Sender[Any], stop: asyncio.Event) -> None:
        """Send one after the other by one sender."""
        while not stop.is_set() and await self._is_any_due():
            if self._kind.circuit.is_open and not self._kind.circuit.take_probe():
                return
            claimed = await self._claim()
            if claimed is None:
                return
            renewing = asyncio.create_task(self._renew(claimed))
            try:
                await self._deliver(claimed, sender)
            finally:
                renewing.cancel()

    async def _is_any_due(self) -> bool:
        async with self._database.read() as connection:
            return await deliveries.is_any_due(
                connection, self._kind.name, self._clock(), self._limits.lease, recipient=self._kind.recipient
            )

    async def _claim(self) -> Claimed | None:
        token = secrets.token_hex(16)
        async with self._database.write() as connection:
            return await deliveries.claim(
                connection,
                self._kind.name,
                now=self._clock(),
                lease=self._limits.lease,
                token=token,
                recipient=self._kind.recipient,
            )

    async def _renew(self, claimed: Claimed) -> None:
        """Keep others from sending what a slow server has not answered yet."""
        while True:
            await asyncio.sleep(self._limits.renew_every)
            with suppress(UnavailableError):
                async with self._database.write() as connection:
                    await deliveries.renew(connection, claimed, lease=self._limits.lease)

    async def _deliver(self, claimed: Claimed, sender: Sender[Any]) -> None:
        try:
            content = await self._kind.compose(claimed)
            if content is None:
                await self._release(claimed, state=DeliveryState.SUPERSEDED)
                return
            await sender.send(content)
        except TooEarlyError as error:
            await self._release(claimed, next_attempt_at=error.until)
        except DeliveryError as error:
            await self._write_failure(claimed, error)
        except UnavailableError:
            # The database is away, which is no fault of this delivery.
            await self._release(claimed)
            raise
        except Exception:
            _log.exception("delivery.failed", kind=self._kind.name, delivery=claimed.id)
            await self._put_off(claimed, retry_policy.backoff(claimed.attempts))
        except BaseException:
            await self._release(claimed)
            raise
        else:
            self._kind.circuit.accept()
            self._accepted += 1
            self._counters.sent.inc()
            await self._write_accepted(claimed)
            _log.info("delivery.sent", kind=self._kind.name, delivery=claimed.id)

    async def _write_accepted(self, claimed: Claimed) -> None:
        """Write that it is with the server; what was parked for the same person is tried once more."""
        async with self._database.write() as connection:
            sent = {"state": DeliveryState.SENT, "sent_at": self._clock()}
            if await deliveries.release(connection, claimed, **sent):
                if self._kind.on_accepted is not None:
                    await self._kind.on_accepted(connection, claimed)
                if claimed.person_id is not None:
                    await deliveries.release_parked(
                        connection,
                        claimed.kind,
                        person_id=claimed.person_id,
                        recipient=claimed.recipient,
                        most_tries=retry_policy.MOST_TRIES_OF_REFUSED,
                    )
                return
        _log.warning("delivery.lease_lost", kind=claimed.kind, delivery=claimed.id)

    async def _write_failure(self, claimed: Claimed, error: DeliveryError) -> None:
        """Write down a refusal. One for good is believed; one that concerns all is none of this one's."""
        action = self._kind.circuit.judge(error)
        self._counters.refused[action].inc()
        _log.warning(
            "delivery.refused",
            kind=self._kind.name,
            delivery=claimed.id,
            phase=error.phase,
            code=error.code,
            status=error.status,
            action=action,
        )
        if action in _FINAL:
            await self._give_up(claimed, last_error=error.reply)
            if self._kind.on_refused is not None:
                await self._kind.on_refused(claimed)
            return
        wait = self._kind.circuit.before_trying_again(error, action, claimed.attempts)
        await self._put_off(claimed, wait, last_error=error.reply)

    async def _put_off(self, claimed: Claimed, wait: timedelta, **values: object) -> None:
        """Try again later, unless it was tried for too long."""
        now = self._clock()
        if clocks.age(claimed.created_at, now) > (self._kind.lasts or retry_policy.GIVE_UP_AFTER):
            await self._give_up(claimed, **values)
            return
        await self._release(claimed, attempts=claimed.attempts + 1, next_attempt_at=now + wait, **values)

    async def _give_up(self, claimed: Claimed, **values: object) -> None:
        """Park what cannot be delivered, or let it expire where nobody waits for it so long."""
        state = DeliveryState.PARKED if self._kind.lasts is None else DeliveryState.EXPIRED
        attempts = claimed.attempts + 1
        _log.warning(
            "delivery.given_up", kind=self._kind.name, delivery=claimed.id, state=state, attempts=attempts
        )
        await self._release(claimed, state=state, attempts=attempts, **values)

    async def _release(self, claimed: Claimed, **values: object) -> None:
        async with self._database.write() as connection:
            if await deliveries.release(connection, claimed, **values):
                return
        _log.warning("delivery.lease_lost", kind=claimed.kind, delivery=claimed.id)
