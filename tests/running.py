"""The service as it runs: HTTP on a free port, workers, and the order of stopping."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

from moderation_service import runtime, workers
from moderation_service.config import Settings
from moderation_service.workers import Service


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


async def until(condition: Callable[[], object], *, seconds: float = 20) -> None:
    """Wait until a condition holds; fail when it does not come true in time."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)
