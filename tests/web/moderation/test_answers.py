"""Answering as the site behind a mailed link and by the API; and where readers see whose answer it is."""

import json
import re
from html import unescape
from typing import Any

import pytest
from aiohttp import ClientResponse, ClientSession

from schemas.comments import BODY_BYTES
from tests.support.cases import in_turn, one_engine
from tests.support.desk import text_of
from tests.support.factories import OTHER_API_KEY, PAGE, bearer
from tests.support.mailed import PAUL, Posted, post, pressed
from tests.support.posting import decided, published, queued
from tests.support.smtp import MailServer

BODY = "Grazie, *abbiamo corretto* la pagina."
DECISIONS = "/api/v1/moderation/decisions"
AREA = re.compile(r'<textarea[^>]* id="body" name="body"[^>]*>(.*?)</textarea>', re.DOTALL)


def path_of(posted: Posted, moderator: str = PAUL) -> str:
    return f"/moderate/{posted.token(moderator)}/answer"


async def answer(
    http: ClientSession,
    posted: Posted,
    body: str = BODY,
    seen: str = "pending",
    *,
    headers: dict[str, str] | None = None,
    **fields: str,
) -> ClientResponse:
    path = path_of(posted)
    return await http.post(path, data={"body": body} | pressed(path, seen) | fields, headers=headers)


async def listed(http: ClientSession) -> list[dict[str, Any]]:
    found = await (await http.get("/api/v1/comments", params={"page_url": PAGE})).json()
    comments: list[dict[str, Any]] = found["comments"]
    return comments


async def typed(response: ClientResponse) -> str:
    """What stands in the form of a page."""
    [text] = AREA.findall(await response.text())
    return unescape(text)


async def test_the_page_behind_a_link_answers_and_takes_it_back(http: ClientSession, smtp: MailServer) -> None:
    posted = await post(http, smtp)
    page = await (await http.get(posted.path("approve", PAUL))).text()
    assert "Approve and reply" in page
    assert "Associazione dell&#39;Esempio" in page
    assert page.index('action="approve"') < page.index('action="answer"')
    done = await answer(http, posted)
    assert done.status == 200
    assert "Everyone can read it and the reply now." in text_of(await done.text())
    asked, given = await listed(http)
    assert (asked["id"], asked["by_site"], asked["author_name"]) == (posted.id, False, "Giuliana")
    assert (given["parent_id"], given["by_site"], given["author_name"], given["body"]) == (
        posted.id,
        True,
        "Associazione dell'Esempio",
        BODY,
    )
    again = await answer(http, posted)
    assert again.status == 200
    assert len(await listed(http)) == 2
    undone = await http.post(
        path_of(posted).replace("/answer", "/undo"), data=pressed(path_of(posted), "approved")
    )
    assert undone.status == 200
    assert await listed(http) == []
    assert {one["status"] for one in await queued(http)} == {"pending", "rejected"}
    assert len(smtp.mails) == 2


async def test_two_clicks_at_once_make_one_answer(http: ClientSession, smtp: MailServer) -> None:
    posted = await post(http, smtp)
    await http.post(DECISIONS, json={"decisions": [{"id": posted.id, "decision": "approve"}]}, headers=bearer())
    pages = [await answer(http, posted, seen="approved") for _ in range(2)]
    assert [page.status for page in pages] == [200, 200]
    assert [one["by_site"] for one in await listed(http)] == [False, True]


@one_engine
@in_turn("body, code", [("", "required"), (" \n\u200b", "required"), ("x" * (BODY_BYTES + 1), "too_long")])
async def test_what_cannot_be_published_is_shown_again_with_the_reason(
    http: ClientSession, smtp: MailServer, body: str, code: str
) -> None:
    posted = await post(http, smtp, body=f"di {len(body)}")
    refused = await answer(http, posted, body)
    assert refused.status == 422
    page = await refused.text()
    [fault] = re.findall(r'class="wrong" id="body-fault">([^<]+)<', page)
    assert ("65,525" in fault) == (code == "too_long")
    assert await typed(refused) == body
    assert '<details class="card answering" id="answer" open>' in page
    assert {one["status"] for one in await queued(http)} == {"pending"}


@one_engine
async def test_what_changed_meanwhile_is_not_answered_and_the_text_is_kept(
    http: ClientSession, smtp: MailServer
) -> None:
    posted = await post(http, smtp)
    forged = await answer(http, posted, form_token="x")
    assert (forged.status, await typed(forged)) == (409, BODY)
    await decided(http, posted.id, "reject")
    refused = await answer(http, posted)
    assert refused.status == 409
    assert await typed(refused) == BODY
    assert "Your reply was not published" in await refused.text()
    assert {one["status"] for one in await queued(http)} == {"rejected"}
    foreign = await answer(http, posted, headers={"Sec-Fetch-Site": "cross-site"})
    assert foreign.status == 403
    nobody = await answer(http, posted, seen="rejected", headers={"Origin": "null"})
    assert nobody.status == 409
    assert (await http.get(path_of(posted))).status == 405
    assert await listed(http) == []


async def test_a_program_answers_as_the_site(http: ClientSession) -> None:
    asked = await published(http)
    wanted = {"id": asked, "decision": "answer", "body": BODY}
    said = await http.post(DECISIONS, json={"decisions": [wanted, wanted]}, headers=bearer())
    assert await said.json() == {
        "results": [
            {"id": asked, "status": "approved", "outcome": "done"},
            {"id": asked, "status": "approved", "outcome": "unchanged"},
        ]
    }
    _, given = await listed(http)
    history = f"/api/v1/moderation/comments/{asked}/history"
    line = (await (await http.get(history, headers=bearer())).json())["history"][-1]
    assert (line["decision"], line["actor"], line["means"]) == ("answer", None, "api")
    assert line["answer_id"] == given["id"]
    [shown] = [one for one in await queued(http) if one["by_site"]]
    assert (shown["id"], shown["author_email_masked"], shown["author_hash"]) == (given["id"], None, None)
    assert await decided(http, given["id"], "reject") == "done"
    assert len(await listed(http)) == 1
    assert await decided(http, given["id"], "answer", body="Di nulla.") == "conflict"
    other = await http.post(DECISIONS, json={"decisions": [wanted]}, headers=bearer(OTHER_API_KEY))
    assert (await other.json())["results"][0]["outcome"] == "not_found"


@one_engine
@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"decision": "answer"}, "required"),
        ({"decision": "answer", "body": None}, "required"),
        ({"decision": "answer", "body": " \u200b"}, "required"),
        ({"decision": "answer", "body": "x" * (BODY_BYTES + 1)}, "too_long"),
        ({"decision": "approve", "body": BODY}, "contradicts"),
    ],
)
async def test_a_program_learns_what_is_wrong_with_an_answer(
    http: ClientSession, changed: dict[str, Any], code: str
) -> None:
    asked = await published(http)
    refused = await http.post(DECISIONS, json={"decisions": [{"id": asked} | changed]}, headers=bearer())
    assert refused.status == 422
    errors = (await refused.json())["errors"]
    assert [one["code"] for one in errors["decisions.0.body"]] == [code]


@one_engine
async def test_readers_see_everywhere_whose_answer_it_is(http: ClientSession) -> None:
    asked = await published(http)
    assert await decided(http, asked, "answer", body=BODY) == "done"
    place = {"page_url": PAGE}
    for path in ("/comments", "/embed/comments.html"):
        page = await (await http.get(path, params=place | {"lang": "de"})).text()
        assert page.count('class="by-site">Antwort der Website</span>') == 1
    described = json.loads(page.partition('<script type="application/ld+json">')[2].partition("</script>")[0])
    [first] = described["comment"]
    assert [first["author"]["@type"], first["comment"][0]["author"]["@type"]] == ["Person", "Organization"]
    atom = await (await http.get("/feeds/atom", params=place)).text()
    assert atom.count('<category term="by_site" label="Risposta del sito"/>') == 1
    feed = await (await http.get("/feeds/json", params=place)).json()
    assert [one.get("tags") for one in feed["items"]] == [["by_site"], None]
    latest = await (await http.get("/api/v1/latest", params={"site": "coop"})).json()
    assert [one["by_site"] for one in latest["comments"]] == [True, False]
    changes = await (await http.get("/api/v1/changes", params={"site": "coop"})).json()
    assert [one["comment"]["by_site"] for one in changes["changes"]] == [False, True]
    [_, given] = await listed(http)
    single = await (await http.get(f"/api/v1/comments/{given['id']}")).json()
    assert single["by_site"] is True
