"""Closing and opening the page whose comments the desk shows."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from aiohttp import ClientSession

from tests.conftest import Clock
from tests.support.desk import Browser, logged_in, text_of
from tests.support.factories import OTHER_PAGE, PAGE, SITES
from tests.support.posting import post, status_of
from tests.support.smtp import MailServer

_BUTTON = re.compile(r'name="commenting" value="(\w+)"')
WHERE = f"/desk/pages/commenting?status=any&page_url={PAGE}"


@pytest.fixture
def place(tmp_path: Path) -> str:
    """One engine is enough: what is written is compared elsewhere."""
    return f"sqlite:///{tmp_path}/test.db"


@pytest.fixture
def environ(environ: dict[str, str]) -> dict[str, str]:
    """The usual environment, with a site whose pages close."""
    listed = SITES.replace('language = "it"', 'language = "it"\nclose_after_days = 14', 1)
    Path(environ["MODERATION_SITES"]).write_text(listed, encoding="utf-8")
    return environ


async def offered(browser: Browser, page_url: str = PAGE) -> tuple[str, list[str]]:
    """What the desk says of new comments on a page, and what its buttons would make of it."""
    answer = await browser.get("/desk", params={"page_url": page_url, "status": "any"})
    text = await answer.text()
    form = text.partition('class="commenting"')[2].partition("</form>")[0]
    return text_of(form.partition("<p>")[2].partition("</p>")[0]).strip(), _BUTTON.findall(form)


async def test_a_moderator_closes_and_opens_the_page_whose_comments_are_shown(
    http: ClientSession, smtp: MailServer, clock: Clock, logged: Callable[[], str]
) -> None:
    await post(http)
    anna = await logged_in(http, smtp)
    text, buttons = await offered(anna)
    assert text.startswith("Chiusura dei commenti: 6 dicembre 2026")
    assert buttons == ["closed", "open"]

    answer = await anna.post(WHERE, {"commenting": "closed"})
    assert (answer.status, answer.headers["Location"][:25]) == (303, "/desk?status=any&page_url")
    assert await offered(anna) == ("Chiusa ai commenti.", ["open", "by_rule"])
    assert await status_of(http, body="altro") == 403
    assert re.search(r'"commenting":"closed","channel":"desk","moderator":"anna"', logged())

    await anna.post(WHERE, {"commenting": "open"})
    assert await offered(anna) == ("Aperta ai commenti.", ["closed", "by_rule"])
    assert await status_of(http, body="altro") == 202
    await anna.post(WHERE, {"commenting": "by_rule"})
    clock.advance(days=14)
    anna = await logged_in(http, smtp)
    text, buttons = await offered(anna)
    assert text.startswith("Chiusa ai commenti. Data di chiusura: 6 dicembre 2026")
    assert buttons == ["open"]

    assert await offered(anna, f"{PAGE}/mai") == ("Aperta ai commenti.", ["closed"])
    assert await offered(anna, OTHER_PAGE) == ("", [])
    for page_url in (OTHER_PAGE, "https://unknown.example.org/"):
        where = f"/desk/pages/commenting?page_url={page_url}"
        assert (await anna.post(where, {"commenting": "closed"})).status == 404
    assert (await anna.post(WHERE, {"commenting": "shut"})).status == 422
    assert (await anna.post("/desk/pages/commenting", {"commenting": "closed"})).status == 422
    assert (await Browser(http, anna.cookie, "wrong").post(WHERE, {"commenting": "open"})).status == 403
    assert await offered(anna) == (text, ["open"])
