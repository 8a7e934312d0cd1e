"""Which backups were made of the database, and where they were put."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import delete, insert, select, true

from moderation_service.storage.engine.database import Connection
from moderation_service.storage.schema import backups


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """A copy that was made of the database, and where it was put; it may be elsewhere by now, or gone."""

    made_at: datetime
    path: Path


async def note(connection: Connection, backup_id: str, path: Path, *, at: datetime) -> None:
    """Note that a backup is made, under an id."""
    await connection.execute(insert(backups).values(id=backup_id, made_at=at, path=str(path)))


async def forget(connection: Connection, backup_id: str) -> None:
    """Note that one was not made after all."""
    await connection.execute(delete(backups).where(backups.c.id == backup_id))


async def forget_deleted(connection: Connection, paths: Collection[Path]) -> None:
    """Note that the files at some paths were deleted."""
    await connection.execute(delete(backups).where(backups.c.path.in_([str(one) for one in paths])))


async def since(connection: Connection, moment: datetime | None) -> list[Backup]:
    """Return those that were made since a moment, or all, the newest first."""
    wanted = true() if moment is None else backups.c.made_at >= moment
    query = select(backups.c.made_at, backups.c.path).where(wanted).order_by(backups.c.made_at.desc())
    return [Backup(made_at=row.made_at, path=Path(row.path)) for row in await connection.execute(query)]
