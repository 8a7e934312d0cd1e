"""What becomes of mail that is being handed in when the service stops."""

import asyncio
from collections.abc import Mapping
from typing import Protocol


class HandsIn(Protocol):
    """What sends one thing after the other."""

    @property
    def is_handing_in(self) -> bool:
        """Whether the other side may have seen what is being sent."""


async def finish(sending: Mapping[asyncio.Task[None], HandsIn], stop: asyncio.Event, *, within: float) -> None:
    """Wait for the tasks, each with what it sends by; once `stop` is set, so many seconds for those in DATA only.

    The first failure of a task is raised when all have ended.
    """
    stopping = asyncio.create_task(stop.wait())
    try:
        running = set(sending)
        while running and not stopping.done():
            ended, _ = await asyncio.wait({*running, stopping}, return_when=asyncio.FIRST_COMPLETED)
            running = {task for task in running if task not in ended}
        in_data = {task for task in running if sending[task].is_handing_in}
        for task in running - in_data:
            task.cancel()
        if in_data:
            await asyncio.wait(in_data, timeout=within)
    finally:
        stopping.cancel()
        for task in sending:
            task.cancel()
        results = await asyncio.gather(*sending, return_exceptions=True)
    for result in results:
        if isinstance(result, Exception):
            raise result
