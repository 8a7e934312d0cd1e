"""The service as it runs: HTTP on a free port, workers, and the order of stopping."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from inspect import isawaitable
from typing import Any

from moderation_service.config import Settings
from moderation_service.runtime import container, serving
from moderation_service.runtime.container import Container
from moderation_service.runtime.intervals import Intervals
from moderation_service.runtime.limits import ServiceLimits
from moderation_service.web.http.timeouts import ClientTimeouts
from tests.support.time_limits import PATIENCE, patient


@dataclass(slots=True)
class Running:
    """A service that answers at `url`."""

    url: str
    container: Container
    stop: asyncio.Event


@asynccontextmanager
async def running(
    settings: Settings,
    clock: Callable[[], datetime] | None = None,
    timeouts: ClientTimeouts | None = None,
    intervals: Intervals | None = None,
    limits: ServiceLimits | None = None,
) -> AsyncIterator[Running]:
    """Run a service until the end of the block; fail if it ends by an error."""
    stop = asyncio.Event()
    ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    async with container.opened(
        settings,
        clock or container.utc_now,
        timeouts=timeouts,
        intervals=intervals,
        limits=limits or patient(),
    ) as opened:
        service = asyncio.create_task(serving.serve(opened, stop=stop, on_ready=ready.set_result))
        try:
            either: set[asyncio.Future[Any]] = {service, ready}
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if service.done():
                service.result()
            yield Running(url=ready.result(), container=opened, stop=stop)
        finally:
            stop.set()
            await service


async def until(condition: Callable[[], object], *, within: float = PATIENCE) -> None:
    """Wait until a condition holds, which may have to be awaited itself; fail when it never comes true."""
    async with asyncio.timeout(within):
        while not await _value(condition()):
            await asyncio.sleep(0.01)


async def _value(found: object) -> object:
    return await found if isawaitable(found) else found
