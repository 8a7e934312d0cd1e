"""An author proves an address by a mailed link and a button, and by what that left on the device."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from aiohttp import ClientSession
from sqlalchemy import func, select

from moderation_service.domain.comments.proofs import DEVICE_LIFETIME, LINK_LIFETIME
from moderation_service.storage.engine.database import Database
from moderation_service.storage.schema import author_mails, comments, subscriptions
from tests.conftest import Clock, Start
from tests.support.authors import mail_to, path_in, press, prove
from tests.support.cases import only_sqlite
from tests.support.contract import client_of
from tests.support.factories import ADDRESS, OTHER_PAGE, OTHER_SECRET, PAGE, SECRET, a_submission
from tests.support.forms import Form
from tests.support.posting import COMMENTS, post
from tests.support.proofs import proof_of
from tests.support.rows import all_rows, settled
from tests.support.running import until
from tests.support.smtp import MailServer

WORDS = {
    "en": "when your comment is rejected or taken down",
    "it": "quando il tuo commento viene rifiutato o rimosso",
    "de": "wenn Ihr Kommentar abgelehnt oder entfernt wird",
    "fr": "lorsque votre commentaire sera refusé ou retiré",
    "es": "cuando se rechace o se retire su comentario",
}
TICKS: dict[str, Any] = {"notify_published": True, "notify_replies": True}


def change_sites(environ: dict[str, str], text: str, by: str) -> None:
    """Put another text in place of the first such one of the sites file."""
    sites = Path(environ["MODERATION_SITES"])
    sites.write_text(sites.read_text(encoding="utf-8").replace(text, by, 1), encoding="utf-8")


async def proved(database: Database) -> list[str]:
    """The ids of comments whose address was proved."""
    async with database.read() as connection:
        rows = await connection.execute(select(comments.c.id).where(comments.c.proved_at.is_not(None)))
        return list(rows.scalars())


def refusals_are(database: Database, count: int) -> Callable[[], Awaitable[bool]]:
    """Whether so many mails to authors were refused for good, and that was written down."""

    async def are() -> bool:
        async with database.read() as connection:
            query = select(func.count()).where(author_mails.c.refused_at.is_not(None))
            return bool((await connection.execute(query)).scalar_one() == count)

    return are


async def confirmed(database: Database) -> list[tuple[str, str]]:
    """What authors are to be told of, by comment."""
    async with database.read() as connection:
        in_force = subscriptions.c.confirmed_at.is_not(None), subscriptions.c.ended_at.is_(None)
        query = select(subscriptions.c.comment_id, subscriptions.c.notice).where(*in_force)
        return sorted((row.comment_id, row.notice) for row in await connection.execute(query))


async def test_a_button_behind_a_mailed_link_proves_the_address_of_its_comment_alone(
    http: ClientSession, smtp: MailServer, database: Database
) -> None:
    other = await post(http, body="senza spunta")
    comment = await post(http, **TICKS)
    assert set(comment) == set(other), "the answer does not say what was asked for"
    mail = await mail_to(smtp)
    assert mail.message["Subject"] == "[Associazione dell'Esempio] Conferma il tuo indirizzo e-mail"
    assert mail.message["Auto-Submitted"] == "auto-generated"
    for part in (mail.text(), mail.html()):
        assert "interessante" not in part, "nothing that anybody wrote is in it"
        assert "Giuliana" not in part
        assert "chi-siamo" not in part
        assert "quando il tuo commento viene pubblicato" in part.replace("\n", " ")
    path = path_in(mail)
    before = await all_rows(database)
    page = await http.get(path)
    text = await page.text()
    assert ADDRESS not in text
    assert (page.status, page.headers["Referrer-Policy"], page.headers["Cache-Control"]) == (
        200,
        "no-referrer",
        "no-store",
    )
    assert "interessante…" in text
    assert (await http.head(path)).status == 200
    elsewhere = {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}
    for fields in ({"List-Unsubscribe": "One-Click"}, {"form_token": "x"}):
        bare = await http.post(path, data=fields, headers=elsewhere)
        assert (bare.status, "author_token" in await bare.text()) == (409, False)
    assert await all_rows(database) == before, "neither looking nor a press without our page changes anything"
    done = await press(http, path)
    assert "Il tuo indirizzo è confermato." in await done.text()
    assert f'href="{PAGE}#author_token=' in await done.text()
    assert await proved(database) == [comment["id"]]
    assert await confirmed(database) == [(comment["id"], "published"), (comment["id"], "replies")]
    assert (await press(http, path)).status == 200, "once more is no fault"


async def test_what_was_left_on_a_device_proves_the_address_at_its_site_without_mail(
    http: ClientSession, smtp: MailServer, database: Database, clock: Clock, capfd: pytest.CaptureFixture[str]
) -> None:
    await post(http, notify_replies=True)
    token = await prove(http, smtp)
    first = await proved(database)
    second = await post(http, body="secondo", author_token=token, notify_replies=True)
    spelled = await post(http, body="terzo", author_token=token, author_email=ADDRESS.upper())
    foreign = [
        await post(http, body="quarto", author_token=token, author_email="altra@example.com"),
        await post(http, body="quinto", author_token=token[:-1] + ("A" if token[-1] != "A" else "B")),
        await post(http, body="sesto", author_token="x" * 5_000),
        await post(http, page_url=OTHER_PAGE, author_token=token),
        await post(http, body="settimo", author_token=None),
    ]
    assert {str(set(one)) for one in foreign} == {str(set(second))}, "an answer never says what a token is worth"
    assert set(await proved(database)) == {*first, second["id"], spelled["id"]}
    assert await confirmed(database) == sorted([(first[0], "replies"), (second["id"], "replies")])
    await settled(database)
    assert len(smtp.to(ADDRESS)) == 1, "who has proved an address is asked no more"
    clock.advance(days=DEVICE_LIFETIME.days, seconds=1)
    late = await post(http, body="ottavo", author_token=token)
    assert late["id"] not in await proved(database)
    assert token not in "".join(capfd.readouterr())


async def test_the_page_of_a_receipt_lists_what_mail_comes_of_its_comment_and_ends_it(
    http: ClientSession, smtp: MailServer, database: Database
) -> None:
    receipt = await post(http, **TICKS)
    path = urlsplit(receipt["receipt_url"]).path
    assert "/e-mails" not in await (await http.get(path)).text(), "the address is nobody's yet"
    token = Form(await (await http.get(path)).text()).values["form_token"]
    refused = await http.post(f"{path}/e-mails", data={"form_token": token, "end": "all"})
    assert refused.status == 404
    device = await prove(http, smtp)
    other = await post(http, body="secondo", author_token=device, notify_replies=True)
    stranger = await post(http, body="terzo", page_url=OTHER_PAGE, notify_replies=True)
    await prove(http, smtp, count=2)
    before = await confirmed(database)
    text = await (await http.get(path)).text()
    assert await confirmed(database) == before, "looking changes nothing"
    assert re.findall(r'name="end" value="(\w+)"', text) == [
        "published",
        "replies",
        "statements",
        "comment",
        "all",
    ]
    for spoken, said in WORDS.items():
        assert said in await (await http.get(path, headers={"Accept-Language": spoken})).text()

    async def end(what: str, form_token: str = token) -> list[str]:
        """What is listed once something was ended."""
        done = await http.post(f"{path}/e-mails", data={"form_token": form_token, "end": what})
        assert (done.status, "Non riceverai più queste e-mail." in await done.text()) == (200, True)
        return re.findall(r'name="end" value="(\w+)"', await (await http.get(path)).text())

    for wrong, status in (({"end": "replies"}, 409), ({"form_token": token, "end": "x"}, 422)):
        assert (await http.post(f"{path}/e-mails", data=wrong)).status == status
    of_other = {"form_token": token, "end": "comment"}
    assert (await http.post(f"{urlsplit(other['receipt_url']).path}/e-mails", data=of_other)).status == 409
    assert await end("replies") == ["published", "statements", "comment", "all"]
    assert await end("statements") == ["published", "all"]
    assert await confirmed(database) == sorted(
        [(receipt["id"], "published"), (other["id"], "replies"), (stranger["id"], "replies")]
    )
    assert await end("comment") == ["all"]
    assert "Non riceverai e-mail su questo commento." in await (await http.get(path)).text()
    assert (other["id"], "replies") in await confirmed(database)
    assert await end("all") == ["all"]
    assert await confirmed(database) == [(stranger["id"], "replies")], "another site is not concerned"


@only_sqlite
async def test_a_removed_key_voids_what_it_signed(start: Start, smtp: MailServer, database: Database) -> None:
    service = await start(secret_keys=f"{SECRET},{OTHER_SECRET}")  # it goes on, and may be the one to send
    async with client_of(service.url) as http:
        await post(http, **TICKS)
        token = await prove(http, smtp)
    rotated = await start(secret_keys=f"{OTHER_SECRET},{SECRET}")
    async with client_of(rotated.url) as http:
        known = await post(http, body="secondo", author_token=token)
        again = await post(http, body="terzo", **TICKS)
        newer = await prove(http, smtp, count=2)
        assert set(await proved(database)) >= {known["id"], again["id"]}
        assert newer != token


@only_sqlite
async def test_links_end_and_forged_ones_are_none(http: ClientSession, smtp: MailServer, clock: Clock) -> None:
    await post(http, **TICKS)
    path = path_in(await mail_to(smtp))
    assert (await http.get(path[:-1] + ("A" if path[-1] != "A" else "B"))).status == 404
    assert (await http.get("/subscriptions/x")).status == 404
    clock.advance(days=LINK_LIFETIME.days, seconds=1)
    assert (await http.get(path)).status == 410


@only_sqlite
async def test_the_forms_ask_too_and_keep_what_was_ticked(
    http: ClientSession, smtp: MailServer, database: Database
) -> None:
    page = await (await http.get("/comments", params={"page_url": PAGE})).text()
    assert 'type="checkbox"' in page
    assert {"notify_published", "notify_replies"} == Form(page).ticks
    again = await http.post(COMMENTS, data=a_submission(author_email="", notify_replies="on"))
    assert again.status == 422
    assert re.search(r'name="notify_replies" type="checkbox" checked', await again.text())
    assert not re.search(r'name="notify_published" type="checkbox" checked', await again.text())
    form = a_submission(notify_replies="on", notify_published="")
    assert (await http.post(COMMENTS, data=form, allow_redirects=False)).status == 303
    await mail_to(smtp)
    wordpress = {
        "comment": "da WordPress",
        "author": "Giuliana",
        "email": "giuliana.due@example.com",
        "page_url": PAGE,
        "notify_published": "1",
    }
    assert (await http.post("/wp-comments-post.php", data=wordpress, allow_redirects=False)).status == 303
    await mail_to(smtp, "giuliana.due@example.com")
    async with database.read() as connection:
        found = (await connection.execute(select(subscriptions.c.notice))).scalars()
        assert sorted(found) == ["published", "replies"]
    refused = await http.post(COMMENTS, json=a_submission(body="altro", notify_replies="on"))
    assert (await refused.json())["errors"]["notify_replies"][0]["code"] == "wrong_type"


@only_sqlite
async def test_nobody_is_mailed_who_gave_no_address(
    start: Start, environ: dict[str, str], smtp: MailServer, database: Database
) -> None:
    change_sites(environ, 'language = "it"', 'language = "it"\nfields = {author_email = "optional"}')
    service = await start()
    async with client_of(service.url) as http:
        fields = a_submission(**TICKS)
        del fields["author_email"]
        assert (await http.post(COMMENTS, json=fields)).status == 202
    await settled(database)
    assert {one for mail in smtp.mails for one in mail.recipients} == {"anna@example.org", "paul@example.org"}
    assert await confirmed(database) == []


@only_sqlite
async def test_a_suspect_is_asked_once_its_work_is_done(
    http: ClientSession, smtp: MailServer, database: Database
) -> None:
    links = "https://a.example https://b.example https://c.example"
    receipt = await post(http, body=f"[url=x]x[/url] {links}", **TICKS)
    await settled(database)
    assert smtp.to(ADDRESS) == []
    path = f"/api/v1/receipts/{urlsplit(receipt['receipt_url']).path.rpartition('/')[2]}/proof"
    assert (await http.post(path, json={"proof": proof_of(receipt["challenge"])})).status == 200
    await prove(http, smtp)
    assert await proved(database) == [receipt["id"]]


async def test_an_address_gets_three_such_mails_a_day_whoever_asks(
    start: Start, smtp: MailServer, database: Database, clock: Clock
) -> None:
    async with client_of((await start(clock=clock)).url) as one, client_of((await start(clock=clock)).url) as two:
        asked = [
            post(http, body=f"commento {number}", notify_replies=True)
            for number, http in enumerate([one, two] * 3)
        ]
        receipts = await asyncio.gather(*asked)
        assert len({str(set(receipt)) for receipt in receipts}) == 1
        await post(one, body="altra", author_email="altra@example.com", notify_replies=True)
        await mail_to(smtp, "altra@example.com")
        await settled(database)
        assert len(smtp.to(ADDRESS)) == 3
        clock.advance(days=1, seconds=1)
        await post(one, body="domani", notify_replies=True)
        await mail_to(smtp, count=4)


@only_sqlite
async def test_an_address_that_refuses_three_times_for_good_gets_nothing_more(
    http: ClientSession, smtp: MailServer, database: Database, clock: Clock
) -> None:
    first = await post(http, body="primo", notify_replies=True)
    token = await prove(http, smtp)
    second = await post(http, body="secondo", author_token=token, notify_replies=True)
    assert await confirmed(database) == sorted([(first["id"], "replies"), (second["id"], "replies")])
    smtp.refuse_for[ADDRESS] = "550 5.1.1 No such user"
    for number in range(3):
        assert await confirmed(database) != []
        clock.advance(days=1, seconds=1)
        await post(http, body=f"commento {number}", notify_replies=True)
        await settled(database)
        await until(refusals_are(database, number + 1))
    assert await confirmed(database) == []
    del smtp.refuse_for[ADDRESS]
    clock.advance(days=1, seconds=1)
    await post(http, body="ancora", notify_replies=True)
    await settled(database)
    assert len(smtp.to(ADDRESS)) == 1
