"""An author's address is in no byte that the public, a log or a stranger may see, nor is a hash of it."""

import hashlib
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from aiohttp import ClientResponse, ClientSession

from moderation_service.web.routes import ENDPOINTS
from tests.factories import ADDRESS, PAGE, a_submission, bearer
from tests.mailed import press
from tests.posting import COMMENTS, decide, post, published, queued, urlencoded
from tests.running import until
from tests.smtp import MailServer

SECRET_TEXT = "un testo che il registro non deve contenere"


def forms_of(address: str) -> Iterator[str]:
    """The address in every form in which systems like this one have published it."""
    for spelling in {address, address.upper(), address.casefold()}:
        yield spelling
        yield quote(spelling, safe="")
        for name in ("md5", "sha1", "sha256"):
            yield hashlib.new(name, spelling.encode()).hexdigest()
    yield address.partition("@")[0]


FORBIDDEN = sorted(set(forms_of(ADDRESS)))


async def check(answer: ClientResponse) -> None:
    """Fail if an answer's headers or bytes hold the address."""
    seen = f"{answer.headers!s}{(await answer.read()).decode()}".casefold()
    for form in FORBIDDEN:
        assert form.casefold() not in seen, (answer.url.path, form)


async def test_no_public_answer_holds_the_address(http: ClientSession, smtp: MailServer) -> None:
    pending = (await post(http, body="in attesa"))["id"]
    approved = await published(http, author_url="https://giuliana.example")
    page = {"page_url": PAGE}
    await check(await http.post(COMMENTS, json=a_submission(body="ancora"), headers={"Idempotency-Key": "k"}))
    await check(await http.post(COMMENTS, json=a_submission(body="ancora"), headers={"Idempotency-Key": "k"}))
    await check(await http.post(COMMENTS, json=a_submission(body="ancora")))
    await check(await http.post(COMMENTS, json=a_submission(body="altro"), headers={"Idempotency-Key": "k"}))
    await check(await http.post(COMMENTS, json=a_submission(author_name="")))
    await check(await http.post(COMMENTS, json=a_submission(author_email=f"{ADDRESS} ,")))
    await check(await http.post(COMMENTS, json=a_submission(page_url="https://nobody.example/")))
    body, headers = urlencoded(a_submission(body="dal modulo"))
    await check(await http.post(COMMENTS, data=body, headers=headers, allow_redirects=False))
    paths = [f"{COMMENTS}/{approved}", f"{COMMENTS}/{pending}", "/openapi.json", "/health/live", "/health/ready"]
    paths += [
        "/",
        "/embed/comments.js",
        f"/comments?page_url={PAGE}",
        f"/comments?page_url={PAGE}&reply_to={approved}",
    ]
    paths += ["/api/v1/changes?site=coop", "/api/v1/changes?site=nobody"]
    for path in paths:
        await check(await http.get(path))
    for query in ({}, {"order": "newest"}, {"limit": "1"}, {"cursor": pending}, {"limit": "0"}):
        await check(await http.get(COMMENTS, params=page | query))
    await check(await http.get("/api/v1/moderation/comments"))
    await smtp.wait_for(2)


async def test_moderators_and_their_programs_see_a_mask(http: ClientSession, smtp: MailServer) -> None:
    await post(http)
    await smtp.wait_for(2)
    for mail in smtp.mails:
        for form in FORBIDDEN:
            assert form.casefold() not in f"{mail.raw.decode()}{mail.text()}{mail.html()}".casefold()
        assert "g…@e….com" in mail.text()
    link = urlsplit(smtp.to("anna@example.org")[0].link("/approve")).path
    await check(await http.get(link))
    await check(await press(http, link))
    await check(await http.get("/api/v1/moderation/comments", headers=bearer()))
    [shown] = await queued(http)
    assert shown["author_email_masked"] == "g…@e….com"
    await check(await http.get(f"/api/v1/moderation/comments/{shown['id']}/history", headers=bearer()))


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
    for secret in (*FORBIDDEN, SECRET_TEXT, "anna@example.org"):
        assert secret.casefold() not in logged().casefold()


async def break_the_comments(service: Any) -> None:
    """Let every insert of a comment fail with an error that names its values."""
    from sqlalchemy import text  # noqa: PLC0415 - this fault alone is made below the service

    async with service.service.context.database.write() as connection:
        await connection.execute(text("ALTER TABLE comments RENAME COLUMN author_name TO name_of_author"))


async def test_the_public_learns_nothing_of_who_decided(http: ClientSession) -> None:
    comment_id = (await post(http))["id"]
    await decide(http, "approve", comment_id)
    shown = await (await http.get(f"{COMMENTS}/{comment_id}")).json()
    assert set(shown) == {"id", "parent_id", "author_name", "author_url", "body", "body_html", "created_at"}


def test_every_public_route_is_read_by_these_tests() -> None:
    public = {
        endpoint.path
        for endpoint in ENDPOINTS
        if (endpoint.is_public or endpoint.is_for_visitors) and endpoint.method == "GET"
    }
    data = {COMMENTS, f"{COMMENTS}/{{comment_id}}", "/api/v1/changes"}
    assert public == data | {"/", "/openapi.json", "/comments", "/embed/comments.js"}
