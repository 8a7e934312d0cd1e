"""The files of a SQLite database: made for their owner alone, complete, and still those at their path."""

import asyncio
import os
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path
from threading import Lock

import structlog

from moderation_service.storage.engine.faults import FilesReplacedError, code_of
from moderation_service.storage.engine.limits import DatabaseLimits

OVERWRITE = "PRAGMA secure_delete = ON"
"""What is deleted is overwritten; set on every connection that may write, whatever SQLite was built with."""

_IDLE = 0.5

_log = structlog.stdlib.get_logger(__name__)
_Identity = tuple[int, int] | None


class SqliteFiles:
    """A database file with its write-ahead log and shared memory, as the connections of this process know them."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._main: _Identity = None
        self._companions: dict[Path, _Identity] = {}
        self._connections = 0
        self._counting = Lock()
        self._was_said = False

    def create(self) -> None:
        """Make an empty file that only its owner may read; leave one that is there as it is."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):
            os.close(os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))

    def connected(self, *_: object) -> None:
        """Note that a connection was opened, and remember the files by the first one."""
        with self._counting:
            if self._main is None:
                self._main = _identity(self._path)
            if self._connections == 0:
                self._companions = {
                    path: found for path in self._companion_paths() if (found := _identity(path)) is not None
                }
            self._connections += 1

    def disconnected(self, *_: object) -> None:
        """Note that a connection is closed; with the last one SQLite removes the companions itself."""
        with self._counting:
            self._connections -= 1
            if self._connections == 0:
                self._companions = {}

    @property
    def are_replaced(self) -> bool:
        """Whether a file at the path is not the one that is open: deleted, moved, or another in its place."""
        if self._main is not None and _identity(self._path) != self._main:
            return True
        return any(_identity(path) != known for path, known in self._companions.items())

    def check(self) -> None:
        """Raise FilesReplacedError when what is written now would be lost, and say so in the log once."""
        are_replaced = self.are_replaced
        if are_replaced and not self._was_said:
            _log.error("storage.files_replaced", database=str(self._path))
        elif self._was_said and not are_replaced:
            _log.info("storage.files_back", database=str(self._path))
        self._was_said = are_replaced
        if are_replaced:
            raise FilesReplacedError(reason="its file was replaced, moved or deleted while it was open")

    def log_stamp(self) -> tuple[int, int] | None:
        """Return what changes with every write to the write-ahead log; None when there is nothing in it."""
        with suppress(OSError):
            found = self._companion_paths()[0].stat()
            return (found.st_mtime_ns, found.st_size) if found.st_size else None
        return None

    def _companion_paths(self) -> tuple[Path, Path]:
        return self._path.with_name(f"{self._path.name}-wal"), self._path.with_name(f"{self._path.name}-shm")


class Checkpoints:
    """Copies the write-ahead log into the file, so that a copy of the file alone is never far behind."""

    def __init__(self, path: Path, files: SqliteFiles, limits: DatabaseLimits) -> None:
        self._path = path
        self._files = files
        self._limits = limits
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="checkpoint")

    async def keep(self) -> None:
        """Do it whenever nothing was written for a moment, and now and then while much is written."""
        loop = asyncio.get_running_loop()
        seen: tuple[int, int] | None = None
        done = None
        last = loop.time()
        while True:
            await asyncio.sleep(_IDLE)
            before, seen = seen, self._files.log_stamp()
            if seen in {None, done} or (seen != before and loop.time() - last < self._limits.between_checkpoints):
                continue
            last = loop.time()
            if await loop.run_in_executor(self._thread, self._copy):
                done = seen

    async def close(self) -> None:
        """Do it for the last time."""
        if self._files.log_stamp() is not None:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._copy)
        self._thread.shutdown()

    def _copy(self) -> bool:
        """Return whether all of the log is in the file; cut a large one off when nobody reads from it any more."""
        if self._files.are_replaced:
            return False
        try:
            with closing(_connect(self._path)) as connection:
                busy, pages, copied = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
                is_all = not busy and pages == copied
                stamp = self._files.log_stamp()
                if is_all and stamp is not None and stamp[1] > self._limits.largest_log:
                    is_all = not connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        except sqlite3.Error as error:
            _log.warning("storage.not_checkpointed", code=code_of(error))
            return False
        return is_all


def cut_log_off(path: Path) -> bool:
    """Bring all of the log into the file and cut it off; False while somebody still reads from it."""
    with closing(_connect(path)) as connection:
        return not connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]


def build_anew(path: Path) -> None:
    """Write the whole file anew, without what is left in it of rows that were deleted; nobody may be writing."""
    with closing(_connect(path)) as connection:
        connection.execute("PRAGMA busy_timeout = 60000")
        connection.execute("VACUUM")


def _connect(path: Path) -> sqlite3.Connection:
    """Open a file that exists; whoever else is at work on it is not waited for."""
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=0, isolation_level=None)
    connection.execute(OVERWRITE)
    return connection


def _identity(path: Path) -> _Identity:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
