"""What runs beside HTTP for as long as the service does."""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

import structlog
from prometheus_client import Counter

from moderation_service.domain.errors import UnavailableError
from moderation_service.runtime.container import Container, new_id
from moderation_service.runtime.intervals import Intervals
from moderation_service.services.accounts.sites_file import SitesFileError
from moderation_service.services.comments import listing
from moderation_service.services.notifications.delivery_queue import DeliveryChannel, DeliveryQueue
from moderation_service.services.operations import deletion, retention

_LOOK_FOR_DELIVERIES_EVERY = 1.0
_LOOK_AT_PAGES_EVERY = 60.0
_TIDY_FIRST_AFTER = 5.0
_TIDY_EVERY = 60.0
_DELETE_EVERY = 3_600.0
_REST_BETWEEN_LESSONS = 0.05
_LONGEST_BACKOFF = 60.0
_HEALTHY_AFTER = 60.0
_SAY_AGAIN_AFTER = 60.0
_CANCEL_AGAIN_AFTER = 2.0

_log = structlog.stdlib.get_logger(__name__)


async def supervised(
    name: str,
    work: Callable[[], Awaitable[None]],
    restarts: Counter,
    *,
    monotonic: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    first_backoff: float = Intervals().first_backoff,
) -> None:
    """Run a worker until it ends by itself; start it again when it fails.

    A database that is away is asked again every second, and that is said once a minute. Any other failure is
    logged, counted and waited for longer each time, until the worker has run well for a minute.
    """
    delay = first_backoff
    said_at = -math.inf
    failures = restarts.labels(name)
    while True:
        began = monotonic()
        try:
            await work()
        except UnavailableError:
            _end_if_cancelled()
            if monotonic() - said_at >= _SAY_AGAIN_AFTER:
                said_at = monotonic()
                _log.warning("worker.waiting_for_database", worker=name)
            await sleep(first_backoff)
        except Exception:
            _log.exception("worker.failed", worker=name)
            _end_if_cancelled()
            failures.inc()
            if monotonic() - began > _HEALTHY_AFTER:
                delay = first_backoff
            await sleep(delay)
            delay = min(delay * 2, _LONGEST_BACKOFF)
        else:
            return


def _end_if_cancelled() -> None:
    """Raise CancelledError where a failure has hidden that this task was cancelled."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


def begin(
    name: str, work: Callable[[], Awaitable[None]], *, first_backoff: float, restarts: Counter
) -> asyncio.Task[None]:
    """Begin a worker's supervised run."""
    return asyncio.create_task(supervised(name, work, restarts, first_backoff=first_backoff))


async def end(tasks: Sequence[asyncio.Task[None]], *, again_after: float = _CANCEL_AGAIN_AFTER) -> None:
    """Cancel workers, and return when all have ended.

    A worker that waits in a library may lose the cancellation, as `asyncio.wait_for` of Python 3.11 does when what
    it waits for ends in the same moment; it is cancelled again then.
    """
    running = {task for task in tasks if not task.done()}
    while running:
        for task in running:
            task.cancel()
        _, running = await asyncio.wait(running, timeout=again_after)


async def deliver(channel: DeliveryChannel, stop: asyncio.Event) -> None:
    """Send what is due of a kind when somebody asks for it, or as often as it looks; not oftener than it rests."""
    while not stop.is_set():
        if channel.looks_every is None:
            await channel.asked.wait()
        channel.asked.clear()
        await channel.deliver_due(stop)
        if channel.rests:
            with suppress(TimeoutError):
                async with asyncio.timeout(channel.rests):
                    await stop.wait()
        if channel.looks_every is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(channel.looks_every):
                    await channel.asked.wait()


async def look_for_deliveries(queue: DeliveryQueue, stop: asyncio.Event) -> None:
    """Look once a second what of all kinds is due, as other processes store it and waits end."""
    while not stop.is_set():
        await queue.look()
        with suppress(TimeoutError):
            async with asyncio.timeout(_LOOK_FOR_DELIVERIES_EVERY):
                await stop.wait()


async def follow_changes(container: Container) -> None:
    """Keep up with what other replicas decide."""
    while True:
        await container.eras.begin()
        try:
            await container.tail.look()
            await container.blocks.refresh()
            if not container.page_addresses.is_settled:
                await container.page_addresses.look()
        except UnavailableError:
            _log.warning("changes.unknown")
        await asyncio.sleep(container.intervals.changes)


async def watch_sites(container: Container) -> None:
    """Take over a changed sites file; report a faulty one and keep the sites as they are.

    A change that cannot be taken over, as the database is away, stays to be taken over by the next run.
    """
    file, changed = container.sites_file, container.sites_changed
    while True:
        with suppress(TimeoutError):
            async with asyncio.timeout(container.intervals.sites):
                await changed.wait()
        if not changed.is_set() and not file.has_changed():
            continue
        changed.clear()
        try:
            found = await asyncio.to_thread(file.load)
            async with container.page_addresses.adopting(found):
                await container.reassignment.replace_sites(found, now=container.clock(), new_id=new_id)
            await container.page_closing.load()
            await container.eras.open_missing()
            container.web.announcements.announce_all()
        except SitesFileError as error:
            _log.error("sites.faulty", faults=error.faults)
        except BaseException:
            changed.set()
            raise
        else:
            _log.info("sites.replaced", sites=[site.id for site in found])


async def bring_pages_along(container: Container) -> None:
    """Move comments whose page has another id now, and find the roots of threads that were stored without.

    Replicas of another version that do not know that yet may add some.
    """
    is_wanted = container.page_addresses.is_wanted
    while True:
        is_wanted.clear()
        await listing.find_roots(container.database)
        await container.page_addresses.bring_along()
        await container.web.orphaned_pages.look()
        with suppress(TimeoutError):
            async with asyncio.timeout(_LOOK_AT_PAGES_EVERY):
                await is_wanted.wait()


async def learn(container: Container) -> None:
    """Learn from decisions, in stretches that leave time for all else, and follow what other replicas learned."""
    has_more = False
    while True:
        await asyncio.sleep(_REST_BETWEEN_LESSONS if has_more else container.intervals.changes)
        await container.learned.refresh()
        has_more = await container.learned.learn() > 0


async def watch_traffic(container: Container) -> None:
    """Share with the other replicas what comes in, and see which sites are under attack."""
    while True:
        await asyncio.sleep(container.intervals.traffic)
        await container.traffic.share()


async def tidy(container: Container) -> None:
    """Forget what is too old to be kept; not at once, as those who wait for the service come first."""
    await asyncio.sleep(_TIDY_FIRST_AFTER)
    looked_at: float | None = None
    while True:
        if looked_at is None or time.monotonic() - looked_at > _DELETE_EVERY:
            await deletion.delete_due(container.database, container.directory.sites, container.clock())
            looked_at = time.monotonic()
        await retention.forget(container.database, container.clock(), sites=container.directory.sites)
        await asyncio.sleep(_TIDY_EVERY)
