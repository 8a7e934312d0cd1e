import asyncio
from collections.abc import Iterable
from typing import Any

import pytest
from aiohttp import ClientSession

from moderation_service.domain.errors import UnavailableError
from moderation_service.services.comments.change_tail import TRUSTED_FOR, Tail
from moderation_service.services.comments.listing import Listings
from moderation_service.storage.comments import changes
from moderation_service.storage.engine.database import Database
from tests.conftest import Start
from tests.support.contract import client_of
from tests.support.factories import PAGE, a_submission, bearer
from tests.support.time_limits import PATIENCE

LIST = {"page_url": PAGE}


async def posted(http: ClientSession, **changed: object) -> str:
    answer = await http.post("/api/v1/comments", json=a_submission(**changed))
    assert answer.status == 202, await answer.text()
    comment_id: str = (await answer.json())["id"]
    return comment_id


async def decided(http: ClientSession, decision: str, *ids: str) -> None:
    wanted = {"decisions": [{"id": one, "decision": decision} for one in ids]}
    answer = await http.post("/api/v1/moderation/decisions", json=wanted, headers=bearer())
    assert answer.status == 200, await answer.text()


async def changes_after(http: ClientSession, number: int, limit: int = 100) -> dict[str, Any]:
    query = {"site": "coop", "after": str(number), "limit": str(limit)}
    answer = await http.get("/api/v1/changes", params=query)
    assert answer.status == 200, await answer.text()
    found: dict[str, Any] = await answer.json()
    return found


async def test_the_feed_tells_the_newest_visible_state_of_each_comment_once(http: ClientSession) -> None:
    first, second, third = [await posted(http, body=f"Commento {number}") for number in range(3)]
    assert (await changes_after(http, 0))["changes"] == []
    await decided(http, "approve", first, second)
    await decided(http, "reject", third)
    feed = await changes_after(http, 0)
    assert [(one["type"], one["comment_id"]) for one in feed["changes"]] == [
        ("published", first),
        ("published", second),
    ]
    assert feed["changes"][0]["comment"]["body"] == "Commento 0"
    assert feed["changes"][0]["page_url"] == PAGE

    await decided(http, "spam", first)
    feed = await changes_after(http, 0)
    assert [(one["type"], one["comment_id"], one["comment"] is None) for one in feed["changes"]] == [
        ("published", second, False),
        ("withdrawn", first, True),
    ]
    assert "Commento 0" not in str(feed)
    assert (await changes_after(http, feed["next"]))["changes"] == []

    await decided(http, "approve", first)
    later = await changes_after(http, feed["next"])
    assert [(one["type"], one["comment_id"]) for one in later["changes"]] == [("published", first)]


async def test_a_change_names_the_page_as_readers_see_it_now(http: ClientSession) -> None:
    first = await posted(http, page_title="Da ritirare")
    second = await posted(http, page_title="Chi siamo", body="altro")
    await decided(http, "approve", first, second)
    assert [one["page_title"] for one in (await changes_after(http, 0))["changes"]] == ["Da ritirare"] * 2
    await decided(http, "reject", first)
    feed = await changes_after(http, 0)
    assert [one["page_title"] for one in feed["changes"]] == ["Chi siamo"] * 2
    await decided(http, "reject", second)
    assert [one["page_title"] for one in (await changes_after(http, feed["next"]))["changes"]] == [None]


async def test_the_feed_is_read_in_slices(http: ClientSession) -> None:
    ids = [await posted(http, body=f"Commento {number}") for number in range(5)]
    await decided(http, "approve", *ids)
    found: list[str] = []
    number = 0
    while (feed := await changes_after(http, number, limit=2))["changes"]:
        assert len(feed["changes"]) <= 2
        assert all(one["number"] > number for one in feed["changes"])
        found += [one["comment_id"] for one in feed["changes"]]
        number = feed["next"]
    assert sorted(found) == sorted(ids)


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
async def test_a_wrong_question_to_the_feed_is_refused(http: ClientSession) -> None:
    for query, status in {
        "": 422,
        "site=nobody": 403,
        "site=coop&after=-1": 422,
        "site=coop&limit=501": 422,
        "site=coop&after=x": 422,
    }.items():
        answer = await http.get(f"/api/v1/changes?{query}")
        assert answer.status == status, query


async def test_a_reader_of_the_feed_skips_nothing_while_decisions_commit(start: Start) -> None:
    service = await start(screening="off")
    async with client_of(service.url) as http:
        ids = [await posted(http, body=f"Commento {number}") for number in range(50)]
        found: list[str] = []
        number = 0
        async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as deciding:
            for one in ids:
                deciding.create_task(decided(http, "approve", one))
            while len(found) < len(ids):
                feed = await changes_after(http, number)
                found += [one["comment_id"] for one in feed["changes"]]
                number = feed["next"]
    assert sorted(found) == sorted(ids)


async def test_a_list_being_filled_while_its_comment_is_withdrawn_is_not_kept(
    http: ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    comment_id = await posted(http)
    await decided(http, "approve", comment_id)
    has_read, go_on = asyncio.Event(), asyncio.Event()
    read = Listings.of_page

    async def held(*arguments: Any, **named: Any) -> object:
        found = await read(*arguments, **named)
        has_read.set()
        await go_on.wait()
        return found

    monkeypatch.setattr(Listings, "of_page", held)
    reading = asyncio.create_task(http.get("/api/v1/comments", params=LIST))
    await has_read.wait()
    await decided(http, "reject", comment_id)
    go_on.set()
    assert (await (await reading).json())["count"] == 1
    after = await (await http.get("/api/v1/comments", params=LIST)).json()
    assert after["count"] == 0
    assert after["comments"] == []


async def test_while_the_tail_fails_nothing_is_shown_from_memory(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1_000.0
    dropped: list[Iterable[str]] = []
    tail = Tail(database, dropped.append, monotonic=lambda: now)
    assert not tail.is_current
    await tail.look()
    assert tail.is_current

    async def fail(*_: object) -> dict[str, int]:
        raise UnavailableError

    with monkeypatch.context() as broken:
        broken.setattr(changes, "counters", fail)
        for second in range(10):
            now = 1_000.0 + second
            with pytest.raises(UnavailableError):
                await tail.look()
            assert tail.is_current == (second <= TRUSTED_FOR)
    await tail.look()
    assert tail.is_current


async def test_a_replica_that_decided_and_cannot_look_trusts_nothing_it_remembers(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    tail = Tail(database, lambda _: None)
    await tail.look()

    async def fail(*_: object) -> dict[str, int]:
        raise UnavailableError

    monkeypatch.setattr(changes, "counters", fail)
    await tail.catch_up()
    assert not tail.is_current
