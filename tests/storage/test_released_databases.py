"""What a released version accepted is sent by this one: its database is taken up while mail is due."""

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import text

from moderation_service.cli import main
from moderation_service.storage import migrations
from moderation_service.storage.engine.database import Database
from tests.conftest import Clock, Start
from tests.support import released_database
from tests.support.desk import logins_to
from tests.support.factories import SITES
from tests.support.office import ANNA, PAUL
from tests.support.released_database import OLGA
from tests.support.rows import settled
from tests.support.running import Running, until
from tests.support.schemas import moved
from tests.support.smtp import Mail, MailServer
from tests.support.time_limits import PATIENT

SCHEMAS = released_database.schemas()


@pytest.fixture(params=SCHEMAS)
async def released(request: pytest.FixtureRequest, empty_database_url: str, tmp_path: Path) -> str:
    """The URL of a database that the last version with a schema left, on each engine."""
    file = tmp_path / "empty.db"
    released_database.unpack(request.param, file)
    if empty_database_url.startswith("postgresql"):
        async with (
            Database.open(empty_database_url, limits=PATIENT) as database,
            database.exclusive() as connection,
        ):
            await connection.run_sync(moved(request.param))
            await connection.run_sync(lambda sync: released_database.copy(file, sync))
    return empty_database_url


def notified_of(service: Running, mails: list[Mail]) -> Counter[str]:
    """How often each comment was mailed."""
    tokens = [link.split("/")[4] for mail in mails for link in mail.links() if link.endswith("/approve")]
    return Counter(service.container.links.read(token).comment_id for token in tokens)


async def due(url: str) -> dict[str, set[str]]:
    """Which comments each moderator is still to be notified of, by the names of columns that every schema has."""
    query = "SELECT comment_id, moderator_id FROM promises WHERE state IN ('waiting', 'parked')"
    found: dict[str, set[str]] = {"anna": set(), "paul": set(), "olga": set()}
    async with Database.open(url, limits=PATIENT) as database, database.read() as connection:
        for comment_id, moderator_id in await connection.execute(text(query)):
            found[moderator_id].add(str(comment_id).replace("-", ""))
    return found


async def rows(url: str, query: str) -> list[Any]:
    async with Database.open(url, limits=PATIENT) as database, database.read() as connection:
        return list(await connection.execute(text(query)))


async def is_sent_once(
    released: str, start: Start, smtp: MailServer, clock: Clock, message_id: str, expected: dict[str, set[str]]
) -> None:
    clock.advance(minutes=released_database.MINUTES + 30)
    service = await start(clock=clock, database_url=released)
    assert await migrations.is_current(service.container.database)
    await until(lambda: logins_to(smtp, ANNA) and logins_to(smtp, OLGA))
    addresses = {"anna": ANNA, "paul": PAUL, "olga": OLGA}
    count = sum(map(len, expected.values()))
    await until(lambda: notified_of(service, smtp.mails).total() >= count)
    await settled(service.container.database)
    for name, address in addresses.items():
        mailed = notified_of(service, smtp.to(address))
        assert {one.replace("-", "") for one in mailed} == expected[name]
        assert set(mailed.values()) == {1}
    assert message_id in [mail.message["Message-ID"] for mail in smtp.to(PAUL)], "so that a copy is recognised"
    assert [len(logins_to(smtp, one)) for one in (ANNA, PAUL, OLGA)] == [1, 0, 1]
    assert await service.container.health.degraded() == []


async def test_what_a_released_version_left_due_is_mailed_once_by_this_one(
    released: str, start: Start, smtp: MailServer, clock: Clock
) -> None:
    expected = await due(released)
    assert [len(expected[name]) for name in ("anna", "paul", "olga")] == [3, 3, 2]
    [[message_id]] = await rows(released, "SELECT message_id FROM messages WHERE state = 'fixed'")
    await is_sent_once(released, start, smtp, clock, message_id, expected)


async def test_a_database_that_was_taken_back_holds_all_that_is_due_again(
    released: str, start: Start, smtp: MailServer, clock: Clock, environ: dict[str, str]
) -> None:
    expected = await due(released)
    open_ones = (
        "SELECT id, message_id, state, attempts FROM messages WHERE state IN ('fixed', 'parked') ORDER BY id"
    )
    logins = (
        "SELECT id, person_id, attempts, next_attempt_at FROM logins"
        " WHERE person_id IS NOT NULL AND sent_at IS NULL AND given_up_at IS NULL ORDER BY id"
    )
    before = await rows(released, open_ones), await rows(released, logins)
    environ |= {"MODERATION_DATABASE_URL": released}
    for words in (["migrate"], ["migrate", "--back-to", "0010"]):
        result = await asyncio.to_thread(CliRunner().invoke, main, words, env=environ)
        assert result.exit_code == 0, result.output
    assert (await rows(released, open_ones), await rows(released, logins)) == before
    async with Database.open(released, limits=PATIENT) as database:
        assert (await migrations.look(database))[1] == "0010"
    [message_id] = [row.message_id for row in before[0] if row.state == "fixed"]
    await is_sent_once(released, start, smtp, clock, message_id, expected)


async def test_the_database_of_the_next_release_can_be_made_by_the_script(tmp_path: Path) -> None:
    file, sites = tmp_path / "made.db", tmp_path / "made.toml"
    sites.write_text(SITES, encoding="utf-8")
    await released_database.make(file, sites)
    expected = await due(f"sqlite:///{file}")
    assert [len(expected[name]) for name in ("anna", "paul", "olga")] == [3, 3, 2]
    waiting = "SELECT kind, state FROM deliveries WHERE state IN ('waiting', 'parked') ORDER BY kind, state"
    assert [tuple(row) for row in await rows(f"sqlite:///{file}", waiting)] == [
        ("login", "waiting"),
        ("login", "waiting"),
        ("moderation", "parked"),
        ("moderation", "waiting"),
    ]


async def test_there_is_no_way_back_to_what_no_migration_can_undo(
    environ: dict[str, str], database: Database
) -> None:
    del database
    result = await asyncio.to_thread(CliRunner().invoke, main, ["migrate", "--back-to", "0005"], env=environ)
    assert result.exit_code == 1
    assert "a backup from before" in result.output
