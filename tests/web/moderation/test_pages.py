"""The pages of a site for its programs: listed with what moderators know, closed and moved."""

from dataclasses import replace
from typing import Any

import pytest
from aiohttp import ClientSession

from tests.conftest import Clock, Start
from tests.support.cases import in_turn, one_engine
from tests.support.contract import client_of
from tests.support.factories import OTHER_API_KEY, OTHER_PAGE, PAGE, bearer
from tests.support.posting import COMMENTS, post, published, status_of
from tests.support.running import until
from tests.support.time_limits import PATIENT, patient

PAGES = "/api/v1/moderation/pages"
NEW = "https://www.example.org/noi"
THIRD = "https://www.example.org/terzo"


async def listed(http: ClientSession, **asked: str) -> dict[str, Any]:
    answer = await http.get(PAGES, params=asked, headers=bearer())
    assert answer.status == 200, await answer.text()
    found: dict[str, Any] = await answer.json()
    return found


async def change(http: ClientSession, *changes: dict[str, Any], dry_run: bool = False) -> list[dict[str, Any]]:
    asked = {"pages": list(changes), "dry_run": dry_run}
    answer = await http.post(PAGES, json=asked, headers=bearer())
    assert answer.status == 200, await answer.text()
    results: list[dict[str, Any]] = (await answer.json())["results"]
    return results


async def bodies(http: ClientSession, page_url: str) -> list[str]:
    found = await (await http.get(COMMENTS, params={"page_url": page_url})).json()
    return [one["body"] for one in found["comments"]]


async def test_a_site_lists_its_own_pages_with_what_waits_there(http: ClientSession) -> None:
    await published(http, body="prima")
    await post(http, body="seconda")
    await post(http, page_url=NEW, page_title="Noi")
    await post(http, page_url=OTHER_PAGE)
    known = {
        "page_url": PAGE,
        "page_title": "Chi siamo",
        "title_is_set": False,
        "published": 1,
        "waiting": 1,
        "commenting": "by_rule",
        "is_closed": False,
        "closes_at": None,
        "aliases": [],
    }
    waiting = known | {"page_url": NEW, "page_title": None, "published": 0}
    found = await listed(http, site="coop")
    assert found["next_cursor"] is None
    assert sorted(found["pages"], key=lambda one: one["page_url"]) == [known, waiting]
    first = await listed(http, limit="1")
    second = await listed(http, limit="1", cursor=first["next_cursor"])
    assert first["pages"] + second["pages"] == found["pages"]
    assert second["next_cursor"] is None
    assert await listed(http, page_url=f"{PAGE}/?utm_source=x") == {"pages": [known], "next_cursor": None}
    assert (await listed(http, page_url=f"{PAGE}/mai"))["pages"] == []
    for asked, status in (
        ({"site": "altro"}, 403),
        ({"page_url": OTHER_PAGE}, 403),
        ({"page_url": "ftp://x"}, 422),
        ({"cursor": "x"}, 422),
        ({"limit": "201"}, 422),
    ):
        assert (await http.get(PAGES, params=asked, headers=bearer())).status == status
    theirs = await (await http.get(PAGES, headers=bearer(OTHER_API_KEY))).json()
    assert [one["page_url"] for one in theirs["pages"]] == [OTHER_PAGE]


async def test_pages_are_changed_each_on_its_own_and_a_dry_run_changes_nothing(http: ClientSession) -> None:
    await published(http, body="prima")
    await published(http, body="seconda", page_url=NEW)
    await post(http, body="terza", page_url=NEW)
    wanted = (
        {"page_url": PAGE, "page_title": "Noi", "commenting": "closed", "move_to": NEW},
        {"page_url": f"{PAGE}/mai", "page_title": "Mai"},
        {"page_url": f"{PAGE}/mai", "move_to": THIRD},
        {"page_url": f"{PAGE}/mai", "commenting": "by_rule"},
        {"page_url": PAGE},
    )
    before = await listed(http)
    dry = await change(http, *wanted, dry_run=True)
    assert await listed(http) == before
    outcomes = ["done", "not_found", "not_found", "unchanged", "unchanged"]
    assert [one["outcome"] for one in dry] == outcomes
    assert dry[0]["move"] == {"comments": 1, "joins": True, "is_complete": False}

    done = await change(http, *wanted)
    assert [one["outcome"] for one in done] == outcomes
    assert [one["page_url"] for one in done] == [one["page_url"] for one in wanted]
    assert done[0]["move"] == {"comments": 1, "joins": True, "is_complete": True}
    page = done[0]["page"]
    assert page == done[4]["page"]
    assert (page["page_url"], page["aliases"], page["published"], page["waiting"]) == (NEW, [PAGE], 2, 1)
    assert (page["page_title"], page["is_closed"], page["commenting"]) == ("Noi", True, "closed")
    for url in (PAGE, NEW):
        assert await bodies(http, url) == ["prima", "seconda"]
        assert await status_of(http, page_url=url) == 403


async def test_a_move_is_done_once_refused_where_it_contradicts_and_taken_back(http: ClientSession) -> None:
    await published(http, body="prima")
    assert [one["outcome"] for one in await change(http, {"page_url": PAGE, "move_to": NEW})] == ["done"]
    again = await change(
        http,
        {"page_url": PAGE, "move_to": NEW},
        {"page_url": NEW, "move_to": f"{NEW}/"},
        {"page_url": PAGE, "move_to": THIRD, "page_title": "Altro"},
        {"page_url": NEW, "move_to": PAGE},
    )
    assert [one["outcome"] for one in again] == ["unchanged", "unchanged", "conflict", "done"]
    assert again[2]["page"]["page_url"] == NEW
    assert again[2]["page"]["title_is_set"] is False
    assert again[3]["page"]["page_url"] == PAGE
    assert await bodies(http, NEW) == await bodies(http, PAGE) == ["prima"]


@pytest.fixture
async def one_page(http: ClientSession) -> None:
    await published(http)


@pytest.mark.usefixtures("one_page")
@in_turn(
    "changed, status, names",
    [
        ({"page_url": "x"}, 422, {"pages.1.page_url"}),
        ({"page_url": OTHER_PAGE, "move_to": OTHER_PAGE}, 403, {"pages.1.page_url", "pages.1.move_to"}),
        ({"move_to": "https://unknown.example.org/"}, 403, {"pages.1.move_to"}),
        ({"move_to": "http://["}, 422, {"pages.1.move_to"}),
        ({"commenting": "shut"}, 422, {"pages.1.commenting"}),
        ({"page_title": "a\nb"}, 422, {"pages.1.page_title"}),
        ({"closed": True}, 422, {"pages.1.closed"}),
    ],
)
async def test_bad_input_is_named_and_changes_no_page(
    http: ClientSession, changed: dict[str, Any], status: int, names: set[str]
) -> None:
    before = await listed(http)
    asked = {"pages": [{"page_url": PAGE, "commenting": "closed"}, {"page_url": PAGE, **changed}]}
    answer = await http.post(PAGES, json=asked, headers=bearer())
    assert (answer.status, set((await answer.json())["errors"])) == (status, names)
    assert await listed(http) == before


@one_engine
@in_turn(
    "asked, name",
    [
        ({}, "pages"),
        ({"pages": [{}] * 101}, "pages"),
        ({"pages": [None]}, "pages.0"),
        ({"pages": [], "dry_run": "yes"}, "dry_run"),
    ],
)
async def test_a_request_of_another_shape_is_refused(
    http: ClientSession, asked: dict[str, Any], name: str
) -> None:
    answer = await http.post(PAGES, json=asked, headers=bearer())
    assert (answer.status, set((await answer.json())["errors"])) == (422, {name})


async def test_a_large_move_answers_in_time_and_goes_on_beside_all_else(start: Start, clock: Clock) -> None:
    """Meanwhile the comments are read and counted under the new address, and the page stays closed."""
    limits = patient(database=replace(PATIENT, page_rows=1), page_moves_within=0)
    running = await start(clock=clock, limits=limits)
    async with client_of(running.url) as http:
        for number in range(5):
            await published(http, body=f"{number}")
        [done] = await change(http, {"page_url": PAGE, "commenting": "closed", "move_to": NEW})
        assert done["move"] == {"comments": 5, "joins": False, "is_complete": False}
        assert (done["page"]["page_url"], done["page"]["published"]) == (NEW, 5)
        for url in (PAGE, NEW):
            assert await bodies(http, url) == [f"{number}" for number in range(5)]
        assert await status_of(http, page_url=NEW) == 403
        await until(lambda: running.container.page_addresses.is_settled)
        assert await bodies(http, PAGE) == [f"{number}" for number in range(5)]
