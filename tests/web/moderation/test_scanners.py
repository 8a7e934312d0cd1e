"""Programs open mailed links before people do, and requests lie about where they were sent."""

from urllib.parse import urlsplit

import pytest
from aiohttp import ClientSession

from moderation_service.storage.engine.database import Database
from tests.support.cases import one_engine
from tests.support.factories import PAGE, a_submission
from tests.support.mailed import ANNA, PAUL, html_links, post, press
from tests.support.rows import all_rows, interval_is_back
from tests.support.smtp import MailServer

FORGED = {
    "Host": "evil.example",
    "X-Forwarded-Host": "evil.example",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Server": "evil.example",
    "X-Original-URL": "/evil.example",
    "Forwarded": "host=evil.example;proto=https",
    "Referer": "https://evil.example/",
}


async def test_a_scanner_that_opens_every_link_three_times_changes_nothing(
    http: ClientSession, smtp: MailServer, database: Database
) -> None:
    posted = await post(http, smtp)
    before = await all_rows(database)
    assert before["promises"]
    for mail in posted.mails.values():
        decisions = [link for link in mail.links() if "/moderate/" in link]
        assert len(decisions) == 3
        assert html_links(mail) == decisions
        for link in [*decisions, *html_links(mail)]:
            for _ in range(3):
                for method in ("GET", "HEAD"):
                    answer = await http.request(method, urlsplit(link).path)
                    assert answer.status == 200
                    assert bool(await answer.read()) is (method == "GET")
    assert await all_rows(database) == before
    listed = await (await http.get("/api/v1/comments", params={"page_url": PAGE})).json()
    assert listed["count"] == 0


async def test_a_scanner_changes_nothing_about_a_decision_either(
    http: ClientSession, smtp: MailServer, database: Database
) -> None:
    posted = await post(http, smtp)
    assert (await press(http, posted.path("approve"))).status == 200
    await interval_is_back(database)
    before = await all_rows(database)
    for decision in ("approve", "reject", "spam"):
        for moderator in (ANNA, PAUL):
            for method in ("GET", "HEAD"):
                assert (await http.request(method, posted.path(decision, moderator))).status == 200
    assert (await http.get(posted.path("approve").replace("/approve", "/undo"))).status == 405
    assert await all_rows(database) == before


@one_engine
async def test_the_host_that_a_request_names_reaches_no_link_page_or_header(
    http: ClientSession, smtp: MailServer
) -> None:
    posted = await http.post("/api/v1/comments", json=a_submission(), headers=FORGED)
    assert posted.status == 202
    await smtp.wait_for(2)
    form = await http.post(
        "/api/v1/comments",
        data=a_submission(body="dal modulo", redirect_to="/grazie"),
        headers=FORGED,
        allow_redirects=False,
    )
    assert form.status == 303
    wrong = await http.post("/api/v1/comments", data=a_submission(body=""), headers=FORGED)
    assert wrong.status == 422
    mails = await smtp.wait_for(4)
    for mail in mails:
        assert b"evil.example" not in mail.raw
        assert {urlsplit(link).netloc for link in mail.links()} == {"www.example.org", "comments.example.net"}
    approve = urlsplit(smtp.to(ANNA)[0].link("/approve")).path
    answers = [
        posted,
        form,
        wrong,
        await http.get(approve, headers=FORGED),
        await press(http, approve, headers=FORGED),
        await http.get("/moderate/forged/approve", headers=FORGED),
        await http.get("/nowhere", headers=FORGED | {"Accept": "text/html"}),
        await http.get("/api/v1/comments", params={"page_url": PAGE}, headers=FORGED),
        await http.get("/openapi.json", headers=FORGED),
    ]
    for answer in answers:
        assert "evil.example" not in await answer.text()
        assert "evil.example" not in str(answer.headers)


@pytest.mark.parametrize(
    "redirect_to",
    [
        "https://evil.example/",
        "//evil.example/",
        "///evil.example/",
        "\\\\evil.example/",
        "/\\evil.example/",
        "https:evil.example",
        "https:///evil.example",
        "https://www.example.org@evil.example/",
        "https://www.example.org.evil.example/",
        "https://evil.example#https://www.example.org/",
        "https://evil.example\\@www.example.org/",
        "http://www.example.org/",
        "https://www.example.org:8443/",
        "javascript:alert(1)",
        "data:text/html,evil",
        "ftp://www.example.org/",
        "https://[evil.example/",
        "https://www.example.org:notaport/",
        "\thttps://evil.example/",
        "/%0d%0aSet-Cookie: a=b",
        "https://ⓔvil.example/",
    ],
)
@one_engine
async def test_a_form_leads_back_to_its_own_site_only(http: ClientSession, redirect_to: str) -> None:
    answer = await http.post("/api/v1/comments", data=a_submission(redirect_to=redirect_to), allow_redirects=False)
    assert answer.status == 303
    location = answer.headers["Location"]
    assert location.startswith("https://www.example.org/")
    assert urlsplit(location).netloc == "www.example.org"
    assert "Set-Cookie" not in answer.headers
