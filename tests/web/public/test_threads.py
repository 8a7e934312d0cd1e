"""Lists that are cut by threads: what readers ask for, and what is refused."""

from typing import Any

from aiohttp import ClientSession

from tests.conftest import Start
from tests.support.cases import one_engine
from tests.support.contract import client_of
from tests.support.factories import PAGE
from tests.support.posting import COMMENTS, decide, post

NOBODY = "0197c0de-0000-7000-8000-000000000001"


async def published(http: ClientSession, *parents: str | None) -> list[str]:
    """Comments that answer these, in order."""
    made = [(await post(http, body=f"{number}", parent_id=one))["id"] for number, one in enumerate(parents)]
    await decide(http, "approve", *made)
    return made


async def listed(http: ClientSession, **query: str) -> dict[str, Any]:
    answer = await http.get(COMMENTS, params={"page_url": PAGE, **query})
    assert answer.status == 200
    found: dict[str, Any] = await answer.json()
    return found


def ids(found: dict[str, Any]) -> list[str]:
    return [one["id"] for one in found["comments"]]


async def test_a_page_is_read_by_threads(start: Start) -> None:
    running = await start(screening="off")
    async with client_of(running.url) as http:
        first, second, third = await published(http, None, None, None)
        below, other = await published(http, first, first)
        [deepest] = await published(http, below)
        found = await listed(http, view="threads", limit="2")
        assert ids(found) == [first, below, other, deepest, second]
        assert (found["count"], found["next_cursor"], found["previous_cursor"]) == (6, second, None)
        assert found["replies_left"] == {}
        assert "thread" not in found
        behind = await listed(http, view="threads", limit="2", cursor=second)
        assert (ids(behind), behind["next_cursor"]) == ([third], None)
        before = await listed(http, view="threads", limit="2", cursor=behind["previous_cursor"])
        assert ids(before) == ids(found)
        assert ids(await listed(http, view="threads", limit="1", order="newest")) == [third]
        around = await listed(http, view="threads", limit="1", order="newest", around=deepest)
        assert ids(around) == [first, below, other, deepest]
        assert ids(await listed(http, limit="2", around=below)) == [third, below]
        thread = await listed(http, thread=deepest, limit="3")
        assert (ids(thread), thread["thread"], thread["next_cursor"]) == ([first, below, other], first, other)
        assert ids(await listed(http, thread=first, cursor=other)) == [deepest]

        await decide(http, "reject", first)
        assert ids(await listed(http, view="threads", limit="1")) == [below, other, deepest]
        answer = await http.get(COMMENTS, params={"page_url": PAGE, "view": "threads", "limit": "1"})
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert "Last-Modified" in answer.headers
        known = {"If-None-Match": answer.headers["ETag"]}
        again = await http.get(COMMENTS, params={"page_url": PAGE, "view": "threads", "limit": "1"}, headers=known)
        assert again.status == 304
        for nobody in (first, NOBODY):
            for view in ("flat", "threads"):
                answer = await http.get(COMMENTS, params={"page_url": PAGE, "view": view, "around": nobody})
                assert answer.status == 404
        answer = await http.get(COMMENTS, params={"page_url": PAGE, "thread": NOBODY})
        assert (answer.status, answer.content_type) == (404, "application/problem+json")


async def test_what_has_no_room_is_left_to_the_thread(start: Start) -> None:
    running = await start(screening="off")
    async with client_of(running.url) as http:
        first, second = await published(http, None, None)
        replies = await published(http, *[first] * 210)
        [last] = await published(http, second)
        found = await listed(http, view="threads")
        assert ids(found) == [first, *replies[:197], second, last]
        assert found["replies_left"] == {first: 13}
        assert ids(await listed(http, thread=first, cursor=replies[196])) == replies[197:]
        around = await listed(http, view="threads", around=replies[205])
        assert (around["thread"], around["previous_cursor"] is None) == (first, False)
        assert replies[205] in ids(around)


@one_engine
async def test_what_makes_no_sense_together_is_refused(http: ClientSession) -> None:
    for query, field, code in (
        ({"view": "tree"}, "view", "invalid_choice"),
        ({"around": "1"}, "around", "invalid_id"),
        ({"thread": "1"}, "thread", "invalid_id"),
        ({"around": NOBODY, "cursor": NOBODY}, "around", "contradicts"),
        ({"around": NOBODY, "thread": NOBODY}, "around", "contradicts"),
        ({"view": "flat", "thread": NOBODY}, "thread", "contradicts"),
    ):
        answer = await http.get(COMMENTS, params={"page_url": PAGE, **query})
        assert answer.status == 422
        errors = (await answer.json())["errors"]
        assert {name: [one["code"] for one in faults] for name, faults in errors.items()} == {field: [code]}
