"""What becomes of mail that is being handed in when the service stops."""

import asyncio
from collections.abc import Mapping

from moderation_service.mail.transport import Transport

PATIENCE = 5.0
"""Seconds that a mail in DATA has to be answered for: whatever is broken off there may come twice."""


async def finish(sending: Mapping[asyncio.Task[None], Transport], stop: asyncio.Event) -> None:
    """Wait for the tasks, each sending over its transport; once `stop` is set, shortly for those in DATA only.

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
            await asyncio.wait(in_data, timeout=PATIENCE)
    finally:
        stopping.cancel()
        for task in sending:
            task.cancel()
        results = await asyncio.gather(*sending, return_exceptions=True)
    for result in results:
        if isinstance(result, Exception):
            raise result
