"""The files of a SQLite database are deleted, moved or replaced under a running service."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import select

from moderation_service.domain.errors import UnavailableError
from moderation_service.runtime.intervals import Intervals
from moderation_service.storage.engine.database import Database
from moderation_service.storage.engine.limits import DatabaseLimits
from moderation_service.storage.schema import comments
from tests.conftest import ENGINES, Start
from tests.support.contract import client_of
from tests.support.outages import post, readiness, until_ready
from tests.support.time_limits import PATIENT

pytestmark = pytest.mark.parametrize("place", [ENGINES[0]], indirect=True)


def delete(path: Path) -> Callable[[], object]:
    kept = path.with_name("kept")
    path.rename(kept)
    return lambda: kept.rename(path)


def replace(path: Path) -> Callable[[], object]:
    back = delete(path)
    shutil.copy(path.with_name("kept"), path)
    return back


def delete_the_log(path: Path) -> Callable[[], object]:
    return delete(path.with_name(f"{path.name}-wal"))


def delete_the_shared_memory(path: Path) -> Callable[[], object]:
    return delete(path.with_name(f"{path.name}-shm"))


def rename_the_folder(path: Path) -> Callable[[], object]:
    moved = path.parent.rename(path.parent.with_name("elsewhere"))
    return lambda: moved.rename(path.parent)


@pytest.fixture
def place_of_its_own(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    return folder / "test.db"


@pytest.mark.parametrize("fault", [delete, replace, delete_the_log, delete_the_shared_memory, rename_the_folder])
async def test_nothing_is_accepted_for_files_that_are_not_there_any_more(
    place: str,
    place_of_its_own: Path,
    start: Start,
    fault: Callable[[Path], Callable[[], object]],
    caplog: pytest.LogCaptureFixture,
) -> None:
    del place
    url = f"sqlite:///{place_of_its_own}"
    service = await start(database_url=url, screening="off", intervals=Intervals(failure_holds=2.0))
    async with client_of(service.url) as http:
        assert await post(http, "before") == 202
        put_back = fault(place_of_its_own)
        assert await post(http, "lost, if it were taken") == 503
        assert await readiness(http) == (503, ["storage", "database_replaced"])
        assert caplog.text.count("storage.files_replaced") == 1
        put_back()
        await until_ready(http)
        assert await post(http, "after") == 202
    assert caplog.text.count("storage.files_back") == 1
    service.stop.set()
    async with Database.open(url, limits=PATIENT) as database, database.read() as connection:
        found = set((await connection.execute(select(comments.c.body))).scalars())
    assert found == {"before", "after"}


async def test_a_file_that_vanishes_during_a_transaction_is_noticed_before_the_answer(
    database: Database, place: str
) -> None:
    path = Path(place.removeprefix("sqlite:///"))
    put_back = []

    async def vanish() -> None:
        async with database.write() as connection:
            await connection.execute(comments.delete())
            put_back.append(delete(path))

    with pytest.raises(UnavailableError, match="replaced, moved or deleted"):
        await vanish()
    put_back[0]()
    async with database.write() as connection:
        await connection.execute(comments.delete())


async def test_a_lock_file_that_was_deleted_is_made_again_and_keeps_others_out(
    database: Database, place: str
) -> None:
    lock = Path(f"{place.removeprefix('sqlite:///')}.writers")
    os.unlink(lock)  # noqa: PTH108 - a test may block
    async with Database.open(place, limits=DatabaseLimits(turn=0.1)) as other:
        async with database.write() as connection:
            await connection.execute(comments.delete())
            with pytest.raises(UnavailableError) as refused:
                await write_nothing(other)
        await write_nothing(other)
    assert isinstance(refused.value.__cause__, TimeoutError), "by the lock, and not by the engine's own patience"


async def write_nothing(database: Database) -> None:
    async with database.write() as connection:
        await connection.execute(comments.delete())
