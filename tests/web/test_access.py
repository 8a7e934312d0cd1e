"""Who may ask what: the table of routes, walked with every wrong identity, and with right ones by safe methods."""

import json
import re
from collections.abc import Iterator
from dataclasses import MISSING, fields
from pathlib import Path

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestClient, TestServer
from sqlalchemy import select

from moderation_service.domain.comments import receipts
from moderation_service.domain.notifications.states import NotificationState
from moderation_service.storage.engine.database import Database
from moderation_service.storage.schema import notifications
from moderation_service.web.app import create_app
from moderation_service.web.endpoint import Credential, Endpoint
from moderation_service.web.routes import ENDPOINTS
from tests.support.cases import one_engine
from tests.support.desk import a_comment, logged_in, mailed_login, replace_sites
from tests.support.factories import ADDRESS, API_KEY, OTHER_API_KEY, OTHER_PAGE, PAGE, SITES, bearer
from tests.support.mailed import ANNA, OLGA, post, press
from tests.support.rows import all_rows
from tests.support.running import Running, until
from tests.support.smtp import MailServer

_PARAMETER = re.compile(r"{(\w+)(?::([^}]+))?}")
FORWARDED = {"X-Forwarded-For": "192.0.2.1"}
QUEUE = "/api/v1/moderation/comments"
BLOCKS = "/api/v1/moderation/blocks"
SECRETS = ("interessante…", ADDRESS, "Giuliana")
REFUSED = {
    Credential.SITE_KEY: {401},
    Credential.MODERATION_LINK: {403, 404, 410},
    Credential.DIGEST_LINK: {403, 404, 410},
    Credential.LOGIN_LINK: {403, 404, 410},
    Credential.PERSONAL_DATA_LINK: {403, 404, 410},
    Credential.RECEIPT: {404},
    Credential.SESSION: {401, 403},
    Credential.OPERATOR: {404},
}


def path_of(endpoint: Endpoint, **values: str) -> str:
    """An address of an endpoint, the first choice where there are some."""
    return _PARAMETER.sub(
        lambda match: values.get(match[1]) or (match[2] or "x").split("|")[0].replace("[0-9]+", "1"), endpoint.path
    )


def guarded() -> Iterator[Endpoint]:
    yield from (one for one in ENDPOINTS if one.credential in REFUSED)


def test_no_endpoint_can_be_written_down_without_saying_who_may_ask() -> None:
    [credential] = [one for one in fields(Endpoint) if one.name == "credential"]
    assert credential.default is MISSING
    assert credential.default_factory is MISSING
    assert {one.credential for one in ENDPOINTS} == set(Credential)


FOR_EVERYBODY = {
    *("/api/v1/comments", "/wp-comments-post.php", "/api/v1/counts"),
    "/api/v1/comments/{comment_id}/reports",
}
"""Where everybody may post: comments, reports of them, and a question that is too long for an address."""


def test_what_changes_something_asks_for_a_credential_or_a_form_of_ours() -> None:
    for endpoint in ENDPOINTS:
        if endpoint.method not in ("GET", "OPTIONS"):
            is_open = endpoint.path in FOR_EVERYBODY
            assert (endpoint.credential is Credential.NONE) is is_open, endpoint


async def test_a_route_that_is_not_in_the_table_cannot_be_served(service: Running) -> None:
    async def hidden(_: web.Request) -> web.Response:
        return web.Response(text="interessante…")

    app = create_app(service.container.web)
    app.router.add_get("/hidden", hidden)
    async with TestClient(TestServer(app)) as client:
        answer = await client.get("/hidden")
        assert answer.status == 404
        assert "interessante…" not in await answer.text()
        assert (await client.get("/health/live")).status == 200


async def asked(http: ClientSession, endpoint: Endpoint, path: str, headers: dict[str, str]) -> None:
    """Ask as somebody who may not, and check that nothing is disclosed."""
    answer = await http.request(endpoint.method, path, headers=headers, allow_redirects=False)
    content = await answer.text()
    assert answer.status in REFUSED[endpoint.credential], (endpoint.method, path, answer.status)
    assert not [secret for secret in SECRETS if secret in content], (endpoint.method, path)


async def test_no_route_tells_or_does_anything_for_a_wrong_identity(
    http: ClientSession, service: Running, smtp: MailServer, database: Database, tmp_path: Path
) -> None:
    posted = await post(http, smtp)
    anna = await logged_in(http, smtp)
    name, _, cookie = anna.cookie.partition("=")
    value, _, signature = cookie.rpartition(".")
    login = (await mailed_login(http, smtp, "paul@example.org")).rpartition("/")[2]
    links = service.container.links
    digest = links.of_digests.mint([links.read(posted.token())])
    assert (await http.get(f"/moderate/{digest}/all")).status == 200
    tokens = {
        "nonsense": "x.y.z",
        "a link": posted.token(),
        "a digest's link": digest,
        "a session": cookie,
        "a log-in": login,
        "a receipt of nothing": receipts.new_token(posted.id),
    }
    before = await all_rows(database)
    for endpoint in guarded():
        own = {
            Credential.MODERATION_LINK: "a link",
            Credential.DIGEST_LINK: "a digest's link",
            Credential.LOGIN_LINK: "a log-in",
        }.get(endpoint.credential)
        for kind, token in tokens.items():
            if kind != own or endpoint.credential is Credential.OPERATOR:
                path = path_of(endpoint, token=token, comment_id=posted.id)
                await asked(http, endpoint, path, {"X-Forwarded-For": "192.0.2.1"})
                await asked(
                    http, endpoint, path, {"X-Forwarded-For": "192.0.2.1", "Authorization": f"Bearer {token}"}
                )
                await asked(http, endpoint, path, {"X-Forwarded-For": "192.0.2.1", "Cookie": f"{name}={token}x"})
        path = path_of(endpoint, comment_id=posted.id)
        headers = {"X-Forwarded-For": "192.0.2.1", "Cookie": f"{name}={value}.{signature[::-1]}"}
        await asked(http, endpoint, path, headers | {"Authorization": f"Basic {API_KEY}"})
    assert await all_rows(database) == before
    await replace_sites(service, tmp_path, SITES.replace("anna@example.org", "new@example.org"))
    await until(lambda: smtp.to("new@example.org"))
    before = await all_rows(database)
    for endpoint in guarded():
        if endpoint.credential in (Credential.MODERATION_LINK, Credential.DIGEST_LINK, Credential.SESSION):
            token = digest if endpoint.credential is Credential.DIGEST_LINK else posted.token()
            path = path_of(endpoint, token=token, comment_id=posted.id)
            await asked(http, endpoint, path, {"Cookie": anna.cookie})
    assert await all_rows(database) == before


BODIES: dict[str, dict[str, object]] = {
    "/api/v1/moderation/decisions": {"decisions": [{"id": "{comment_id}", "decision": "approve"}]},
    "/api/v1/moderation/authors/{author_hash}": {"note": "Un altro titolo"},
    "/api/v1/moderation/pages": {"pages": [{"page_url": PAGE, "page_title": "Un altro titolo"}]},
    "/api/v1/moderation/blocks": {"kind": "address", "comment_id": "{comment_id}"},
    "/api/v1/moderation/blocks/{block_id}": {},
}
"""What a program sends to each route for those with a site's key: a new one that is not here fails."""


async def with_key(
    http: ClientSession, endpoint: Endpoint, key: str, comment_id: str, block_id: str, author_hash: str
) -> tuple[int, str]:
    """Ask as a program that knows a comment, its page, its author and a block; return status and answer."""
    path = path_of(endpoint, comment_id=comment_id, block_id=block_id, author_hash=author_hash)
    if endpoint.method == "GET":
        answer = await http.get(path, params={"page_url": PAGE}, headers=bearer(key))
    else:
        body = json.dumps(BODIES[endpoint.path]).replace("{comment_id}", comment_id)
        headers = bearer(key) | {"Content-Type": "application/json"}
        answer = await http.request(endpoint.method, path, data=body, headers=headers)
    return answer.status, await answer.text()


async def test_no_route_tells_or_does_anything_for_another_sites_key_or_moderator(
    http: ClientSession, smtp: MailServer, database: Database
) -> None:
    posted = await post(http, smtp)
    olga = await logged_in(http, smtp, OLGA)
    name = olga.cookie.partition("=")[0]
    others_login = (await mailed_login(http, smtp, OLGA)).rpartition("/")[2]
    queue = await (await http.get("/api/v1/moderation/comments", headers=bearer(API_KEY))).json()
    [author_hash] = [one["author_hash"] for one in queue["comments"] if one["id"] == posted.id]
    made = await http.post(BLOCKS, json={"kind": "word", "value": "interessante"}, headers=bearer())
    block_id = (await made.json())["blocks"][0]["id"]
    before = await all_rows(database)
    for endpoint in guarded():
        if endpoint.credential is Credential.SITE_KEY:
            _, content = await with_key(http, endpoint, OTHER_API_KEY, posted.id, block_id, author_hash)
            assert not [secret for secret in (*SECRETS, "Un altro titolo") if secret in content], endpoint.path
        token = posted.token() if endpoint.credential is Credential.LOGIN_LINK else others_login
        path = path_of(endpoint, token=token, comment_id=posted.id)
        wrong = [bearer(others_login), {"Cookie": f"{name}={others_login}"}]
        if endpoint.credential is not Credential.SITE_KEY:
            wrong.append(bearer(OTHER_API_KEY))
        if endpoint.credential is not Credential.SESSION:
            wrong.append({"Cookie": olga.cookie})
        for headers in wrong:
            await asked(http, endpoint, path, FORWARDED | headers)
    assert await all_rows(database) == before
    for endpoint in guarded():
        if endpoint.credential is Credential.SITE_KEY:
            status, _ = await with_key(http, endpoint, API_KEY, posted.id, block_id, author_hash)
            assert status in (200, 201, 204), endpoint.path
    assert await all_rows(database) != before


@one_engine
@pytest.mark.parametrize("site", ["cross-site", "same-site"])
async def test_no_form_of_ours_is_taken_from_another_sites_page(
    http: ClientSession, smtp: MailServer, database: Database, site: str
) -> None:
    posted = await post(http, smtp)
    anna = await logged_in(http, smtp)
    login = (await mailed_login(http, smtp, "paul@example.org")).rpartition("/")[2]
    before = await all_rows(database)
    for endpoint in ENDPOINTS:
        is_of_scripts = endpoint.credential is Credential.RECEIPT and not endpoint.is_page
        if (
            endpoint.method == "POST"
            and endpoint.credential not in (Credential.NONE, Credential.SITE_KEY)
            and endpoint.credential is not Credential.SUBSCRIPTION_LINK
            and not is_of_scripts
        ):
            token = login if endpoint.credential is Credential.LOGIN_LINK else posted.token()
            path = path_of(endpoint, token=token, comment_id=posted.id)
            for headers in ({"Sec-Fetch-Site": site}, {"Origin": "https://evil.example"}):
                data = {"form_token": anna.token, "seen": "pending", "email": ANNA}
                answer = await http.post(
                    path, data=data, headers=headers | {"Cookie": anna.cookie}, allow_redirects=False
                )
                assert answer.status == 403, (path, headers)
    assert await all_rows(database) == before


async def test_nothing_that_get_or_head_does_changes_anything(
    http: ClientSession, smtp: MailServer, database: Database
) -> None:
    posted = await post(http, smtp)
    anna = await logged_in(http, smtp)
    login = (await mailed_login(http, smtp, "paul@example.org")).rpartition("/")[2]
    before = await all_rows(database)
    for endpoint in ENDPOINTS:
        if endpoint.method == "GET":
            token = login if endpoint.credential is Credential.LOGIN_LINK else posted.token()
            path = path_of(endpoint, token=token, comment_id=posted.id, name="pages.css")
            for method in ("GET", "HEAD"):
                for query in ("", f"?page_url={PAGE}&site=coop"):
                    answer = await http.request(method, path + query, headers=bearer() | {"Cookie": anna.cookie})
                    assert answer.status < 500, path
    assert await all_rows(database) == before


async def listed(http: ClientSession, key: str, **query: str) -> list[str]:
    answer = await http.get(QUEUE, params=query, headers=bearer(key))
    assert answer.status == 200
    return [one["id"] for one in (await answer.json())["comments"]]


@pytest.mark.parametrize("status", ["pending", ""])
async def test_a_sites_key_reads_and_confirms_nothing_of_another_site(
    http: ClientSession, smtp: MailServer, status: str
) -> None:
    posted = await post(http, smtp)
    query = {"status": status} if status else {}
    assert await listed(http, API_KEY, page_url=PAGE, author=ADDRESS, **query) == [posted.id]
    for narrowed in ({}, {"author": ADDRESS}, {"q": "interessante"}, {"author": "Giuliana"}):
        assert await listed(http, OTHER_API_KEY, page_url=PAGE, **narrowed, **query) == []
        assert await listed(http, OTHER_API_KEY, **narrowed, **query) == []


BOTH = SITES.replace("olga@example.com", "anna@example.org")


async def test_a_moderator_of_two_sites_sees_each_comment_once(
    http: ClientSession, service: Running, smtp: MailServer, tmp_path: Path
) -> None:
    await replace_sites(service, tmp_path, BOTH)
    first, second = await a_comment(http), await a_comment(http, page_url=OTHER_PAGE)
    anna = await logged_in(http, smtp)
    for path, expected in (
        ("/desk", [first, second]),
        (f"/desk?page_url={PAGE}", [first]),
        (f"/desk?page_url={OTHER_PAGE}", [second]),
    ):
        text = await (await anna.get(path)).text()
        shown = re.findall(r'name="comment\.([^"]+)"', text)
        assert shown == expected, path


NARROWED = SITES.replace('email = "anna@example.org"\n', 'email = "anna@example.org"\npaths = ["/blog"]\n')


async def test_the_desk_names_no_comment_outside_a_moderators_paths(
    http: ClientSession, service: Running, smtp: MailServer, tmp_path: Path
) -> None:
    await replace_sites(service, tmp_path, NARROWED)
    mine = await a_comment(http, page_url="https://www.example.org/blog/a")
    other = await a_comment(http, page_url=PAGE)
    anna = await logged_in(http, smtp)
    text = await (await anna.get("/desk")).text()
    assert mine in text
    assert other not in text


async def test_a_link_is_void_once_its_page_is_no_longer_its_moderators(
    http: ClientSession, service: Running, smtp: MailServer, tmp_path: Path, database: Database
) -> None:
    posted = await post(http, smtp)
    await replace_sites(service, tmp_path, NARROWED)

    async def is_passed_on() -> bool:
        async with database.read() as connection:
            states = await connection.execute(
                select(notifications.c.state).where(notifications.c.moderator_id == "anna")
            )
            return set(states.scalars()) == {NotificationState.SUPERSEDED}

    await until(is_passed_on)
    before = await all_rows(database)
    assert (await http.get(posted.path("approve"))).status == 410
    assert (await press(http, posted.path("approve"))).status == 410
    assert await all_rows(database) == before
    assert (await http.get(posted.path("approve", "paul@example.org"))).status == 200
