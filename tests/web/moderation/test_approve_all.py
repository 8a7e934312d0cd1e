"""The link of a digest that approves all it shows: what was mailed and is seen to wait, and no more."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from aiohttp import ClientSession
from sqlalchemy import select

from moderation_service.services.comments.listing import LARGEST
from moderation_service.storage.engine.database import Database
from moderation_service.storage.schema import comments
from tests.conftest import Clock, Start
from tests.support.contract import client_of
from tests.support.desk import a_comment, replace_sites, status_of, text_of
from tests.support.factories import SITES
from tests.support.mailed import press
from tests.support.posting import decide
from tests.support.rows import all_rows, interval_is_back
from tests.support.running import Running
from tests.support.smtp import MailServer

ANNA = "anna@example.org"
_LONG = '<"> ' * 15_000
"""Four times as long in HTML."""
_SHOWN = re.compile(r'name="shown" value="([^"]+)"')


@pytest.fixture
async def service(start: Start, clock: Clock) -> Running:
    return await start(clock=clock, screening="off", mail_interval="60")


@pytest.fixture
async def http(service: Running) -> AsyncIterator[ClientSession]:
    async with client_of(service.url) as session:
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
    await interval_is_back(database)
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


async def approved(database: Database) -> set[str]:
    async with database.read() as connection:
        query = select(comments.c.id).where(comments.c.status == "approved")
        return set((await connection.execute(query)).scalars())


async def test_long_comments_are_approved_a_page_of_bounded_size_at_a_time(
    http: ClientSession, smtp: MailServer, clock: Clock, database: Database
) -> None:
    await a_comment(http, body="der erste kommt allein")
    await smtp.wait_for(2)
    ids = [await a_comment(http, body=f"{n} {_LONG}") for n in range(8)]
    clock.advance(seconds=61)
    await smtp.wait_for(4)
    [link] = {one for mail in smtp.to(ANNA) for one in mail.links() if one.endswith("/all")}
    path = urlsplit(link).path
    page, value = await shown(http, path)
    presses = 0
    while value:
        assert LARGEST // 4 < len(page.encode()) < LARGEST * 5 // 4
        before = await approved(database)
        answer = await http.post(path, data={"shown": value})
        assert answer.status == 200
        page = await answer.text()
        assert len(page.encode()) < LARGEST * 5 // 4
        assert before < await approved(database) <= set(ids)
        value = "".join(_SHOWN.findall(page)[:1])
        presses += 1
    assert presses > 1
    assert await approved(database) == set(ids)


async def test_each_comment_shows_what_readers_call_the_page_and_what_it_calls_it_otherwise(
    http: ClientSession, smtp: MailServer, clock: Clock
) -> None:
    first = await a_comment(http, page_title="Chi siamo")
    await smtp.wait_for(2)
    await decide(http, "approve", first)
    for n in range(2):
        await a_comment(http, body=f"{n}", page_title="Comprate qui")
    clock.advance(seconds=61)
    await smtp.wait_for(4)
    digest = next(mail for mail in smtp.to(ANNA) if "/all" in mail.text())
    [link] = {one for one in digest.links() if one.endswith("/all")}
    seen = text_of(await (await http.get(urlsplit(link).path)).text())
    assert seen.count("Titolo della pagina per i lettori: « Chi siamo »") == 2
    assert seen.count("Ha inviato un altro titolo: « Comprate qui »") == 2
    assert digest.text().count("Ha inviato un altro titolo: «Comprate qui»") == 2
    assert digest.text().count("«Chi siamo»") == 2


@pytest.mark.parametrize(
    ("before", "after"),
    [('id = "anna"', 'id = "annalisa"'), ('email = "anna@example.org"', 'email = "anna@example.net"')],
    ids=["left", "changed address"],
)
async def test_the_link_is_void_once_its_moderator_has_left_or_changed_address(
    service: Running, http: ClientSession, mailed: tuple[list[str], str], tmp_path: Path, before: str, after: str
) -> None:
    ids, path = mailed
    _, value = await shown(http, path)
    await replace_sites(service, tmp_path, SITES.replace(before, after))
    assert (await http.get(path)).status == 410
    assert (await http.post(path, data={"shown": value})).status == 410
    assert {await status_of(http, one) for one in ids} == {"pending"}
