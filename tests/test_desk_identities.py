"""The desk for nobody else's eyes: wrong identities, forged forms, and what no page sends."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from aiohttp import ClientResponse, ClientSession

from tests.desk import Browser, a_comment, logged_in, replace_sites, status_of
from tests.factories import ADDRESS, OTHER_API_KEY, OTHER_PAGE, SITES
from tests.running import Running
from tests.smtp import MailServer

OLGA = "olga@example.com"
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
ROUTES: dict[str, Callable[[Browser, str], Awaitable[ClientResponse]]] = {
    "queue": lambda who, _: who.get("/desk?status=any"),
    "search": lambda who, _: who.get("/desk?status=any&q=interessante"),
    "page": lambda who, _: who.get("/desk?page_url=https://www.example.org/chi-siamo"),
    "comment": lambda who, one: who.get(f"/desk/comments/{one}"),
    "updates": lambda who, one: who.get(f"/desk/updates?shown={one}"),
    "address": lambda who, one: who.post(f"/desk/comments/{one}/address"),
    "address by script": lambda who, one: who.post(f"/desk/comments/{one}/address", Accept="application/json"),
    "decide": lambda who, one: who.post("/desk/decisions", {"one": f"approve.{one}.pending.1"}),
    "decide many": lambda who, one: who.post("/desk/decisions", {"many": "spam", f"comment.{one}": "pending.1"}),
    "decide by script": lambda who, one: who.post(
        "/desk/decisions", {"one": f"approve.{one}.pending.1"}, Accept="application/json"
    ),
}


@pytest.mark.parametrize("who", WRONG, ids=lambda who: who.__name__)
async def test_a_comment_is_neither_seen_nor_decided_by_any_wrong_identity(
    http: ClientSession,
    service: Running,
    smtp: MailServer,
    tmp_path: Path,
    who: Callable[[ClientSession, MailServer, object], Awaitable[Browser]],
) -> None:
    comment_id = await a_comment(http)
    own = await a_comment(http, page_url=OTHER_PAGE, body="di Olga")

    async def remove() -> None:
        await replace_sites(service, tmp_path, SITES.replace("anna@example.org", "new@example.org"))

    stranger = await who(http, smtp, remove)
    for name, ask in ROUTES.items():
        answer = await ask(stranger, comment_id)
        text = await answer.text()
        assert answer.status in (200, 303, 401, 404), name
        for secret in ("interessante…", ADDRESS, "g…@e….com" if who is not another_sites_moderator else ADDRESS):
            assert secret not in text, name
        assert f'"{comment_id}"' not in text, name
    assert await status_of(http, comment_id) == "pending"
    assert await status_of(http, own, OTHER_API_KEY) == "pending"


@pytest.mark.parametrize(
    ("path", "data"),
    [
        ("/desk/decisions", {"one": "approve.{id}.pending.1"}),
        ("/desk/decisions", {"many": "approve", "comment.{id}": "pending.1"}),
        ("/desk/comments/{id}/address", {}),
        ("/desk/logout", {}),
    ],
)
@pytest.mark.parametrize("forgery", ["no token", "wrong token", "a colleague's token", "another origin"])
async def test_a_form_that_the_session_did_not_show_is_refused(
    http: ClientSession, smtp: MailServer, path: str, data: dict[str, str], forgery: str
) -> None:
    comment_id = await a_comment(http)
    anna, paul = await logged_in(http, smtp), await logged_in(http, smtp, "paul@example.org")
    token = {"no token": "", "wrong token": "0" * 32, "a colleague's token": paul.token}.get(forgery, anna.token)
    forged = Browser(http, anna.cookie, token)
    fields = {name.format(id=comment_id): value.format(id=comment_id) for name, value in data.items()}
    headers = {"Origin": "https://evil.example"} if forgery == "another origin" else {}
    answer = await forged.post(path.format(id=comment_id), fields, **headers)
    assert answer.status == 403
    assert ADDRESS not in await answer.text()
    assert list(await anna.shown()) == [comment_id]


@pytest.mark.parametrize(
    "data",
    [
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
    ],
)
async def test_what_no_button_sends_is_refused_and_changes_nothing(
    http: ClientSession, smtp: MailServer, data: dict[str, str]
) -> None:
    comment_id = await a_comment(http)
    anna = await logged_in(http, smtp)
    fields = {name.format(id=comment_id): value.format(id=comment_id) for name, value in data.items()}
    assert (await anna.post("/desk/decisions", fields)).status == 422
    assert list(await anna.shown()) == [comment_id]


@pytest.mark.parametrize(
    "path",
    [
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
    ],
)
async def test_no_address_of_the_desk_is_a_mistake_of_ours(
    http: ClientSession, smtp: MailServer, path: str
) -> None:
    anna = await logged_in(http, smtp)
    assert (await anna.get(path)).status < 500
