"""What runs beside HTTP for as long as the service does."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import structlog
import uuid_utils

from moderation_service import sites
from moderation_service.config import Settings
from moderation_service.domain.errors import UnavailableError
from moderation_service.services import retention
from moderation_service.services.delivery import Delivery
from moderation_service.services.directory import Directory
from moderation_service.sites import SitesFileError
from moderation_service.web.context import Context

LOOK_FOR_CHANGES_EVERY = 0.5
"""Seconds between two looks at what other replicas decided."""

_LOOK_AT_SITES_EVERY = 5.0
_LOOK_FOR_MAIL_EVERY = 1.0
_LOOK_FOR_MAIL_AT_MOST_EVERY = 0.2
_TIDY_EVERY = 60.0
_LONGEST_BACKOFF = 60.0

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
    sites_changed: asyncio.Event


async def supervised(name: str, work: Callable[[], Awaitable[None]], restarts: Counter[str]) -> None:
    """Run a worker until it ends by itself; log and count a failure and start it again, later each time."""
    delay = 1.0
    restarts[name] += 0
    while True:
        try:
            await work()
        except Exception:
            _log.exception("worker.failed", worker=name)
            restarts[name] += 1
            await asyncio.sleep(delay)
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
        try:
            await service.context.tail.look()
        except UnavailableError:
            _log.warning("changes.unknown")
        await asyncio.sleep(LOOK_FOR_CHANGES_EVERY)


async def watch_sites(service: Service) -> None:
    """Take over a changed sites file; report a faulty one and keep the sites as they are."""
    path = service.settings.sites
    seen = _stamp(path)
    while True:
        with suppress(TimeoutError):
            async with asyncio.timeout(_LOOK_AT_SITES_EVERY):
                await service.sites_changed.wait()
        now = _stamp(path)
        if now == seen and not service.sites_changed.is_set():
            continue
        service.sites_changed.clear()
        try:
            found = sites.load(path)
        except SitesFileError as error:
            _log.error("sites.faulty", faults=error.faults)
        else:
            await service.directory.replace(
                service.context.database, found, now=service.context.clock(), new_id=new_id
            )
            _log.info("sites.replaced", sites=[site.id for site in found])
        seen = now


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


async def tidy(service: Service) -> None:
    """Forget what is too old to be kept."""
    while True:
        await retention.forget(service.context.database, service.context.clock())
        await asyncio.sleep(_TIDY_EVERY)
