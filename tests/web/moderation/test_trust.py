"""Comments of proved addresses are published by themselves where the site says so, and nobody else's."""

from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession

from tests.conftest import Clock, Start
from tests.support.authors import prove
from tests.support.cases import only_sqlite
from tests.support.contract import client_of
from tests.support.factories import ADDRESS, PAGE, bearer
from tests.support.posting import COMMENTS, decide, post, queued
from tests.support.rows import settled
from tests.support.running import Running
from tests.support.smtp import MailServer

ANNA = "anna@example.org"
LINKS = "https://a.example https://b.example https://c.example"


def publish_after(environ: dict[str, str], count: int) -> None:
    """Let the first site publish comments of proved addresses with so many approved ones."""
    sites = Path(environ["MODERATION_SITES"])
    text = sites.read_text(encoding="utf-8")
    wanted = f"[site.screening]\npublish_proved_after = {count}\n\n[[site.moderator]]"
    sites.write_text(text.replace("[[site.moderator]]", wanted, 1), encoding="utf-8")


async def public(http: ClientSession) -> list[str]:
    """The ids of what readers see of the page."""
    found = await (await http.get(COMMENTS, params={"page_url": PAGE})).json()
    return [one["id"] for one in found["comments"]]


async def history(http: ClientSession, comment_id: str) -> list[tuple[str, str, str | None]]:
    answer = await http.get(f"/api/v1/moderation/comments/{comment_id}/history", headers=bearer())
    return [(one["decision"], one["means"], one["actor"]) for one in (await answer.json())["history"]]


async def trusted(http: ClientSession, smtp: MailServer) -> str:
    """An author with one approved comment of a proved address; the token on the device."""
    first = (await post(http, notify_replies=True))["id"]
    token = await prove(http, smtp)
    assert await public(http) == [], "nothing is approved yet that would speak for the author"
    await decide(http, "approve", first)
    return token


async def test_a_proved_author_with_approved_comments_is_published_at_once_and_told_of_later(
    start: Start, environ: dict[str, str], smtp: MailServer, clock: Clock
) -> None:
    publish_after(environ, 1)
    service: Running = await start(clock=clock)
    async with client_of(service.url) as http:
        token = await trusted(http, smtp)
        await settled(service.container.database)
        before = len(smtp.to(ANNA))
        receipt = await post(http, body="secondo", author_token=token)
        assert receipt["status"] == "pending", "the answer never says what becomes of it"
        second = receipt["id"]
        assert second in await public(http)
        assert await history(http, second) == [("approve", "rule", "publish_proved_after")]
        await settled(service.container.database)
        assert len(smtp.to(ANNA)) == before, "nobody is mailed for its sake"
        typed = await post(http, body="indirizzo altrui", author_name="Qualcuno")
        await settled(service.container.database)
        assert typed["id"] not in await public(http)
        [mail] = smtp.to(ANNA)[before:]
        for part in (mail.text(), mail.html()):
            assert "secondo" in part
            assert "Pubblicato automaticamente" in part
        assert "Un commento" in str(mail.message["Subject"])
        assert mail.message["X-Comments"] == "2"
        [shown] = [one for one in await queued(http) if one["id"] == typed["id"]]
        assert shown["address_proved"] is False
        await decide(http, "undo", second)
        assert second not in await public(http)
        [back] = [one for one in await queued(http) if one["id"] == second]
        assert back["address_proved"] is True
        assert [one["code"] for one in back["spam_reasons"]] == ["proved_author"]
        assert [one[:2] for one in await history(http, second)] == [("approve", "rule"), ("undo", "api")]


@only_sqlite
async def test_what_looks_suspicious_or_was_spam_before_waits_however_well_its_author_is_known(
    start: Start, environ: dict[str, str], smtp: MailServer
) -> None:
    publish_after(environ, 1)
    async with client_of((await start()).url) as http:
        token = await trusted(http, smtp)
        suspect = (await post(http, body=f"[url=x]x[/url] {LINKS}", author_token=token))["id"]
        other = (await post(http, body="altra", author_token=token, author_email="altra@example.com"))["id"]
        assert not {suspect, other} & set(await public(http))
        await decide(http, "spam", suspect)
        after = (await post(http, body="dopo", author_token=token))["id"]
        assert after not in await public(http)


@only_sqlite
@pytest.mark.parametrize("count", [0, 2])
async def test_too_few_approved_comments_or_a_site_that_does_not_want_it_publish_nothing(
    start: Start, environ: dict[str, str], smtp: MailServer, count: int
) -> None:
    publish_after(environ, count)
    async with client_of((await start()).url) as http:
        token = await trusted(http, smtp)
        second = (await post(http, body="secondo", author_token=token))["id"]
        assert second not in await public(http)


@only_sqlite
async def test_a_comment_is_published_once_its_own_link_proves_the_address(
    start: Start, environ: dict[str, str], smtp: MailServer
) -> None:
    publish_after(environ, 1)
    async with client_of((await start()).url) as http:
        await trusted(http, smtp)
        fields: dict[str, Any] = {"body": "da un altro dispositivo", "notify_published": True}
        second = (await post(http, **fields))["id"]
        assert second not in await public(http)
        await prove(http, smtp, ADDRESS, count=2)
        assert second in await public(http)
