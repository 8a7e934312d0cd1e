"""The documentation page says what the OpenAPI document says, and asks nothing of other origins."""

import re
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession
from jsonschema import Draft202012Validator, FormatChecker

from moderation_service.web.operations import documentation, openapi
from moderation_service.web.routes import ENDPOINTS
from tests.support.factories import PAGE, a_submission
from tests.support.posting import COMMENTS

FOR_PROGRAMS = {"Posting", "Reading", "Following", "Moderation", "Operation"}
LONGEST_TEXT = 65_525


@pytest.fixture
def place(tmp_path: Path) -> str:
    """One engine is enough for what stores nothing."""
    return f"sqlite:///{tmp_path}/test.db"


class Links(HTMLParser):
    """What a page links to and names, and the ids in it."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.ids: list[str] = []
        self.tags: set[str] = set()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attrs:
            if name in ("href", "src", "action"):
                self.addresses.append(value or "")
            if name == "id":
                self.ids.append(value or "")


async def page_of(http: ClientSession) -> str:
    answer = await http.get("/docs")
    assert answer.status == 200
    return await answer.text()


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    found = [(path, method, one) for path, methods in document["paths"].items() for method, one in methods.items()]
    return [(path, method, one) for path, method, one in found if method != "options"]


async def test_it_says_all_that_the_document_says_to_programs(http: ClientSession) -> None:
    document = await (await http.get("/openapi.json")).json()
    html = unescape(await page_of(http))
    text = re.sub(r"<[^>]+>", "", html)
    for path, method, one in operations(document):
        assert f"{method.upper()} {path}" in text
        assert one["summary"] in text
        if one["tags"][0] in FOR_PROGRAMS:
            section = html.partition(f'id="{one["operationId"]}"')[2].partition("</section>")[0]
            for parameter in one["parameters"]:
                assert f"<code>{parameter['name']}</code>" in section, (path, parameter["name"])
            for status, answer in one["responses"].items():
                assert f"<code>{status}</code>" in section, (path, status)
                assert answer["description"] in section, (path, status)
    shown = set(re.findall(r'id="schema-(\w+)"', html))
    assert {"Submission", "ChangeFeed", "Change", "PublicComment", "WebhookEvent", "Problem"} <= shown
    for name in shown:
        section = html.partition(f'id="schema-{name}"')[2].partition("</section>")[0]
        for field in document["components"]["schemas"][name]["properties"]:
            assert f"<code>{field}</code>" in section, (name, field)


async def test_who_writes_a_mirror_finds_all_of_the_feed_there(http: ClientSession) -> None:
    text = re.sub(r"<[^>]+>|\s+", " ", unescape(await page_of(http)))
    for words in (
        *("Keep next and epoch", "On 410 ( start_again )", "wait=30", "withdrawn and erased"),
        *("Last-Event-ID", "reset", "webhook-signature", "HMAC-SHA256", "Idempotency-Key", "Retry-After"),
        *('"changes": [', "Bearer …", "If-None-Match", "invalid_cursor", "too_many_streams"),
    ):
        assert words in re.sub(r" +", " ", text), words


async def test_each_link_within_the_page_leads_somewhere_and_none_to_a_script(http: ClientSession) -> None:
    links = Links(await page_of(http))
    assert len(links.ids) == len(set(links.ids))
    within = {one.removeprefix("#") for one in links.addresses if one.startswith("#")}
    assert len(within) > 40
    assert within <= set(links.ids)
    foreign = {one for one in links.addresses if one.startswith("http")}
    assert foreign == {"https://www.standardwebhooks.com/"}
    assert not links.tags & {"script", "img", "iframe", "style"}


async def test_it_is_kept_by_browsers_under_a_strict_policy(http: ClientSession) -> None:
    answer = await http.get("/docs")
    assert answer.content_type == "text/html"
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; style-src 'self';")
    assert "script-src" not in policy
    again = await http.get("/docs", headers={"If-None-Match": answer.headers["ETag"]})
    assert again.status == 304


async def test_a_form_of_it_asks_the_service(http: ClientSession) -> None:
    html = await page_of(http)
    form = html.partition('<form action="/api/v1/changes"')[2].partition("</form>")[0]
    fields = dict(re.findall(r'name="([^"]+)" value="([^"]*)"', form))
    assert set(fields) == {"site", "after", "epoch", "limit", "wait"}
    answer = await http.get("/api/v1/changes", params=fields | {"site": "coop"})
    assert answer.status == 200
    for path in re.findall(r'<form action="([^"]+)"', html):
        section = html.partition(f'<form action="{path}"')[2].partition("</form>")[0]
        asked = dict(re.findall(r'name="([^"]+)" value="([^"]*)"', section))
        name = "site" if "site" in asked else "page_url"
        filled = asked | {name: {"site": "coop", "page_url": PAGE}[name]}
        assert (await http.get(path, params=filled)).status == 200, path


def test_a_schema_with_every_constraint_is_written_out() -> None:
    kind = documentation._kind({"anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "null"}]})
    assert kind == "list of string or null"
    assert documentation._kind({"enum": ["<", None]}) == "<code>&lt;</code>, <code>null</code>"
    assert documentation._bounds({"minimum": 0, "maximum": 5, "default": 3}) == "from 0, to 5, default 3"


ACCEPTED: tuple[dict[str, Any], ...] = (
    a_submission(),
    a_submission(page_title=None, author_url=None, parent_id=None, body="x" * LONGEST_TEXT),
    a_submission(author_name="n" * 245, body="altro", author_url="https://giuliana.example/"),
)
REFUSED: tuple[dict[str, Any], ...] = (
    *(
        {name: value for name, value in a_submission().items() if name != left_out}
        for left_out in ("body", "page_url")
    ),
    a_submission(author_name=""),
    a_submission(author_name=None),
    a_submission(author_name="n" * 246),
    a_submission(author_email="giuliana"),
    a_submission(page_url=5),
    a_submission(author_url="https://a.example/" + "x" * 2_000),
    a_submission(parent_id="no id"),
    a_submission(unheard_of="x"),
)


async def test_the_schema_of_a_comment_takes_what_the_service_takes(http: ClientSession) -> None:
    answer = await http.get(openapi.SUBMISSION_PATH)
    assert answer.content_type == "application/schema+json"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    schema = await answer.json(content_type=None)
    assert schema["$id"] == f"https://comments.example.net{openapi.SUBMISSION_PATH}"
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema, format_checker=FormatChecker())
    for body in ACCEPTED:
        assert validator.is_valid(body), body
        assert (await http.post(COMMENTS, json=body)).status == 202, body
    for body in REFUSED:
        assert not validator.is_valid(body), body
        assert (await http.post(COMMENTS, json=body)).status == 422, body


def test_every_endpoint_has_a_tag_that_is_described() -> None:
    document = openapi.document(ENDPOINTS, server="https://comments.example.net")
    described = {one["name"] for one in document["tags"]}
    assert {openapi.tag_of(one) for one in ENDPOINTS} == described
    assert all(one["description"] for one in document["tags"])
