"""Copies of a SQLite database: made of one that is in use, checked, and put in the place of one that is not."""

import os
import secrets
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from moderation_service.storage.engine.faults import code_of
from moderation_service.storage.engine.sqlite_files import OVERWRITE

_MAGIC = b"SQLite format 3\x00"
_COMPANIONS = ("-wal", "-shm", "-journal")
_BUSY = ("SQLITE_BUSY", "SQLITE_LOCKED")
_PAGES = 1_000
_FAULTS_SHOWN = 3

OnProgress = Callable[[int, int], None]
"""Called with how many pages are copied, and of how many."""


class CopyError(Exception):
    """A copy could not be made, or is none of a sound database; the text says why to whoever operates it."""


class InUseError(CopyError):
    """The database has connections, of the service or of another program."""


def take(source: Path, target: Path, *, on_progress: OnProgress = lambda *_: None) -> None:
    """Copy a database as it is at one moment to a file that is new, complete and for its owner alone.

    Who writes to the database meanwhile is never waited for, nor kept waiting: the copy reads on from the moment
    at which it began, so that it never begins anew. Raises CopyError, or OSError where there is no place for it.
    """
    if target.exists():
        raise CopyError(f"{target} is there already: give another name, or --keep")
    with _new_file(target) as made:
        with _explained(target), closing(_open(source)) as live, closing(_open(made)) as copy:
            live.execute("BEGIN")
            live.execute("SELECT count(*) FROM sqlite_schema").fetchone()
            live.backup(copy, pages=_PAGES, progress=lambda _, left, of: on_progress(of - left, of))
            copy.execute("PRAGMA journal_mode = DELETE")
        check(made, source)


def adopt(source: Path, target: Path) -> None:
    """Copy a file to one that is new and for its owner alone; raise CopyError where that is no sound database."""
    with source.open("rb") as opened:
        if opened.read(len(_MAGIC)) != _MAGIC:
            raise CopyError(f"{source} is not a SQLite database")
    log = source.with_name(f"{source.name}-wal")
    if log.exists() and log.stat().st_size:
        raise CopyError(f"{log} holds a part of it: this is a database in use and not a backup")
    with _new_file(target) as made:
        with source.open("rb") as opened, made.open("wb") as copy:
            while part := opened.read(1 << 20):
                copy.write(part)
            copy.flush()
            os.fsync(copy.fileno())
        check(made, source)


def check(path: Path, source: Path) -> None:
    """Raise CopyError, which names what was copied, unless SQLite finds no fault in the copy of a database."""
    try:
        with closing(_open(path)) as connection:
            found = [row[0] for row in connection.execute("PRAGMA integrity_check(3)")]
            found += [
                f"a row of {row[0]} refers to nothing" for row in connection.execute("PRAGMA foreign_key_check")
            ]
    except sqlite3.DatabaseError as error:
        raise CopyError(f"{source} is damaged: {error}") from error
    if found != ["ok"]:
        raise CopyError(f"{source} is damaged: {'; '.join(found[:_FAULTS_SHOWN])}")


def holds_something(path: Path) -> bool:
    """Tell whether there is a file that is not empty."""
    return path.exists() and path.stat().st_size > 0


def settle(path: Path) -> None:
    """Bring all of a database into its file, with nothing of it beside; raise InUseError where it is open."""
    try:
        with closing(_open(path)) as connection:
            mode = connection.execute("PRAGMA journal_mode = DELETE").fetchone()[0]
    except sqlite3.OperationalError as error:
        if (code_of(error) or "").startswith(_BUSY):
            raise InUseError(f"{path} is in use: stop the service first") from error
        raise CopyError(f"{path} cannot be opened: {error}") from error
    if mode != "delete":
        raise InUseError(f"{path} is in use: stop the service first")


def replace(path: Path, by: Path, *, keep_as: Path | None) -> None:
    """Put one file in the place of another at once; keep what was there under another name."""
    if keep_as is not None:
        os.link(path, keep_as)
    for ending in _COMPANIONS:
        path.with_name(f"{path.name}{ending}").unlink(missing_ok=True)
    by.replace(path)
    _synchronise(path.parent)


@contextmanager
def _new_file(target: Path) -> Iterator[Path]:
    """Give an empty file beside the target that takes its place in the end, and is gone if that is not reached."""
    made = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    os.close(os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    try:
        yield made
        file = os.open(made, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(file)
        finally:
            os.close(file)
        made.replace(target)
        _synchronise(target.parent)
    finally:
        for ending in ("", *_COMPANIONS):
            made.with_name(f"{made.name}{ending}").unlink(missing_ok=True)


@contextmanager
def _explained(target: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        code = code_of(error) or type(error).__name__
        if code.startswith(("SQLITE_FULL", "SQLITE_IOERR")):
            raise CopyError(f"{target.parent} takes no more, or fails: is the disk full? ({code})") from error
        raise CopyError(f"the database could not be copied ({code})") from error


def _open(path: Path) -> sqlite3.Connection:
    uri = f"{path.absolute().as_uri()}?mode=rw"
    connection = sqlite3.connect(uri, uri=True, timeout=2, isolation_level=None, check_same_thread=False)
    connection.execute(OVERWRITE)
    return connection


def _synchronise(folder: Path) -> None:
    with suppress(OSError):
        file = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(file)
        finally:
            os.close(file)
