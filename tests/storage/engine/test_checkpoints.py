"""A copy of the SQLite file alone holds what was there a moment ago, and its log does not stay large."""

import asyncio
import contextlib
import shutil
import sqlite3
import stat
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from moderation_service.storage import migrations
from moderation_service.storage.engine import database as storage
from moderation_service.storage.engine import file_copies
from moderation_service.storage.engine.database import Database
from moderation_service.storage.engine.limits import DatabaseLimits
from tests.conftest import ENGINES
from tests.support.running import until
from tests.support.time_limits import PATIENT

pytestmark = pytest.mark.parametrize("place", [ENGINES[0]], indirect=True)


@pytest.fixture
def path(place: str) -> Path:
    return Path(place.removeprefix("sqlite:///"))


@contextlib.asynccontextmanager
async def keeping(database: Database) -> AsyncIterator[None]:
    task = asyncio.create_task(database.keep_complete())
    yield
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


@pytest.fixture
async def kept(database: Database) -> AsyncIterator[Database]:
    async with keeping(database):
        yield database


def keys_in_a_copy(path: Path) -> list[str]:
    copy = Path(shutil.copy(path, path.with_name("copy.db")))
    with contextlib.closing(sqlite3.connect(copy)) as connection:
        return [row[0] for row in connection.execute("SELECT key_id FROM keys_in_use")]


def is_in_a_copy(key: str, path: Path) -> bool:
    return key in keys_in_a_copy(path)


async def write(database: Database, key: str) -> None:
    async with database.write() as connection:
        values = {"key": key, "since": "2026-11-25 00:00:00.000000"}
        await connection.execute(text("INSERT INTO keys_in_use VALUES (:key, :since)"), values)


async def test_a_copy_of_the_file_alone_soon_holds_what_was_written(kept: Database, path: Path) -> None:
    for key in ("first", "second"):
        await write(kept, key)
        await until(partial(is_in_a_copy, key, path))


async def test_a_copy_made_while_much_is_written_is_not_empty(database_url: str, path: Path) -> None:
    number = 0
    limits = replace(PATIENT, between_checkpoints=0.0)
    async with Database.open(database_url, limits=limits) as database, keeping(database):
        while "0" not in keys_in_a_copy(path):
            await write(database, str(number))
            number += 1
    assert number > 1


async def test_stopping_leaves_one_file_with_everything(path: Path, place: str) -> None:
    async with Database.open(place, limits=PATIENT) as other:
        async with Database.open(place, limits=PATIENT) as database:
            await migrations.upgrade(database)
            async with other.read() as connection:
                await connection.execute(text("SELECT 1"))
            await write(database, "only")
        assert keys_in_a_copy(path) == ["only"], "although another process has the file open"


@pytest.fixture
async def database_with_a_small_log(database_url: str) -> AsyncIterator[Database]:
    limits = replace(PATIENT, largest_log=100_000)
    async with Database.open(database_url, limits=limits) as database, keeping(database):
        yield database


async def test_a_log_that_a_long_reader_made_large_is_cut_off(
    database_with_a_small_log: Database, path: Path
) -> None:
    kept = database_with_a_small_log
    log = path.with_name(f"{path.name}-wal")
    reader = sqlite3.connect(path, isolation_level=None)
    await write(kept, "before")
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM keys_in_use").fetchall()
    for number in range(40):
        await write(kept, f"{number}")
    assert log.stat().st_size > 100_000
    reader.execute("COMMIT")
    reader.close()
    await until(lambda: log.stat().st_size <= 100_000)
    await write(kept, "after")
    assert log.stat().st_size <= 100_000


async def test_every_writer_limits_the_log_that_it_leaves(database: Database) -> None:
    async with database.write() as connection:
        limit = (await connection.execute(text("PRAGMA journal_size_limit"))).scalar_one()
    assert limit == DatabaseLimits().largest_log
    batches = await database.transact(lambda connection: connection.execute(text("PRAGMA journal_size_limit")))
    assert batches.scalar_one() == limit


async def test_every_connection_overwrites_what_is_deleted_whatever_sqlite_was_built_with(
    database: Database, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = text("PRAGMA secure_delete")
    async with database.read() as reading, database.write() as writing:
        found = [(await one.execute(asked)).scalar_one() for one in (reading, writing)]
    found += [
        (await way(lambda one: one.execute(asked))).scalar_one() for way in (database.transact, database.inspect)
    ]
    assert found == [1] * 4
    said: list[str] = []

    def connect(*arguments: Any, **options: Any) -> sqlite3.Connection:
        connection = sqlite3.Connection(*arguments, **options)
        connection.set_trace_callback(said.append)
        connection.execute("PRAGMA secure_delete = OFF")
        return connection

    monkeypatch.setattr(sqlite3, "connect", connect)
    await database.compact()
    assert await database.purge()
    await asyncio.to_thread(file_copies.take, path, tmp_path / "copy.db")
    assert said.count("PRAGMA secure_delete = ON") == said.count("PRAGMA secure_delete = OFF") > 3


async def test_files_are_made_for_their_owner_alone_and_left_as_they_are(path: Path, place: str) -> None:
    for _ in range(2):
        async with Database.open(place, limits=PATIENT) as database:
            await migrations.upgrade(database)
            for name in (path.name, f"{path.name}-wal", f"{path.name}-shm", f"{path.name}.writers"):
                assert stat.filemode(path.with_name(name).stat().st_mode) == "-rw-------", name
    for file in (path, path.with_name(f"{path.name}.writers")):
        file.chmod(0o640)
    async with Database.open(place, limits=PATIENT) as database:
        await migrations.upgrade(database)
    for file in (path, path.with_name(f"{path.name}.writers")):
        assert stat.filemode(file.stat().st_mode) == "-rw-r-----"


async def test_what_is_opened_to_be_read_makes_nothing(path: Path, place: str) -> None:
    with pytest.raises(storage.NoDatabaseError):
        async with Database.open(place, storage.Opening.READ, limits=PATIENT):
            pass
    assert list(path.parent.iterdir()) == []
