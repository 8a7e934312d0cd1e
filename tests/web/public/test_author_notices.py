"""Authors who asked for it are told by mail that their comment was published, and of replies; each once."""

import asyncio

from aiohttp import ClientSession
from sqlalchemy import select

from moderation_service.storage.engine.database import Database
from moderation_service.storage.schema import subscriptions
from tests.support.authors import mail_to, path_in, press, prove
from tests.support.factories import ADDRESS, PAGE
from tests.support.posting import decide, post
from tests.support.rows import settled
from tests.support.smtp import MailServer

BRUNO = "bruno@example.com"
ONE_CLICK = {"List-Unsubscribe": "One-Click"}


async def still_in_force(database: Database) -> set[str]:
    """The comments of which authors are told something still."""
    async with database.read() as connection:
        query = select(subscriptions.c.comment_id).where(subscriptions.c.ended_at.is_(None))
        return set((await connection.execute(query)).scalars())


async def test_an_author_is_told_once_that_a_comment_is_published(
    http: ClientSession, smtp: MailServer, database: Database
) -> None:
    told = await post(http, notify_published=True)
    token = await prove(http, smtp)
    unproved = await post(http, body="mai confermato", author_email=BRUNO, notify_published=True)
    await mail_to(smtp, BRUNO)
    silent = await post(http, body="senza spunta", author_token=token)
    await settled(database)
    await asyncio.gather(*(decide(http, "approve", one["id"]) for one in (told, unproved, silent)))
    mail = await mail_to(smtp, count=2)
    assert mail.message["Subject"] == "[Associazione dell'Esempio] Il tuo commento è stato pubblicato"
    assert mail.message["List-Id"] == "<notices.coop.comments.example.net>"
    assert mail.message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert path_in(mail) in mail.message["List-Unsubscribe"]
    assert f"{PAGE}#comment-{told['id']}" in mail.links()
    assert "interessante…" in mail.text()
    for decision in ("undo", "approve", "reject", "approve"):
        await decide(http, decision, told["id"])
    await settled(database)
    assert (len(smtp.to(ADDRESS)), len(smtp.to(BRUNO))) == (2, 1)


async def test_who_confirms_after_publication_is_told_by_the_page_alone(
    http: ClientSession, smtp: MailServer, database: Database
) -> None:
    late = await post(http, notify_published=True)
    path = path_in(await mail_to(smtp))
    await decide(http, "approve", late["id"])
    assert "Il tuo commento è stato pubblicato." in await (await press(http, path)).text()
    for decision in ("undo", "approve"):
        await decide(http, decision, late["id"])
    await settled(database)
    assert len(smtp.to(ADDRESS)) == 1


async def test_an_author_is_told_of_replies_by_others_until_one_click_ends_it(
    http: ClientSession, smtp: MailServer, database: Database
) -> None:
    parent = (await post(http, notify_replies=True))["id"]
    token = await prove(http, smtp)
    await decide(http, "approve", parent)
    own = (await post(http, body="una mia risposta", parent_id=parent))["id"]
    other = (await post(http, body="Grazie!", author_name="Bruno", author_email=BRUNO, parent_id=parent))["id"]
    await settled(database)
    assert len(smtp.to(ADDRESS)) == 1, "what waits is nothing to be told of"
    await decide(http, "approve", own, other)
    mail = await mail_to(smtp, count=2)
    assert mail.message["Subject"] == "[Associazione dell'Esempio] Qualcuno ha risposto al tuo commento"
    for part in (mail.text(), mail.html()):
        assert "Bruno" in part
        assert "Grazie!" in part
        assert BRUNO not in part
    await settled(database)
    assert len(smtp.to(ADDRESS)) == 2, "nobody is told of a reply of their own"
    second = (await post(http, body="un altro", author_token=token, notify_replies=True))["id"]
    end = path_in(mail)
    assert (await http.get(end)).status == 200
    assert await still_in_force(database) == {parent, second}, "looking ends nothing"
    await press(http, end, notices="comment")
    assert await still_in_force(database) == {second}
    elsewhere = {"Sec-Fetch-Site": "cross-site", "Origin": "https://mail.example"}
    assert (await http.post(end, data=ONE_CLICK, headers=elsewhere)).status == 200
    assert (await http.post(end, data=ONE_CLICK)).status == 200, "once more is no fault"
    assert await still_in_force(database) == set()
    late = (await post(http, body="ancora", author_name="Bruno", author_email=BRUNO, parent_id=parent))["id"]
    await decide(http, "approve", late)
    await settled(database)
    assert len(smtp.to(ADDRESS)) == 2
