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
from moderation_service.web import openapi
from moderation_service.web.endpoints import Credential
from moderation_service.web.routes import ENDPOINTS
from schemas import changes as changes_wire
from schemas import comments as wire
from schemas import desk as desk_wire
from schemas import moderation as moderation_wire
from tests.desk import Browser, mailed_login
from tests.factories import PAGE, a_submission, bearer
from tests.mailed import press
from tests.posting import COMMENTS, decide, post, queued, urlencoded
from tests.running import Running
from tests.smtp import MailServer

CHANGES = "/api/v1/changes"
QUEUE = "/api/v1/moderation/comments"
DECISIONS = "/api/v1/moderation/decisions"
LINK = "/moderate/{token}/{decision}"
DOOR = "/desk/login/{token}"
NOBODY = "0197c0de-0000-7000-8000-000000000001"


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
        assert ("security" in operation) is (one.credential is Credential.SITE_KEY)
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
    }
    assert "65525 bytes" in fields["body"]["description"].replace(",", "")
    assert fields["page_title"]["type"] == ["string", "null"]


async def test_the_service_and_the_command_give_the_same_document(
    http: ClientSession, document: dict[str, Any]
) -> None:
    assert await (await http.get("/openapi.json")).json() == document
    printed = CliRunner().invoke(
        cli.main, ["openapi"], env={"MODERATION_PUBLIC_URL": "https://comments.example.net"}
    )
    assert printed.exit_code == 0
    assert '"openapi": "3.1' in printed.output


def keys_differ(schema: Schema, answer: Any) -> list[str]:
    """Where an answer has other keys than its schema, in depth; what is not required may be missing."""
    required = {name for name, field in schema.fields.items() if field.required}
    fits = required <= set(answer) <= set(schema.fields)
    found = [] if fits else [f"{schema}: {set(answer) ^ set(schema.fields)}"]
    for name, field in schema.fields.items():
        nested = getattr(getattr(field, "inner", field), "schema", None)
        inner = answer.get(name)
        if isinstance(nested, Schema) and inner is not None:
            for one in inner if isinstance(inner, list) else [inner]:
                found += keys_differ(nested, one)
    return found


class Checker:
    """Checks answers against the document and the schemas that it was made of."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._document = document
        self.seen: set[tuple[str, str, int]] = set()

    async def check(
        self, answer: ClientResponse, path: str, status: int, schema: type[Schema] | None = None
    ) -> None:
        method = answer.method.lower()
        assert answer.status == status, await answer.text()
        self.seen.add((method, path, status))
        described = self._document["paths"][path][method]["responses"][str(status)]
        content = described.get("content")
        if content is None:
            return
        assert answer.content_type in content
        if answer.content_type == "text/html":
            return
        value = await answer.json()
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
    await check(await http.options(COMMENTS), COMMENTS, 204)
    return reply


async def read_everything(http: ClientSession, check: Any, comment_id: str) -> None:
    """Provoke every answer to a reader."""
    page = {"page_url": PAGE, "limit": "1"}
    answer = await http.get(COMMENTS, params=page)
    await check(answer, COMMENTS, 200, wire.CommentList)
    tag = {"If-None-Match": answer.headers["ETag"]}
    await check(await http.get(COMMENTS, params=page, headers=tag), COMMENTS, 304)
    await check(await http.get(COMMENTS, params={"page_url": "http://x.example"}), COMMENTS, 403)
    await check(await http.get(COMMENTS), COMMENTS, 422)
    one = f"{COMMENTS}/{{comment_id}}"
    answer = await http.get(f"{COMMENTS}/{comment_id}")
    await check(answer, one, 200, wire.PublicComment)
    tag = {"If-None-Match": answer.headers["ETag"]}
    await check(await http.get(f"{COMMENTS}/{comment_id}", headers=tag), one, 304)
    await check(await http.get(f"{COMMENTS}/{NOBODY}"), one, 404)
    for query, status in (({"site": "coop"}, 200), ({"site": "nobody"}, 403), ({}, 422)):
        answer = await http.get(CHANGES, params=query)
        await check(answer, CHANGES, status, changes_wire.ChangeFeed if status == 200 else None)
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
    script = "/embed/comments.js"
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


async def click_everything(http: ClientSession, check: Any, link: str) -> None:
    """Provoke the answers behind a mailed link whose comment was approved meanwhile."""
    await check(await http.get(link), LINK, 200)
    await check(await press(http, link), LINK, 409)
    await check(await press(http, link, "approved"), LINK, 200)
    await check(await press(http, link, "x"), LINK, 422)
    await check(await http.get("/moderate/eA.eA.eHh4/approve"), LINK, 404)


async def knock_everywhere(http: ClientSession, smtp: MailServer, check: Any) -> Browser:
    """Provoke the answers of the desk's door; a browser that is in."""
    browser = Browser(http)
    await check(await browser.get("/desk/login"), "/desk/login", 200)
    await check(await browser.post("/desk/login", {"email": "nobody@example.org"}), "/desk/login", 200)
    await check(await browser.post("/desk/login", {"email": "nobody"}), "/desk/login", 422)
    await check(await browser.get("/desk/login/nothing"), DOOR, 404)
    await check(await browser.get("/desk/updates"), "/desk/updates", 401)
    path = await mailed_login(http, smtp, "anna@example.org")
    await check(await browser.get(path), DOOR, 200)
    entered = await browser.post(path)
    await check(entered, DOOR, 303)
    await check(await browser.get(path), DOOR, 410)
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
    await check(await Browser(http, anna.cookie, "wrong").post("/desk/logout"), "/desk/logout", 403)
    await check(await anna.post("/desk/logout"), "/desk/logout", 303)


async def approve_all(http: ClientSession, check: Any, service: Running, token: str) -> None:
    """Provoke the answers behind a digest's link."""
    links = service.service.context.links
    path, route = "/moderate/{token}/all", links.of_digests.mint([links.read(token)])
    address = path.format(token=route)
    await check(await http.get(address), path, 200)
    await check(await http.post(address), path, 409)
    await check(await http.post(address, data={"shown": links.of_digests.shown(route, [])}), path, 200)


async def test_what_is_answered_is_what_is_documented(
    http: ClientSession, service: Running, smtp: MailServer, document: dict[str, Any]
) -> None:
    checker = Checker(document)
    parent = (await post(http, author_url="https://giuliana.example"))["id"]
    await smtp.wait_for(2)
    await decide(http, "approve", parent)
    reply = await post_everything(http, checker.check, parent)
    await decide(http, "approve", reply)
    await read_everything(http, checker.check, reply)
    await moderate_everything(http, checker.check, parent, reply)
    await click_everything(http, checker.check, urlsplit(smtp.mails[0].link("/reject")).path)
    await approve_all(http, checker.check, service, urlsplit(smtp.mails[0].link("/reject")).path.split("/")[2])
    await use_the_desk(http, smtp, checker.check, parent)
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
