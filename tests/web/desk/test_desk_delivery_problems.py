"""Comments that reached nobody are named to all of the site, who may decide; so is whom mail does not reach."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from aiohttp import ClientSession

from moderation_service.services.notifications import administration
from tests.conftest import Clock
from tests.support.desk import Browser, a_comment, logged_in, replace_sites, status_of, text_of
from tests.support.factories import OTHER_API_KEY, SITES
from tests.support.running import Running, until
from tests.support.smtp import MailServer
from tests.support.time_limits import PATIENCE

OLGA, RITA = "olga@example.com", "rita@example.com"
SITE = "https://altro.example.com"
HEADING = "E-mails are not getting through"
WITH_RITA = f"""{SITES}
[[site.moderator]]
id = "rita"
name = "Rita"
email = "{RITA}"
paths = ["/shop"]
"""


@pytest.fixture
async def service(start: Callable[..., Awaitable[Running]], clock: Clock, tmp_path: Path) -> Running:
    """A site where Olga has the blog and Rita the shop."""
    running = await start(clock=clock, screening="off")
    await replace_sites(running, tmp_path, WITH_RITA)
    return running


async def until_degraded(http: ClientSession, *codes: str) -> None:
    async def is_so() -> bool:
        found: list[str] = (await (await http.get("/health/ready")).json())["degraded"]
        return found == list(codes)

    await until(is_so)


async def shown(browser: Browser, path: str = "/desk") -> str:
    return text_of(await (await browser.get(path)).text())


async def test_a_comment_that_reached_nobody_is_named_to_the_others_who_may_decide_and_undo(
    http: ClientSession, smtp: MailServer
) -> None:
    rita, anna = await logged_in(http, smtp, RITA), await logged_in(http, smtp)
    smtp.refuse_for[OLGA] = "550 5.1.1 No such user"
    comment_id = await a_comment(http, page_url=f"{SITE}/blog/primo", page_title="Il primo")
    await until_degraded(http, "moderators_unreachable", "comments_unheard:1")

    page = await (await rita.get("/desk")).text()
    assert HEADING in page
    assert f'<a href="/desk/comments/{comment_id}"><bdi>Giuliana</bdi> on <bdi>Il primo</bdi></a>' in page
    said = text_of(page)
    assert re.search(r"E-mails to Olga have not been getting through since November 22, 2026", said)
    assert "One comment has reached nobody: e-mails to everyone responsible" in said
    for secret in (OLGA, "No such user", "olga@"):
        assert secret not in page
    assert await rita.shown() == {}

    assert "interessante…" in await shown(rita, f"/desk/comments/{comment_id}")
    await rita.post("/desk/decisions", {"one": f"approve.{comment_id}.pending.1"})
    assert await status_of(http, comment_id, OTHER_API_KEY) == "approved"
    said = await shown(rita)
    assert "reached nobody" not in said
    assert "by you" in said
    assert "E-mails to Olga have not been getting through" in said

    answer = await rita.post(
        "/desk/decisions", {"one": f"undo.{comment_id}.approved.1", "note": "too soon"}, Accept="application/json"
    )
    [result] = (await answer.json())["results"]
    assert (result["outcome"], result["status"]) == ("done", "pending")
    assert "One comment has reached nobody" in await shown(rita)

    assert "non arriva" not in await shown(anna)
    assert (await anna.get(f"/desk/comments/{comment_id}")).status == 404
    refused = await anna.post("/desk/decisions", {"one": f"approve.{comment_id}.pending.1"})
    assert "said=approve.0.1" in refused.headers["Location"]
    assert await status_of(http, comment_id, OTHER_API_KEY) == "pending"


async def test_once_mail_gets_through_again_the_comment_is_its_moderators_alone(
    http: ClientSession, service: Running, smtp: MailServer
) -> None:
    rita = await logged_in(http, smtp, RITA)
    smtp.refuse_for[OLGA] = "550 5.1.1 No such user"
    comment_id = await a_comment(http, page_url=f"{SITE}/blog/primo")
    await until_degraded(http, "moderators_unreachable", "comments_unheard:1")
    assert (await rita.get(f"/desk/comments/{comment_id}")).status == 200
    smtp.refuse_for.clear()
    await administration.retry(service.container.database, service.container.directory, "altro/olga")
    await until_degraded(http)
    assert HEADING not in await shown(rita)
    for answer in (
        await rita.get(f"/desk/comments/{comment_id}"),
        await rita.post(f"/desk/comments/{comment_id}/address"),
    ):
        assert answer.status == 404
    await rita.post("/desk/decisions", {"one": f"approve.{comment_id}.pending.1"})
    assert await status_of(http, comment_id, OTHER_API_KEY) == "pending"


async def test_a_comment_that_one_of_two_was_notified_of_is_not_for_all(
    http: ClientSession, smtp: MailServer
) -> None:
    rita = await logged_in(http, smtp, RITA)
    smtp.refuse_for[OLGA] = "550 5.1.1 No such user"
    heard = await a_comment(http, page_url=f"{SITE}/nobodys")
    await until_degraded(http, "moderators_unreachable")
    said = await shown(rita)
    assert "E-mails to Olga have not been getting through" in said
    assert "reached nobody" not in said
    assert list(await rita.shown()) == [heard]


async def test_a_decision_that_was_taken_for_a_colleague_can_be_taken_back_for_a_day(
    http: ClientSession, smtp: MailServer, clock: Clock
) -> None:
    rita = await logged_in(http, smtp, RITA)
    smtp.refuse_for[OLGA] = "550 5.1.1 No such user"
    comment_id = await a_comment(http, page_url=f"{SITE}/blog/primo")
    await until_degraded(http, "moderators_unreachable", "comments_unheard:1")
    await rita.post("/desk/decisions", {"one": f"reject.{comment_id}.pending.1"})
    assert (await rita.get(f"/desk/comments/{comment_id}")).status == 200
    clock.advance(hours=25)
    rita = await logged_in(http, smtp, RITA)
    assert (await rita.get(f"/desk/comments/{comment_id}")).status == 404
    assert "by you" not in await shown(rita)


@pytest.mark.parametrize(
    ("count", "sentence", "more"),
    [
        (25, "25 comments have reached nobody", "5 more will appear here as you work through these."),
        (101, "More than 99 comments have reached nobody", "More will appear here as you work through these."),
    ],
)
async def test_twenty_are_named_and_the_rest_is_a_count(
    http: ClientSession, smtp: MailServer, count: int, sentence: str, more: str
) -> None:
    rita = await logged_in(http, smtp, RITA)
    smtp.refuse_for[OLGA] = "550 5.1.1 No such user"
    ids = [await a_comment(http, page_url=f"{SITE}/blog", body=f"numero {n}") for n in range(count)]
    await until_degraded(http, "moderators_unreachable", f"comments_unheard:{count}")
    page = await (await rita.get("/desk")).text()
    assert re.findall(r'<li><a href="/desk/comments/([^"]+)"><bdi>', page) == ids[:20]
    assert sentence in text_of(page)
    assert more in text_of(page)


async def test_a_message_that_was_refused_twice_is_said_by_name_and_to_oneself(
    http: ClientSession, smtp: MailServer, clock: Clock
) -> None:
    olga, rita = await logged_in(http, smtp, OLGA), await logged_in(http, smtp, RITA)
    smtp.refuse_data = "550 5.7.1 Spam"
    await a_comment(http, page_url=f"{SITE}/blog")
    async with asyncio.timeout(PATIENCE):
        while "messages_parked" not in await (await http.get("/health/ready")).text():
            clock.advance(seconds=31)
            await asyncio.sleep(0.1)
    assert "An e-mail to Olga was refused because of the text of a comment." in await shown(rita)
    assert "An e-mail to you was refused because of the text of a comment;" in await shown(olga)
    assert "One comment has reached nobody" in await shown(rita)


async def test_whoever_is_not_reached_is_told_so_at_the_desk(http: ClientSession, smtp: MailServer) -> None:
    olga = await logged_in(http, smtp, OLGA)
    smtp.refuse_for[OLGA] = "550 5.1.1 No such user"
    comment_id = await a_comment(http, page_url=f"{SITE}/blog")
    await until_degraded(http, "moderators_unreachable", "comments_unheard:1")
    assert "E-mails to you have not been getting through since" in await shown(olga)
    assert list(await olga.shown()) == [comment_id]


async def test_a_person_with_two_sites_sees_which(
    http: ClientSession, service: Running, smtp: MailServer, tmp_path: Path
) -> None:
    await replace_sites(service, tmp_path, WITH_RITA.replace(RITA, "paul@example.org"))
    paul = await logged_in(http, smtp, "paul@example.org")
    smtp.refuse_for |= {OLGA: "550 5.1.1 No such user", "anna@example.org": "550 5.1.1 No such user"}
    await a_comment(http, page_url=f"{SITE}/blog")
    await a_comment(http)
    await until_degraded(http, "moderators_unreachable", "comments_unheard:1")
    anna = r"E-mails to Anna have not been getting through since [^()]*\(Associazione dell'Esempio\)"
    olga = r"E-mails to Olga have not been getting through since [^()]*\(Altro\)"

    async def both_are_named() -> bool:
        said = await shown(paul)
        return all(re.search(one, said) for one in (anna, olga))

    await until(both_are_named)
