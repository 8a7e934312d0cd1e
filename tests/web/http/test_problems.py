"""Every problem that a client may meet: emitted by a real request, in both languages, and written down."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from aiohttp import ClientResponse, ClientSession

from moderation_service.domain.accounts.sites import Sites
from moderation_service.domain.errors import ModerationError
from moderation_service.domain.keys import KeyNotListedError
from moderation_service.domain.screening.rules import Action, Conditions, Rule
from moderation_service.locales import translations
from moderation_service.services.comments.listing import Listings
from moderation_service.web.endpoint import Endpoint
from moderation_service.web.http import problems
from moderation_service.web.routes import ENDPOINTS
from schemas.problems import FIELD_MESSAGES, PROBLEM_TYPE, PROBLEMS, FieldCode, Problem, ProblemCode
from tests.conftest import Clock, Start
from tests.support.cases import in_turn
from tests.support.contract import client_of
from tests.support.factories import PAGE, SITES, a_submission, bearer
from tests.support.proofs import proof_of
from tests.support.running import Running
from tests.support.smtp import MailServer

COMMENTS = "/api/v1/comments"
DECISIONS = "/api/v1/moderation/decisions"
BLOCKS = "/api/v1/moderation/blocks"
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


async def refused_by_rule(client: Client) -> ClientResponse:
    directory = client.service.container.directory
    rule = Rule(name="no pills", when=Conditions(words=(" pills ",)), then=Action.REFUSE)
    directory.sites = Sites(replace(site, rules=(rule,)) for site in directory.sites)
    return await client.post(body="Pills!")


async def blocked(client: Client) -> ClientResponse:
    word = {"kind": "word", "value": "pillole"}
    assert (await client.http.post(BLOCKS, json=word, headers=bearer())).status == 201
    return await client.post(body="Pillole!")


async def proof_used(client: Client) -> ClientResponse:
    receipt, proof = await work(client)
    assert (await client.http.post(receipt, json=proof)).status == 200
    return await client.http.post(receipt, json=proof, headers=client.headers)


async def proof_expired(client: Client) -> ClientResponse:
    receipt, proof = await work(client)
    client.clock.advance(days=2)
    return await client.http.post(receipt, json=proof, headers=client.headers)


async def work(client: Client) -> tuple[str, dict[str, str]]:
    """A suspect's work, done: where to send it, and what."""
    links = "https://a.example https://b.example https://c.example"
    receipt = await (await client.post(body=f"[url=x]x[/url] {links}")).json()
    path = f"/api/v1/receipts/{receipt['receipt_url'].rpartition('/')[2]}/proof"
    return path, {"proof": proof_of(receipt["challenge"])}


async def comments_closed(client: Client) -> ClientResponse:
    asked = {"pages": [{"page_url": PAGE, "commenting": "closed"}]}
    assert (await client.http.post("/api/v1/moderation/pages", json=asked, headers=bearer())).status == 200
    return await client.post()


async def method_not_allowed(client: Client) -> ClientResponse:
    return await client.http.delete(COMMENTS, headers=client.headers)


async def duplicate(client: Client) -> ClientResponse:
    assert (await client.post()).status == 202
    return await client.post()


async def not_editable(client: Client) -> ClientResponse:
    receipt = await (await client.post()).json()
    await client.decide([{"id": receipt["id"], "decision": "reject"}])
    path = f"/api/v1/receipts/{receipt['receipt_url'].rpartition('/')[2]}"
    return await client.http.patch(path, json={"body": "altro"}, headers=client.headers)


async def not_objectable(client: Client) -> ClientResponse:
    receipt = await (await client.post()).json()
    path = f"/api/v1/receipts/{receipt['receipt_url'].rpartition('/')[2]}/objection"
    return await client.http.post(path, json={"text": "Perché?"}, headers=client.headers)


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

    client.patch.setattr(Listings, "get", fail)
    return await client.get(f"{COMMENTS}/{NOBODY}")


async def unavailable(client: Client) -> ClientResponse:
    client.service.container.writer.close()
    return await client.post()


async def link_invalid(client: Client) -> ClientResponse:
    return await client.get("/moderate/eA.eA.eHh4/approve")


async def link_expired(client: Client) -> ClientResponse:
    path = await client.approve_link()
    client.clock.advance(days=30, seconds=2)
    return await client.get(path)


async def link_void(client: Client) -> ClientResponse:
    path = await client.approve_link()
    client.patch.setattr(client.service.container.directory.sites, "_by_id", {})
    return await client.get(path)


async def logged_out(client: Client) -> ClientResponse:
    return await client.http.post("/desk/logout", headers=client.headers)


async def forged_form(client: Client) -> ClientResponse:
    headers = {**client.headers, "Origin": "https://evil.example"}
    return await client.http.post("/desk/login", data={"email": "anna@example.org"}, headers=headers)


async def page_not_named(client: Client) -> ClientResponse:
    return await client.http.post("/wp-comments-post.php", data={"comment": "ciao"}, headers=client.headers)


async def too_many_streams(client: Client) -> ClientResponse:
    followers = client.service.container.web.followers
    client.patch.setattr(followers, "_bounded_network", lambda _: "192.0.2.0/24")
    client.patch.setattr(followers, "most_of_network", 0)
    return await client.get("/api/v1/stream?site=coop")


async def streams_full(client: Client) -> ClientResponse:
    client.patch.setattr(client.service.container.web.followers, "most", 0)
    return await client.get("/api/v1/changes?site=coop&wait=30")


async def too_many_decisions(client: Client) -> ClientResponse:
    return await client.decide([{"id": NOBODY, "decision": "approve"}] * 501)


Case = Callable[[Client], Awaitable[ClientResponse]]
CASES: dict[ProblemCode, tuple[int, Case]] = {
    ProblemCode.MALFORMED: (400, malformed),
    ProblemCode.UNAUTHORIZED: (401, lambda client: client.get("/api/v1/moderation/comments")),
    ProblemCode.UNKNOWN_SITE: (403, lambda client: client.post(page_url="https://nobody.example/")),
    ProblemCode.FOREIGN_ORIGIN: (403, lambda client: client.post({"Origin": "https://evil.example"})),
    ProblemCode.COMMENTS_CLOSED: (403, comments_closed),
    ProblemCode.REFUSED_BY_RULE: (403, refused_by_rule),
    ProblemCode.BLOCKED: (403, blocked),
    ProblemCode.NOT_FOUND: (404, lambda client: client.get(f"{COMMENTS}/{NOBODY}")),
    ProblemCode.LINK_INVALID: (404, link_invalid),
    ProblemCode.METHOD_NOT_ALLOWED: (405, method_not_allowed),
    ProblemCode.DUPLICATE: (409, duplicate),
    ProblemCode.NOT_EDITABLE: (409, not_editable),
    ProblemCode.NOT_OBJECTABLE: (409, not_objectable),
    ProblemCode.LINK_EXPIRED: (410, link_expired),
    ProblemCode.LINK_VOID: (410, link_void),
    ProblemCode.START_AGAIN: (410, lambda client: client.get("/api/v1/changes?site=coop&after=7")),
    ProblemCode.TOO_LARGE: (413, too_large),
    ProblemCode.UNSUPPORTED_MEDIA_TYPE: (415, not_a_type),
    ProblemCode.INVALID_FIELDS: (422, lambda client: client.post(body="")),
    ProblemCode.KEY_REUSED: (422, key_reused),
    ProblemCode.PROOF_USED: (409, proof_used),
    ProblemCode.PROOF_EXPIRED: (410, proof_expired),
    ProblemCode.PAGE_NOT_NAMED: (422, page_not_named),
    ProblemCode.RATE_LIMITED: (429, rate_limited),
    ProblemCode.TOO_MANY_STREAMS: (429, too_many_streams),
    ProblemCode.STREAMS_FULL: (503, streams_full),
    ProblemCode.LOGGED_OUT: (401, logged_out),
    ProblemCode.FORGED_FORM: (403, forged_form),
    ProblemCode.INTERNAL: (500, internal),
    ProblemCode.UNAVAILABLE: (503, unavailable),
}
PAGES = {
    ProblemCode.PAGE_NOT_NAMED,
    ProblemCode.LINK_INVALID,
    ProblemCode.LINK_EXPIRED,
    ProblemCode.LINK_VOID,
    ProblemCode.LOGGED_OUT,
    ProblemCode.FORGED_FORM,
}
LANGUAGES = ("it", "en")
HEADERS = {401: "WWW-Authenticate", 405: "Allow", 429: "Retry-After", 503: "Retry-After"}


LEAVES_NOTHING = (
    ProblemCode.MALFORMED,
    ProblemCode.UNAUTHORIZED,
    ProblemCode.UNKNOWN_SITE,
    ProblemCode.FOREIGN_ORIGIN,
    ProblemCode.NOT_FOUND,
    ProblemCode.LINK_INVALID,
    ProblemCode.METHOD_NOT_ALLOWED,
    ProblemCode.START_AGAIN,
    ProblemCode.TOO_LARGE,
    ProblemCode.UNSUPPORTED_MEDIA_TYPE,
    ProblemCode.INVALID_FIELDS,
    ProblemCode.PAGE_NOT_NAMED,
    ProblemCode.LOGGED_OUT,
    ProblemCode.FORGED_FORM,
)
"""What is met without making anything that another case would find."""


@in_turn("language", LANGUAGES)
@in_turn("code", LEAVES_NOTHING)
async def test_every_problem_that_leaves_nothing_is_met_in_the_language_asked_for(
    client: Client, code: ProblemCode, language: str
) -> None:
    await meet(client, code, language)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("code", [one for one in ProblemCode if one not in LEAVES_NOTHING])
async def test_every_other_problem_is_met_in_the_language_asked_for(
    client: Client, code: ProblemCode, language: str
) -> None:
    await meet(client, code, language)


async def meet(client: Client, code: ProblemCode, language: str) -> None:
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


async def invalid_block(client: Client) -> ClientResponse:
    network = {"kind": "network", "value": "0.0.0.0/0"}
    return await client.http.post(BLOCKS, json=network, headers=client.headers | bearer())


async def in_the_past(client: Client) -> ClientResponse:
    word = {"kind": "word", "value": "pillole", "ends_at": "2020-01-01T00:00:00Z"}
    return await client.http.post(BLOCKS, json=word, headers=client.headers | bearer())


async def invalid_proof(client: Client) -> ClientResponse:
    client.clock.advance(minutes=11)
    receipt, _ = await work(client)
    return await client.http.post(receipt, json={"proof": "x"}, headers=client.headers)


async def contradiction(client: Client) -> ClientResponse:
    return await client.get(COMMENTS, page_url=PAGE, around=NOBODY, cursor=NOBODY)


def redacting(body: str) -> Case:
    """Ask to leave something of a comment that says one two three."""

    async def redact(client: Client) -> ClientResponse:
        await client.post(body="one two three")
        queue = f"/api/v1/moderation/comments?q={quote('one two three')}"
        found = (await (await client.http.get(queue, headers=bearer())).json())["comments"][0]
        return await client.decide([{"id": found["id"], "decision": "redact", "body": body}])

    return redact


TWICE = f"{COMMENTS}?page_url={PAGE}&page_url={PAGE}"
FIELD_CASES: dict[FieldCode, tuple[str, Case]] = {
    FieldCode.TOO_MANY: ("decisions", too_many_decisions),
    FieldCode.INVALID_CHOICE: ("order", lambda client: client.get(COMMENTS, page_url=PAGE, order="up")),
    FieldCode.INVALID_CURSOR: ("cursor", invalid_cursor),
    FieldCode.CONTRADICTS: ("around", contradiction),
    FieldCode.REPEATED: ("page_url", lambda client: client.http.get(TWICE, headers=client.headers)),
    FieldCode.INVALID_KEY: ("Idempotency-Key", lambda client: client.post({"Idempotency-Key": ""})),
    FieldCode.OUT_OF_RANGE: ("limit", out_of_range),
    FieldCode.INVALID_BLOCK: ("value", invalid_block),
    FieldCode.IN_THE_PAST: ("ends_at", in_the_past),
    FieldCode.INVALID_PROOF: ("proof", invalid_proof),
    FieldCode.REDACTION_ADDS: ("decisions.0.body", redacting("one four")),
    FieldCode.REDACTION_UNCHANGED: ("decisions.0.body", redacting("one two three")),
    FieldCode.REDACTION_EMPTY: ("decisions.0.body", redacting("[…]")),
    FieldCode.UNKNOWN_SITE: (
        "page_url.0",
        lambda client: client.get("/api/v1/counts", page_url="https://nobody.example/"),
    ),
}
FIELD_STATUSES = {FieldCode.UNKNOWN_SITE: 403}


@in_turn("language", LANGUAGES)
@in_turn("code", FieldCode)
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
    assert answer.status == FIELD_STATUSES.get(code, 422)
    message = translations(language).gettext(FIELD_MESSAGES[code])
    [found] = (await answer.json())["errors"][field]
    assert found["code"] == code
    written = re.escape(message).replace(r"\{limit\}", r"\d+").replace(r"\{word\}", "four")
    assert re.fullmatch(written, found["message"])


ONE_SITE = SITES.rpartition("[[site]]")[0]


def path_of(endpoint: Endpoint) -> str:
    """An address of a route, with the first of its choices and nothing that there is."""
    return re.sub(r"{\w+(?::(\w+)[^}]*)?}", lambda found: found[1] or "x", endpoint.path)


def asked_wrongly(endpoint: Endpoint) -> dict[str, Any]:
    """A request that a route refuses: no JSON, a query without its parameters, or a secret that is none."""
    method = {"method": endpoint.method, "path": path_of(endpoint)}
    headers = {"Via": "1.1 proxy"}
    if endpoint.body is not None:
        return {**method, "data": b"{", "headers": {**headers, "Content-Type": "application/json"}}
    return {**method, "headers": headers}


async def test_json_speaks_english_to_who_names_no_language_and_pages_speak_that_of_the_site(
    start: Start, tmp_path: Path
) -> None:
    sites = tmp_path / "one.toml"
    sites.write_text(ONE_SITE, encoding="utf-8")
    service = await start(sites=str(sites))
    refused = [endpoint for endpoint in ENDPOINTS if set(endpoint.problems) - {503}]
    seen = []
    async with client_of(service.url) as http:
        for endpoint in refused:
            for named, spoken in ((None, "it" if endpoint.is_page else "en"), ("fr", "fr")):
                asked = asked_wrongly(endpoint)
                path, headers = asked.pop("path"), asked.pop("headers")
                headers |= {"Accept-Language": named} if named else {}
                answer = await http.request(url=path, headers=headers, allow_redirects=False, **asked)
                if answer.status < 400:
                    continue
                seen.append(endpoint.handler)
                text = await answer.text()
                if endpoint.is_page:
                    assert f'<html lang="{spoken}"' in text, endpoint.path
                else:
                    code = ProblemCode((await answer.json())["type"].rpartition(":")[2])
                    assert (await answer.json())["title"] == translations(spoken).gettext(PROBLEMS[code][0])
    assert {one.handler for one in refused if not one.is_page} <= set(seen)


async def test_what_a_script_is_told_of_its_fields_is_english_where_it_names_no_language(
    http: ClientSession,
) -> None:
    answer = await http.post(COMMENTS, json=a_submission(body=""))
    assert (await answer.json())["title"] == PROBLEMS[ProblemCode.INVALID_FIELDS][0]
    answer = await http.post(COMMENTS, data=a_submission(body=""))
    assert "Controlla ciò che hai scritto" in await answer.text()


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
    assert not issubclass(KeyNotListedError, ModerationError)


def documented(heading: str) -> dict[str, list[str]]:
    """The table under a heading of docs/errors.md: the cells behind each code."""
    text = (Path(__file__).parents[3] / "docs" / "errors.md").read_text(encoding="utf-8")
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
