"""The databases' many ways to say "not now", turned into one."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from sqlalchemy import exc

from moderation_service.config import causes
from moderation_service.domain.errors import ModerationError, UnavailableError

LOCK_NOT_FREE = "55P03"
DEADLOCK = "40P01"

_log = structlog.stdlib.get_logger(__name__)
_PROGRAM_FAULTS = (exc.IntegrityError, exc.ProgrammingError, exc.DataError, exc.NotSupportedError)
_SQLITE_PROGRAM_FAULT = "SQLITE_ERROR"
_WORDS = {
    "SQLITE_FULL": "the disk is full",
    "SQLITE_IOERR_WRITE": "the disk takes no more, or fails",
    "SQLITE_IOERR_SHMSIZE": "the disk takes no more, or fails",
    "SQLITE_IOERR_FSYNC": "the disk fails",
    "SQLITE_READONLY": "its file may not be written",
    "SQLITE_READONLY_DIRECTORY": "its folder may not be written",
    "SQLITE_READONLY_DBMOVED": "its file was moved or deleted",
    "SQLITE_CANTOPEN": "its file cannot be opened, or its folder may not be written",
    "SQLITE_BUSY": "another program keeps it locked",
    "SQLITE_CORRUPT": "its file is damaged",
    "SQLITE_NOTADB": "the file is not an SQLite database",
    "08001": "no connection comes about",
    "08003": "the connection broke",
    "08006": "the connection broke",
    "25006": "the server takes no writes: it is a standby",
    "28000": "the server does not let this user in",
    "28P01": "the server refuses the password",
    "3D000": "the server has no database of this name",
    "42501": "this user may not do that",
    "53100": "the server's disk is full",
    "53300": "the server has no connection left",
    "57P01": "the server is stopping",
    "57P02": "the server crashed",
    "57P03": "the server is starting or stopping",
    LOCK_NOT_FREE: "another program keeps it locked",
    DEADLOCK: "others wrote at the same time",
}
_UNNAMED = "the driver gives a reason that only the log names"
GONE = frozenset({"25006", "57P01", "57P02", "57P03"})
"""SQLSTATEs after which no connection to that server is of use, although it may still be open."""


class ConnectionLostError(UnavailableError):
    """The connection broke; whether the transaction was kept is not known."""


class FilesReplacedError(UnavailableError):
    """The files of the database are not those that are open: what is written now would be lost."""


@contextmanager
def in_our_words() -> Iterator[None]:
    """Turn what the drivers raise into UnavailableError; their texts hold data and are not passed on."""
    try:
        yield
    except (ModerationError, *_PROGRAM_FAULTS):
        raise
    except exc.DBAPIError as error:
        code = code_of(error)
        if code == _SQLITE_PROGRAM_FAULT:
            raise
        _log.warning("storage.unavailable", error=type(error.orig).__name__, code=code)
        kind = ConnectionLostError if error.connection_invalidated else UnavailableError
        raise kind(reason=_reason(error.orig, code)) from error
    except exc.PendingRollbackError as error:
        _log.warning("storage.unavailable", error=type(error).__name__)
        raise ConnectionLostError(reason="the connection broke") from error
    except sqlite3.Error as error:
        code = code_of(error)
        if code in {None, _SQLITE_PROGRAM_FAULT}:
            raise
        _log.warning("storage.unavailable", error=type(error).__name__, code=code)
        raise UnavailableError(reason=_reason(error, code)) from error
    except (OSError, TimeoutError, exc.TimeoutError) as error:
        _log.warning("storage.unavailable", error=type(error).__name__)
        raise UnavailableError(reason=_reason(error, None)) from error
    except Exception as error:
        if not type(error).__module__.startswith("asyncpg."):
            raise
        code = code_of(error)
        _log.warning("storage.unavailable", error=type(error).__name__, code=code)
        raise UnavailableError(reason=_reason(error, code)) from error


def code_of(error: BaseException | None) -> str | None:
    """Return what a database calls an error, whichever of the libraries has wrapped it."""
    while error is not None:
        origin = getattr(error, "orig", None) or error
        code = getattr(origin, "sqlstate", None) or getattr(origin, "sqlite_errorname", None)
        if code is not None:
            return str(code)
        error = error.__cause__
    return None


def _reason(error: BaseException | None, code: str | None) -> str:
    if isinstance(error, TimeoutError | exc.TimeoutError):
        return "it did not answer in time"
    if isinstance(error, OSError) and code is None:
        return causes.why(error)
    return f"{_WORDS.get(code or '', _UNNAMED)}{f' ({code})' if code else ''}"
