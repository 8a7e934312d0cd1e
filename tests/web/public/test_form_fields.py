"""What a site asks of its authors: an address or a website that is required, may be left out, or is not wanted."""

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from aiohttp import ClientSession

from tests.support.cases import one_engine
from tests.support.factories import ADDRESS, PAGE, SITES, a_submission, bearer
from tests.support.forms import Form
from tests.support.mailed import press
from tests.support.posting import COMMENTS, decide, post, queued, status_of, urlencoded
from tests.support.smtp import MailServer

OPTIONAL = 'fields = {author_email = "optional"}'
HIDDEN = 'fields = {author_email = "hidden", author_url = "hidden"}'
ALL_REQUIRED = 'fields = {author_url = "required"}'
BESIDE = 'rules_url = "https://www.example.org/regole"\ncontact = "redazione@example.org"'
WEBSITE = "https://giuliana.example"


@pytest.fixture
def asked() -> str:
    """What the sites file says of the first site's forms; tests choose it."""
    return ""


@pytest.fixture
def environ(environ: dict[str, str], asked: str) -> dict[str, str]:
    """The usual environment, with a site that asks for other fields."""
    listed = SITES.replace('language = "it"', f'language = "it"\n{asked}', 1)
    Path(environ["MODERATION_SITES"]).write_text(listed, encoding="utf-8")
    return environ


async def form_of(http: ClientSession) -> Form:
    return Form(await (await http.get("/comments", params={"page_url": PAGE})).text())


@one_engine
@pytest.mark.parametrize("asked", [OPTIONAL])
@pytest.mark.parametrize("given", [{}, {"author_email": ""}, {"author_email": "  "}, {"author_email": None}])
async def test_an_optional_address_may_be_left_out(
    http: ClientSession, smtp: MailServer, given: dict[str, Any]
) -> None:
    sent = a_submission()
    del sent["author_email"]
    answer = await http.post(COMMENTS, json=sent | given)
    assert answer.status == 202, await answer.text()
    [waiting] = await queued(http)
    assert waiting["author_email_masked"] is None
    await smtp.wait_for(2)
    for mail in smtp.mails:
        assert "@" not in mail.text().partition("Giuliana")[2].partition("interessante…")[0]
        assert "None" not in mail.text() + mail.html()
    await press(http, urlsplit(smtp.mails[0].link("/approve")).path)
    assert [one["status"] for one in await queued(http)] == ["approved"]


@pytest.mark.parametrize("asked", [OPTIONAL])
async def test_an_optional_address_that_is_given_is_checked_and_kept(http: ClientSession) -> None:
    assert await status_of(http, author_email="giuliana@esempio") == 422
    await post(http, author_email=ADDRESS)
    assert [one["author_email_masked"] for one in await queued(http)] == ["g…@e….com"]


@pytest.mark.parametrize("asked", [HIDDEN])
async def test_what_is_hidden_is_neither_asked_for_nor_stored(http: ClientSession) -> None:
    form = await form_of(http)
    assert not {"author_email", "author_url"} & form.values.keys()
    await post(http, author_email=ADDRESS, author_url=WEBSITE)
    [waiting] = await queued(http)
    assert (waiting["author_email_masked"], waiting["author_url"]) == (None, None)
    found = await http.get("/api/v1/moderation/comments", params={"q": ADDRESS}, headers=bearer())
    assert (await found.json())["comments"] == []


@one_engine
@pytest.mark.parametrize("asked", [ALL_REQUIRED])
@pytest.mark.parametrize("given", [None, "", " "])
async def test_a_website_may_be_required(http: ClientSession, given: str | None) -> None:
    answer = await http.post(COMMENTS, json=a_submission(author_url=given))
    assert (answer.status, set((await answer.json())["errors"])) == (422, {"author_url"})
    assert await status_of(http, author_url=WEBSITE) == 202


@one_engine
@pytest.mark.parametrize("asked", ["", OPTIONAL, HIDDEN, ALL_REQUIRED])
async def test_the_forms_and_the_list_say_what_the_site_asks_for(http: ClientSession, asked: str) -> None:
    listed = await (await http.get(COMMENTS, params={"page_url": PAGE})).json()
    page = await (await http.get("/comments", params={"page_url": PAGE})).text()
    shown = Form(page).values.keys()
    body, kind = urlencoded({"page_url": PAGE})
    again = await (await http.post(COMMENTS, data=body, headers=kind)).text()
    for name in ("author_email", "author_url"):
        presence = listed["form"][name]
        assert (presence == "hidden") is (name not in shown) is (f'id="{name}"' not in again)
        tag = page.partition(f'id="{name}"')[2].partition(">")[0]
        assert ("required" in tag) is (presence == "required")
    assert ('id="author_url-fault"' in again) is (asked == ALL_REQUIRED)
    assert ('id="author_email-fault"' in again) is (asked in ("", ALL_REQUIRED))


@one_engine
@pytest.mark.parametrize("asked", [BESIDE])
async def test_rules_and_contact_stand_beside_the_form(http: ClientSession) -> None:
    page = await (await http.get("/comments", params={"page_url": PAGE, "lang": "it"})).text()
    assert '<a href="https://www.example.org/regole">Regole per i commenti</a>' in page
    assert '<a href="mailto:redazione@example.org">' in page
    listed = await (await http.get(COMMENTS, params={"page_url": PAGE})).json()
    assert listed["form"] == {
        "author_email": "required",
        "author_url": "optional",
        "rules_url": "https://www.example.org/regole",
        "contact": "redazione@example.org",
        "is_closed": False,
        "closes_at": None,
    }


@pytest.mark.parametrize("asked", [OPTIONAL])
async def test_a_comment_without_an_address_is_a_comment_like_any_other(http: ClientSession) -> None:
    first = (await post(http, author_email=""))["id"]
    assert await status_of(http, author_email="") == 409
    assert await status_of(http, author_email="", body="un altro") == 202
    await decide(http, "approve", first)
    listed = await (await http.get(COMMENTS, params={"page_url": PAGE})).json()
    assert [one["id"] for one in listed["comments"]] == [first]


@one_engine
async def test_without_a_word_in_the_sites_file_an_address_is_required(http: ClientSession) -> None:
    for given in (None, "", " "):
        answer = await http.post(COMMENTS, json=a_submission(author_email=given))
        assert (answer.status, set((await answer.json())["errors"])) == (422, {"author_email"})
