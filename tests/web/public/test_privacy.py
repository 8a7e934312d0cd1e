"""An author's address is in no byte that the public, a log or a stranger may see, nor is a hash of it."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
from aiohttp import ClientResponse, ClientSession

from tests.support import traces
from tests.support.desk import logged_in, text_of
from tests.support.factories import ADDRESS, PAGE, a_submission, bearer
from tests.support.mailed import press
from tests.support.posting import COMMENTS, decide, post, queued
from tests.support.running import until
from tests.support.smtp import MailServer

SECRET_TEXT = "un testo che il registro non deve contenere"


async def check(answer: ClientResponse) -> None:
    """Fail if an answer's headers or bytes hold the address."""
    seen = f"{answer.headers!s}".encode() + await answer.read()
    assert not traces.found(seen, (ADDRESS,)), answer.url.path


async def test_moderators_and_their_programs_see_a_mask(http: ClientSession, smtp: MailServer) -> None:
    await post(http)
    await smtp.wait_for(2)
    for mail in smtp.mails:
        assert not traces.found(mail.raw + mail.text().encode() + mail.html().encode(), (ADDRESS,))
        assert "g…@e….com" in mail.text()
    link = urlsplit(smtp.to("anna@example.org")[0].link("/approve")).path
    await check(await http.get(link))
    await check(await press(http, link))
    await check(await http.get("/api/v1/moderation/comments", headers=bearer()))
    [shown] = await queued(http)
    assert shown["author_email_masked"] == "g…@e….com"
    await check(await http.get(f"/api/v1/moderation/comments/{shown['id']}/history", headers=bearer()))


async def test_a_text_that_holds_its_author_s_address_is_marked_to_moderators_wherever_they_read_it(
    http: ClientSession, smtp: MailServer
) -> None:
    receipt = await post(http, body=f"Scrivetemi a {ADDRESS.upper()}.")
    await smtp.wait_for(2)
    anna, paul = (smtp.to(f"{name}@example.org")[0] for name in ("anna", "paul"))
    sentence = "l’indirizzo e-mail dell’autore nel testo o nell’indirizzo web"
    assert sentence in " ".join(anna.text().split())
    assert "the author’s own e-mail address in the text or web address" in " ".join(paul.text().split())
    link = await http.get(urlsplit(anna.link("/approve")).path)
    assert sentence in text_of(await link.text())
    desk = await logged_in(http, smtp)
    for path in ("/desk", f"/desk/comments/{receipt['id']}"):
        assert sentence in text_of(await (await desk.get(path)).text())
    [shown] = await queued(http)
    assert [one["code"] for one in shown["spam_reasons"]] == ["address_in_text"]
    assert not shown["suspect"]
    own = f"/api/v1/receipts/{receipt['receipt_url'].rpartition('/')[2]}"
    assert (await http.patch(own, json={"body": "Eccomi."})).status == 200
    [shown] = await queued(http)
    assert shown["spam_reasons"] == []


@pytest.mark.parametrize("fault", ["none", "database", "mail"])
async def test_no_log_line_holds_an_address_a_text_or_a_token(
    http: ClientSession,
    smtp: MailServer,
    service: Any,
    logged: Callable[[], str],
    fault: str,
) -> None:
    if fault == "mail":
        smtp.refuse_data = f"554 {ADDRESS} says {SECRET_TEXT}"
    if fault == "database":
        await break_the_comments(service)
    answer = await http.post(
        COMMENTS, json=a_submission(body=SECRET_TEXT), headers={"Idempotency-Key": SECRET_TEXT}
    )
    assert answer.status == (500 if fault == "database" else 202)
    await http.get(COMMENTS, params={"page_url": PAGE, "x": ADDRESS})
    await http.get("/nothing", params={"x": ADDRESS}, headers={"Referer": ADDRESS, "User-Agent": ADDRESS})
    await http.get(f"/moderate/{ADDRESS}.eA.eHh4/approve")
    if fault == "none":
        await smtp.wait_for(2)
        link = urlsplit(smtp.mails[0].link("/approve")).path
        await http.get(link)
        assert link.split("/")[2] not in logged()
    if fault == "mail":
        await until(lambda: "mail.refused" in logged())
    assert '"event":"request"' in logged()
    assert not traces.found(logged().encode(), (ADDRESS,))
    for secret in (SECRET_TEXT, "anna@example.org"):
        assert secret.casefold() not in logged().casefold()


async def break_the_comments(service: Any) -> None:
    """Let every insert of a comment fail with an error that names its values."""
    from sqlalchemy import text  # noqa: PLC0415 - this fault alone is made below the service

    async with service.container.database.write() as connection:
        await connection.execute(text("ALTER TABLE comments RENAME COLUMN author_name TO name_of_author"))


async def test_the_public_learns_nothing_of_who_decided(http: ClientSession) -> None:
    comment_id = (await post(http))["id"]
    await decide(http, "approve", comment_id)
    shown = await (await http.get(f"{COMMENTS}/{comment_id}")).json()
    assert set(shown) == {
        "id",
        "parent_id",
        "author_name",
        "author_url",
        "by_site",
        "redacted",
        "body",
        "body_html",
        "created_at",
    }
