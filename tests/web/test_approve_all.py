"""The link of a digest that approves all it shows: what was mailed and is seen to wait, and no more."""

import re
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest
from aiohttp import ClientSession

from moderation_service.storage.database import Database
from tests.conftest import Clock, Start
from tests.desk import a_comment, status_of, text_of
from tests.mailed import press
from tests.rows import all_rows
from tests.running import Running
from tests.smtp import MailServer

ANNA = "anna@example.org"
_SHOWN = re.compile(r'name="shown" value="([^"]+)"')


@pytest.fixture
async def service(start: Start, clock: Clock) -> Running:
    return await start(clock=clock, screening="off", mail_interval="60")


@pytest.fixture
async def http(service: Running) -> AsyncIterator[ClientSession]:
    async with ClientSession(service.url) as session:
        yield session


@pytest.fixture
async def mailed(http: ClientSession, smtp: MailServer, clock: Clock) -> tuple[list[str], str]:
    """Three comments of one digest, and the path of its link for all of them."""
    await a_comment(http, body="der erste kommt allein")
    await smtp.wait_for(2)
    ids = [await a_comment(http, body=f"**numero** {n}") for n in range(3)]
    clock.advance(seconds=61)
    await smtp.wait_for(4)
    [link] = {one for mail in smtp.to(ANNA) for one in mail.links() if one.endswith("/all")}
    return ids, urlsplit(link).path


async def shown(http: ClientSession, path: str) -> tuple[str, str]:
    answer = await http.get(path)
    assert answer.status == 200
    page = await answer.text()
    return page, "".join(_SHOWN.findall(page)[:1])


async def test_all_of_a_digest_is_shown_above_one_button_and_approved_by_it(
    http: ClientSession, mailed: tuple[list[str], str], database: Database
) -> None:
    ids, path = mailed
    before = await all_rows(database)
    page, value = await shown(http, path)
    assert (await http.head(path)).status == 200
    assert await all_rows(database) == before
    assert "Approvare 3 commenti?" in text_of(page)
    assert [f"<strong>numero</strong> {n}" in page for n in range(3)] == [True] * 3
    assert page.count("<button") == 1
    assert "allein" not in page
    answer = await http.post(path, data={"shown": value})
    assert answer.status == 200
    assert "3 commenti approvati." in text_of(await answer.text())
    assert [await status_of(http, one) for one in ids] == ["approved"] * 3


async def test_only_what_was_shown_as_waiting_and_waits_still_is_approved(
    http: ClientSession, mailed: tuple[list[str], str], smtp: MailServer, database: Database
) -> None:
    ids, path = mailed
    [single] = {one for one in smtp.to(ANNA)[0].links() if one.endswith("/approve")}
    links = [one for mail in smtp.to(ANNA)[1:] for one in mail.links() if one.endswith("/reject")]
    assert (await press(http, urlsplit(links[0]).path)).status == 200
    page, value = await shown(http, path)
    assert "Approvare 2 commenti?" in text_of(page)
    assert (await press(http, urlsplit(links[-1]).path)).status == 200
    before = await all_rows(database)
    for wrong in ({}, {"shown": ""}, {"shown": value[1:]}):
        assert (await http.post(path, data=wrong)).status == 409
    refused = await http.post(path, data={"shown": value}, headers={"Sec-Fetch-Site": "cross-site"})
    assert refused.status == 403
    assert (await http.get(urlsplit(single).path.removesuffix("/approve") + "/all")).status == 404
    assert await all_rows(database) == before
    said = text_of(await (await http.post(path, data={"shown": value})).text())
    assert "Un commento approvato. Un commento era cambiato nel frattempo" in said
    assert sorted([await status_of(http, one) for one in ids]) == ["approved", "rejected", "rejected"]


async def test_the_link_ends_after_thirty_days(
    http: ClientSession, mailed: tuple[list[str], str], clock: Clock
) -> None:
    _, path = mailed
    clock.advance(days=30, minutes=2)
    answer = await http.get(path)
    assert answer.status == 410
    assert "numero" not in await answer.text()
