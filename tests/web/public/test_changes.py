"""Following a site by asking again and again: what is answered at once, what is waited for, what is refused."""

import asyncio
from typing import Any

import pytest
from aiohttp import ClientSession, ClientTimeout

from moderation_service.services.comments.change_feed import ChangeFeed
from tests.conftest import Start
from tests.support.cases import one_engine
from tests.support.contract import client_of
from tests.support.factories import OTHER_API_KEY, OTHER_PAGE, a_submission
from tests.support.posting import decide, post, published
from tests.support.running import Running, until

CHANGES = "/api/v1/changes"
PATIENT = ClientTimeout(total=60)


async def changes(http: ClientSession, **query: object) -> dict[str, Any]:
    asked = {"site": "coop"} | {name: str(value) for name, value in query.items()}
    answer = await http.get(CHANGES, params=asked, timeout=PATIENT)
    assert answer.status == 200, await answer.text()
    found: dict[str, Any] = await answer.json()
    return found


def waiting(service: Running) -> int:
    return len(service.container.web.followers)


async def test_whoever_waits_is_answered_at_once_by_what_there_is_and_else_by_what_comes(
    http: ClientSession, service: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await published(http)
    found = await changes(http, wait=30)
    assert [one["comment_id"] for one in found["changes"]] == [first]
    second = (await post(http, body="il secondo"))["id"]
    waiters = [
        asyncio.create_task(changes(http, after=found["next"], epoch=found["epoch"], wait=30)) for _ in range(50)
    ]
    await until(lambda: waiting(service) == 50)
    reads = 0
    read = ChangeFeed.read

    async def counted(*arguments: Any, **named: Any) -> object:
        nonlocal reads
        reads += 1
        return await read(*arguments, **named)

    monkeypatch.setattr(ChangeFeed, "read", counted)
    leaving, *staying = waiters
    leaving.cancel()
    await until(lambda: waiting(service) == 49)
    other = (await http.post("/api/v1/comments", json=a_submission(page_url=OTHER_PAGE))).json()
    await decide(http, "approve", (await other)["id"], key=OTHER_API_KEY)
    assert waiting(service) == 49, "another site's changes wake nobody"
    await decide(http, "approve", second)
    for answer in await asyncio.gather(*staying):
        assert [one["comment_id"] for one in answer["changes"]] == [second]
    assert reads == 1
    assert waiting(service) == 0


async def test_a_wait_ends_without_changes_when_its_time_is_over_or_the_service_stops(start: Start) -> None:
    service = await start()
    async with client_of(service.url) as http:
        assert (await changes(http, wait=1))["changes"] == []
        [answer] = [asyncio.create_task(changes(http, wait=30))]
        await until(lambda: waiting(service) == 1)
        service.stop.set()
        assert (await answer)["changes"] == []


async def test_the_newest_changes_are_answered_from_memory_until_there_are_others(
    http: ClientSession, service: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    await published(http)
    await service.container.tail.look()
    first = await http.get(CHANGES, params={"site": "coop"})
    with monkeypatch.context() as patched:
        patched.setattr(ChangeFeed, "read", None)
        again = await http.get(CHANGES, params={"site": "coop"})
        assert await again.read() == await first.read()
        known = {"If-None-Match": first.headers["ETag"]}
        assert (await http.get(CHANGES, params={"site": "coop"}, headers=known)).status == 304
    await published(http, body="altro")
    assert len((await changes(http))["changes"]) == 2


async def test_one_network_may_not_hold_all_waits_nor_all_networks_all_connections(start: Start) -> None:
    service = await start(connections="40", trusted_proxies="127.0.0.0/8")
    followers = service.container.web.followers
    assert (followers.most, followers.most_of_network) == (20, 2)
    async with client_of(service.url) as http:

        def ask(address: str) -> Any:
            query = {"site": "coop", "wait": "30"}
            return http.get(CHANGES, params=query, headers={"X-Forwarded-For": address}, timeout=PATIENT)

        async with asyncio.TaskGroup() as group:
            for number in range(20):
                group.create_task(ask(f"192.0.{number // 2}.1"))
            await until(lambda: waiting(service) == 20)
            for address, status, code in (
                ("192.0.0.9", 429, "too_many_streams"),
                ("198.51.100.1", 503, "streams_full"),
            ):
                refused = await ask(address)
                problem = await refused.json()
                assert (refused.status, problem["type"].rpartition(":")[2]) == (status, code)
                assert int(refused.headers["Retry-After"]) > 0
            stream = await http.get("/api/v1/stream?site=coop", headers={"X-Forwarded-For": "192.0.0.9"})
            assert stream.status == 429
            assert (await changes(http))["changes"] == [], "who does not wait is not counted"
            await published(http)
    assert waiting(service) == 0


@pytest.mark.parametrize(
    ("query", "status", "field"),
    [
        ("after=-1", 422, "after"),
        ("after=99999999999999999999999999", 422, "after"),
        ("after=1.5", 422, "after"),
        ("after=1", 410, ""),
        ("after=9007199254740992", 410, ""),
        ("epoch=tampered", 410, ""),
        ("epoch=%00", 422, "epoch"),
        (f"epoch={'x' * 33}", 422, "epoch"),
        ("wait=31", 422, "wait"),
        ("wait=-1", 422, "wait"),
        ("wait=soon", 422, "wait"),
        ("wait=1&wait=2", 422, "wait"),
        ("after=1&wait=30", 410, ""),
    ],
)
@one_engine
async def test_what_cannot_be_answered_is_refused_with_its_reason(
    http: ClientSession, query: str, status: int, field: str
) -> None:
    answer = await http.get(f"{CHANGES}?site=coop&{query}")
    problem = await answer.json()
    assert answer.status == status, problem
    assert list(problem.get("errors", {})) == ([field] if field else [])
    assert problem["type"].endswith("invalid_fields" if status == 422 else "start_again")
