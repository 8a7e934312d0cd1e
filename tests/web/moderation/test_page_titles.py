"""What a page is called: by its earliest published comment, or as a moderator or a program of the site says."""

import re
from datetime import timedelta
from email.utils import parsedate_to_datetime
from html import unescape
from typing import Any
from urllib.parse import urlsplit

import pytest
from aiohttp import ClientSession

from tests.conftest import Clock, Start
from tests.support.contract import client_of
from tests.support.desk import Browser, logged_in, text_of
from tests.support.factories import API_KEY, OTHER_API_KEY, OTHER_PAGE, PAGE, bearer
from tests.support.posting import COMMENTS, decide, post, published
from tests.support.running import Running, until
from tests.support.smtp import MailServer

TITLES = "/api/v1/moderation/pages"
_CITED = re.compile(r"<cite><bdi>(.*?)</bdi></cite>")
_FIELD = re.compile(r'name="page_title" value="([^"]*)"')


async def cited(http: ClientSession, page_url: str = PAGE) -> str:
    """What the page of comments calls the page."""
    text = await (await http.get("/comments", params={"page_url": page_url})).text()
    return unescape(_CITED.findall(text)[0])


async def set_title(http: ClientSession, title: str | None, page_url: str = PAGE) -> Any:
    asked = {"pages": [{"page_url": page_url, "page_title": title}]}
    answer = await http.post(TITLES, json=asked, headers=bearer())
    assert answer.status == 200, await answer.text()
    [result] = (await answer.json())["results"]
    return titled(result["page"])


def titled(page: dict[str, Any]) -> dict[str, Any]:
    return {name: page[name] for name in ("page_url", "page_title", "title_is_set")}


async def test_a_program_sets_a_title_and_gives_it_back_to_the_rule(http: ClientSession) -> None:
    await post(http, page_title="in attesa")
    await published(http, page_title=None, body="prima")
    assert await cited(http) == PAGE
    await published(http, page_title="Chi siamo", body="seconda")
    await published(http, page_title="Comprate qui", body="terza")
    assert await cited(http) == "Chi siamo"
    known = {"page_url": PAGE, "page_title": "Chi siamo", "title_is_set": False}
    asked = await http.get(TITLES, params={"page_url": f"{PAGE}?utm_source=x"}, headers=bearer())
    assert [titled(one) for one in (await asked.json())["pages"]] == [known]

    answered = await set_title(http, "  Chi <siamo> noi ")
    assert answered == {"page_url": PAGE, "page_title": "Chi <siamo> noi", "title_is_set": True}
    assert await cited(http) == "Chi <siamo> noi"
    await published(http, page_title="Comprate ora", body="quarta")
    assert await cited(http) == "Chi <siamo> noi"
    assert await set_title(http, None) == known
    assert await cited(http) == "Chi siamo"


async def test_every_process_shows_a_new_title_and_followers_hear_of_it(start: Start, clock: Clock) -> None:
    """Also of a page without published comments, which has none that could change."""
    one, other = await start(clock=clock), await start(clock=clock)
    empty = f"{PAGE}/vuota"
    async with client_of(one.url) as http, client_of(other.url) as elsewhere:
        await published(http, body="prima")
        newest = await published(http, body="seconda")
        await post(http, page_url=empty)
        assert [await cited(elsewhere, url) for url in (PAGE, empty)] == ["Chi siamo", empty]
        head = (await (await http.get("/api/v1/changes", params={"site": "coop"})).json())["head"]
        clock.advance(minutes=1)
        for url in (PAGE, empty):
            await set_title(http, "Noi", url)
            assert await cited(http, url) == "Noi"
            await until(lambda url=url: is_cited(elsewhere, "Noi", url))  # type: ignore[misc]
        asked = {"site": "coop", "after": str(head)}
        feed = await (await elsewhere.get("/api/v1/changes", params=asked)).json()
        assert [one["comment_id"] for one in feed["changes"]] == [newest]
        for client in (http, elsewhere):
            answer = await client.get(COMMENTS, params={"page_url": PAGE})
            assert parsedate_to_datetime(answer.headers["Last-Modified"]) == clock.now
        clock.advance(minutes=1)
        await set_title(http, "Noi")
        answer = await http.get(COMMENTS, params={"page_url": PAGE})
        assert parsedate_to_datetime(answer.headers["Last-Modified"]) == clock.now - timedelta(minutes=1)


async def is_cited(http: ClientSession, title: str, page_url: str) -> bool:
    return await cited(http, page_url) == title


@pytest.mark.parametrize(
    ("changed", "key", "status"),
    [
        ({}, OTHER_API_KEY, 403),
        ({"page_url": OTHER_PAGE}, API_KEY, 403),
        ({"page_url": "https://unknown.example.org/"}, API_KEY, 403),
        ({"page_title": "x" * 501}, API_KEY, 422),
        ({"page_title": "a\nb"}, API_KEY, 422),
        ({"page_url": "ftp://www.example.org/"}, API_KEY, 422),
        ({"closed": True}, API_KEY, 422),
    ],
)
async def test_what_is_refused_changes_nothing(
    http: ClientSession, changed: dict[str, Any], key: str, status: int
) -> None:
    await published(http)
    asked = {"pages": [{"page_url": PAGE, "page_title": "Noi"} | changed]}
    assert (await http.post(TITLES, json=asked, headers=bearer(key))).status == status
    assert await cited(http) == "Chi siamo"


async def shown_title(browser: Browser, page_url: str) -> list[str]:
    """What the form on the desk holds, nothing where there is none."""
    answer = await browser.get("/desk", params={"page_url": page_url, "status": "any"})
    return [unescape(one) for one in _FIELD.findall(await answer.text())]


async def test_a_moderator_sets_the_title_of_the_page_whose_comments_the_desk_shows(
    http: ClientSession, smtp: MailServer
) -> None:
    await published(http)
    await post(http, page_url=OTHER_PAGE)
    anna = await logged_in(http, smtp)
    assert await shown_title(anna, PAGE) == ["Chi siamo"]
    assert _FIELD.findall(await (await anna.get("/desk")).text()) == []
    where = f"/desk/pages?status=any&page_url={PAGE}"
    answer = await anna.post(where, {"page_title": 'Noi "due"'})
    assert answer.status == 303
    assert answer.headers["Location"].startswith("/desk?status=any&page_url=https%3A")
    assert await shown_title(anna, PAGE) == ['Noi "due"']
    assert await cited(http) == 'Noi "due"'
    assert (await anna.post(where, {"page_title": "x" * 501})).status == 422
    assert (await anna.post(where, {"page_title": "altro", "reset": "1"})).status == 303
    assert await cited(http) == "Chi siamo"

    assert await shown_title(anna, OTHER_PAGE) == []
    for page_url in (OTHER_PAGE, "https://unknown.example.org/", f"{PAGE}/never-met"):
        assert (await anna.post(f"/desk/pages?page_url={page_url}", {"page_title": "mia"})).status == 404
    assert (await Browser(http, anna.cookie, "wrong").post(where, {"page_title": "x"})).status == 403
    assert await cited(http) == "Chi siamo"


TITLE = "Titolo della pagina per i lettori: « {} »"
OTHER = "Ha inviato un altro titolo: « {} »"


async def beside_the_buttons(
    service: Running, http: ClientSession, anna: Browser, smtp: MailServer, comment_id: str
) -> list[str]:
    """What a moderator sees of one comment, on the page of a mailed link, on its own and in the list."""
    links = [one for mail in smtp.to("anna@example.org") for one in mail.links() if one.endswith("/approve")]
    path = next(
        urlsplit(one).path
        for one in links
        if service.container.links.read(one.split("/")[4]).comment_id == comment_id
    )
    linked = await (await http.get(path)).text()
    own = await (await anna.get(f"/desk/comments/{comment_id}")).text()
    listed = await (await anna.get("/desk", params={"status": "any"})).text()
    row = listed.partition(f'id="c-{comment_id}"')[2].partition("</article>")[0]
    return [text_of(one) for one in (linked, own, row)]


async def test_a_moderator_sees_the_title_that_becomes_public_and_another_one_as_such(
    service: Running, http: ClientSession, smtp: MailServer
) -> None:
    """As comments come and go: the first one names the page, its successor when that is withdrawn."""
    ids = []
    for number, title in enumerate(["Chi siamo", "Comprate qui", None], start=1):
        ids.append((await post(http, page_title=title, body=f"{number}"))["id"])
        await smtp.wait_for(2 * number)
    first, second, third = ids
    anna = await logged_in(http, smtp)

    async def seen(comment_id: str) -> tuple[list[str], list[str]]:
        """The titles that become public with a comment, and those that it sent instead."""
        texts = await beside_the_buttons(service, http, anna, smtp, comment_id)
        found = [re.findall(f"{TITLE.format('(.*?)')}", one) for one in texts[:2]]
        others = [re.findall(f"{OTHER.format('(.*?)')}", one) for one in texts]
        assert found[0] == found[1], texts
        assert others[0] == others[1] == others[2]
        assert all(one in texts[2] for one in found[0])
        return found[0], others[0]

    assert await seen(first) == (["Chi siamo"], [])
    assert await seen(second) == (["Comprate qui"], [])
    assert await seen(third) == ([], [])
    await decide(http, "approve", first)
    assert await seen(second) == (["Chi siamo"], ["Comprate qui"])
    assert await seen(third) == (["Chi siamo"], [])
    await decide(http, "approve", second)
    assert await cited(http) == "Chi siamo"
    await decide(http, "reject", first)
    assert await seen(second) == (["Comprate qui"], [])
    assert await seen(first) == (["Chi siamo"], [])
    assert await cited(http) == "Comprate qui"
    await set_title(http, "Noi")
    assert await seen(second) == (["Noi"], ["Comprate qui"])
    assert await cited(http) == "Noi"
