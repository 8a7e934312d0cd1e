"""Copies of the database for the day on which it is lost: made while the service runs, checked, put back."""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from moderation_service.domain.errors import UnavailableError
from moderation_service.storage import migrations
from moderation_service.storage.engine import file_copies
from moderation_service.storage.engine.database import Database, Opening, url_of
from moderation_service.storage.engine.file_copies import CopyError, InUseError, OnProgress
from moderation_service.storage.migrations import NEWEST, SchemaError, State
from moderation_service.storage.operations import contents
from moderation_service.storage.operations import keys as stored_keys
from moderation_service.storage.operations.contents import Contents

_STAMP = "%Y-%m-%dT%H%M%SZ"
_STAMPED = r"\d{4}-\d\d-\d\dT\d{6}Z"


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


async def back_up(database: Path, to: Path, *, on_progress: OnProgress = lambda *_: None) -> Found:
    """Copy a database that may be in use to a new file, checked; raise CopyError, SchemaError or OSError."""
    await look(database)
    await asyncio.to_thread(file_copies.take, database, to, on_progress=on_progress)
    return await look(to)


def prune(path: Path, keep: int) -> list[Path]:
    """Delete all but the newest backups that `stamped` names after a path; return which were deleted."""
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
