"""What runs beside HTTP for as long as the service does."""

import asyncio
import math
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog
import uuid_utils

from moderation_service.config import Settings
from moderation_service.domain.errors import UnavailableError
from moderation_service.services import retention
from moderation_service.services.delivery import Delivery
from moderation_service.services.directory import Directory
from moderation_service.sites import SitesFile, SitesFileError
from moderation_service.web.context import Context

LOOK_FOR_CHANGES_EVERY = 0.5
"""Seconds between two looks at what other replicas decided."""

_LOOK_AT_SITES_EVERY = 2.0
_LOOK_FOR_MAIL_EVERY = 1.0
_LOOK_FOR_MAIL_AT_MOST_EVERY = 0.2
_LOOK_AT_PAGES_EVERY = 60.0
_TIDY_EVERY = 60.0
_FIRST_BACKOFF = 1.0
_LONGEST_BACKOFF = 60.0
_HEALTHY_AFTER = 60.0
_SAY_AGAIN_AFTER = 60.0

_log = structlog.stdlib.get_logger(__name__)


def utc_now() -> datetime:
    """Return the time by the machine's clock."""
    return datetime.now(UTC)


def new_id() -> str:
    """Return a UUIDv7 (RFC 9562), rising within this process."""
    return str(uuid_utils.uuid7())


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """Everything but HTTP and the workers."""

    settings: Settings
    directory: Directory
    context: Context
    delivery: Delivery
    mail_waits: asyncio.Event
    sites_file: SitesFile
    sites_changed: asyncio.Event


async def supervised(
    name: str,
    work: Callable[[], Awaitable[None]],
    restarts: Counter[str],
    *,
    monotonic: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """Run a worker until it ends by itself; start it again when it fails.

    A database that is away is asked again every second, and that is said once a minute. Any other failure is
    logged, counted and waited for longer each time, until the worker has run well for a minute.
    """
    delay = _FIRST_BACKOFF
    said_at = -math.inf
    restarts[name] += 0
    while True:
        began = monotonic()
        try:
            await work()
        except UnavailableError:
            if monotonic() - said_at >= _SAY_AGAIN_AFTER:
                said_at = monotonic()
                _log.warning("worker.waiting_for_database", worker=name)
            await sleep(_FIRST_BACKOFF)
        except Exception:
            _log.exception("worker.failed", worker=name)
            restarts[name] += 1
            if monotonic() - began > _HEALTHY_AFTER:
                delay = _FIRST_BACKOFF
            await sleep(delay)
            delay = min(delay * 2, _LONGEST_BACKOFF)
        else:
            return


def begin(name: str, work: Callable[[], Awaitable[None]], *, restarts: Counter[str]) -> asyncio.Task[None]:
    """Begin a worker's supervised run."""
    return asyncio.create_task(supervised(name, work, restarts))


async def deliver(service: Service, stop: asyncio.Event) -> None:
    """Look for mail when a comment has come in, and once a second; under load, five times a second."""
    while not stop.is_set():
        service.mail_waits.clear()
        await service.delivery.deliver_due(stop)
        with suppress(TimeoutError):
            async with asyncio.timeout(_LOOK_FOR_MAIL_AT_MOST_EVERY):
                await stop.wait()
        with suppress(TimeoutError):
            async with asyncio.timeout(_LOOK_FOR_MAIL_EVERY):
                await service.mail_waits.wait()


async def follow_changes(service: Service) -> None:
    """Keep up with what other replicas decide."""
    while True:
        await service.context.eras.begin()
        try:
            await service.context.tail.look()
        except UnavailableError:
            _log.warning("changes.unknown")
        await asyncio.sleep(LOOK_FOR_CHANGES_EVERY)


async def watch_sites(service: Service) -> None:
    """Take over a changed sites file; report a faulty one and keep the sites as they are.

    A change that cannot be taken over, as the database is away, stays to be taken over by the next run.
    """
    file, changed = service.sites_file, service.sites_changed
    while True:
        with suppress(TimeoutError):
            async with asyncio.timeout(_LOOK_AT_SITES_EVERY):
                await changed.wait()
        if not changed.is_set() and not file.has_changed():
            continue
        changed.clear()
        try:
            found = file.load()
            await service.directory.replace(
                service.context.database, found, now=service.context.clock(), new_id=new_id
            )
            await service.context.eras.open_missing()
        except SitesFileError as error:
            _log.error("sites.faulty", faults=error.faults)
        except BaseException:
            changed.set()
            raise
        else:
            _log.info("sites.replaced", sites=[site.id for site in found])


async def bring_pages_along(service: Service) -> None:
    """Move comments whose page has another id by today's rule; an older version beside this one may add some."""
    while True:
        await service.context.page_addresses.bring_along()
        await asyncio.sleep(_LOOK_AT_PAGES_EVERY)


async def tidy(service: Service) -> None:
    """Forget what is too old to be kept."""
    while True:
        window = service.directory.sites.longest_window()
        await retention.forget(service.context.database, service.context.clock(), window=window)
        await asyncio.sleep(_TIDY_EVERY)
