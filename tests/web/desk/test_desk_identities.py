"""The desk for nobody else's eyes: wrong identities, forged forms, and what no page sends."""

import re
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import pytest
from aiohttp import ClientResponse, ClientSession

from moderation_service.storage.engine.database import Database
from moderation_service.storage.schema import notification_settings, sessions
from moderation_service.web.endpoint import Credential
from moderation_service.web.routes import ENDPOINTS
from tests.support.cases import one_engine
from tests.support.desk import Browser, a_comment, logged_in, replace_sites
from tests.support.factories import ADDRESS, OTHER_PAGE, PAGE, SITES
from tests.support.rows import all_rows
from tests.support.running import Running, until
from tests.support.smtp import MailServer

OLGA = "olga@example.com"
_SNAPSHOT = re.compile(r'name="snapshot" value="([^"]+)"')
_BULK = re.compile(r'formaction="/desk/bulk/([^"]+)/undo')
_BLOCK = re.compile(r'action="/desk/blocks/([^"]+)/lift')
Remove = Callable[[], Awaitable[None]]


async def another_sites_moderator(http: ClientSession, smtp: MailServer, _: object) -> Browser:
    return await logged_in(http, smtp, OLGA)


async def nobody(http: ClientSession, smtp: MailServer, _: object) -> Browser:
    del smtp
    return Browser(http)


async def someone_logged_out(http: ClientSession, smtp: MailServer, _: object) -> Browser:
    anna = await logged_in(http, smtp)
    kept = Browser(http, anna.cookie, anna.token)
    await anna.post("/desk/logout")
    return kept


async def a_removed_moderator(http: ClientSession, smtp: MailServer, remove: Remove) -> Browser:
    anna = await logged_in(http, smtp)
    await remove()
    return anna


async def a_forger(http: ClientSession, smtp: MailServer, _: object) -> Browser:
    anna = await logged_in(http, smtp)
    value, _, signature = anna.cookie.rpartition(".")
    return Browser(http, f"{value}.{signature[::-1]}", anna.token)


WRONG = [another_sites_moderator, nobody, someone_logged_out, a_removed_moderator, a_forger]
QUERIES = (
    "",
    "?status=any",
    "?status=any&q=interessante",
    "?scope=all&site=coop",
    f"?page_url={PAGE}",
    "?shown={comment_id}",
)
"""What every page of the desk is asked with."""
FORMS: dict[str, list[dict[str, str]]] = {
    "/desk/decisions": [
        {"one": "approve.{comment_id}.pending.1"},
        {"many": "spam", "comment.{comment_id}": "pending.1"},
        {"one": "undo.{decided_id}.approved.1"},
    ],
    "/desk/bulk": [{"snapshot": "{snapshot}", "all": "approve", "confirmed": "yes"}],
    "/desk/bulk/{bulk_id}/undo": [{}],
    "/desk/pages": [{"page_title": "Un altro titolo"}],
    "/desk/pages/commenting": [{"commenting": "closed"}],
    "/desk/comments/{comment_id}/address": [{}],
    "/desk/comments/{comment_id}/blocks": [{"lasts": "usual", "address": "yes"}],
    "/desk/blocks": [{"site": "coop", "kind": "word", "value": "pillole", "lasts": "usual"}],
    "/desk/blocks/{block_id}/lift": [{}],
    "/desk/notifications": [{"schedule": "hourly", "ways": "both"}],
    "/desk/comments/{comment_id}/author-note": [{"author_note": "gentile"}],
    "/desk/comments/{comment_id}/answer": [{"body": "Grazie.", "seen": "approved", "revision": "1"}],
    "/desk/comments/{comment_id}/redaction": [{"body": "interessante…", "seen": "approved", "revision": "1"}],
    "/desk/logout": [{}],
}
"""What is sent by each form of the desk: a new one that is not here has no test and fails."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request to the desk."""

    method: str
    path: str
    fields: dict[str, str]
    accept: str

    async def by(self, who: Browser) -> ClientResponse:
        if self.method == "GET":
            return await who.get(self.path)
        return await who.post(self.path, self.fields, Accept=self.accept)


def walk(**values: str) -> Iterator[Asked]:
    """Every request that routes of the desk take from people with a session; the one that logs out is the last."""
    mine = [one for one in ENDPOINTS if one.credential in (Credential.SESSION, Credential.SESSION_IF_ANY)]
    for endpoint in sorted(mine, key=lambda one: (one.path == "/desk/logout", one.method)):
        path = endpoint.path.format(**values)
        if endpoint.method == "GET":
            yield from (Asked("GET", path + query.format(**values), {}, "") for query in QUERIES)
            continue
        query = f"?page_url={PAGE}" if endpoint.path.startswith("/desk/pages") else ""
        for form in FORMS[endpoint.path]:
            fields = {name.format(**values): value.format(**values) for name, value in form.items()}
            for accept in ("text/html", "application/json"):
                yield Asked(endpoint.method, path + query, fields, accept)


async def what_annas_page_carries(anna: Browser, http: ClientSession) -> dict[str, str]:
    """A comment that she decided by a bulk, one that waits, and a snapshot of it."""
    decided_id = await a_comment(http, body="interessante… davvero")
    snapshot = _SNAPSHOT.findall(await (await anna.get("/desk?scope=all")).text())[0]
    assert (await anna.post("/desk/bulk", {"snapshot": snapshot, "all": "approve"})).status == 303
    comment_id = await a_comment(http, body="interessante… e altro")
    page = await (await anna.get("/desk?scope=all")).text()
    other = FORMS["/desk/blocks"][0] | {"value": "casinò"}
    assert (await anna.post("/desk/blocks", other)).status == 303
    return {
        "comment_id": comment_id,
        "decided_id": decided_id,
        "snapshot": _SNAPSHOT.findall(page)[0],
        "bulk_id": _BULK.findall(page)[0],
        "block_id": _BLOCK.findall(await (await anna.get("/desk/blocks")).text())[0],
    }


async def test_every_request_of_the_walk_is_answered_to_whom_the_desk_is_for(
    http: ClientSession, smtp: MailServer
) -> None:
    anna = await logged_in(http, smtp)
    values = await what_annas_page_carries(anna, http)
    content = ""
    for asked in walk(**values):
        answer = await asked.by(anna)
        is_over = asked.path.endswith(("/logout", "/lift", "/redaction")) and asked.accept != "text/html"
        if not is_over:
            assert answer.status in (200, 303), asked
        content += await answer.text()
    assert "interessante…" in content
    assert ADDRESS in content
    assert f'"{values["comment_id"]}"' in content


@pytest.mark.parametrize("who", WRONG, ids=lambda who: who.__name__)
async def test_a_comment_is_neither_seen_nor_decided_by_any_wrong_identity(
    http: ClientSession,
    service: Running,
    smtp: MailServer,
    database: Database,
    tmp_path: Path,
    who: Callable[[ClientSession, MailServer, object], Awaitable[Browser]],
) -> None:
    values = await what_annas_page_carries(await logged_in(http, smtp), http)
    await a_comment(http, page_url=OTHER_PAGE, body="di Olga")

    async def remove() -> None:
        await replace_sites(service, tmp_path, SITES.replace("anna@example.org", "new@example.org"))
        await until(lambda: smtp.to("new@example.org"))

    stranger = await who(http, smtp, remove)
    before = await all_rows(database)
    for asked in walk(**values):
        answer = await asked.by(stranger)
        text = await answer.text()
        assert answer.status in (200, 303, 401, 403, 404), asked
        for secret in ("interessante…", ADDRESS, "g…@e….com" if who is not another_sites_moderator else ADDRESS):
            assert secret not in text, asked
        for secret in (values["comment_id"], values["decided_id"]):
            assert f'"{secret}"' not in text, asked
            assert secret not in answer.headers.get("Location", ""), asked
    after = await all_rows(database)
    for table in before.keys() - {sessions.name, notification_settings.name}:
        assert after[table] == before[table], table
    assert who is another_sites_moderator or not after[notification_settings.name]


SENT: list[tuple[str, dict[str, str]]] = [
    ("/desk/decisions", {"one": "approve.{id}.pending.1"}),
    ("/desk/decisions", {"many": "approve", "comment.{id}": "pending.1"}),
    ("/desk/comments/{id}/address", {}),
    ("/desk/comments/{id}/author-note", {"author_note": "gentile"}),
    ("/desk/logout", {}),
]
FORGERIES = ("no token", "wrong token", "a colleague's token", "another origin")


@one_engine
async def test_a_form_that_the_session_did_not_show_is_refused(
    http: ClientSession, smtp: MailServer, subtests: pytest.Subtests
) -> None:
    comment_id = await a_comment(http)
    anna, paul = await logged_in(http, smtp), await logged_in(http, smtp, "paul@example.org")
    tokens = {"no token": "", "wrong token": "0" * 32, "a colleague's token": paul.token}
    for (path, data), forgery in product(SENT, FORGERIES):
        with subtests.test(f"{path} {data}: {forgery}"):
            forged = Browser(http, anna.cookie, tokens.get(forgery, anna.token))
            fields = {name.format(id=comment_id): value.format(id=comment_id) for name, value in data.items()}
            headers = {"Origin": "https://evil.example"} if forgery == "another origin" else {}
            answer = await forged.post(path.format(id=comment_id), fields, **headers)
            assert answer.status == 403
            assert ADDRESS not in await answer.text()
            assert list(await anna.shown()) == [comment_id]


NO_BUTTONS: list[dict[str, str]] = [
    {},
    {"one": ""},
    {"one": "publish.{id}.pending.1"},
    {"one": "approve.nonsense.pending.1"},
    {"one": "approve.{id}"},
    {"one": "approve.{id}.waiting.1"},
    {"one": "approve.{id}.pending.x"},
    {"many": "approve", "comment.": ""},
    {"many": "approve", "comment.{id}": "\0"},
    {"one": "approve.{id}.pending.1", "note": "\0"},
]


@one_engine
async def test_what_no_button_sends_is_refused_and_changes_nothing(
    http: ClientSession, smtp: MailServer, subtests: pytest.Subtests
) -> None:
    comment_id = await a_comment(http)
    anna = await logged_in(http, smtp)
    for data in NO_BUTTONS:
        with subtests.test(str(data)):
            fields = {name.format(id=comment_id): value.format(id=comment_id) for name, value in data.items()}
            assert (await anna.post("/desk/decisions", fields)).status == 422
            assert list(await anna.shown()) == [comment_id]


ODD_ADDRESSES = [
    "/desk?cursor=x",
    "/desk?page_url=x",
    "/desk?page_url=https://*",
    "/desk?page_url=https://a,b/",
    "/desk?page_url=https://%E2%80%8D.example/",
    "/desk?q=%00",
    "/desk/comments/x",
    "/desk/comments/%00",
    "/desk/updates?newest=x",
    "/desk?said=approve.²..&site=%F0%9F%98%80",
    "/desk?said=%00&status=%F0",
    "/desk/login",
    "/desk/nothing",
]


async def test_no_address_of_the_desk_is_a_mistake_of_ours(
    http: ClientSession, smtp: MailServer, subtests: pytest.Subtests
) -> None:
    anna = await logged_in(http, smtp)
    for path in ODD_ADDRESSES:
        with subtests.test(path):
            assert (await anna.get(path)).status < 500
