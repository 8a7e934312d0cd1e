"""The migrations make exactly the tables that the queries are written for."""

import re
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any
from urllib.parse import urlsplit

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, LargeBinary, insert, select, text

from moderation_service.storage import migrations
from moderation_service.storage.engine.database import Database
from moderation_service.storage.operations import rekeying
from moderation_service.storage.schema import (
    IS_DUE,
    comments,
    metadata,
    notifications,
    page_rules,
    pages,
    people,
    score_lessons,
    score_models,
)
from tests.conftest import create_database
from tests.support.factories import PAGE
from tests.support.time_limits import PATIENT

WITHOUT_KEYS = {
    comments.c.receipt_hash,
    page_rules.c.fingerprint,
    score_lessons.c.lesson,
    score_models.c.model,
}
"""Bytes and hashes that no secret key is in."""


async def test_the_migrated_schema_is_that_of_the_tables(database: Database) -> None:
    def differences(connection: Connection) -> list[Any]:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True}
        )
        return list(compare_metadata(context, metadata))

    async with database.write() as connection:
        assert await connection.run_sync(differences) == []


def test_rotating_keys_knows_every_column_that_is_encrypted_or_a_keyed_hash() -> None:
    columns = {column for table in metadata.sorted_tables for column in table.columns}
    sealed = {column for table in rekeying.sealed_tables() for column in table.columns}
    looks_hashed = {one for one in columns if re.search("hash|fingerprint", one.name)}
    is_binary = {one for one in columns if isinstance(one.type, LargeBinary)}
    assert sealed == {one for one in columns if one.name.endswith("_sealed")}
    assert (looks_hashed | is_binary) - sealed - rekeying.HASHED == WITHOUT_KEYS


async def test_notifications_made_before_reminders_existed_are_kept_by_the_migration(place: str) -> None:
    if place.startswith("postgresql:"):
        name = urlsplit(place).path.removeprefix("/")
        await create_database(place.replace(f"/{name}?", "/postgres?"), name)

    def upgrade_to(connection: Connection, revision: str) -> None:
        config = Config()
        config.set_main_option("script_location", str(files(migrations)))
        config.attributes["connection"] = connection
        command.upgrade(config, revision)

    at = datetime(2026, 11, 22, tzinfo=UTC)
    page = {"id": "00000000-0000-7000-8000-000000000003", "site_id": "coop", "url": PAGE, "created_at": at}
    comment = {
        "id": "00000000-0000-7000-8000-000000000001",
        "site_id": "coop",
        "page_id": page["id"],
        "status": "pending",
        "revision": 1,
        "author_name": "Giuliana",
        "body": "interessante…",
        "body_html": "",
        "renderer": 1,
        "spam_score": 0,
        "spam_reasons": "",
        "created_at": at,
        "changed_at": at,
    }
    row_before = {
        "comment_id": comment["id"],
        "moderator_id": "anna",
        "revision": 1,
        "site_id": "coop",
        "person_id": "00000000-0000-7000-8000-000000000002",
        "state": "waiting",
        "created_at": at,
    }
    async with Database.open(place, limits=PATIENT) as database:
        async with database.exclusive() as connection:
            await connection.run_sync(upgrade_to, "0001")
            await connection.execute(
                insert(people).values(id=row_before["person_id"], address_hash="0", attempts=0)
            )
            await connection.execute(insert(pages).values(page))
            await connection.execute(insert(comments).values(comment))
            await connection.execute(insert(notifications).values(row_before))
        await migrations.upgrade(database)
        assert await migrations.is_current(database)
        async with database.read() as connection:
            [row] = await connection.execute(select(notifications))
            [due] = await connection.execute(select(notifications.c.comment_id).where(IS_DUE))
    assert (row.quiet, row.reminders, row.state) == (False, 0, "waiting")
    assert due.comment_id == row_before["comment_id"]


async def test_what_is_due_is_found_by_its_partial_index(database: Database, database_url: str) -> None:
    """Both engines must recognise in the queries what the partial indexes hold."""
    explain = "EXPLAIN QUERY PLAN" if database_url.startswith("sqlite:") else "EXPLAIN"
    query = "SELECT 1 FROM promises WHERE person_id = '{}' AND state = 'waiting' AND quiet = {}"
    nobody = "00000000-0000-0000-0000-000000000000"
    is_false = "0" if explain.endswith("PLAN") else "false"
    async with database.write() as connection:
        if explain == "EXPLAIN":
            await connection.execute(text("SET LOCAL enable_seqscan = off"))
        plan = str((await connection.execute(text(f"{explain} {query.format(nobody, is_false)}"))).all())
    assert "ix_promises_due" in plan
