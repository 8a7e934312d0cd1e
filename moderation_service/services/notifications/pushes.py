"""Push: moderators are told of comments on their phones, each place by deliveries of its own.

A notification is marked in the comment's own transaction. Whichever replica looks first puts all that waits for
a person into one push, with a delivery for each of the person's places. What it says is read when it is sent.
"""

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

import structlog

from moderation_service.domain import clocks
from moderation_service.domain.accounts.sites import Moderator, Site, Sites
from moderation_service.domain.errors import UnavailableError
from moderation_service.domain.moderation.reports import Reports
from moderation_service.domain.notifications import mail_interval
from moderation_service.domain.notifications.message import Notification
from moderation_service.domain.notifications.pushes import PUSH, recipient
from moderation_service.metrics import MailCounters
from moderation_service.push import services
from moderation_service.push.composing import SHOWN, Push, PushComposer
from moderation_service.services.accounts.directory import Directory
from moderation_service.services.notifications import preferences
from moderation_service.services.notifications.delivery_queue import KindDelivery
from moderation_service.services.notifications.kinds import Kind
from moderation_service.services.notifications.limits import DeliveryLimits
from moderation_service.services.notifications.receiver import ReceiverBreaker
from moderation_service.storage.comments import comments
from moderation_service.storage.engine.database import Connection, Database
from moderation_service.storage.moderation import decisions, reports
from moderation_service.storage.notifications import deliveries
from moderation_service.storage.notifications import pushes as stored
from moderation_service.storage.notifications.deliveries import Claimed
from moderation_service.storage.notifications.pushes import Pushed

_LOOK_EVERY = 1.0
_THREADS = 4
_MOST_MERGED = 100
"""How many pushes that did not go out become one; of what is older nobody needs to be told."""

_log = structlog.stdlib.get_logger(__name__)


class PushSender:
    """Hands messages to one place, in a thread, as Apprise waits for answers."""

    def __init__(self, url: str, threads: ThreadPoolExecutor, *, within: float) -> None:
        self._threads = threads
        self._send = partial(services.send, url, within=within)
        self.is_handing_in = False
        """Also while what came of it is being written, so that a stop waits for that, too."""

    async def send(self, content: Push) -> None:
        """Hand one in; raise PushRefusedError unless the service took it."""
        self.is_handing_in = True
        await asyncio.get_running_loop().run_in_executor(self._threads, self._send, content)

    async def close(self) -> None:
        """Note that all is written; each message had a connection of its own."""
        self.is_handing_in = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a person is told, and of which sites."""

    person_id: str
    url: str
    site_ids: frozenset[str]


@dataclass(slots=True, kw_only=True, eq=False)
class _Receiver:
    """A listed place, with the task that sends to it just now."""

    place: Place
    delivery: KindDelivery
    task: asyncio.Task[int] | None = None

    @property
    def is_busy(self) -> bool:
        return self.task is not None and not self.task.done()


class Pushes:
    """Makes the pushes of all who have places for them and sends them, to each place by a task of its own."""

    def __init__(
        self,
        database: Database,
        directory: Directory,
        composer: PushComposer,
        *,
        interval: timedelta,
        clock: Callable[[], datetime],
        new_id: Callable[[], str],
        counters: MailCounters,
        limits: DeliveryLimits,
    ) -> None:
        self._database = database
        self._directory = directory
        self._composer = composer
        self._interval = interval
        self._clock = clock
        self._new_id = new_id
        self._counters = counters
        self._limits = limits
        self._threads: ThreadPoolExecutor | None = None
        self._receivers: dict[str, _Receiver] = {}
        self._listed: Sites | None = None
        self._asked = asyncio.Event()

    def wake(self) -> None:
        """Say that something may be to be told."""
        self._asked.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Look whenever something may be to be told, and once a second, until `stop`; then let messages end."""
        try:
            while not stop.is_set():
                self._asked.clear()
                await self.look(stop)
                with suppress(TimeoutError):
                    async with asyncio.timeout(_LOOK_EVERY):
                        await self._asked.wait()
            await self.settled()
        finally:
            await self.close()

    async def settled(self) -> None:
        """Wait until nothing is being sent."""
        while busy := [one.task for one in self._receivers.values() if one.task is not None and one.is_busy]:
            await asyncio.wait(busy)

    async def close(self) -> None:
        """Give back what was not sent; threads that wait for an answer end by themselves."""
        for name in list(self._receivers):
            await self._leave(name)
        self._listed = None
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)
            self._threads = None

    async def look(self, stop: asyncio.Event | None = None) -> None:
        """Make the pushes of what waits, and begin to send what is due."""
        stop = stop or asyncio.Event()
        await self._follow_sites()
        if not self._receivers:
            return
        await self._make_all()
        async with self._database.read() as connection:
            due = await deliveries.recipients_due(connection, PUSH, self._clock(), self._limits.lease)
        for name, one in self._receivers.items():
            if name in due and not one.is_busy:
                one.task = asyncio.create_task(one.delivery.deliver_due(stop))
                one.task.add_done_callback(partial(self._sent, name))

    def _sent(self, name: str, task: asyncio.Task[int]) -> None:
        """Log why a task failed; what it had leased is sent later."""
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, UnavailableError):
            _log.error("push.sending_failed", recipient=name, exc_info=error)

    async def _follow_sites(self) -> None:
        """Take over which places are listed; what waits for others is told at those of the same person."""
        if self._listed is self._directory.sites:
            return
        sites, there = self._directory.sites, listed(self._directory)
        for name, one in list(self._receivers.items()):
            if there.get(name) != one.place:
                await self._leave(name)
        for name, place in there.items():
            if name not in self._receivers:
                self._receivers[name] = self._receiver(name, place)
        async with self._database.read() as connection:
            gone = await stored.left(connection, there)
        for delivery in gone:
            async with self._database.write() as connection:
                await stored.tell_elsewhere(connection, delivery)
        self._listed = sites

    def _receiver(self, name: str, place: Place) -> _Receiver:
        if self._threads is None:
            self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="push")
        kind = Kind(
            name=PUSH,
            compose=partial(self._compose, place),
            senders=[PushSender(place.url, self._threads, within=self._limits.posting)],
            circuit=ReceiverBreaker(self._clock),
            recipient=name,
            on_accepted=_note_told,
        )
        delivery = KindDelivery(kind, self._database, self._counters, clock=self._clock, limits=self._limits)
        return _Receiver(place=place, delivery=delivery)

    async def _leave(self, name: str) -> None:
        one = self._receivers.pop(name)
        if one.task is not None:
            one.task.cancel()
            await asyncio.gather(one.task, return_exceptions=True)

    async def _make_all(self) -> None:
        """Put what waits for each person into one push, where the last is long enough ago."""
        person_ids = {one.place.person_id for one in self._receivers.values()}
        async with self._database.read() as connection:
            person_ids -= await preferences.not_by_push(connection, self._directory, self._clock())
            waiting = await stored.waiting(connection, person_ids)
            if not waiting:
                return
            decided = await decisions.last_of(connection, [site.id for site in self._directory.sites])
        for one in waiting:
            unanswered = self._unanswered(one, decided)
            if self._may_follow(one, unanswered):
                await self._make(one, unanswered + 1)

    def _unanswered(self, one: Pushed, decided: Mapping[str, datetime]) -> int:
        """Return how many pushes in a row were left without a decision on any of the person's sites."""
        sites = {site.id for site, _ in self._directory.roles_of(one.person_id)}
        last = max((at for site_id, at in decided.items() if site_id in sites), default=None)
        if one.pushed_at is None or (last is not None and last >= one.pushed_at):
            return 0
        return one.unanswered_pushes

    def _may_follow(self, one: Pushed, unanswered: int) -> bool:
        if one.pushed_at is None:
            return True
        return clocks.waited(one.pushed_at, self._clock()) >= mail_interval.interval_after(
            self._interval, unanswered
        )

    async def _make(self, one: Pushed, unanswered: int) -> None:
        push_id, now = self._new_id(), self._clock()
        async with self._database.write() as connection:
            if not await stored.take(connection, one, push_id=push_id, now=now, unanswered=unanswered):
                return
            for name, receiver in self._receivers.items():
                if receiver.place.person_id != one.person_id:
                    continue
                earlier, since = await stored.unseen(connection, name)
                await deliveries.add_for_recipient(
                    connection,
                    name,
                    [" ".join([*earlier, push_id][-_MOST_MERGED:])],
                    kind=PUSH,
                    new_id=self._new_id,
                    now=since or now,
                    due=now,
                    person_id=one.person_id,
                )

    async def _compose(self, place: Place, delivery: Claimed) -> Push | None:
        """Return what is said of what still waits for a decision; None where nothing does."""
        roles = {
            (site.id, one.id): (site, one)
            for site, one in self._directory.roles_of(place.person_id)
            if place.url in one.push
        }
        async with self._database.read() as connection:
            found = await stored.to_tell(
                connection, place.person_id, (delivery.reference or "").split(), place.site_ids
            )
            theirs = [one for one in found if _tells(roles.get((one.site_id, one.moderator_id)), one.page_url)]
            mine = list({one.comment_id: one for one in theirs}.values())
            ids = [one.comment_id for one in mine[:SHOWN]]
            named = await comments.get_many(connection, ids)
            reported = [one.id for one in named if one.waits_again]
            open_reports = await reports.open_of(connection, reported) if reported else {}
        by_id = {one.id: one for one in named}
        shown = [
            Notification(
                comment=by_id[one.comment_id],
                site=roles[one.site_id, one.moderator_id][0],
                moderator=roles[one.site_id, one.moderator_id][1],
                masked_address=None,
                reports=open_reports.get(one.comment_id, Reports(())),
            )
            for one in mine[:SHOWN]
            if one.comment_id in by_id
        ]
        if not shown:
            return None
        return self._composer.compose(shown, total=len(mine), is_reminder=all(one.reminders for one in mine))


async def _note_told(connection: Connection, delivery: Claimed) -> None:
    """Let a push stand for a mail where its person has chosen push alone."""
    person_id = delivery.person_id
    if person_id is not None and await preferences.told_by_push_alone(connection, person_id):
        await stored.note_told(connection, person_id, (delivery.reference or "").split(), delivery.id)


def _tells(role: tuple[Site, Moderator] | None, page_url: str) -> bool:
    return role is not None and role[0].tells(role[1], page_url)


def listed(directory: Directory) -> dict[str, Place]:
    """Return the places of all who moderate something, by the name that deliveries to them go to."""
    found: dict[tuple[str, str], set[str]] = {}
    for person_id in directory.person_ids():
        for site, moderator in directory.roles_of(person_id):
            for url in moderator.push:
                found.setdefault((person_id, url), set()).add(site.id)
    return {
        recipient(person_id, url): Place(person_id=person_id, url=url, site_ids=frozenset(site_ids))
        for (person_id, url), site_ids in found.items()
    }
