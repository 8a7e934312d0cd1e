"""The threads that asyncio lends for looking up names and for files, taken by what hangs."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

_MORE_THAN_THERE_ARE = 64
"""The loop has at most 32 of them."""


@asynccontextmanager
async def no_thread_free() -> AsyncIterator[None]:
    """Let every thread of the event loop wait until the end of the block, and others before what comes then."""
    loop, over = asyncio.get_running_loop(), threading.Event()
    waiting = [loop.run_in_executor(None, over.wait) for _ in range(_MORE_THAN_THERE_ARE)]
    try:
        yield
    finally:
        over.set()
        await asyncio.gather(*waiting)
