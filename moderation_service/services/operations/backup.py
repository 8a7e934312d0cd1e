"""Copies of the database for the day on which it is lost: made while the service runs, checked, put back."""

import asyncio
import os
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import uuid4

import structlog

from moderation_service.domain.errors import UnavailableError
from moderation_service.storage import migrations
from moderation_service.storage.engine import file_copies
from moderation_service.storage.engine.database import Connection, Database, Opening, url_of
from moderation_service.storage.engine.file_copies import CopyError, InUseError, OnProgress
from moderation_service.storage.migrations import NEWEST, SchemaError, State
from moderation_service.storage.operations import backups, contents
from moderation_service.storage.operations import keys as stored_keys
from moderation_service.storage.operations.backups import Backup
from moderation_service.storage.operations.contents import Contents

_STAMP = "%Y-%m-%dT%H%M%SZ"
_STAMPED = r"\d{4}-\d\d-\d\dT\d{6}Z"
_NOTED_FROM = "0034"
"""The first schema that notes backups."""

_log = structlog.stdlib.get_logger(__name__)


class NotEmptyError(Exception):
    """A database that holds comments would be replaced."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What is in a database: `key_ids` are those of the secret keys without which it is of little use."""

    schema: str
    contents: Contents
    key_ids: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What was put in place, and where the database of before is kept, None where there was none."""

    found: Found
    kept_as: Path | None


def stamped(path: Path, now: datetime) -> Path:
    """Return the name of one backup of several, by the moment (UTC) at which it is made."""
    return path.with_name(f"{path.stem}-{now.strftime(_STAMP)}{path.suffix}")


async def back_up(database: Path, to: Path, *, now: datetime, on_progress: OnProgress = lambda *_: None) -> Found:
    """Copy a database that may be in use to a new file, checked; raise CopyError, SchemaError or OSError.

    The database notes it before, so that the copy knows itself; where it cannot, there is a warning in the log.
    """
    found = await look(database)
    async with _noted(database, to, found.schema, now):
        await asyncio.to_thread(file_copies.take, database, to, on_progress=on_progress)
    return await look(to)


@asynccontextmanager
async def _noted(database: Path, to: Path, schema: str, now: datetime) -> AsyncIterator[None]:
    """Note a backup that is made within the block, unless that fails."""
    backup_id, path = str(uuid4()), _absolute(to)
    await _note(database, schema, lambda connection: backups.note(connection, backup_id, path, at=now))
    try:
        yield
    except BaseException:
        await _note(database, schema, lambda connection: backups.forget(connection, backup_id))
        raise


async def _note(database: Path, schema: str, change: Callable[[Connection], Awaitable[None]]) -> None:
    """Change what is noted of backups; what cannot be noted is said in the log, as no backup is lost by it."""
    if schema < _NOTED_FROM:
        return
    try:
        async with Database.open(url_of(database), Opening.EXISTING) as opened, opened.write() as connection:
            await change(connection)
    except UnavailableError as error:
        _log.warning("backup.not_noted", reason=error.reason)


def _absolute(path: Path) -> Path:
    return Path(os.path.abspath(path))  # noqa: PTH100 - a link is named as it is


async def made_since(database: Database, moment: datetime | None) -> list[Backup]:
    """Return the backups that were noted since a moment, or all, the newest first."""
    async with database.read() as connection:
        return await backups.since(connection, moment)


def kept_beside(database: Path) -> list[Path]:
    """Return what a restored backup replaced and is still kept beside the database."""
    return sorted(database.parent.glob(f"{database.name}.replaced-*"))


async def prune(database: Path, path: Path, keep: int) -> list[Path]:
    """Delete all but the newest backups that `stamped` names after a path; return which were deleted."""
    deleted = _prune(path, keep)
    if deleted:
        gone = [_absolute(one) for one in deleted]
        schema = (await look(database)).schema
        await _note(database, schema, lambda connection: backups.forget_deleted(connection, gone))
    return deleted


def _prune(path: Path, keep: int) -> list[Path]:
    pattern = re.compile(f"{re.escape(path.stem)}-{_STAMPED}{re.escape(path.suffix)}")
    made = sorted(one for one in path.parent.iterdir() if pattern.fullmatch(one.name) and one.is_file())
    for one in made[:-keep]:
        one.unlink()
    return made[:-keep]


async def look(path: Path) -> Found:
    """Return what is in a database; raise SchemaError where it is none of ours, or of a newer version."""
    async with Database.open(url_of(path), Opening.READ) as database:
        state, schema = await migrations.look(database)
        if state is State.EMPTY:
            raise SchemaError("is none of this service")
        if state is State.TOO_NEW or schema > NEWEST:
            raise SchemaError(f"is of schema {schema}, made by a newer version, and this one knows {NEWEST}")
        async with database.read() as connection:
            return Found(
                schema=schema,
                contents=await contents.look(connection),
                key_ids=await stored_keys.in_use(connection),
            )


async def restore(backup: Path, database: Path, *, now: datetime, overwrites: bool) -> Restored:
    """Put a backup in the place of a database that nobody has open.

    Raises NotEmptyError where that holds comments and is not to be overwritten, CopyError, or OSError.
    """
    database.parent.mkdir(parents=True, exist_ok=True)
    made = database.with_name(f".{database.name}.restored")
    await asyncio.to_thread(file_copies.adopt, backup, made)
    try:
        try:
            found = await look(made)
        except SchemaError as error:
            raise CopyError(f"{backup} {error}") from error
        except UnavailableError as error:
            raise CopyError(f"{backup} cannot be read: {error.reason}") from error
        kept_as = await _make_room(database, now=now, overwrites=overwrites)
        await asyncio.to_thread(file_copies.replace, database, made, keep_as=kept_as)
    finally:
        made.unlink(missing_ok=True)
    return Restored(found=found, kept_as=kept_as)


async def _make_room(database: Path, *, now: datetime, overwrites: bool) -> Path | None:
    """Return under which name the database of before is to be kept, None where nothing is lost with it."""
    if not await asyncio.to_thread(file_copies.holds_something, database):
        return None
    try:
        await asyncio.to_thread(file_copies.settle, database)
        holds = (await look(database)).contents.comments
    except InUseError:
        raise
    except (CopyError, SchemaError, UnavailableError):
        holds = None
    if holds == 0:
        return None
    if not overwrites:
        what = "is damaged, or none of this service" if holds is None else f"holds {holds} comments"
        raise NotEmptyError(what)
    return database.with_name(f"{database.name}.replaced-{now.strftime(_STAMP)}")
