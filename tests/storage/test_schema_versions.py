"""Programs and databases of different versions: together, or not and why, and nothing is lost."""

import asyncio
import os
import re
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from alembic import command as alembic
from alembic.config import Config
from click.testing import CliRunner, Result
from sqlalchemy import Connection, func, insert, select, text, update

from moderation_service.cli import main
from moderation_service.domain.comments import pages
from moderation_service.domain.keys import KeyRing
from moderation_service.runtime import container
from moderation_service.storage import migrations
from moderation_service.storage.engine.database import Database, location
from moderation_service.storage.migrations import SchemaError
from moderation_service.storage.schema import (
    author_changes,
    change_counters,
    comments,
    contacts,
    notifications,
    people,
    schema_compatibility,
)
from moderation_service.storage.schema import pages as stored_pages
from tests.conftest import ENGINES, Clock, Start
from tests.support.cases import only_sqlite
from tests.support.contract import client_of
from tests.support.factories import ADDRESS, PAGE, SECRET, a_submission, bearer
from tests.support.processes import command, finished
from tests.support.time_limits import PATIENCE, PATIENT

COMMANDS = ("check", "migrate", "audit", "mail list", "mail show 0", "mail retry --all", "mail cancel --yes 0")
PERSON = "00000000-0000-7000-8000-000000000002"
only_postgresql = pytest.mark.parametrize("place", [ENGINES[1]], indirect=True)


async def invoke(line: str, environ: dict[str, str]) -> Result:
    return await asyncio.to_thread(CliRunner().invoke, main, line.split(), env=environ)


async def set_versions(database: Database, revision: str, oldest: str) -> None:
    async with database.write() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = :number"), {"number": revision})
        await connection.execute(update(schema_compatibility).values(oldest=oldest))


async def test_what_was_withdrawn_is_rejected_for_the_version_before_receipts(database: Database) -> None:
    at = datetime(2026, 11, 22, 10, tzinfo=UTC)
    page, comment = pages.page("coop", PAGE), "0197c0de-0000-7000-8000-000000000001"
    row = {
        "id": comment,
        "site_id": "coop",
        "page_id": page.id,
        "status": "withdrawn",
        "revision": 2,
        "author_name": "Giuliana",
        "body": "interessante…",
        "body_html": "<p>interessante…</p>",
        "renderer": 2,
        "spam_score": 0,
        "spam_reasons": "",
        "created_at": at,
        "changed_at": at,
    }
    async with database.write() as connection:
        await connection.execute(
            insert(stored_pages).values(id=page.id, site_id="coop", url=PAGE, created_at=at, form=0)
        )
        await connection.execute(insert(comments).values(row))
        for action in ("edit", "withdraw"):
            await connection.execute(
                insert(author_changes).values(comment_id=comment, revision=2, action=action, at=at)
            )
    await migrations.downgrade(database, "0014")
    async with database.read() as connection:
        assert (await connection.execute(text("SELECT status FROM comments"))).scalar_one() == "rejected"
        lines = "SELECT number, revision, decision, from_status, to_status, means FROM decisions"
        [line] = (await connection.execute(text(lines))).all()
    assert tuple(line) == (1, 2, "reject", "pending", "rejected", "api")


async def at_revision(database: Database, revision: str) -> None:
    """Bring an empty database to an older schema."""

    def upgrade(connection: Connection) -> None:
        config = Config()
        config.set_main_option("script_location", str(files(migrations)))
        config.attributes["connection"] = connection
        alembic.upgrade(config, revision)

    async with database.exclusive() as connection:
        await connection.run_sync(upgrade)


async def test_a_database_of_a_newer_version_is_refused_in_one_line(
    environ: dict[str, str], database: Database
) -> None:
    await set_versions(database, "9999", "9998")
    for line in COMMANDS:
        result = await invoke(line, environ)
        assert result.exit_code == 1, line
        [words] = [one for one in result.output.splitlines() if "DATABASE_URL" in one]
        assert words.startswith("MODERATION_DATABASE_URL: the database is of schema 9999, made by a newer version")
        assert result.exception is None or isinstance(result.exception, SystemExit)
    code, words = await finished("serve", environ=environ)
    assert code == 1
    [line] = [one for one in words.splitlines() if not one.startswith("{")]
    assert line == (
        f"MODERATION_DATABASE_URL: the database is of schema 9999, made by a newer version, and this one knows "
        f"{migrations.NEWEST}: install the newer version, or restore a backup from before it"
    )


async def test_an_older_version_runs_on_a_newer_schema_that_allows_it(
    environ: dict[str, str], database: Database, start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    await set_versions(database, "9999", migrations.NEWEST)
    service = await start()
    async with client_of(service.url) as http:
        assert (await http.post("/api/v1/comments", json=a_submission())).status == 202
    assert "storage.newer_schema" in caplog.text
    for line in ("check", "migrate", "audit", "mail list"):
        result = await invoke(line, environ)
        assert result.exit_code == 0, result.output


async def test_a_database_without_our_tables_is_said_in_one_line(
    environ: dict[str, str], empty_database_url: str
) -> None:
    if empty_database_url.startswith("sqlite:"):
        with closing(sqlite3.connect(empty_database_url.removeprefix("sqlite:///"))) as connection:
            connection.execute("CREATE TABLE of_another_program (id INTEGER)")
    environ |= {"MODERATION_DATABASE_URL": empty_database_url}
    for line in ("audit", "mail list", "mail show 0", "mail retry --all"):
        result = await invoke(line, environ)
        assert result.exit_code == 1, line
        [words] = result.output.splitlines()
        assert "the database has no tables of this service yet" in words


@only_sqlite
async def test_looking_makes_no_file_and_no_folder(environ: dict[str, str], tmp_path: Path) -> None:
    environ |= {"MODERATION_DATABASE_URL": f"sqlite:///{tmp_path}/data/moderation.db"}
    for line in ("check", "audit", "mail list", "mail retry --all"):
        result = await invoke(line, environ)
        assert result.exit_code == (0 if line == "check" else 1), result.output
        assert f"there is no file {tmp_path}/data/moderation.db yet" in result.output
        assert not (tmp_path / "data").exists()


@only_sqlite
async def test_looking_changes_nothing_in_the_folder(
    environ: dict[str, str], database_url: str, tmp_path: Path
) -> None:
    del database_url
    os.unlink(tmp_path / "test.db.writers")  # noqa: PTH108 - a test may block
    before = os.listdir(tmp_path)  # noqa: PTH208
    for line in ("check", "audit", "mail list"):
        assert (await invoke(line, environ)).exit_code == 0
        assert sorted(os.listdir(tmp_path)) == sorted(before)  # noqa: PTH208


async def test_a_start_says_which_database_was_opened_and_what_is_in_it(
    start: Start, database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    service = await start()
    async with client_of(service.url) as http:
        posted = await (await http.post("/api/v1/comments", json=a_submission())).json()
    await start()
    found: list[Any] = [one.msg for one in caplog.records if "storage.opened" in str(one.msg)]
    [empty, filled] = found
    assert (empty["comments"], empty["newest"]) == (0, None)
    assert (filled["comments"], filled["is_exact"]) == (1, True)
    assert filled["newest"][:19] == posted["created_at"][:19]
    assert filled["database"] == location(database_url)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://me:pa@ss@one:5432,two:5433/db", "postgresql://one:5432,two:5433/db"),
        ("postgresql://me:secret@/db?host=/run/pg&password=s", "postgresql:///db?host=/run/pg"),
        ("sqlite:////var/lib/moderation.db", "/var/lib/moderation.db"),
    ],
)
def test_where_a_database_is_is_said_without_its_password(url: str, shown: str) -> None:
    assert location(url) == shown


@pytest.mark.parametrize("revision", ["0001", "0005"])
async def test_a_restored_database_of_an_older_schema_is_migrated_and_served(
    empty_database_url: str, start: Start, clock: Clock, revision: str
) -> None:
    page = pages.page("coop", PAGE)
    ids = {"approved": container.new_id(), "pending": container.new_id()}
    async with Database.open(empty_database_url, limits=PATIENT) as database:
        await at_revision(database, revision)
        async with database.write() as connection:
            of_page = {"id": page.id, "site_id": "coop", "url": page.url, "created_at": clock()}
            await connection.execute(insert(stored_pages).values(of_page))
            await connection.execute(insert(change_counters).values(site_id="coop", number=1))
            for status, one in ids.items():
                sealed = KeyRing((SECRET,)).seal(ADDRESS, table=contacts.name, row=one)
                values = {name: a_submission()[name] for name in ("author_name", "body", "page_title")}
                values |= {"id": one, "site_id": "coop", "page_id": page.id, "status": status, "revision": 1}
                values |= {"body_html": "<p>interessante…</p>", "renderer": 1, "spam_score": 0, "spam_reasons": ""}
                values |= {"created_at": clock(), "changed_at": clock()}
                if status == "approved":
                    values |= {"change_number": 1, "change_at": clock()}
                await connection.execute(insert(comments).values(values))
                contact = {"comment_id": one, "address_sealed": sealed, "address_hash": "0" * 32}
                await connection.execute(insert(contacts).values(contact))
    service = await start(clock=clock, database_url=empty_database_url)
    assert await migrations.is_current(service.container.database)
    async with client_of(service.url) as http:
        shown = await (await http.get("/api/v1/comments", params={"page_url": PAGE})).json()
        assert [one["id"] for one in shown["comments"]] == [ids["approved"]]
        queue = await (await http.get("/api/v1/moderation/comments", headers=bearer())).json()
        assert [one["id"] for one in queue["comments"] if one["status"] == "pending"] == [ids["pending"]]
        assert (await http.post("/api/v1/comments", json=a_submission(body="nuovo"))).status == 202
        decisions = {"decisions": [{"id": ids["pending"], "decision": "approve"}]}
        answer = await http.post("/api/v1/moderation/decisions", json=decisions, headers=bearer())
        assert answer.status == 200
        shown = await (await http.get("/api/v1/comments", params={"page_url": PAGE})).json()
        assert [one["id"] for one in shown["comments"]] == list(ids.values())


@only_sqlite
async def test_a_disk_that_fills_during_a_migration_is_said_and_loses_nothing(
    place: str, empty_database_url: str, environ: dict[str, str]
) -> None:
    del place
    environ |= {"MODERATION_DATABASE_URL": empty_database_url}
    async with Database.open(empty_database_url, limits=PATIENT) as database:
        await at_revision(database, "0001")
    with closing(sqlite3.connect(empty_database_url.removeprefix("sqlite:///"))) as file:
        columns = "comment_id, moderator_id, revision, site_id, person_id, state, created_at"
        rows = [(f"{n:032d}", "anna", 1, "coop", PERSON, "waiting", "2026-11-25") for n in range(3_000)]
        file.executemany(f"INSERT INTO promises ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?)", rows)  # noqa: S608
        file.commit()
    async with command("migrate", environ=environ, wrapper=("prlimit", "--fsize=40000", "--")) as process:
        assert await process.ended() == 1, process.words
    lines = [one for one in process.words.splitlines() if one.startswith("MODERATION_DATABASE_URL")]
    assert re.fullmatch(r".* could not be migrated from 0001: the disk .* \(SQLITE_\w+\)", lines[0]), process.words
    assert "Traceback" not in process.words
    async with Database.open(empty_database_url, limits=PATIENT) as database:
        assert (await migrations.look(database))[1] == "0001"
        await migrations.upgrade(database)
        async with database.read() as connection:
            assert (
                await connection.execute(select(func.count()).select_from(notifications))
            ).scalar_one() == 3_000


@only_postgresql
async def test_a_migration_never_ends_a_transaction_of_those_who_write_meanwhile(
    place: str, empty_database_url: str, wait_for_a_lock: Callable[[], Awaitable[None]]
) -> None:
    del place
    async with Database.open(empty_database_url, limits=PATIENT) as database:
        await at_revision(database, "0001")
        async with database.write() as connection:
            await connection.execute(insert(people).values(id=PERSON, address_hash="0", attempts=0))
        writer = await asyncpg.connect(empty_database_url)
        try:
            async with writer.transaction():
                await writer.execute("UPDATE promises SET revision = revision")
                migrating = asyncio.create_task(migrations.upgrade(database))
                await wait_for_a_lock()
                await writer.execute("UPDATE people SET attempts = 1")
        finally:
            await writer.close()
        await migrating
        assert await migrations.is_current(database)


@only_postgresql
async def test_a_migration_that_never_gets_its_turn_ends_with_the_reason(
    place: str, empty_database_url: str
) -> None:
    del place
    async with Database.open(empty_database_url, limits=PATIENT) as database:
        await at_revision(database, "0001")
        reader = await asyncpg.connect(empty_database_url)
        try:
            async with reader.transaction():
                await reader.fetch("SELECT * FROM comments")
                with pytest.raises(SchemaError, match=r"from 0001: another program keeps it locked \(55P03\)"):
                    await migrations.upgrade(database, within=0.0)
        finally:
            await reader.close()
        assert (await migrations.look(database))[1] == "0001"


@pytest.fixture
def wait_for_a_lock(empty_database_url: str) -> Callable[[], Awaitable[None]]:
    """Wait until somebody waits for a lock in that database."""

    async def wait() -> None:
        watcher = await asyncpg.connect(empty_database_url)
        try:
            async with asyncio.timeout(PATIENCE):
                while not await watcher.fetchval(
                    "SELECT count(*) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND wait_event_type = 'Lock'"
                ):
                    await asyncio.sleep(0.01)
        finally:
            await watcher.close()

    return wait
