"""The OpenAPI document: valid, complete, and true of what is really answered."""

import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from aiohttp import ClientResponse, ClientSession
from click.testing import CliRunner
from jsonschema import Draft202012Validator
from marshmallow import Schema
from openapi_spec_validator import OpenAPIV31SpecValidator

from moderation_service import cli
from moderation_service.domain.comments.personal_data import Wish, WishLink, WishLinks
from moderation_service.domain.keys import KeyRing
from moderation_service.runtime.container import utc_now
from moderation_service.web.endpoint import Credential
from moderation_service.web.operations import openapi
from moderation_service.web.public import wordpress
from moderation_service.web.routes import ENDPOINTS
from schemas import blocks as blocks_wire
from schemas import changes as changes_wire
from schemas import comments as wire
from schemas import desk as desk_wire
from schemas import feeds as feeds_wire
from schemas import moderated_pages as pages_wire
from schemas import moderation as moderation_wire
from schemas import overview as overview_wire
from schemas import receipts as receipts_wire
from schemas import reports as reports_wire
from schemas.stamps import FormMarks
from tests.support import authors
from tests.support.contract import differences, keys_differ
from tests.support.desk import Browser, mailed_login
from tests.support.event_stream import STREAM
from tests.support.factories import OTHER_PAGE, PAGE, SECRET, a_submission, bearer
from tests.support.forms import Form
from tests.support.mailed import press, pressed
from tests.support.posting import COMMENTS, decide, decided, post, queued, urlencoded
from tests.support.proofs import proof_of
from tests.support.running import Running
from tests.support.smtp import MailServer

CHANGES = "/api/v1/changes"
COUNTS = "/api/v1/counts"
QUEUE = "/api/v1/moderation/comments"
DECISIONS = "/api/v1/moderation/decisions"
RECEIPT = "/api/v1/receipts/{token}"
RECEIPT_PAGE = "/receipts/{token}"
DATA_LINK = "/personal-data/{token}"
LINK = "/moderate/{token}/{decision}"
LOGIN_LINK = "/desk/login/{token}"
NOBODY = "0197c0de-0000-7000-8000-000000000001"
_FORM = (
    b'{"author_email": "required", "author_url": "optional", "rules_url": null, "contact": null, '
    b'"is_closed": false, "closes_at": null}'
)
_EMPTY = b'{"page_url": "https://a.example/", "comments": [], "count": 0, "next_cursor": null, "form": %s}' % _FORM


NEEDS = {
    Credential.SITE_KEY: {"siteKey"},
    Credential.SESSION: {"deskSession"},
    Credential.SESSION_IF_ANY: {"deskSession"},
}


@pytest.fixture
def place(tmp_path: Path) -> str:
    """One engine is enough: what both answer is compared elsewhere."""
    return f"sqlite:///{tmp_path}/test.db"


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return openapi.document(ENDPOINTS, server="https://comments.example.net")


def test_the_document_is_valid_openapi(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    assert list(OpenAPIV31SpecValidator(document).iter_errors()) == []


def test_every_route_is_in_the_document_and_nothing_else(document: dict[str, Any]) -> None:
    listed = {(method, path) for path, operations in document["paths"].items() for method in operations}
    routes = {(one.method.lower(), openapi._PARAMETER.sub(r"{\1}", one.path)) for one in ENDPOINTS}
    assert listed == routes


def test_every_answer_of_a_route_is_in_the_document(document: dict[str, Any]) -> None:
    names = set()
    for one in ENDPOINTS:
        operation = document["paths"][openapi._PARAMETER.sub(r"{\1}", one.path)][one.method.lower()]
        assert set(operation["responses"]) == {str(status) for status in (*one.answers, *one.problems)}
        assert operation["summary"]
        needs = {name for each in operation.get("security", ()) for name in each}
        assert needs == NEEDS.get(one.credential, set())
        names.add(operation["operationId"])
    assert len(names) == len(ENDPOINTS)


def test_the_limits_of_the_contract_are_published(document: dict[str, Any]) -> None:
    submission = document["components"]["schemas"]["Submission"]
    fields = submission["properties"]
    assert set(submission["required"]) == {"page_url", "author_name", "author_email", "body"}
    assert {name: fields[name].get("maxLength") for name in fields} == {
        "page_url": 2_000,
        "page_title": 500,
        "author_name": 245,
        "author_email": 254,
        "author_url": 2_000,
        "body": None,
        "parent_id": None,
        "form_stamp": None,
        "author_token": None,
        "notify_published": None,
        "notify_replies": None,
    }
    assert fields["notify_replies"]["type"] == "boolean"
    assert "65525 bytes" in fields["body"]["description"].replace(",", "")
    assert fields["page_title"]["type"] == ["string", "null"]


async def test_the_service_and_the_command_give_the_same_document(
    http: ClientSession, document: dict[str, Any]
) -> None:
    answer = await http.get("/openapi.json")
    assert await answer.json() == document
    assert answer.headers["Cache-Control"] == "public, no-cache"
    assert answer.headers["Vary"] == "Accept-Encoding"
    assert answer.headers["Content-Encoding"] in ("gzip", "zstd")
    again = await http.get("/openapi.json", headers={"If-None-Match": answer.headers["ETag"]})
    assert again.status == 304
    printed = CliRunner().invoke(
        cli.main, ["openapi"], env={"MODERATION_PUBLIC_URL": "https://comments.example.net"}
    )
    assert printed.exit_code == 0
    assert '"openapi": "3.1' in printed.output


@pytest.mark.parametrize(
    ("method", "path", "status", "kind", "body", "is_found"),
    [
        ("GET", COMMENTS, 200, "application/json", _EMPTY, False),
        ("GET", COMMENTS, 200, "application/json", b"{}", True),
        (
            "GET",
            COMMENTS,
            200,
            "application/json",
            _EMPTY.replace(b"[]", b"[{}]"),
            True,
        ),
        ("GET", COMMENTS, 201, "application/json", b"{}", True),
        ("GET", COMMENTS, 422, "application/problem+json", b"{}", True),
        ("GET", COMMENTS, 418, "application/problem+json", b"{}", True),
        ("GET", f"{COMMENTS}/{NOBODY}", 200, "application/json", b'{"email": "x"}', True),
        ("POST", DECISIONS, 200, "application/json", b'{"results": [{"id": 1}]}', True),
        ("GET", "/elsewhere", 200, "application/json", b"{}", False),
        ("GET", "/desk", 200, "text/html", b"<p>", False),
    ],
)
def test_the_client_of_every_test_finds_what_is_not_as_documented(
    method: str, path: str, status: int, kind: str, body: bytes, *, is_found: bool
) -> None:
    assert bool(differences(method, path, status, kind, body)) is is_found


class Checker:
    """Checks answers against the document and the schemas that it was made of."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._document = document
        self.seen: set[tuple[str, str, int]] = set()

    async def check(
        self, answer: ClientResponse, path: str, status: int, schema: type[Schema] | None = None
    ) -> None:
        method = answer.method.lower()
        assert answer.status == status, answer.status
        self.seen.add((method, path, status))
        described = self._document["paths"][path][method]["responses"][str(status)]
        content = described.get("content")
        if content is None:
            return
        assert answer.content_type in content
        if answer.content_type in ("text/html", "text/event-stream", "application/atom+xml"):
            return
        value = await answer.json(content_type=None)
        shape = content[answer.content_type]["schema"]
        Draft202012Validator({**shape, "components": self._document["components"]}).validate(value)
        if schema is not None:
            assert schema().validate(value) == {}
            assert keys_differ(schema(), value) == []


async def post_everything(http: ClientSession, check: Any, parent: str) -> str:
    """Provoke every answer to a post; the id of a reply to the parent."""
    form, kind = urlencoded(a_submission(body="dal modulo"))
    to_browser: dict[str, Any] = {"data": form, "headers": kind, "allow_redirects": False}
    answer = await http.post(COMMENTS, json=a_submission(body="risposta", parent_id=parent))
    await check(answer, COMMENTS, 202, wire.Receipt)
    reply: str = (await answer.json())["id"]
    await check(await http.post(COMMENTS, **to_browser), COMMENTS, 303)
    await check(await http.post(COMMENTS, json=a_submission()), COMMENTS, 409)
    await check(await http.post(COMMENTS, json=a_submission(page_url="http://x.example")), COMMENTS, 403)
    await check(await http.post(COMMENTS, json=a_submission(body="")), COMMENTS, 422)
    await check(await http.post(COMMENTS, data=b"{", headers={"Content-Type": "application/json"}), COMMENTS, 400)
    await check(await http.post(COMMENTS, data=b"x", headers={"Content-Type": "text/plain"}), COMMENTS, 415)
    await check(await http.post(COMMENTS, data=b"x" * 262_145), COMMENTS, 413)
    form, kind = urlencoded(
        {"page_url": PAGE, "comment": "da WordPress", "author": "Giuliana", "email": "giuliana@example.com"}
    )
    to_browser = {"data": form, "headers": kind, "allow_redirects": False}
    await check(await http.post(wordpress.PATH, **to_browser), wordpress.PATH, 303)
    await check(await http.post(wordpress.PATH, data=b"", headers=kind), wordpress.PATH, 422)
    return reply


async def use_a_receipt(http: ClientSession, check: Any) -> None:
    """Provoke every answer to an author about the author's own comment."""
    path = f"/api/v1/receipts/{(await post(http, body='la mia'))['receipt_url'].rpartition('/')[2]}"
    await check(await http.get(path), RECEIPT, 200, receipts_wire.OwnComment)
    await check(await http.get("/api/v1/receipts/x"), RECEIPT, 404)
    await check(await http.patch(path, json={"body": "altro"}), RECEIPT, 200, receipts_wire.OwnComment)
    await check(await http.patch(path, json={"body": ""}), RECEIPT, 422)
    await check(await http.patch(path, data=b"x", headers={"Content-Type": "text/plain"}), RECEIPT, 415)
    page = path.removeprefix("/api/v1")
    shown = await http.get(page)
    await check(shown, RECEIPT_PAGE, 200)
    await check(await http.post(page, data={}), RECEIPT_PAGE, 409)
    await check(await http.post(page, data=Form(await shown.text()).values), RECEIPT_PAGE, 200)
    mails, data = f"{RECEIPT_PAGE}/e-mails", f"{RECEIPT_PAGE}/personal-data"
    fields = {"form_token": Form(await (await http.get(page)).text()).values["form_token"]}
    await check(await http.post(f"{page}/e-mails", data={}), mails, 409)
    await check(await http.post(f"{page}/e-mails", data={"end": "x"}), mails, 422)
    await check(await http.post(f"{page}/e-mails", data=fields), mails, 200)
    await check(await http.post(f"{page}/personal-data", data=fields | {"wish": "export"}), data, 200)
    wish = {"wish": "export"}
    await check(await http.post(f"{path}/personal-data", json=wish), f"{RECEIPT}/personal-data", 202)
    links = WishLinks(KeyRing((SECRET,)), utc_now)
    link = f"/personal-data/{links.mint(WishLink((await (await http.get(path)).json())['id'], Wish.EXPORT))}"
    shown = await http.get(link)
    await check(shown, DATA_LINK, 200)
    await check(await http.post(link, data={}), DATA_LINK, 409)
    await check(await http.post(link, data=Form(await shown.text()).values), DATA_LINK, 200)
    await check(await http.delete(path), RECEIPT, 200, receipts_wire.OwnComment)
    await check(await http.patch(path, json={"body": "tardi"}), RECEIPT, 409)
    await object_once(http, check)
    await prove_work(http, check)


async def object_once(http: ClientSession, check: Any) -> None:
    """Provoke the answers to an author who objects to a rejection."""
    receipt = await post(http, body="la mia opinione")
    await decide(http, "reject", receipt["id"])
    documented = "/api/v1/receipts/{token}/objection"
    path = documented.format(token=receipt["receipt_url"].rpartition("/")[2])
    await check(await http.post(path, json={"text": ""}), documented, 422)
    await check(await http.post(path, json={"text": "Perché?"}), documented, 200, receipts_wire.OwnComment)
    await check(await http.post(path, json={"text": "Perché?"}), documented, 409)


async def report_something(http: ClientSession, check: Any, published_id: str) -> None:
    """Provoke every answer to a reader who reports a published comment."""
    path, documented = f"{COMMENTS}/{published_id}/reports", f"{COMMENTS}/{{comment_id}}/reports"
    report = {"reason": "insult", "explanation": "Offende."}
    await check(await http.options(path), documented, 204)
    await check(await http.post(path, json=report), documented, 202, reports_wire.ReportReceipt)
    await check(await http.post(path, json=report | {"reason": "gone"}), documented, 422)
    await check(await http.post(path, json=report, headers={"Origin": "https://x.example"}), documented, 403)
    await check(await http.post(path, data=b"x", headers={"Content-Type": "text/plain"}), documented, 415)
    await check(await http.post(f"{COMMENTS}/{NOBODY}/reports", json=report), documented, 404)
    page, documented = f"/comments/{published_id}/report", "/comments/{comment_id}/report"
    await check(await http.get(page), documented, 200)
    await check(await http.get(f"/comments/{NOBODY}/report"), documented, 404)
    await check(await http.post(page, data={"reason": "other"}), documented, 422)
    await check(await http.post(page, data=report | {"explanation": "Anche falso."}), documented, 200)
    await decide(http, "approve", published_id)


async def prove_work(http: ClientSession, check: Any) -> None:
    """Provoke answers to whose browser is asked for work, and to a script that asks for a stamp."""
    stamp = "/api/v1/stamp"
    await check(await http.get(stamp, params={"page_url": PAGE}), stamp, 200, FormMarks)
    await check(await http.get(stamp), stamp, 422)
    receipt = await post(http, body="[url=x]x[/url] https://a.example https://b.example https://c.example")
    path = f"/api/v1/receipts/{receipt['receipt_url'].rpartition('/')[2]}/proof"
    documented = "/api/v1/receipts/{token}/proof"
    await check(await http.post(path, json={"proof": "x"}), documented, 422)
    proof = {"proof": proof_of(receipt["challenge"])}
    await check(await http.post(path, json=proof), documented, 200, receipts_wire.OwnComment)
    await check(await http.post(path, json=proof), documented, 409)


async def read_many_pages(http: ClientSession, check: Any) -> None:
    """Provoke every answer to who asks for many pages at once."""
    site = {"site": "coop"}
    for path, query, wrong, schema in (
        (COUNTS, {"page_url": PAGE}, {"page_url": "http://x.example"}, overview_wire.CommentCounts),
        ("/api/v1/pages", site, {"site": "nobody"}, overview_wire.SitePages),
        ("/api/v1/latest", site, {"site": "nobody"}, overview_wire.LatestComments),
        ("/feeds/atom", site, {"site": "nobody"}, None),
        ("/feeds/json", {"page_url": PAGE}, {"page_url": "http://x.example"}, feeds_wire.JsonFeed),
    ):
        answer = await http.get(path, params=query)
        await check(answer, path, 200, schema)
        tag = {"If-None-Match": answer.headers["ETag"]}
        await check(await http.get(path, params=query, headers=tag), path, 304)
        await check(await http.get(path, params=wrong), path, 403)
        await check(await http.get(path), path, 422)
    asked = {"page_urls": [PAGE]}
    await check(await http.post(COUNTS, json=asked), COUNTS, 200, overview_wire.CommentCounts)
    await check(await http.post(COUNTS, json={"page_urls": ["http://x.example"]}), COUNTS, 403)
    await check(await http.post(COUNTS, json={}), COUNTS, 422)
    await check(await http.post(COUNTS, data=b"{", headers={"Content-Type": "application/json"}), COUNTS, 400)
    await check(await http.post(COUNTS, data=b"x", headers={"Content-Type": "text/plain"}), COUNTS, 415)
    await check(await http.post(COUNTS, data=b"x" * 262_145), COUNTS, 413)


async def follow_everything(http: ClientSession, check: Any) -> None:
    """Provoke every answer to who follows the site."""
    asked: tuple[tuple[dict[str, str], int], ...]
    asked = (({"site": "coop"}, 200), ({"site": "nobody"}, 403), ({}, 422), ({"site": "coop", "after": "99"}, 410))
    for query, status in asked:
        answer = await http.get(CHANGES, params=query)
        await check(answer, CHANGES, status, changes_wire.ChangeFeed if status == 200 else None)
    answer = await http.get(CHANGES, params=asked[0][0])
    tag = {"If-None-Match": answer.headers["ETag"]}
    await check(await http.get(CHANGES, params=asked[0][0], headers=tag), CHANGES, 304)
    async with http.get(STREAM, params=asked[0][0]) as answer:
        await check(answer, STREAM, 200)
    for query, status in asked[1:3]:
        await check(await http.get(STREAM, params=query), STREAM, status)
    await check(await http.get(STREAM, params=asked[0][0], headers={"Last-Event-ID": "x"}), STREAM, 422)


async def read_everything(http: ClientSession, check: Any, comment_id: str) -> None:
    """Provoke every answer to a reader."""
    page = {"page_url": PAGE, "limit": "1"}
    answer = await http.get(COMMENTS, params=page)
    await check(answer, COMMENTS, 200, wire.CommentList)
    tag = {"If-None-Match": answer.headers["ETag"]}
    await check(await http.get(COMMENTS, params=page, headers=tag), COMMENTS, 304)
    await check(await http.get(COMMENTS, params={"page_url": "http://x.example"}), COMMENTS, 403)
    await check(await http.get(COMMENTS), COMMENTS, 422)
    threads = {**page, "view": "threads"}
    await check(await http.get(COMMENTS, params=threads), COMMENTS, 200, wire.CommentList)
    await check(await http.get(COMMENTS, params={**page, "around": NOBODY}), COMMENTS, 404)
    one = f"{COMMENTS}/{{comment_id}}"
    answer = await http.get(f"{COMMENTS}/{comment_id}")
    await check(answer, one, 200, wire.PublicComment)
    tag = {"If-None-Match": answer.headers["ETag"]}
    await check(await http.get(f"{COMMENTS}/{comment_id}", headers=tag), one, 304)
    await check(await http.get(f"{COMMENTS}/{NOBODY}"), one, 404)
    await follow_everything(http, check)
    await read_many_pages(http, check)
    for path in ("/", "/robots.txt", "/favicon.ico"):
        await check(await http.get(path), path, 200)
    await check(await http.get("/static/pages.css"), "/static/{name}", 200)
    await check(await http.get("/static/nothing"), "/static/{name}", 404)
    answer = await http.get("/comments", params=page)
    await check(answer, "/comments", 200)
    tag = {"If-None-Match": answer.headers["ETag"]}
    await check(await http.get("/comments", params=page, headers=tag), "/comments", 304)
    await check(await http.get("/comments", params={"page_url": "http://x.example"}), "/comments", 403)
    await check(await http.get("/comments"), "/comments", 422)
    fragment = "/embed/comments.html"
    answer = await http.get(fragment, params=page)
    await check(answer, fragment, 200)
    tag = {"If-None-Match": answer.headers["ETag"]}
    await check(await http.get(fragment, params=page, headers=tag), fragment, 304)
    await check(await http.get(fragment, params={"page_url": "http://x.example"}), fragment, 403)
    await check(await http.get(fragment), fragment, 422)
    for script in ("/embed/comments.js", "/embed/counts.js", "/embed/work.js", "/docs", openapi.SUBMISSION_PATH):
        answer = await http.get(script)
        await check(answer, script, 200)
        await check(await http.get(script, headers={"If-None-Match": answer.headers["ETag"]}), script, 304)
    for path in ("/health/live", "/health/ready", "/metrics", "/openapi.json"):
        await check(await http.get(path), path, 200)
    await check(await http.get("/metrics", headers={"Via": "1.1 proxy"}), "/metrics", 404)


async def moderate_everything(http: ClientSession, check: Any, parent: str, reply: str) -> None:
    """Provoke every answer to a program that moderates."""
    answer = await http.get(QUEUE, params={"limit": "1"}, headers=bearer())
    await check(answer, QUEUE, 200, moderation_wire.Queue)
    await check(await http.get(QUEUE), QUEUE, 401)
    await check(await http.get(QUEUE, params={"status": "x"}, headers=bearer()), QUEUE, 422)
    author = "/api/v1/moderation/authors/{author_hash}"
    known = author.format(author_hash=(await answer.json())["comments"][0]["author_hash"])
    await check(await http.get(known, headers=bearer()), author, 200, moderation_wire.Author)
    await check(await http.get(f"{known}x", headers=bearer()), author, 404)
    await check(
        await http.put(known, json={"note": "gentile"}, headers=bearer()), author, 200, moderation_wire.Author
    )
    await check(await http.put(known, json={}, headers=bearer()), author, 422)
    history = f"{QUEUE}/{{comment_id}}/history"
    answer = await http.get(f"{QUEUE}/{parent}/history", headers=bearer())
    await check(answer, history, 200, moderation_wire.History)
    await check(await http.get(f"{QUEUE}/{NOBODY}/history", headers=bearer()), history, 404)
    asked = {
        "decisions": [
            {"id": parent, "decision": "approve"},
            {"id": parent, "decision": "spam", "expected_status": "pending", "note": "perché"},
            {"id": NOBODY, "decision": "undo"},
            {"id": reply, "decision": "reject", "note": None},
        ]
    }
    answer = await http.post(DECISIONS, json=asked, headers=bearer())
    await check(answer, DECISIONS, 200, moderation_wire.DecisionResults)
    outcomes = [one["outcome"] for one in (await answer.json())["results"]]
    assert outcomes == ["unchanged", "conflict", "not_found", "done"]
    await check(await http.post(DECISIONS, json={}, headers=bearer()), DECISIONS, 422)
    await check(await http.post(DECISIONS, json=asked), DECISIONS, 401)


async def name_pages(http: ClientSession, check: Any) -> None:
    """Provoke the answers to a program that looks after pages."""
    url = "/api/v1/moderation/pages"
    for given in ({}, {"page_url": PAGE}):
        answer = await http.get(url, params=given, headers=bearer())
        await check(answer, url, 200, pages_wire.ModeratedPages)
    asked = {"pages": [{"page_url": PAGE, "page_title": "Chi siamo noi", "move_to": f"{PAGE}/nuovo"}]}
    for dry in (True, False):
        answer = await http.post(url, json={**asked, "dry_run": dry}, headers=bearer())
        await check(answer, url, 200, pages_wire.PageChangeResults)
    await check(await http.post(url, json={"page_url": PAGE}, headers=bearer()), url, 422)
    await check(await http.get(url, params={"page_url": OTHER_PAGE}, headers=bearer()), url, 403)
    back = {"pages": [{"page_url": f"{PAGE}/nuovo", "move_to": PAGE}]}
    await check(await http.post(url, json=back, headers=bearer()), url, 200, pages_wire.PageChangeResults)


async def block_something(http: ClientSession, check: Any) -> None:
    """Provoke every answer to a program that blocks."""
    url = "/api/v1/moderation/blocks"
    answer = await http.post(url, json={"kind": "word", "value": "pillole", "ends_at": None}, headers=bearer())
    await check(answer, url, 201, blocks_wire.MadeBlocks)
    [made] = (await answer.json())["blocks"]
    await check(await http.post(url, json={"kind": "word"}, headers=bearer()), url, 422)
    await check(await http.get(url, headers=bearer()), url, 200, blocks_wire.Blocks)
    await check(await http.get(url, params={"limit": "0"}, headers=bearer()), url, 422)
    await check(await http.get(url), url, 401)
    one = f"{url}/{{block_id}}"
    await check(await http.delete(f"{url}/{made['id']}", headers=bearer()), one, 204)
    await check(await http.delete(f"{url}/{made['id']}", headers=bearer()), one, 404)


async def click_everything(http: ClientSession, check: Any, link: str) -> None:
    """Provoke the answers behind a mailed link whose comment was approved meanwhile."""
    await check(await http.get(link), LINK, 200)
    await check(await press(http, link), LINK, 409)
    answer, route = link.replace("/reject", "/answer"), "/moderate/{token}/answer"
    for body, status in (("", 422), ("Grazie!", 200)):
        await check(await http.post(answer, data=pressed(answer, "approved") | {"body": body}), route, status)
    await check(await http.post(answer, data={"body": "Grazie!", "seen": "approved"}), route, 409)
    await check(await press(http, link, "approved"), LINK, 200)
    await check(await press(http, link, "x"), LINK, 422)
    redact, route = link.replace("/reject", "/redact"), "/moderate/{token}/redact"
    await check(await http.get(redact), route, 200)
    for body, status in (("", 422), ("interessante", 200)):
        await check(await http.post(redact, data=pressed(redact, "rejected") | {"body": body}), route, status)
    await check(await http.post(redact, data={"body": "interessante", "seen": "rejected"}), route, 409)
    await check(await http.get("/moderate/eA.eA.eHh4/approve"), LINK, 404)


async def knock_everywhere(http: ClientSession, smtp: MailServer, check: Any) -> Browser:
    """Provoke the answers of the desk's log-in; a browser that is in."""
    browser = Browser(http)
    await check(await browser.get("/desk/login"), "/desk/login", 200)
    await check(await browser.post("/desk/login", {"email": "nobody@example.org"}), "/desk/login", 200)
    await check(await browser.post("/desk/login", {"email": "nobody"}), "/desk/login", 422)
    await check(await browser.get("/desk/login/nothing"), LOGIN_LINK, 404)
    await check(await browser.get("/desk/updates"), "/desk/updates", 401)
    path = await mailed_login(http, smtp, "anna@example.org")
    await check(await browser.get(path), LOGIN_LINK, 200)
    entered = await browser.post(path)
    await check(entered, LOGIN_LINK, 303)
    await check(await browser.get(path), LOGIN_LINK, 410)
    browser.keep(entered)
    return browser


async def use_the_desk(http: ClientSession, smtp: MailServer, check: Any, comment_id: str) -> None:
    """Provoke the answers to a moderator who is logged in, and leave."""
    anna = await knock_everywhere(http, smtp, check)
    await check(await anna.get("/desk"), "/desk", 200)
    await check(await anna.get("/desk?cursor=x"), "/desk", 422)
    await check(await anna.get("/desk/next"), "/desk/next", 303)
    await anna.shown("/desk?status=any")
    one = "/desk/comments/{comment_id}"
    await check(await anna.get(f"/desk/comments/{comment_id}"), one, 200)
    await check(await anna.get(f"/desk/comments/{NOBODY}"), one, 404)
    address = f"/desk/comments/{comment_id}/address"
    await check(await anna.post(address, Accept="application/json"), f"{one}/address", 200, desk_wire.Address)
    note = f"/desk/comments/{comment_id}/author-note"
    await check(await anna.post(note, {"author_note": "gentile"}), f"{one}/author-note", 303)
    await check(await anna.post(note, {"author_note": "\x01"}), f"{one}/author-note", 422)
    updates = "/desk/updates"
    await check(await anna.get(f"{updates}?shown={comment_id}"), updates, 200, desk_wire.Updates)
    await check(await anna.get(f"{updates}?newest=x"), updates, 422)
    decisions, undo = "/desk/decisions", {"one": f"undo.{comment_id}.approved.1"}
    await check(await anna.post(decisions, {"one": "x"}), decisions, 422)
    answer = await anna.post(decisions, undo, Accept="application/json")
    await check(answer, decisions, 200, desk_wire.DecidedAnswer)
    await check(await anna.post(decisions, {"one": f"approve.{comment_id}.pending.1"}), decisions, 303)
    text = await (await anna.get("/desk?scope=all&status=any")).text()
    everything = {"all": "spam", "snapshot": re.findall(r'name="snapshot" value="([^"]+)"', text)[0]}
    await check(await anna.post("/desk/bulk", everything | {"all": "x"}), "/desk/bulk", 422)
    await check(await anna.post("/desk/bulk", everything), "/desk/bulk", 303)
    bulk = "/desk/bulk/{bulk_id}/undo"
    [path] = re.findall(r'formaction="(/desk/bulk/[^"]+/undo)', await (await anna.get("/desk")).text())
    await check(await anna.post(f"/desk/bulk/{NOBODY}/undo"), bulk, 404)
    await check(await anna.post(path), bulk, 303)
    title = {"page_title": "Chi siamo"}
    await check(await anna.post(f"/desk/pages?page_url={PAGE}", title), "/desk/pages", 303)
    await check(await anna.post("/desk/pages", title), "/desk/pages", 422)
    closing, said = "/desk/pages/commenting", {"commenting": "by_rule"}
    await check(await anna.post(f"{closing}?page_url={PAGE}", said), closing, 303)
    await check(await anna.post(closing, said), closing, 422)
    await block_at_the_desk(anna, check, comment_id)
    await decided(http, comment_id)
    await answer_at_the_desk(anna, check, comment_id)
    chosen = "/desk/notifications"
    await check(await anna.get(chosen), chosen, 200)
    await check(await anna.post(chosen, {"schedule": "hourly"}), chosen, 303)
    await check(await anna.post(chosen, {"schedule": "hourly", "hour": "24"}), chosen, 422)
    await check(await Browser(http, anna.cookie, "wrong").post("/desk/logout"), "/desk/logout", 403)
    await check(await anna.post("/desk/logout"), "/desk/logout", 303)


async def answer_at_the_desk(anna: Browser, check: Any, comment_id: str) -> None:
    """Provoke the answers to a moderator who answers."""
    route = "/desk/comments/{comment_id}/answer"
    seen, _, revision = (await anna.shown("/desk?status=any"))[comment_id].partition(".")
    for changed, status in (({"body": ""}, 422), ({"revision": "99"}, 409), ({"body": "Di nuovo grazie!"}, 303)):
        said = {"seen": seen, "revision": revision, "body": "Ancora grazie!"} | changed
        await check(await anna.post(f"/desk/comments/{comment_id}/answer", said), route, status)
    route = "/desk/comments/{comment_id}/redaction"
    for changed, status in (({"body": ""}, 422), ({"revision": "99"}, 409), ({}, 303)):
        left = {"seen": seen, "revision": revision, "body": "interessante"} | changed
        await check(await anna.post(f"/desk/comments/{comment_id}/redaction", left), route, status)


async def block_at_the_desk(anna: Browser, check: Any, comment_id: str) -> None:
    """Provoke the answers to a moderator who blocks."""
    blocks, lift = "/desk/blocks", "/desk/blocks/{block_id}/lift"
    word = {"kind": "word", "value": "pillole", "lasts": "usual", "site": "coop"}
    await check(await anna.post(blocks, word), blocks, 303)
    await check(await anna.post(blocks, word | {"value": ""}), blocks, 422)
    shown = await anna.get(blocks)
    await check(shown, blocks, 200)
    [block_id] = re.findall(r'action="/desk/blocks/([^"]+)/lift"', await shown.text())
    await check(await anna.post(lift.format(block_id=block_id)), lift, 303)
    await check(await anna.post(lift.format(block_id=block_id)), lift, 404)
    of_comment = f"/desk/comments/{comment_id}/blocks"
    route = "/desk/comments/{comment_id}/blocks"
    await check(await anna.post(of_comment, {"lasts": "usual", "address": "yes"}), route, 303)
    await check(await anna.post(of_comment, {"lasts": "usual"}), route, 422)


async def approve_all(http: ClientSession, check: Any, service: Running, token: str) -> None:
    """Provoke the answers behind a digest's link."""
    links = service.container.links
    path, route = "/moderate/{token}/all", links.of_digests.mint([links.read(token)])
    address = path.format(token=route)
    await check(await http.get(address), path, 200)
    await check(await http.post(address), path, 409)
    await check(await http.post(address, data={"shown": links.of_digests.shown(route, [])}), path, 200)


async def ask_before(http: ClientSession, check: Any) -> None:
    """Provoke the answers to browsers before they let a script ask."""
    for one in ENDPOINTS:
        if one.method == "OPTIONS":
            await check(await http.options(re.sub(r"{\w+}", "x", one.path)), one.path, 204)


async def use_a_mail_to_an_author(http: ClientSession, smtp: MailServer, check: Any) -> None:
    """Provoke the answers behind the link of a mail that asks to confirm an address."""
    path, address = "/subscriptions/{token}", "autrice@example.com"
    await post(http, author_email=address, notify_replies=True)
    link = authors.path_in(await authors.mail_to(smtp, address))
    await check(await http.get(link), path, 200)
    await check(await http.get("/subscriptions/x"), path, 404)
    await check(await http.post(link), path, 409)
    await check(await authors.press(http, link), path, 200)


async def test_what_is_answered_is_what_is_documented(
    http: ClientSession, service: Running, smtp: MailServer, document: dict[str, Any]
) -> None:
    checker = Checker(document)
    parent = (await post(http, author_url="https://giuliana.example"))["id"]
    await smtp.wait_for(2)
    await decide(http, "approve", parent)
    reply = await post_everything(http, checker.check, parent)
    await decide(http, "approve", reply)
    await use_a_receipt(http, checker.check)
    await report_something(http, checker.check, parent)
    await use_a_mail_to_an_author(http, smtp, checker.check)
    await read_everything(http, checker.check, reply)
    await moderate_everything(http, checker.check, parent, reply)
    await name_pages(http, checker.check)
    await block_something(http, checker.check)
    await click_everything(http, checker.check, urlsplit(smtp.mails[0].link("/reject")).path)
    await approve_all(http, checker.check, service, urlsplit(smtp.mails[0].link("/reject")).path.split("/")[2])
    await use_the_desk(http, smtp, checker.check, parent)
    await ask_before(http, checker.check)
    seen = {(method, path) for method, path, status in checker.seen if status < 400}
    documented = {(one.method.lower(), openapi._PARAMETER.sub(r"{\1}", one.path)) for one in ENDPOINTS}
    assert seen == documented


async def test_what_is_public_can_be_loaded_by_its_schema_again(http: ClientSession) -> None:
    comment_id = (await post(http, page_title=None))["id"]
    [shown] = await queued(http)
    loaded = moderation_wire.QueuedComment().load(shown)
    assert loaded["id"] == comment_id
    assert loaded["page_title"] is None
    assert moderation_wire.QueuedComment().dump(loaded) == shown | {
        "created_at": "2026-11-22T10:00:00Z",
        "changed_at": "2026-11-22T10:00:00Z",
    }
