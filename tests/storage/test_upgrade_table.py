"""docs/upgrade.md tells of every schema what its migration does, there and back, with comments in the database."""

import re
from importlib import import_module
from pathlib import Path

import pytest
from sqlalchemy import Connection, func, inspect, select

from moderation_service.storage import migrations
from moderation_service.storage.engine.database import Database
from moderation_service.storage.schema import comments, decisions, notifications
from tests.support import released_database
from tests.support.processes import ROOT
from tests.support.schemas import moved
from tests.support.time_limits import PATIENT

SCRIPTS = sorted((Path(migrations.__file__).parent / "versions").glob("[0-9]*.py"))
NO_WAY_BACK = "no way back"


def rows() -> dict[str, tuple[str, str]]:
    """Whether the version before may run beside each schema, and what its way back loses."""
    document = (ROOT / "docs" / "upgrade.md").read_text(encoding="utf-8")
    found: dict[str, tuple[str, str]] = {}
    for line in re.findall(r"^\| (\d{4}.*) \|$", document, re.MULTILINE):
        schemas, _, beside, lost = line.split(" | ")
        first, _, last = schemas.partition(" to ")
        for number in range(int(first), int(last or first) + 1):
            found[f"{number:04}"] = (beside, lost)
    return found


ROWS = rows()


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_the_table_says_whether_the_version_before_may_run_beside(script: Path) -> None:
    module = import_module(f"moderation_service.storage.migrations.versions.{script.stem}")
    beside, lost = ROWS[script.stem[:4]]
    assert beside == ("yes" if getattr(module, "previous_version_may_run", False) else "no")
    assert (lost == NO_WAY_BACK) == (script.stem[:4] <= migrations.OLDEST_WAY_BACK)


def test_the_table_is_of_the_schemas_that_there_are() -> None:
    assert list(ROWS) == [script.stem[:4] for script in SCRIPTS]


def shape(connection: Connection) -> set[str]:
    """Tables, and columns as `table.column`."""
    found = inspect(connection).get_multi_columns()
    return {
        name
        for (_, table), columns in found.items()
        for name in (table, *(f"{table}.{one['name']}" for one in columns))
    }


def lost(before: set[str], after: set[str]) -> set[str]:
    """What is gone, without the columns of tables that are."""
    gone = before - after
    return {one for one in gone if one.partition(".")[0] not in gone or "." not in one}


async def counts(database: Database) -> list[int]:
    async with database.read() as connection:
        asked = (select(func.count()).select_from(table) for table in (comments, decisions, notifications))
        return [(await connection.execute(one)).scalar_one() for one in asked]


async def test_each_schema_is_left_and_entered_again_and_loses_what_the_table_says(
    empty_database_url: str, tmp_path: Path
) -> None:
    oldest = migrations.OLDEST_WAY_BACK
    async with Database.open(empty_database_url, limits=PATIENT) as database:
        async with database.exclusive() as connection:
            await connection.run_sync(moved(oldest))
            file = tmp_path / "released.db"
            released_database.unpack(oldest, file)
            await connection.run_sync(lambda sync: released_database.copy(file, sync))
        await migrations.upgrade(database)
        there = await counts(database)
        assert min(there) > 0
        said: dict[str, set[str]] = {}
        happened: dict[str, set[str]] = {}
        numbers = [one for one in ROWS if one >= oldest]
        for newer, older in zip(reversed(numbers), reversed(numbers[:-1]), strict=False):
            async with database.exclusive() as connection:
                before = await connection.run_sync(shape)
                await connection.run_sync(moved(older, back=True))
                happened[newer] = lost(before, await connection.run_sync(shape))
            said[newer] = {*re.findall(r"`([\w.]+)`", ROWS[newer][1])}
        assert said == happened
        async with database.exclusive() as connection:
            for number in numbers:
                await connection.run_sync(moved(number))
        await migrations.upgrade(database)
        assert await migrations.is_current(database)
        assert await counts(database) == there
