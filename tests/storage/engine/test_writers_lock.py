"""Waiting for SQLite's writers: in one thread of its own, without end for those who ask on."""

import asyncio
import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from moderation_service.domain.errors import UnavailableError
from moderation_service.storage.engine.writers_lock import WritersLock
from tests.support.running import until
from tests.support.time_limits import PATIENCE


@contextmanager
def held_by_another(path: Path) -> Iterator[None]:
    """Hold the lock as another process does: on an open file of its own."""
    file = os.open(path, os.O_RDWR | os.O_CREAT)
    fcntl.flock(file, fcntl.LOCK_EX)
    try:
        yield
    finally:
        os.close(file)


def waiting_threads() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name == "writers-lock"}


def open_files(path: Path) -> int:
    """How often this process has a file open."""
    found = 0
    for one in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # it was closed meanwhile
            found += one.readlink() == path
    return found


async def lose_patience(lock: WritersLock) -> None:
    with pytest.raises(UnavailableError):
        async with lock.held(0.01):
            pass


async def test_writers_that_wait_leave_the_threads_of_all_others_alone(tmp_path: Path) -> None:
    path = tmp_path / "writers"
    lock = WritersLock(path)
    others = waiting_threads()
    with held_by_another(path):
        for _ in range(50):
            await lose_patience(lock)
        assert len(waiting_threads() - others) == 1
        assert await asyncio.wait_for(asyncio.to_thread(lambda: "served"), PATIENCE) == "served"
    lock.close()


async def test_who_comes_after_one_that_lost_patience_gets_the_lock_and_gives_it_back(tmp_path: Path) -> None:
    path = tmp_path / "writers"
    lock, other = WritersLock(path), WritersLock(path)
    with held_by_another(path):
        await lose_patience(lock)
        held = asyncio.Event()

        async def write() -> None:
            async with lock.held(PATIENCE):
                held.set()

        writing = asyncio.create_task(write())
        await asyncio.sleep(0)
        assert not held.is_set()
    await writing
    async with other.held(PATIENCE):
        pass
    lock.close()
    other.close()


async def test_a_lock_that_comes_when_nobody_waits_any_more_is_given_back(tmp_path: Path) -> None:
    path = tmp_path / "writers"
    lock, other = WritersLock(path), WritersLock(path)
    before = open_files(path)
    with held_by_another(path):
        await lose_patience(lock)
    async with other.held(PATIENCE):
        pass
    await until(lambda: open_files(path) == before)
    async with lock.held(PATIENCE):
        pass
    lock.close()
    other.close()


async def test_a_writer_that_is_cancelled_while_it_waits_holds_nobody_up(tmp_path: Path) -> None:
    path = tmp_path / "writers"
    lock = WritersLock(path)
    others = waiting_threads()

    async def write() -> None:
        async with lock.held(PATIENCE):
            raise AssertionError("another process holds the lock")

    with held_by_another(path):
        writing = asyncio.create_task(write())
        await until(lambda: len(waiting_threads() - others) == 1)
        writing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await writing
    async with lock.held(PATIENCE):
        pass
    lock.close()
    await until(lambda: not waiting_threads() - others)
