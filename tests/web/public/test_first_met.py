"""A page has one address in every answer: the one under which it was first met, which works on its website."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import ClientSession

from moderation_service.storage.comments import pages
from moderation_service.storage.engine.database import Connection
from tests.conftest import Clock
from tests.support.factories import bearer
from tests.support.mailed import ANNA, html_links
from tests.support.mailed import post as mailed_post
from tests.support.posting import COMMENTS, decide, post
from tests.support.running import Running
from tests.support.smtp import MailServer

SENT = "https://www.example.org/caff%e8?utm_source=mail#top"
FIRST = "https://www.example.org/caff%E8"
OTHERS = (
    "https://www.example.org/caffè",
    "https://www.example.org/caffe\N{COMBINING GRAVE ACCENT}",
    "https://www.example.org/caff%C3%A8?fbclid=1",
)
_FIELD = re.compile(r'name="page_url" value="([^"]+)"')


async def listed(http: ClientSession, page_url: str) -> Any:
    answer = await http.get(COMMENTS, params={"page_url": page_url})
    assert answer.status == 200
    return (await answer.json())["page_url"]


async def test_every_answer_names_the_address_under_which_the_page_was_first_met(
    http: ClientSession, smtp: MailServer
) -> None:
    posted = await mailed_post(http, smtp, page_url=SENT)
    receipts = [await post(http, page_url=url, body=f"da {url}") for url in (*OTHERS, SENT)]
    assert {one["page_url"] for one in receipts} == {FIRST}
    await decide(http, "approve", posted.id)
    assert {await listed(http, url) for url in (*OTHERS, SENT, *OTHERS)} == {FIRST}

    feed = await (await http.get("/api/v1/changes", params={"site": "coop"})).json()
    assert [one["page_url"] for one in feed["changes"]] == [FIRST]
    answer = await http.get("/api/v1/moderation/comments", params={"page_url": OTHERS[0]}, headers=bearer())
    assert [one["page_url"] for one in (await answer.json())["comments"]] == [FIRST] * 5

    for url in (*OTHERS, SENT):
        text = await (await http.get("/comments", params={"page_url": url})).text()
        assert f'<a href="{FIRST}"><cite>' in text
        assert _FIELD.findall(text) == [FIRST]
    assert FIRST in posted.mails[ANNA].text()
    assert html_links(posted.mails[ANNA])
    assert f'href="{FIRST}"' in await (await http.get(posted.path("approve"))).text()


async def test_a_used_key_answers_as_the_first_time_by_whatever_address_the_page_was_met(
    http: ClientSession,
) -> None:
    await post(http, page_url=SENT, body="prima")
    first = await post(http, page_url=OTHERS[0], headers={"Idempotency-Key": "one"})
    assert first["page_url"] == FIRST
    for _ in range(2):
        assert await post(http, page_url=OTHERS[0], headers={"Idempotency-Key": "one"}) == first


async def test_a_page_that_was_never_met_has_the_address_as_asked(http: ClientSession) -> None:
    assert await listed(http, OTHERS[0]) == "https://www.example.org/caff%C3%A8"


async def test_the_address_of_a_page_is_looked_up_once_and_never_where_nothing_sure_is_known(
    service: Running, http: ClientSession, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first comment's own transaction may still be undone: what it wrote is not remembered."""
    looked: list[list[str]] = []
    look: Callable[..., Any] = pages.met

    async def counting(connection: Connection, page_ids: list[str]) -> Any:
        looked.append(page_ids)
        return await look(connection, page_ids)

    monkeypatch.setattr(pages, "met", counting)
    for number in range(5):
        await post(http, page_url=SENT, body=str(number))
        clock.advance(seconds=1)
    assert len(looked) == 2
    await service.container.page_addresses.begin_anew()
    await post(http, page_url=SENT, body="di nuovo")
    assert len(looked) == 3
