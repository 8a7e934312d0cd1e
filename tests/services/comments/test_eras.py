"""A restored database is noticed by those who follow its changes, however it was brought back."""

import asyncio
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession
from sqlalchemy import delete, func, select, update

from moderation_service import config
from moderation_service.domain.errors import UnavailableError
from moderation_service.runtime.intervals import Intervals
from moderation_service.services.comments.change_tail import Tail
from moderation_service.services.comments.eras import Eras
from moderation_service.storage.comments import eras as stored
from moderation_service.storage.engine.database import Database
from moderation_service.storage.schema import change_counters, change_eras, comments
from tests.conftest import ENGINES, Clock, Start
from tests.support.contract import client_of
from tests.support.desk import replace_sites
from tests.support.factories import PAGE, SITES
from tests.support.office import Office
from tests.support.running import Running, running, until

FEED = "/api/v1/changes"


async def feed(http: ClientSession, status: int = 200, **query: Any) -> dict[str, Any]:
    asked = {name: str(value) for name, value in query.items()}
    answer = await http.get(FEED, params={"site": "coop", **asked})
    found: dict[str, Any] = await answer.json()
    assert answer.status == status, found
    return found


async def published(service: Running, count: int = 1) -> list[str]:
    office = Office(container=service.container, clock=service.container.clock, interval=None)  # type: ignore[arg-type]
    ids = await office.post(count)
    await office.decide(ids)
    return ids


def has_lost(answer: dict[str, Any]) -> bool:
    kind: str = answer["type"]
    return kind.endswith(":start_again")


async def test_the_answer_says_where_to_go_on_and_in_which_era(start: Start, clock: Clock) -> None:
    service = await start(clock=clock, screening="off")
    async with client_of(service.url) as http:
        nothing = await feed(http)
        assert nothing == {"epoch": nothing["epoch"], "changes": [], "next": 0, "head": 0}
        await published(service, 3)
        some = await feed(http, after=0, epoch=nothing["epoch"], limit=2)
        assert (some["next"], some["head"], len(some["changes"])) == (2, 3, 2)
        assert set(some["changes"][0]) == {
            *("number", "type", "comment_id", "page_url", "page_title", "at", "reason", "comment")
        }
        rest = await feed(http, after=some["next"], epoch=some["epoch"])
        assert (rest["next"], rest["head"]) == (3, 3)
        assert has_lost(await feed(http, 410, after=4))
        assert has_lost(await feed(http, 410, after=3, epoch="another"))
        assert has_lost(await feed(http, 410, after=0, epoch="another"))
        assert has_lost(await feed(http, 410, after=2**53))


async def test_each_start_opens_an_era_and_keeps_what_was_read_before(start: Start, clock: Clock) -> None:
    first = await start(clock=clock, screening="off")
    async with client_of(first.url) as http:
        await published(first, 2)
        before = await feed(http)
    second = await start(clock=clock, screening="off")
    third = await start(clock=clock, screening="off")
    async with client_of(third.url) as http:
        assert (await feed(http, after=2, epoch=before["epoch"]))["epoch"] == before["epoch"]
        await published(second)
        after = await feed(http, after=2, epoch=before["epoch"])
        assert after["next"] == 3
        assert after["epoch"] != before["epoch"]
        assert has_lost(await feed(http, 410, after=3, epoch=before["epoch"]))
    async with third.container.database.read() as connection:
        count = select(func.count()).select_from(change_eras).where(change_eras.c.site_id == "coop")
        assert (await connection.execute(count)).scalar_one() == 2, "two starts without a change share a place"


def backup(source: Path, target: Path) -> None:
    with closing(sqlite3.connect(source)) as one, closing(sqlite3.connect(target, timeout=30)) as other:
        one.backup(other)


@pytest.mark.parametrize("place", [ENGINES[0]], indirect=True)
@pytest.mark.parametrize("when", ["stopped", "running"])
async def test_a_file_that_is_copied_back_is_noticed_also_when_the_numbers_are_reached_again(
    environ: dict[str, str], clock: Clock, tmp_path: Path, when: str
) -> None:
    settings = config.read(environ | {"MODERATION_SCREENING": "off"})
    file, copy = tmp_path / "test.db", tmp_path / "copy.db"
    async with running(settings, clock) as service, client_of(service.url) as http:
        [kept] = await published(service)
        backup(file, copy)
        lost = await published(service, 2)
        reader = await feed(http)
        assert [one["comment_id"] for one in reader["changes"]] == [kept, *sorted(lost)]
        await until_listed(http, kept, *lost)
        if when == "running":
            await asyncio.to_thread(backup, copy, file)
            await is_noticed(service, reader, kept, lost)
    if when == "stopped":
        shutil.copyfile(copy, file)
        async with running(settings, clock) as service:
            await is_noticed(service, reader, kept, lost)


async def is_noticed(service: Running, reader: dict[str, Any], kept: str, lost: list[str]) -> None:
    async with client_of(service.url) as http:
        await until_listed(http, kept)
        assert has_lost(await feed(http, 410, after=3, epoch=reader["epoch"]))
        anew = await published(service, 2)
        for number in (2, 3):
            assert has_lost(await feed(http, 410, after=number, epoch=reader["epoch"]))
        again = await feed(http)
        assert [one["comment_id"] for one in again["changes"]] == [kept, *sorted(anew)]
        assert not set(anew) & set(lost)


async def until_listed(http: ClientSession, *ids: str) -> None:
    """Wait until the page's list, which may be in memory, shows these comments."""

    async def is_so() -> bool:
        found = await (await http.get("/api/v1/comments", params={"page_url": PAGE})).json()
        return [one["id"] for one in found["comments"]] == sorted(ids)

    await until(is_so)


async def test_every_process_that_sees_the_head_go_back_opens_an_era_and_forgets_what_it_remembers(
    start: Start, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    service = await start(intervals=Intervals(changes=3_600.0), clock=clock, screening="off")
    database, tail = service.container.database, service.container.tail
    async with client_of(service.url) as http:
        kept, *lost = sorted(await published(service, 3))
        reader = await feed(http)
        assert (await (await http.get("/api/v1/comments", params={"page_url": PAGE})).json())["count"] == 3
        await forget(database, lost, head=1)
        await tail.look()
        assert "changes.head_went_back" in caplog.text
        listed = await (await http.get("/api/v1/comments", params={"page_url": PAGE})).json()
        assert [one["id"] for one in listed["comments"]] == [kept]
        await published(service, 3)
        for number in (2, 3):
            assert has_lost(await feed(http, 410, after=number, epoch=reader["epoch"]))
        assert (await feed(http, after=1, epoch=(await feed(http, limit=1))["epoch"]))["head"] == 4


async def forget(database: Database, ids: list[str], *, head: int) -> None:
    """Bring a database to where it was before some comments were published."""
    async with database.write() as connection:
        await connection.execute(
            update(comments)
            .where(comments.c.id.in_(ids))
            .values(status="pending", change_number=None, change_at=None)
        )
        await connection.execute(update(change_counters).values(number=head))
        await connection.execute(delete(change_eras).where(change_eras.c.first > head))


async def test_a_head_that_went_back_is_looked_at_again_until_its_era_is_open(
    database: Database, clock: Clock
) -> None:
    tags = iter(f"tag{number}" for number in range(100))
    eras = Eras(database, lambda: ["coop"], clock=clock, new_tag=lambda: next(tags))
    await eras.begin()
    await eras.begin()
    async with database.read() as connection:
        assert await stored.tag_of(connection, "coop", 0) == "tag0"
        assert await stored.tag_of(connection, "coop", 10) == "tag0"
    async with database.write() as connection:
        await connection.execute(update(change_counters).values(number=5))
    heard: list[set[str]] = []

    async def fail_once(site_ids: Any) -> None:
        heard.append(set(site_ids))
        if len(heard) == 1:
            raise UnavailableError
        await eras.open(site_ids)

    tail = Tail(database, lambda _: None, fail_once)
    await tail.look()
    async with database.write() as connection:
        await connection.execute(delete(change_counters))
    await tail.catch_up()
    assert not tail.is_current
    await tail.look()
    await tail.look()
    assert heard == [{"coop"}, {"coop"}]
    assert tail.is_current


async def test_a_site_that_is_listed_later_has_an_era_before_anybody_asks(
    http: ClientSession, service: Running, tmp_path: Path
) -> None:
    more = SITES.replace('id = "altro"', 'id = "nuovo"')
    await replace_sites(service, tmp_path, more)

    async def is_followed() -> bool:
        answer = await http.get("/api/v1/changes", params={"site": "nuovo"})
        return answer.status == 200 and bool((await answer.json())["epoch"])

    await until(is_followed)
