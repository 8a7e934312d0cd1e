"""Webhooks: deliveries are made from the change feed, and each receiver gets its own beside the others.

A decision writes nothing for them: how far each webhook has come stands in the database, and whichever replica
looks first makes the next deliveries and moves it on, in one transaction. What a delivery says is read when it is
sent; a comment that changed since has another delivery, and the older one is superseded.
"""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial

import structlog

from moderation_service.domain import clocks
from moderation_service.domain.accounts.sites import Sites, Webhook, WebhookKind
from moderation_service.domain.errors import HistoryLostError, UnavailableError
from moderation_service.domain.notifications.states import DeliveryState
from moderation_service.domain.notifications.webhooks import WEBHOOK, recipient
from moderation_service.metrics import MailCounters
from moderation_service.outgoing_http.client import Client
from moderation_service.services.accounts.directory import Directory
from moderation_service.services.comments.announcements import Announcements
from moderation_service.services.comments.change_feed import ChangeFeed, Feed
from moderation_service.services.notifications import receiver
from moderation_service.services.notifications.delivery_queue import KindDelivery
from moderation_service.services.notifications.kinds import Kind, TooEarlyError
from moderation_service.services.notifications.limits import DeliveryLimits
from moderation_service.services.notifications.receiver import Post, ReceiverBreaker, WebhookSender
from moderation_service.storage.engine.database import Connection, Database
from moderation_service.storage.notifications import deliveries
from moderation_service.storage.notifications import webhooks as stored
from moderation_service.storage.notifications.deliveries import Claimed
from moderation_service.storage.notifications.webhooks import WebhookState
from moderation_service.storage.operations import imports

MOST_WAITING = 1_000
"""How many deliveries are made ahead for one webhook; the change feed keeps the rest."""

_AT_ONCE = 100
_LOOK_EVERY = 1.0

_log = structlog.stdlib.get_logger(__name__)


@dataclass(slots=True, kw_only=True, eq=False)
class _Receiver:
    """A listed webhook, with what sends to it and the task that does just now."""

    site_id: str
    webhook: Webhook
    name: str
    client: Client
    sender: WebhookSender
    delivery: KindDelivery
    listening: ExitStack
    task: asyncio.Task[int] | None = None

    @property
    def is_busy(self) -> bool:
        return self.task is not None and not self.task.done()


class Webhooks:
    """Makes the deliveries of all listed webhooks and sends them, each receiver by a task of its own."""

    def __init__(
        self,
        database: Database,
        directory: Directory,
        change_feed: ChangeFeed,
        announcements: Announcements,
        *,
        clock: Callable[[], datetime],
        new_id: Callable[[], str],
        counters: MailCounters,
        limits: DeliveryLimits,
    ) -> None:
        self._database = database
        self._directory = directory
        self._change_feed = change_feed
        self._announcements = announcements
        self._clock = clock
        self._new_id = new_id
        self._counters = counters
        self._limits = limits
        self._receivers: dict[str, _Receiver] = {}
        self._listed: Sites | None = None
        self._asked = asyncio.Event()

    async def begin(self) -> None:
        """Let new webhooks begin with what changes from now on, before there is anybody to change something.

        Where the database cannot be written to nothing changes either, and the next look begins them.
        """
        there = listed(self._directory.sites)
        if not there:
            return
        try:
            async with self._database.read() as connection:
                states = await stored.all_of(connection)
            for name, (site_id, webhook) in there.items():
                state, _ = states.get(name, (None, 0))
                await self._begun(name, site_id, webhook, state)
        except UnavailableError:
            _log.warning("webhooks.not_begun")

    def wake(self) -> None:
        """Say that something may have changed."""
        self._asked.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Look whenever something may have changed, and once a second, until `stop`; then let POSTs end."""
        try:
            while not stop.is_set():
                self._asked.clear()
                await self.look(stop)
                with suppress(TimeoutError):
                    async with asyncio.timeout(_LOOK_EVERY):
                        await self._asked.wait()
            await self.settled()
        finally:
            for one in list(self._receivers.values()):
                await self._leave(one)
            self._listed = None

    async def settled(self) -> None:
        """Wait until nothing is being sent."""
        while busy := [one.task for one in self._receivers.values() if one.task is not None and one.is_busy]:
            await asyncio.wait(busy)

    async def look(self, stop: asyncio.Event) -> None:
        """Make the deliveries of what changed, and begin to send what is due."""
        await self._follow_sites()
        if not self._receivers:
            return
        async with self._database.read() as connection:
            states = await stored.all_of(connection)
        going_on = [
            one for one in self._receivers.values() if await self._bring_up(one, *states.get(one.name, (None, 0)))
        ]
        async with self._database.read() as connection:
            due = await deliveries.recipients_due(connection, WEBHOOK, self._clock(), self._limits.lease)
        for one in going_on:
            if one.name in due and not one.is_busy:
                one.task = asyncio.create_task(one.delivery.deliver_due(stop))
                one.task.add_done_callback(partial(self._sent, one.name))

    def _sent(self, name: str, task: asyncio.Task[int]) -> None:
        """Look at once for what came meanwhile, or log why the task failed; what it had leased is sent later."""
        if task.cancelled():
            return
        error = task.exception()
        if error is None:
            if task.result():
                self.wake()
        elif not isinstance(error, UnavailableError):
            _log.error("webhook.sending_failed", webhook=name, exc_info=error)

    async def _follow_sites(self) -> None:
        """Take over which webhooks are listed; one that is listed otherwise begins with another client."""
        if self._listed is self._directory.sites:
            return
        self._listed = self._directory.sites
        there = listed(self._listed)
        for name, one in list(self._receivers.items()):
            if there.get(name) != (one.site_id, one.webhook):
                await self._leave(one)
        for name, (site_id, webhook) in there.items():
            if name not in self._receivers:
                self._receivers[name] = self._receiver(name, site_id, webhook)

    def _receiver(self, name: str, site_id: str, webhook: Webhook) -> _Receiver:
        client = Client(allow_private=webhook.allow_private, within=self._limits.posting)
        sender = WebhookSender(webhook, name, client, self._database, clock=self._clock)
        compose = self._compose_hook if webhook.kind is WebhookKind.BUILD_HOOK else self._compose_event
        kind = Kind(
            name=WEBHOOK,
            compose=partial(compose, site_id, webhook),
            senders=[sender],
            circuit=ReceiverBreaker(self._clock),
            recipient=name,
        )
        delivery = KindDelivery(kind, self._database, self._counters, clock=self._clock, limits=self._limits)
        listening = ExitStack()
        listening.enter_context(self._announcements.listening(site_id, partial(self.wake)))
        return _Receiver(
            site_id=site_id,
            webhook=webhook,
            name=name,
            client=client,
            sender=sender,
            delivery=delivery,
            listening=listening,
        )

    async def _leave(self, one: _Receiver) -> None:
        del self._receivers[one.name]
        one.listening.close()
        if one.task is not None:
            one.task.cancel()
            await asyncio.gather(one.task, return_exceptions=True)
        await one.client.close()

    async def _bring_up(self, one: _Receiver, state: WebhookState | None, head: int) -> bool:
        """Make the deliveries that one webhook lacks, and tell whether it goes on."""
        state = await self._begun(one.name, one.site_id, one.webhook, state)
        if state is None or state.ended is not None:
            return False
        one.sender.is_failing = state.failing_since is not None
        position = state.position
        while position < head:
            async with self._database.read() as connection:
                waiting = await deliveries.counts(connection, [one.name])
            if waiting.get((one.name, DeliveryState.WAITING), 0) >= MOST_WAITING:
                break
            moved = await self._make(one, position)
            if moved is None:
                break
            position = moved
        return True

    async def _begun(
        self, name: str, site_id: str, webhook: Webhook, state: WebhookState | None
    ) -> WebhookState | None:
        """Return the state of a webhook, begun at the newest number where it is new or leads elsewhere now."""
        target = receiver.target(webhook)
        if state is not None and state.target == target:
            return state
        async with self._database.write() as connection:
            await stored.begin(connection, name, site_id=site_id, target=target)
            return await stored.get(connection, name)

    async def _make(self, one: _Receiver, position: int) -> int | None:
        """Make deliveries of the next changes; return how far that came, None where another replica was first."""
        feed = await self._change_feed.read(one.site_id, after=position, epoch=None, limit=_AT_ONCE)
        moved = feed.next if feed.changes else feed.head
        async with self._database.write() as connection:
            state = await stored.get(connection, one.name, lock=True)
            if state is None or state.ended is not None or state.position != position:
                return None
            await self._add(connection, one, feed, state)
            await stored.write(connection, one.name, position=moved)
        return moved

    async def _add(self, connection: Connection, one: _Receiver, feed: Feed, state: WebhookState) -> None:
        brought = await imports.brought(connection, {one.comment_id: one.at for one in feed.changes})
        numbers = [
            change.number
            for change in feed.changes
            if change.type in one.webhook.events and change.comment_id not in brought
        ]
        now = due = self._clock()
        references: list[str | None] = [str(number) for number in numbers]
        if one.webhook.kind is WebhookKind.BUILD_HOOK:
            if not numbers or await deliveries.waits_unseen(connection, one.name):
                return
            references = [None]
            due = now if state.posted_at is None else max(now, state.posted_at + one.webhook.debounce)
        await deliveries.add_for_recipient(
            connection, one.name, references, kind=WEBHOOK, new_id=self._new_id, now=now, due=due
        )

    async def _compose_event(self, site_id: str, webhook: Webhook, delivery: Claimed) -> Post | None:
        """Tell of a change as it stands now, None where a later one tells of its comment."""
        number = int(delivery.reference or 0)
        with suppress(HistoryLostError):
            feed = await self._change_feed.read(site_id, after=number - 1, epoch=None, limit=1)
            for change in feed.changes:
                if change.number == number and change.type in webhook.events:
                    return Post(id=delivery.message_id, body=receiver.event(change))
        return None

    async def _compose_hook(self, site_id: str, webhook: Webhook, delivery: Claimed) -> Post:
        """Take the time of the next POST; raise TooEarlyError within `debounce` of the last."""
        name, now = recipient(site_id, webhook.id), self._clock()
        async with self._database.write() as connection:
            state = await stored.get(connection, name, lock=True)
            last = None if state is None else state.posted_at
            if last is not None and clocks.waited(last, now) < webhook.debounce:
                raise TooEarlyError(last + webhook.debounce)
            await stored.write(connection, name, posted_at=now)
        return Post(id=delivery.message_id, body=b"")


def listed(sites: Sites) -> Mapping[str, tuple[str, Webhook]]:
    """Return the webhooks of some sites, each with its site's id, by the name that its deliveries go to."""
    return {recipient(site.id, webhook.id): (site.id, webhook) for site in sites for webhook in site.webhooks}
