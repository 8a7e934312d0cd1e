"""What readers see: approved comments, in order, slice by slice, and when nothing changed."""

import asyncio
from collections.abc import Awaitable, Callable
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
from aiohttp import ClientSession

from tests.conftest import Clock
from tests.support.cases import in_turn, one_engine
from tests.support.contract import client_of
from tests.support.factories import OTHER_PAGE, PAGE, a_submission
from tests.support.posting import COMMENTS, decide, post, published, queued
from tests.support.running import Running, until
from tests.support.seeding import stored

Lister = Callable[..., Awaitable[dict[str, Any]]]


@pytest.fixture
async def lister(http: ClientSession) -> Lister:
    """Lists a page's comments."""

    async def listed(page_url: str = PAGE, **query: str) -> dict[str, Any]:
        answer = await http.get(COMMENTS, params={"page_url": page_url, **query})
        assert answer.status == 200
        found: dict[str, Any] = await answer.json()
        return found

    return listed


async def until_listed(lister: Lister, count: int, page_url: str = PAGE) -> dict[str, Any]:
    """The list, once it counts so many; a decision shows after a moment where answers are kept in memory."""
    found: dict[str, Any] = {}

    async def counts_so_many() -> bool:
        found.update(await lister(page_url))
        return bool(found["count"] == count)

    await until(counts_so_many)
    return found


def bodies(found: dict[str, Any]) -> list[str]:
    return [comment["body"] for comment in found["comments"]]


async def test_a_page_without_comments_is_an_empty_list(lister: Lister) -> None:
    assert await lister(f"{PAGE}?utm_source=x#respond") == {
        "page_url": PAGE,
        "count": 0,
        "comments": [],
        "next_cursor": None,
        "form": {
            "author_email": "required",
            "author_url": "optional",
            "rules_url": None,
            "contact": None,
            "is_closed": False,
            "closes_at": None,
        },
    }


async def test_a_listed_comment_shows_all_that_is_public_and_nothing_more(
    http: ClientSession, lister: Lister
) -> None:
    comment_id = await published(http, author_url="https://giuliana.example", body="*ciao*\n<b>")
    [shown] = (await until_listed(lister, 1))["comments"]
    assert shown == {
        "id": comment_id,
        "parent_id": None,
        "author_name": "Giuliana",
        "author_url": "https://giuliana.example",
        "by_site": False,
        "redacted": False,
        "body": "*ciao*\n<b>",
        "body_html": "<p><em>ciao</em><br>\n&lt;b&gt;</p>\n",
        "created_at": "2026-11-22T10:00:00Z",
    }
    assert await (await http.get(f"{COMMENTS}/{comment_id}")).json() == shown


async def test_only_approved_comments_of_the_page_are_listed_and_counted(
    http: ClientSession, lister: Lister
) -> None:
    made = [(await post(http, body=f"{number}"))["id"] for number in range(6)]
    await post(http, body="su un'altra pagina", page_url=f"{PAGE}/2")
    await published(http, body="su un altro percorso", page_url=f"{PAGE}/altro")
    await decide(http, "approve", made[0], made[2], made[4])
    await decide(http, "reject", made[1])
    await decide(http, "spam", made[3])
    found = await until_listed(lister, 3)
    assert bodies(found) == ["0", "2", "4"]
    for one, status in zip(made, [200, 404, 200, 404, 200, 404], strict=True):
        assert (await http.get(f"{COMMENTS}/{one}")).status == status


@pytest.mark.parametrize("order", ["oldest", "newest"])
async def test_a_list_is_walked_in_slices(start: Callable[..., Any], clock: Clock, order: str) -> None:
    running: Running = await start(clock=clock, screening="off")
    async with client_of(running.url) as http:
        made = [(await post(http, body=f"{number}"))["id"] for number in range(7)]
        await decide(http, "approve", *made[:5])
        seen: list[str] = []
        query = {"page_url": PAGE, "limit": "2", "order": order}
        first = await (await http.get(COMMENTS, params=query)).json()
        seen += bodies(first)
        await decide(http, "approve", *made[5:])
        cursor = first["next_cursor"]
        while cursor is not None:
            found = await (await http.get(COMMENTS, params=query | {"cursor": cursor})).json()
            assert 1 <= len(found["comments"]) <= 2
            seen += bodies(found)
            cursor = found["next_cursor"]
    if order == "oldest":
        assert seen == ["0", "1", "2", "3", "4", "5", "6"]
    else:
        assert seen == ["4", "3", "2", "1", "0"]


async def test_a_cursor_outlives_the_comment_it_names(http: ClientSession, lister: Lister) -> None:
    made = [(await post(http, body=f"{number}"))["id"] for number in range(4)]
    await decide(http, "approve", *made)
    await until_listed(lister, 4)
    cursor = (await lister(limit="2"))["next_cursor"]
    await decide(http, "reject", made[1])
    await until_listed(lister, 3)
    found = await lister(limit="2", cursor=cursor)
    assert bodies(found) == ["2", "3"]
    assert found["next_cursor"] is None


async def test_the_last_slice_ends_exactly(http: ClientSession, lister: Lister) -> None:
    made = [(await post(http, body=f"{number}"))["id"] for number in range(2)]
    await decide(http, "approve", *made)
    await until_listed(lister, 2)
    assert (await lister(limit="2"))["next_cursor"] is None
    assert (await lister(limit="1"))["next_cursor"] == made[0]


async def test_the_usual_limit_is_fifty_and_the_highest_two_hundred(
    start: Callable[..., Any], clock: Clock
) -> None:
    running: Running = await start(clock=clock, screening="off")
    async with client_of(running.url) as http:
        made = await stored(running, (f"{number}" for number in range(51)), is_approved=True)
        usual = await (await http.get(COMMENTS, params={"page_url": PAGE})).json()
        whole = await (await http.get(COMMENTS, params={"page_url": PAGE, "limit": "200"})).json()
    assert (usual["count"], len(usual["comments"]), usual["next_cursor"]) == (51, 50, made[49])
    assert (whole["count"], len(whole["comments"]), whole["next_cursor"]) == (51, 51, None)


@one_engine
@in_turn(
    "query, status",
    [
        ({"page_url": "https://nobody.example/"}, 403),
        ({"page_url": "http://www.example.org/chi-siamo"}, 403),
        ({"page_url": "chi-siamo"}, 422),
        ({"page_url": "https://user:secret@www.example.org/"}, 422),
        ({"page_url": "https://☃.example/"}, 422),
        ({"page_url": ""}, 422),
        ({}, 422),
        ({"page_url": PAGE, "limit": "0"}, 422),
        ({"page_url": PAGE, "order": "random"}, 422),
        ({"page_url": PAGE, "cursor": "2"}, 422),
        ({"page_url": PAGE, "unknown": "passed over"}, 200),
    ],
)
async def test_a_question_that_makes_no_sense_is_refused(
    http: ClientSession, query: dict[str, str], status: int
) -> None:
    assert (await http.get(COMMENTS, params=query)).status == status


@in_turn(
    "comment_id",
    ["1", "x" * 40, "0197c0de-0000-7000-8000-000000000001", "0197C0DE-0000-7000-8000-000000000001", "%00"],
)
async def test_what_is_no_approved_comment_is_not_found(http: ClientSession, comment_id: str) -> None:
    assert (await http.get(f"{COMMENTS}/{comment_id}")).status == 404


async def test_a_reader_who_has_the_answer_is_told_so(http: ClientSession, lister: Lister, clock: Clock) -> None:
    one = await published(http)
    await until_listed(lister, 1)
    first = await http.get(COMMENTS, params={"page_url": PAGE})
    tag = first.headers["ETag"]
    assert first.headers["Cache-Control"].startswith("public, max-age=0, must-revalidate")
    assert parsedate_to_datetime(first.headers["Last-Modified"]) == clock.now
    for known in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        again = await http.get(COMMENTS, params={"page_url": PAGE}, headers={"If-None-Match": known})
        assert (again.status, await again.read()) == (304, b"")
        assert again.headers["ETag"].removeprefix("W/") == tag.removeprefix("W/")
        assert "Cache-Control" in again.headers
    for stale in ('"other"', "", "rubbish"):
        again = await http.get(COMMENTS, params={"page_url": PAGE}, headers={"If-None-Match": stale})
        assert again.status == 200
    clock.advance(hours=1)
    await decide(http, "reject", one)
    await until_listed(lister, 0)
    after = await http.get(COMMENTS, params={"page_url": PAGE}, headers={"If-None-Match": tag})
    assert after.status == 200
    assert after.headers["ETag"] != tag
    assert parsedate_to_datetime(after.headers["Last-Modified"]) == clock.now


async def test_a_single_comment_is_revalidated_by_either_validator(http: ClientSession, clock: Clock) -> None:
    approved_at = clock.now
    comment_id = await published(http)
    path = f"{COMMENTS}/{comment_id}"
    clock.advance(hours=1)
    await published(http, body="un altro")
    first = await http.get(path)
    assert parsedate_to_datetime(first.headers["Last-Modified"]) == approved_at
    known = (
        {"If-None-Match": first.headers["ETag"]},
        {"If-Modified-Since": first.headers["Last-Modified"]},
    )
    for headers in known:
        assert (await http.get(path, headers=headers)).status == 304
        assert (await http.head(path, headers=headers)).status == 304
    await decide(http, "undo", comment_id)
    await decide(http, "approve", comment_id)
    again = await http.get(path, headers=known[1])
    assert again.status == 200
    assert parsedate_to_datetime(again.headers["Last-Modified"]) == clock.now


async def test_reading_makes_no_page(service: Running, lister: Lister) -> None:
    from moderation_service.storage.schema import pages  # noqa: PLC0415 - this test alone looks below

    await lister(f"{PAGE}/never-commented")
    async with service.container.database.read() as connection:
        assert (await connection.execute(pages.select())).all() == []


@in_turn(
    "page_url, status",
    [
        (PAGE + "x" * (2_000 - len(PAGE)), 202),
        (PAGE + "?" + "+" * (1_999 - len(PAGE)), 202),
        (PAGE + "漢" * ((2_000 - len(PAGE)) // 9), 202),
        (PAGE + "漢" * ((2_009 - len(PAGE)) // 9), 422),
    ],
)
async def test_a_page_that_takes_a_comment_can_be_read_by_its_address(
    http: ClientSession, page_url: str, status: int
) -> None:
    answer = await http.post(COMMENTS, json=a_submission(page_url=page_url))
    assert answer.status == status
    if status == 422:
        [fault] = (await answer.json())["errors"]["page_url"]
        assert fault["code"] == "too_long"
        return
    for asked in (page_url, (await answer.json())["page_url"]):
        assert (await http.get(COMMENTS, params={"page_url": asked})).status == 200


async def test_comments_that_arrive_together_keep_their_ids(http: ClientSession) -> None:
    texts = [f"commento {number}" for number in range(20)]
    receipts = await asyncio.gather(*(post(http, body=text) for text in texts))
    kept = {one["id"]: one["body"] for one in await queued(http)}
    assert [kept[receipt["id"]] for receipt in receipts] == texts


async def test_each_site_reads_its_own(http: ClientSession, lister: Lister) -> None:
    await published(http)
    assert (await lister(OTHER_PAGE))["count"] == 0


PARENTS = ["unknown", "pending", "rejected", "spam", "of another page", "of another site"]


@in_turn("parent", PARENTS)
async def test_only_an_approved_comment_of_the_page_is_answered(http: ClientSession, parent: str) -> None:
    if parent == "unknown":
        parent_id = "0197c0de-0000-7000-8000-000000000001"
    elif parent == "of another page":
        parent_id = await published(http, page_url=f"{PAGE}/2", body=parent)
    elif parent == "of another site":
        parent_id = (await post(http, page_url=OTHER_PAGE, body=parent))["id"]
    else:
        parent_id = (await post(http, body=parent))["id"]
        if parent != "pending":
            await decide(http, {"rejected": "reject"}.get(parent, parent), parent_id)
    answer = await http.post(COMMENTS, json=a_submission(parent_id=parent_id, body="risposta"))
    assert answer.status == 422
    assert (await answer.json())["errors"] == {
        "parent_id": [{"code": "invalid_parent", "message": "The comment being replied to is not on this page."}]
    }


async def test_an_answer_keeps_its_parent_even_when_the_parent_goes(http: ClientSession, lister: Lister) -> None:
    parent = await published(http)
    first = await published(http, body="risposta", parent_id=parent, page_url=f"{PAGE}?utm_source=x")
    second = await published(http, body="risposta alla risposta", parent_id=first)
    expected = [(parent, None), (first, parent), (second, first)]
    found = await until_listed(lister, 3)
    assert [(one["id"], one["parent_id"]) for one in found["comments"]] == expected
    await decide(http, "reject", parent)
    found = await until_listed(lister, 2)
    assert [(one["id"], one["parent_id"]) for one in found["comments"]] == expected[1:]
    refused = await http.post(COMMENTS, json=a_submission(parent_id=parent, body="tardi"))
    assert refused.status == 422
