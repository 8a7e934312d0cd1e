"""The service as it runs: HTTP on a free port, workers, and the order of stopping."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from inspect import isawaitable

from moderation_service import runtime, workers
from moderation_service.config import Settings
from moderation_service.workers import Service

PATIENCE = 60.0
"""Seconds after which a test gives up waiting: long, for it says that nothing comes, not that it comes late."""


@dataclass(slots=True)
class Running:
    """A service that answers at `url`."""

    url: str
    service: Service
    stop: asyncio.Event


@asynccontextmanager
async def running(settings: Settings, clock: Callable[[], datetime] | None = None) -> AsyncIterator[Running]:
    """Run a service until the end of the block; fail if it ends by an error."""
    stop = asyncio.Event()
    ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    async with runtime.opened(settings, clock or workers.utc_now) as service:
        serving = asyncio.create_task(runtime.serve(service, stop=stop, on_ready=ready.set_result))
        try:
            await asyncio.wait([serving, ready], return_when=asyncio.FIRST_COMPLETED)
            if serving.done():
                serving.result()
            yield Running(url=ready.result(), service=service, stop=stop)
        finally:
            stop.set()
            await serving


async def until(condition: Callable[[], object]) -> None:
    """Wait until a condition holds, which may have to be awaited itself; fail when it never comes true."""
    async with asyncio.timeout(PATIENCE):
        while not await _value(condition()):
            await asyncio.sleep(0.01)


async def _value(found: object) -> object:
    return await found if isawaitable(found) else found
