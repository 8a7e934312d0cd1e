"""Whichever way a decision is taken, the very next reader of the same process sees it, without the tail's help."""

import re
from collections.abc import Awaitable, Callable

import pytest
from aiohttp import ClientSession

from moderation_service.runtime.intervals import Intervals
from tests.conftest import Start
from tests.support.contract import client_of
from tests.support.desk import logged_in
from tests.support.factories import PAGE, bearer
from tests.support.mailed import post
from tests.support.smtp import MailServer
from tests.support.time_limits import PATIENCE

Decide = Callable[[str, str], Awaitable[None]]

_FIELD = re.compile(r'name="([^"]+)" value="([^"]*)"')
_UNDO = re.compile(r'formaction="(/desk/bulk/[^"]+/undo)')
_BULK = re.compile(r'data-count="bulk:([^"]+)"')
_PUBLIC_AFTER = {"approve": True, "undo": False, "spam": False}
_SEEN = {"approve": "pending", "undo": "approved", "spam": "pending"}


async def seen(http: ClientSession, comment_id: str) -> tuple[bool, bool, bool]:
    """Whether list, page and single answer show the comment."""
    query = {"page_url": PAGE}
    found = await (await http.get("/api/v1/comments", params=query)).json()
    page = await (await http.get("/comments", params=query)).text()
    alone = await http.get(f"/api/v1/comments/{comment_id}")
    return comment_id in [one["id"] for one in found["comments"]], comment_id in page, alone.status == 200


@pytest.mark.parametrize("way", ["link", "digest", "desk", "bulk", "api"])
async def test_the_next_answer_shows_a_decision(way: str, start: Start, smtp: MailServer) -> None:
    service = await start(intervals=Intervals(changes=3_600.0, changes_trusted_for=3_600.0))
    async with client_of(service.url) as http:
        posted = await post(http, smtp)

        async def by_link(decision: str) -> None:
            path = posted.path("approve").removesuffix("approve") + decision
            form = (await (await http.get(posted.path("approve"))).text()).partition("</form>")[0]
            answer = await http.post(path, data=dict(_FIELD.findall(form)))
            assert answer.status == 200

        async def by_digest(decision: str) -> None:
            if decision != "approve":
                await by_api(decision)
                return
            links = service.container.links
            path = f"/moderate/{links.of_digests.mint([links.read(posted.token())])}/all"
            form = dict(_FIELD.findall(await (await http.get(path)).text()))
            assert (await http.post(path, data={"shown": form["shown"]})).status == 200

        async def by_bulk(decision: str) -> None:
            browser = await logged_in(http, smtp)
            if decision == "undo":
                page = await (await browser.get("/desk?status=any")).text()
                path, wanted = _UNDO.findall(page)[0], {}
            else:
                page = await (await browser.get("/desk?scope=all")).text()
                path, wanted = "/desk/bulk", {"snapshot": dict(_FIELD.findall(page))["snapshot"], "all": decision}
            assert (await browser.post(path, wanted)).status == 303
            if decision == "undo":
                bulk_id = path.split("/")[3]
            else:
                [bulk_id] = _BULK.findall(await (await browser.get("/desk?status=any")).text())
            await service.container.bulks.settled(bulk_id, within=PATIENCE)

        async def by_desk(decision: str) -> None:
            browser = await logged_in(http, smtp)
            one = f"{decision}.{posted.id}.{_SEEN[decision]}.1"
            assert (await browser.post("/desk/decisions", {"one": one})).status == 303

        async def by_api(decision: str) -> None:
            wanted = {"decisions": [{"id": posted.id, "decision": decision}]}
            answer = await http.post("/api/v1/moderation/decisions", json=wanted, headers=bearer())
            assert answer.status == 200

        ways = {"link": by_link, "digest": by_digest, "desk": by_desk, "bulk": by_bulk, "api": by_api}
        decide = ways[way]
        assert await seen(http, posted.id) == (False, False, False)
        for decision, is_public in _PUBLIC_AFTER.items():
            await decide(decision)
            assert await seen(http, posted.id) == (is_public,) * 3, decision
