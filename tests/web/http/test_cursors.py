"""Cursors that a client made up, kept for too long or sends to the wrong place; and questions for far too much."""

import uuid
from pathlib import Path

import pytest
from aiohttp import ClientSession

from tests.support.factories import PAGE, bearer
from tests.support.posting import decide, post, published

COMMENTS = "/api/v1/comments"
COUNTS = "/api/v1/counts"
MODERATION = "/api/v1/moderation"
FIRST = "00000000-0000-0000-0000-000000000000"
LAST = "ffffffff-ffff-ffff-ffff-ffffffffffff"


@pytest.fixture
def place(tmp_path: Path) -> str:
    """One engine is enough for what is refused before it is asked; places in an order are compared elsewhere."""
    return f"sqlite:///{tmp_path}/test.db"


ROUTES = [
    (COMMENTS, {"page_url": PAGE}),
    (COMMENTS, {"page_url": PAGE, "order": "newest"}),
    (COMMENTS, {"page_url": PAGE, "view": "threads"}),
    ("/comments", {"page_url": PAGE}),
    ("/embed/comments.html", {"page_url": PAGE}),
    ("/api/v1/pages", {"site": "coop"}),
    ("/feeds/atom", {"site": "coop"}),
    ("/feeds/json", {"page_url": PAGE}),
    (f"{MODERATION}/comments", {}),
    (f"{MODERATION}/pages", {}),
    (f"{MODERATION}/blocks", {}),
]
"""Every route that goes on behind a cursor, but for those behind a secret."""


async def test_a_cursor_that_was_never_given_out_is_refused_by_every_route(http: ClientSession) -> None:
    comment_id = await published(http)
    tampered = [
        comment_id[:-1],
        f"{comment_id}0",
        comment_id.replace("-", ""),
        f"{{{comment_id}}}",
        f"urn:uuid:{comment_id}",
        f"{comment_id[:-1]}g",
        f"123456.{comment_id}",
        f"-1.{comment_id}",
        f"1.2.{comment_id}",
        "2",
        "eyJpZCI6IDF9",
        "' OR 1=1 --",
        "%00",
        "x" * 4_000,
    ]
    for path, query in ROUTES:
        for cursor in tampered:
            answer = await http.get(path, params=query | {"cursor": cursor}, headers=bearer())
            assert answer.status == 422, (path, cursor)
            if not path.startswith("/comments"):
                errors = (await answer.json())["errors"]
                assert [one["code"] for one in errors["cursor"]] == ["invalid_cursor"], (path, cursor)


async def test_a_cursor_of_another_order_is_refused_by_the_queue(http: ClientSession) -> None:
    comment_id = (await post(http))["id"]
    for order, cursor in (("oldest", f"0.{comment_id}"), ("queue", comment_id), ("queue", f"32768.{comment_id}")):
        query = {"order": order, "cursor": cursor}
        answer = await http.get(f"{MODERATION}/comments", params=query, headers=bearer())
        assert answer.status == 422, query


async def test_a_cursor_of_another_page_is_a_place_in_time_and_shows_nothing_of_that_page(
    http: ClientSession,
) -> None:
    here = [await published(http, body="uno")]
    elsewhere = await published(http, body="altrove", page_url=f"{PAGE}/altra")
    here += [await published(http, body="due")]
    waiting = (await post(http, body="in attesa"))["id"]
    for cursor, shown in (
        (elsewhere, here[1:]),
        (elsewhere.upper(), here[1:]),
        (waiting, []),
        (FIRST, here),
        (LAST, []),
        (str(uuid.UUID(int=uuid.UUID(here[0]).int + 1)), here[1:]),
    ):
        answer = await http.get(COMMENTS, params={"page_url": PAGE, "cursor": cursor})
        found = await answer.json()
        assert (answer.status, [one["id"] for one in found["comments"]], found["count"]) == (200, shown, 2), cursor
    await decide(http, "undo", here[0])
    answer = await http.get(COMMENTS, params={"page_url": PAGE, "cursor": here[0]})
    assert [one["id"] for one in (await answer.json())["comments"]] == here[1:]


async def test_ten_thousand_pages_at_once_are_refused_on_every_way(http: ClientSession) -> None:
    urls = [f"http://x.example/{number}" for number in range(10_000)]
    answer = await http.post(COUNTS, json={"page_urls": urls})
    assert answer.status == 422
    assert (await answer.json())["errors"]["page_urls"][0]["code"] == "too_many"
    assert (await http.post(COUNTS, json={"page_urls": urls * 2})).status == 413
    answer = await http.get(f"{COUNTS}?{'&'.join(f'page_url={url}' for url in urls)}")
    assert (answer.status, (await answer.json())["type"]) == (400, "urn:moderation-service:problem:malformed")
    answer = await http.get(f"{COUNTS}?{'&'.join(['page_url='] * 3_000)}")
    assert answer.status == 422
    answer = await http.get(f"{COMMENTS}?{'&'.join(['page_url=http://x.example/'] * 1_000)}")
    assert (answer.status, (await answer.json())["errors"]["page_url"][0]["code"]) == (422, "repeated")
