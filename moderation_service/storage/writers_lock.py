"""Who may write to a SQLite file: one task of one process at a time, in the order they came."""

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from moderation_service.domain.errors import UnavailableError


class WritersLock:
    """A lock on a file beside the database.

    SQLite's own busy wait sleeps and guesses, so late-comers overtake; here the kernel keeps the queue.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._turn = asyncio.Lock()
        self._file = self._open()

    def close(self) -> None:
        """Give the file back."""
        os.close(self._file)

    @asynccontextmanager
    async def held(self, patience: float) -> AsyncIterator[None]:
        """Hold the lock; raise UnavailableError when it does not come within `patience` seconds."""
        try:
            async with asyncio.timeout(patience):
                await self._turn.acquire()
                try:
                    file = await self._lock()
                except BaseException:
                    self._turn.release()
                    raise
        except TimeoutError as error:
            raise UnavailableError from error
        try:
            yield
        finally:
            if file == self._file:
                fcntl.flock(file, fcntl.LOCK_UN)
            else:
                os.close(file)
            self._turn.release()

    async def _lock(self) -> int:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return await self._wait()
        return self._file

    async def _wait(self) -> int:
        """Wait in a thread on a file of its own, which a waiter that lost patience leaves to be closed."""
        file = self._open()
        waiting = asyncio.get_running_loop().run_in_executor(None, fcntl.flock, file, fcntl.LOCK_EX)
        try:
            await asyncio.shield(waiting)
        except BaseException:
            waiting.add_done_callback(lambda _: os.close(file))
            raise
        return file

    def _open(self) -> int:
        return os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
