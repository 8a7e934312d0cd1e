"""Every problem that a client may meet: emitted by a real request, in both languages, and written down."""

import re
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from aiohttp import ClientResponse, ClientSession

from moderation_service.domain import errors
from moderation_service.domain.errors import ModerationError
from moderation_service.locales import translations
from moderation_service.services import listing
from moderation_service.web import problems
from schemas.problems import FIELD_MESSAGES, PROBLEM_TYPE, PROBLEMS, FieldCode, Problem, ProblemCode
from tests.conftest import Clock
from tests.factories import OTHER_PAGE, PAGE, a_submission, bearer
from tests.running import Running
from tests.smtp import MailServer

COMMENTS = "/api/v1/comments"
DECISIONS = "/api/v1/moderation/decisions"
NOBODY = "0197c0de-0000-7000-8000-000000000001"
BROKEN_FIELDS: dict[FieldCode, tuple[str, dict[str, Any]]] = {
    FieldCode.REQUIRED: ("author_name", {"author_name": " "}),
    FieldCode.WRONG_TYPE: ("author_name", {"author_name": 1}),
    FieldCode.TOO_LONG: ("author_name", {"author_name": "a" * 246}),
    FieldCode.CONTROL_CHARACTER: ("author_name", {"author_name": "a\nb"}),
    FieldCode.INVALID_EMAIL: ("author_email", {"author_email": "giuliana"}),
    FieldCode.INVALID_URL: ("author_url", {"author_url": "javascript:alert(1)"}),
    FieldCode.INVALID_ID: ("parent_id", {"parent_id": "1"}),
    FieldCode.INVALID_PARENT: ("parent_id", {"parent_id": NOBODY}),
    FieldCode.UNKNOWN_FIELD: ("nome", {"nome": "Giuliana"}),
}


@pytest.fixture
def place(tmp_path: Path) -> str:
    """One engine is enough for what never reaches it."""
    return f"sqlite:///{tmp_path}/test.db"


class Client:
    """All that a request of the table needs."""

    def __init__(
        self, http: ClientSession, service: Running, smtp: MailServer, clock: Clock, patch: pytest.MonkeyPatch
    ) -> None:
        self.http, self.service, self.smtp, self.clock, self.patch = http, service, smtp, clock, patch
        self.headers: dict[str, str] = {}

    async def get(self, path: str, **query: str) -> ClientResponse:
        return await self.http.get(path, params=query, headers=self.headers)

    async def post(self, headers: dict[str, str] | None = None, **changed: Any) -> ClientResponse:
        headers = self.headers | (headers or {})
        return await self.http.post(COMMENTS, json=a_submission(**changed), headers=headers)

    async def decide(self, decisions: list[Any]) -> ClientResponse:
        headers = self.headers | bearer()
        return await self.http.post(DECISIONS, json={"decisions": decisions}, headers=headers)

    async def approve_link(self) -> str:
        assert (await self.post()).status == 202
        await self.smtp.wait_for(2)
        return urlsplit(self.smtp.to("anna@example.org")[0].link("/approve")).path


@pytest.fixture
def client(
    http: ClientSession, service: Running, smtp: MailServer, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> Client:
    return Client(http, service, smtp, clock, monkeypatch)


async def malformed(client: Client) -> ClientResponse:
    headers = client.headers | {"Content-Type": "application/json"}
    return await client.http.post(COMMENTS, data=b"{", headers=headers)


async def too_large(client: Client) -> ClientResponse:
    return await client.post(body="a" * 300_000)


async def not_a_type(client: Client) -> ClientResponse:
    return await client.http.post(COMMENTS, data=b"x", headers=client.headers | {"Content-Type": "text/plain"})


async def method_not_allowed(client: Client) -> ClientResponse:
    return await client.http.delete(COMMENTS, headers=client.headers)


async def duplicate(client: Client) -> ClientResponse:
    assert (await client.post()).status == 202
    return await client.post()


async def key_reused(client: Client) -> ClientResponse:
    assert (await client.post({"Idempotency-Key": "1"})).status == 202
    return await client.post({"Idempotency-Key": "1"}, body="altro")


async def rate_limited(client: Client) -> ClientResponse:
    for number in range(20):
        assert (await client.post(body=f"commento {number}")).status == 202
    return await client.post(body="ancora uno")


async def internal(client: Client) -> ClientResponse:
    async def fail(*_: object) -> None:
        raise RuntimeError("giuliana.canary@example.com")

    client.patch.setattr(listing, "get", fail)
    return await client.get(f"{COMMENTS}/{NOBODY}")


async def unavailable(client: Client) -> ClientResponse:
    client.service.service.context.writer.close()
    return await client.post()


async def link_invalid(client: Client) -> ClientResponse:
    return await client.get("/moderate/eA.eA.eHh4/approve")


async def link_expired(client: Client) -> ClientResponse:
    path = await client.approve_link()
    client.clock.advance(days=30, seconds=2)
    return await client.get(path)


async def link_void(client: Client) -> ClientResponse:
    path = await client.approve_link()
    client.patch.setattr(client.service.service.directory.sites, "_by_id", {})
    return await client.get(path)


async def logged_out(client: Client) -> ClientResponse:
    return await client.http.post("/desk/logout", headers=client.headers)


async def forged_form(client: Client) -> ClientResponse:
    headers = {**client.headers, "Origin": "https://evil.example"}
    return await client.http.post("/desk/login", data={"email": "anna@example.org"}, headers=headers)


async def too_many_decisions(client: Client) -> ClientResponse:
    return await client.decide([{"id": NOBODY, "decision": "approve"}] * 501)


Case = Callable[[Client], Awaitable[ClientResponse]]
CASES: dict[ProblemCode, tuple[int, Case]] = {
    ProblemCode.MALFORMED: (400, malformed),
    ProblemCode.UNAUTHORIZED: (401, lambda client: client.get("/api/v1/moderation/comments")),
    ProblemCode.UNKNOWN_SITE: (403, lambda client: client.post(page_url="https://nobody.example/")),
    ProblemCode.FOREIGN_ORIGIN: (403, lambda client: client.post({"Origin": "https://evil.example"})),
    ProblemCode.NOT_FOUND: (404, lambda client: client.get(f"{COMMENTS}/{NOBODY}")),
    ProblemCode.LINK_INVALID: (404, link_invalid),
    ProblemCode.METHOD_NOT_ALLOWED: (405, method_not_allowed),
    ProblemCode.DUPLICATE: (409, duplicate),
    ProblemCode.LINK_EXPIRED: (410, link_expired),
    ProblemCode.LINK_VOID: (410, link_void),
    ProblemCode.START_AGAIN: (410, lambda client: client.get("/api/v1/changes?site=coop&after=7")),
    ProblemCode.TOO_LARGE: (413, too_large),
    ProblemCode.UNSUPPORTED_MEDIA_TYPE: (415, not_a_type),
    ProblemCode.INVALID_FIELDS: (422, lambda client: client.post(body="")),
    ProblemCode.KEY_REUSED: (422, key_reused),
    ProblemCode.RATE_LIMITED: (429, rate_limited),
    ProblemCode.LOGGED_OUT: (401, logged_out),
    ProblemCode.FORGED_FORM: (403, forged_form),
    ProblemCode.INTERNAL: (500, internal),
    ProblemCode.UNAVAILABLE: (503, unavailable),
}
PAGES = {
    ProblemCode.LINK_INVALID,
    ProblemCode.LINK_EXPIRED,
    ProblemCode.LINK_VOID,
    ProblemCode.LOGGED_OUT,
    ProblemCode.FORGED_FORM,
}
HEADERS = {401: "WWW-Authenticate", 405: "Allow", 429: "Retry-After", 503: "Retry-After"}


@pytest.mark.parametrize("language", ["it", "en"])
@pytest.mark.parametrize("code", ProblemCode)
async def test_every_problem_is_met_in_the_language_asked_for(
    client: Client, code: ProblemCode, language: str
) -> None:
    status, case = CASES[code]
    client.headers = {"Accept-Language": language}
    answer = await case(client)
    assert answer.status == status
    spoken = "it" if code is ProblemCode.LINK_EXPIRED else language  # to the moderator whom it was mailed to
    title, detail = (translations(spoken).gettext(text) for text in PROBLEMS[code])
    text = await answer.text()
    if code in PAGES:
        assert answer.content_type == "text/html"
        assert f"<h1>{title}</h1>" in text
        assert detail.replace("'", "&#39;") in text
    else:
        assert answer.content_type == "application/problem+json"
        document = await answer.json()
        assert Problem().validate(document) == {}
        assert document.pop("errors", None) is None or code is ProblemCode.INVALID_FIELDS
        assert document == {
            "type": PROBLEM_TYPE.format(code=code),
            "title": title,
            "status": status,
            "detail": detail,
        }
    assert answer.headers["Cache-Control"] == "no-store"
    assert HEADERS.get(status, "Date") in answer.headers


async def out_of_range(client: Client) -> ClientResponse:
    return await client.get(COMMENTS, page_url=PAGE, limit="201")


async def invalid_cursor(client: Client) -> ClientResponse:
    return await client.get(COMMENTS, page_url=PAGE, cursor="x")


TWICE = f"{COMMENTS}?page_url={PAGE}&page_url={PAGE}"
FIELD_CASES: dict[FieldCode, tuple[str, Case]] = {
    FieldCode.TOO_MANY: ("decisions", too_many_decisions),
    FieldCode.INVALID_CHOICE: ("order", lambda client: client.get(COMMENTS, page_url=PAGE, order="up")),
    FieldCode.INVALID_CURSOR: ("cursor", invalid_cursor),
    FieldCode.REPEATED: ("page_url", lambda client: client.http.get(TWICE, headers=client.headers)),
    FieldCode.INVALID_KEY: ("Idempotency-Key", lambda client: client.post({"Idempotency-Key": ""})),
    FieldCode.OUT_OF_RANGE: ("limit", out_of_range),
}


@pytest.mark.parametrize("language", ["it", "en"])
@pytest.mark.parametrize("code", FieldCode)
async def test_every_fault_of_a_field_is_met_in_the_language_asked_for(
    client: Client, code: FieldCode, language: str
) -> None:
    client.headers = {"Accept-Language": language}
    if code in BROKEN_FIELDS:
        field, changed = BROKEN_FIELDS[code]
        answer = await client.post(**changed)
    else:
        field, case = FIELD_CASES[code]
        answer = await case(client)
    assert answer.status == 422
    message = translations(language).gettext(FIELD_MESSAGES[code])
    [found] = (await answer.json())["errors"][field]
    assert found["code"] == code
    assert re.fullmatch(re.escape(message).replace(r"\{limit\}", r"\d+"), found["message"])


@pytest.mark.parametrize(
    ("page_url", "title"), [(PAGE, "Controlla ciò che hai scritto"), (OTHER_PAGE, "Please check what you entered")]
)
async def test_a_reader_who_names_no_language_hears_that_of_the_site(
    http: ClientSession, page_url: str, title: str
) -> None:
    answer = await http.post(COMMENTS, json=a_submission(page_url=page_url, body=""))
    assert (await answer.json())["title"] == title


async def test_all_faults_of_a_comment_are_named_at_once(http: ClientSession) -> None:
    answer = await http.post(
        COMMENTS,
        json={
            "page_url": "x",
            "author_name": "",
            "author_email": "x",
            "author_url": "x",
            "parent_id": "x",
            "y": 1,
        },
        headers={"Idempotency-Key": "é"},
    )
    found = (await answer.json())["errors"]
    assert {name: [one["code"] for one in faults] for name, faults in found.items()} == {
        "page_url": ["invalid_url"],
        "author_name": ["required"],
        "author_email": ["invalid_email"],
        "author_url": ["invalid_url"],
        "parent_id": ["invalid_id"],
        "body": ["required"],
        "y": ["unknown_field"],
        "Idempotency-Key": ["invalid_key"],
    }


@pytest.mark.parametrize(("length", "status"), [(254, 202), (255, 422)])
async def test_an_address_has_254_characters_at_most(http: ClientSession, length: int, status: int) -> None:
    domain = ".".join(["d" * 60] * 3)
    address = f"{'a' * (length - len(domain) - 5)}@{domain}.org"
    assert len(address) == length
    assert (await http.post(COMMENTS, json=a_submission(author_email=address))).status == status


async def test_a_browser_that_is_lost_sees_a_page(http: ClientSession) -> None:
    answer = await http.get("/nothing", headers={"Accept": "text/html,*/*", "Accept-Language": "it"})
    assert answer.status == 404
    assert "<h1>Non trovato</h1>" in await answer.text()


async def test_a_mistake_of_ours_is_logged_without_what_it_was_about(
    client: Client, logged: Callable[[], str]
) -> None:
    assert (await internal(client)).status == 500
    assert "builtins.RuntimeError" in logged()
    assert "canary" not in logged()


def subclasses(of: type[ModerationError]) -> set[type[ModerationError]]:
    return {one for direct in of.__subclasses__() for one in ({direct} | subclasses(direct))}


def test_every_error_of_the_domain_has_a_status() -> None:
    for error in subclasses(ModerationError):
        assert any(one in problems.STATUSES for one in error.__mro__), error
    assert set(problems.STATUSES) <= subclasses(ModerationError)
    assert errors.KeyNotListedError not in subclasses(ModerationError)


def documented(heading: str) -> dict[str, list[str]]:
    """The table under a heading of docs/errors.md: the cells behind each code."""
    text = (Path(__file__).parents[2] / "docs" / "errors.md").read_text(encoding="utf-8")
    section = text.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if "| `" in line[:3]
    ]
    return {row[0].strip("`"): row[1:] for row in rows}


def test_the_documentation_lists_every_problem_with_its_status_and_nothing_else() -> None:
    table = documented("Problems")
    assert sorted(table) == sorted(ProblemCode)
    assert {code: int(row[0]) for code, row in table.items()} == {code: CASES[code][0] for code in ProblemCode}
    assert all(len(row) == 3 and all(row) for row in table.values())
    assert [int(row[0]) for row in table.values()] == sorted(int(row[0]) for row in table.values())


def test_the_documentation_lists_every_fault_of_a_field_and_nothing_else() -> None:
    table = documented("Fields")
    assert list(table) == list(FieldCode)
    assert all(len(row) == 2 and all(row) for row in table.values())


def test_every_code_has_words_and_a_status_that_http_knows() -> None:
    assert set(PROBLEMS) == set(ProblemCode)
    assert set(FIELD_MESSAGES) == set(FieldCode)
    assert all(HTTPStatus(status) for status, _ in CASES.values())
