"""Who may write to a SQLite file: one task of one process at a time, in the order they came."""

import asyncio
import fcntl
import os
from asyncio import Future
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from queue import SimpleQueue
from threading import Thread

import structlog

from moderation_service.domain.errors import UnavailableError

_log = structlog.stdlib.get_logger(__name__)


class WritersLock:
    """A lock on a file beside the database.

    SQLite's own busy wait sleeps and guesses, so late-comers overtake; here the kernel keeps the queue. While
    another process holds the lock, this one waits for it in one thread of its own, however many tasks ask.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._turn = asyncio.Lock()
        self._file = self._open()
        self._waiter = _Waiter()
        self._attempt: Future[int] | None = None
        self._is_awaited = False

    def close(self) -> None:
        """Give the file back."""
        self._waiter.stop()
        os.close(self._file)

    @asynccontextmanager
    async def held(self, seconds: float) -> AsyncIterator[None]:
        """Hold the lock; raise UnavailableError when it does not come within so many seconds."""
        try:
            async with asyncio.timeout(seconds):
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

    def _follow_path(self) -> None:
        """Lock what is at the path: a file that was deleted or replaced keeps nobody out who comes later."""
        try:
            found = self._path.stat()
        except FileNotFoundError:
            found = None
        if found is None or not os.path.samestat(found, os.fstat(self._file)):
            file = self._open()
            os.close(self._file)
            self._file = file
            _log.warning("storage.lock_file_replaced", path=str(self._path))

    async def _lock(self) -> int:
        self._follow_path()
        if self._attempt is None:
            with suppress(BlockingIOError):
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return self._file
        return await self._wait()

    async def _wait(self) -> int:
        """Wait in the thread on a file of its own; who comes after one that lost patience takes up its place."""
        if self._attempt is None:
            self._attempt = self._waiter.lock(self._open())
            self._attempt.add_done_callback(self._when_done)
        attempt = self._attempt
        self._is_awaited = True
        try:
            file = await asyncio.shield(attempt)
        except BaseException:
            self._is_awaited = False
            if attempt.done():
                self._when_done(attempt)
            raise
        self._is_awaited = False
        self._attempt = None
        return file

    def _when_done(self, attempt: Future[int]) -> None:
        """Let go of a lock that came when nobody waited for it any more."""
        if self._is_awaited or self._attempt is not attempt:
            return
        self._attempt = None
        if attempt.exception() is None:
            os.close(attempt.result())

    def _open(self) -> int:
        return os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


class _Waiter:
    """One thread that waits for locks, started when first needed; the process may end while it waits."""

    def __init__(self) -> None:
        self._jobs: SimpleQueue[tuple[int, Future[int]] | None] = SimpleQueue()
        self._thread: Thread | None = None

    def lock(self, file: int) -> Future[int]:
        """Return what becomes the file, once it is locked."""
        if self._thread is None:
            self._thread = Thread(target=self._run, name="writers-lock", daemon=True)
            self._thread.start()
        found: Future[int] = asyncio.get_running_loop().create_future()
        self._jobs.put((file, found))
        return found

    def stop(self) -> None:
        """End the thread behind what it waits for."""
        self._jobs.put(None)

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            file, found = job
            error: OSError | None = None
            try:
                fcntl.flock(file, fcntl.LOCK_EX)
            except OSError as failure:
                os.close(file)
                error = failure
            try:
                found.get_loop().call_soon_threadsafe(_settle, found, file, error)
            except RuntimeError:  # the loop is closed: nobody will ever write
                if error is None:
                    os.close(file)


def _settle(found: Future[int], file: int, error: OSError | None) -> None:
    if error is None:
        found.set_result(file)
    else:
        found.set_exception(error)
