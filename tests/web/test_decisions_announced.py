"""Whichever way a decision is taken, the very next reader of the same process sees it, without the tail's help."""

import re
from collections.abc import Awaitable, Callable

import pytest
from aiohttp import ClientSession

from moderation_service import workers
from moderation_service.services import changes
from tests.conftest import Start
from tests.desk import logged_in
from tests.factories import PAGE, bearer
from tests.mailed import post
from tests.smtp import MailServer

Decide = Callable[[str, str], Awaitable[None]]

_FIELD = re.compile(r'name="([^"]+)" value="([^"]*)"')
_PUBLIC_AFTER = {"approve": True, "undo": False, "spam": False}
_SEEN = {"approve": "pending", "undo": "approved", "spam": "pending"}


async def seen(http: ClientSession, comment_id: str) -> tuple[bool, bool, bool]:
    """Whether list, page and single answer show the comment."""
    query = {"page_url": PAGE}
    found = await (await http.get("/api/v1/comments", params=query)).json()
    page = await (await http.get("/comments", params=query)).text()
    alone = await http.get(f"/api/v1/comments/{comment_id}")
    return comment_id in [one["id"] for one in found["comments"]], comment_id in page, alone.status == 200


@pytest.mark.parametrize("way", ["link", "desk", "api"])
async def test_the_next_answer_shows_a_decision(
    way: str, start: Start, smtp: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "LOOK_FOR_CHANGES_EVERY", 3_600.0)
    monkeypatch.setattr(changes, "TRUSTED_FOR", 3_600.0)
    service = await start()
    async with ClientSession(service.url) as http:
        posted = await post(http, smtp)

        async def by_link(decision: str) -> None:
            path = posted.path("approve").removesuffix("approve") + decision
            form = (await (await http.get(posted.path("approve"))).text()).partition("</form>")[0]
            answer = await http.post(path, data=dict(_FIELD.findall(form)))
            assert answer.status == 200

        async def by_desk(decision: str) -> None:
            browser = await logged_in(http, smtp)
            one = f"{decision}.{posted.id}.{_SEEN[decision]}.1"
            assert (await browser.post("/desk/decisions", {"one": one})).status == 303

        async def by_api(decision: str) -> None:
            wanted = {"decisions": [{"id": posted.id, "decision": decision}]}
            answer = await http.post("/api/v1/moderation/decisions", json=wanted, headers=bearer())
            assert answer.status == 200

        decide = {"link": by_link, "desk": by_desk, "api": by_api}[way]
        assert await seen(http, posted.id) == (False, False, False)
        for decision, is_public in _PUBLIC_AFTER.items():
            await decide(decision)
            assert await seen(http, posted.id) == (is_public,) * 3, decision
