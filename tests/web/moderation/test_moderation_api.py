"""Programs that moderate: the queue, many decisions at once, their history, and what the public is told."""

import asyncio
from typing import Any
from uuid import uuid4

import pytest
from aiohttp import ClientSession
from sqlalchemy import select

from moderation_service.storage.engine.database import Database
from moderation_service.storage.schema import comments
from tests.conftest import Clock
from tests.support.cases import one_engine
from tests.support.factories import ADDRESS, API_KEY, OTHER_API_KEY, OTHER_PAGE, PAGE, a_submission, bearer
from tests.support.time_limits import PATIENCE

QUEUE = "/api/v1/moderation/comments"
DECISIONS = "/api/v1/moderation/decisions"


async def posted(http: ClientSession, **changed: Any) -> str:
    answer = await http.post("/api/v1/comments", json=a_submission(**changed))
    assert answer.status == 202, await answer.text()
    return str((await answer.json())["id"])


async def queue(http: ClientSession, key: str = API_KEY, **query: str) -> dict[str, Any]:
    answer = await http.get(QUEUE, params=query, headers=bearer(key))
    assert answer.status == 200, await answer.text()
    found: dict[str, Any] = await answer.json()
    return found


async def decide(http: ClientSession, *decisions: dict[str, Any], key: str = API_KEY) -> list[tuple[str, str]]:
    answer = await http.post(DECISIONS, json={"decisions": list(decisions)}, headers=bearer(key))
    assert answer.status == 200, await answer.text()
    return [(one["status"], one["outcome"]) for one in (await answer.json())["results"]]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": ""},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer wrong"},
        {"Authorization": f"Basic {API_KEY}"},
        {"Authorization": f"Bearer {API_KEY}x"},
        {"Authorization": "Bearer 6dbe92d43edffb80f3b7d601dd0805183cb1f9516dfee8c449ad7ffdc8ae3de3"},
    ],
)
@one_engine
async def test_nothing_is_shown_or_done_without_a_key(http: ClientSession, headers: dict[str, str]) -> None:
    comment_id = await posted(http)
    for answer in (
        await http.get(QUEUE, headers=headers),
        await http.get(f"{QUEUE}/{comment_id}/history", headers=headers),
        await http.post(DECISIONS, json={"decisions": []}, headers=headers),
        await http.post(DECISIONS, data=b"\xff", headers=headers),
    ):
        assert answer.status == 401
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        assert (await answer.json())["type"].endswith(":unauthorized")


async def test_the_queue_is_listed_by_status_page_and_words_in_slices(http: ClientSession) -> None:
    ids = [await posted(http, body=f"commento {n} al 100%_", author_name=f"Nome {n}") for n in range(5)]
    elsewhere = await posted(http, page_url=f"{PAGE}/altro?utm_source=x", body="Èlsewhere")
    foreign = await posted(http, page_url=OTHER_PAGE)
    await decide(http, {"id": ids[1], "decision": "approve"}, {"id": ids[3], "decision": "spam"})

    seen, cursor = [], None
    while True:
        found = await queue(http, limit="2", **({"cursor": cursor} if cursor else {}))
        seen += [one["id"] for one in found["comments"]]
        cursor = found["next_cursor"]
        if cursor is None:
            break
        assert len(found["comments"]) == 2
    assert seen == [*ids, elsewhere]

    async def listed(**query: str) -> list[str]:
        return [one["id"] for one in (await queue(http, **query))["comments"]]

    assert await listed(status="pending") == [ids[0], ids[2], ids[4], elsewhere]
    assert await listed(status="approved") == [ids[1]]
    assert await listed(status="rejected") == []
    assert await listed(status="spam") == [ids[3]]
    assert await listed(page_url=f"{PAGE}/altro#respond") == [elsewhere]
    assert await listed(q="commento 4") == [ids[4]]
    assert await listed(q="NOME 2") == [ids[2]]
    assert await listed(q="100%_", status="spam") == [ids[3]]
    assert await listed(q="%") == ids
    assert await listed(q="giuliana.canary") == []
    assert [one["id"] for one in (await queue(http, OTHER_API_KEY))["comments"]] == [foreign]


@pytest.mark.parametrize(
    "query",
    [
        {"status": "unknown"},
        {"limit": "0"},
        {"limit": "201"},
        {"limit": "many"},
        {"cursor": "not-an-id"},
        {"page_url": "nowhere"},
        {"q": "x" * 201},
    ],
)
@one_engine
async def test_a_query_that_makes_no_sense_is_named(http: ClientSession, query: dict[str, str]) -> None:
    answer = await http.get(QUEUE, params=query, headers=bearer())
    assert answer.status == 422
    assert set((await answer.json())["errors"]) == set(query)


async def test_moderating_programs_see_masked_addresses_only(http: ClientSession) -> None:
    comment_id = await posted(http)
    await decide(http, {"id": comment_id, "decision": "approve", "note": "bene"})
    for path in (QUEUE, f"{QUEUE}/{comment_id}/history"):
        answer = await http.get(path, headers=bearer())
        assert ADDRESS not in await answer.text()
        assert answer.headers["Cache-Control"] == "no-store"
    [one] = (await queue(http))["comments"]
    assert one["author_email_masked"] == "g…@e….com"


async def test_decisions_are_answered_each_by_its_outcome_in_order(http: ClientSession) -> None:
    first, second, third = [await posted(http, body=f"il {n}") for n in range(3)]
    foreign, unknown = await posted(http, page_url=OTHER_PAGE), str(uuid4())
    assert await decide(
        http,
        {"id": second, "decision": "approve", "expected_status": "pending", "note": "bene"},
        {"id": first, "decision": "reject", "expected_status": "approved"},
        {"id": foreign, "decision": "approve"},
        {"id": unknown, "decision": "approve"},
        {"id": second, "decision": "approve", "expected_status": "pending"},
        {"id": second, "decision": "spam", "expected_status": "approved"},
        {"id": second, "decision": "undo"},
        {"id": third, "decision": "undo"},
    ) == [
        ("approved", "done"),
        ("pending", "conflict"),
        (None, "not_found"),
        (None, "not_found"),
        ("approved", "unchanged"),
        ("spam", "done"),
        ("approved", "done"),
        ("pending", "conflict"),
    ]
    answer = await http.get(f"{QUEUE}/{second}/history", headers=bearer())
    lines = (await answer.json())["history"]
    assert [(line["decision"], line["from_status"], line["to_status"], line["note"]) for line in lines] == [
        ("approve", "pending", "approved", "bene"),
        ("spam", "approved", "spam", None),
        ("undo", "spam", "approved", None),
    ]
    assert {(line["means"], line["actor"]) for line in lines} == {("api", None)}
    assert (await queue(http, OTHER_API_KEY))["comments"][0]["status"] == "pending"


async def test_history_is_given_of_the_sites_own_comments_only(http: ClientSession) -> None:
    foreign = await posted(http, page_url=OTHER_PAGE)
    for comment_id in (foreign, str(uuid4()), "nonsense"):
        answer = await http.get(f"{QUEUE}/{comment_id}/history", headers=bearer())
        assert answer.status == 404
    answer = await http.get(f"{QUEUE}/{foreign}/history", headers=bearer(OTHER_API_KEY))
    assert (await answer.json())["history"] == []


async def test_a_program_decides_at_any_time_and_undoes_within_a_day(http: ClientSession, clock: Clock) -> None:
    comment_id = await posted(http)
    await decide(http, {"id": comment_id, "decision": "reject"})
    clock.advance(days=400)
    assert await decide(http, {"id": comment_id, "decision": "undo"}) == [("rejected", "conflict")]
    assert await decide(http, {"id": comment_id, "decision": "approve"}) == [("approved", "done")]
    clock.advance(hours=24)
    assert await decide(http, {"id": comment_id, "decision": "undo"}) == [("rejected", "done")]


@one_engine
async def test_five_hundred_decisions_pass_and_one_more_does_not(http: ClientSession) -> None:
    comment_id = await posted(http)
    one = {"id": comment_id, "decision": "approve"}
    answer = await http.post(DECISIONS, json={"decisions": [one] * 501}, headers=bearer())
    assert answer.status == 422
    assert (await answer.json())["errors"]["decisions"][0]["code"] == "too_many"
    assert (await queue(http))["comments"][0]["status"] == "pending"
    results = await decide(http, *[one] * 500)
    assert results == [("approved", "done")] + [("approved", "unchanged")] * 499
    assert await decide(http) == []


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "decisions"),
        ({"decisions": None}, "decisions"),
        ({"decisions": {}}, "decisions"),
        ([], "body"),
        ({"decisions": [3]}, "decisions.0"),
        ({"decisions": [{"decision": "approve"}]}, "decisions.0.id"),
        ({"decisions": [{"id": "x", "decision": "approve"}]}, "decisions.0.id"),
        ({"decisions": [{"id": str(uuid4()), "decision": "delete"}]}, "decisions.0.decision"),
        ({"decisions": [{"id": str(uuid4()), "decision": ["approve"]}]}, "decisions.0.decision"),
        (
            {"decisions": [{"id": str(uuid4()), "decision": "spam", "expected_status": "gone"}]},
            "decisions.0.expected_status",
        ),
        ({"decisions": [{"id": str(uuid4()), "decision": "spam", "note": "x" * 1001}]}, "decisions.0.note"),
        ({"decisions": [{"id": str(uuid4()), "decision": "spam", "note": "a\r\nb"}]}, "decisions.0.note"),
        ({"decisions": [{"id": str(uuid4()), "decision": "spam", "reason": "x"}]}, "decisions.0.reason"),
        ({"decisions": [], "all": True}, "all"),
    ],
)
@one_engine
async def test_a_decision_that_makes_no_sense_is_named_with_its_place(
    http: ClientSession, body: Any, field: str
) -> None:
    answer = await http.post(DECISIONS, json=body, headers=bearer())
    assert answer.status == 422
    assert set((await answer.json())["errors"]) == {field}


async def test_change_numbers_rise_by_site_and_for_visible_changes_only(
    http: ClientSession, database: Database
) -> None:
    first, second = await posted(http, body="uno"), await posted(http, body="due")
    foreign = await posted(http, page_url=OTHER_PAGE)

    async def numbers() -> dict[str, int | None]:
        async with database.read() as connection:
            rows = await connection.execute(select(comments.c.id, comments.c.change_number))
            return {row.id: row.change_number for row in rows}

    async def taken(comment_id: str, decision: str, key: str = API_KEY) -> int | None:
        [(_, outcome)] = await decide(http, {"id": comment_id, "decision": decision}, key=key)
        assert outcome == "done"
        return (await numbers())[comment_id]

    assert await taken(first, "reject") is None
    assert await taken(first, "spam") is None
    assert await taken(first, "approve") == 1
    assert await taken(second, "approve") == 2
    assert await taken(first, "reject") == 3
    assert await taken(first, "spam") == 3
    assert await taken(first, "undo") == 3
    assert await taken(second, "undo") == 4
    assert await taken(foreign, "approve", OTHER_API_KEY) == 1


async def test_change_numbers_become_visible_in_their_order(http: ClientSession, database: Database) -> None:
    ids = [await posted(http, body=f"commento {n}") for n in range(16)]

    async def follow() -> None:
        """Read as the change feed does: nothing may appear behind what was read already."""
        last = 0
        while last < len(ids):
            async with database.read() as connection:
                rows = await connection.execute(
                    select(comments.c.change_number).where(comments.c.change_number.is_not(None))
                )
                visible = set(rows.scalars())
            assert visible == set(range(1, len(visible) + 1))
            last = len(visible)

    async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as group:
        group.create_task(follow())
        for one in reversed(ids):
            group.create_task(decide(http, {"id": one, "decision": "approve"}))
