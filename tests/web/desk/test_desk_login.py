"""Logging in at the desk: who gets in, who does not, and what can be learnt by trying."""

import asyncio
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from aiohttp import ClientSession
from sqlalchemy import Engine, event

from moderation_service.domain.keys import KeyRing
from moderation_service.services.accounts.sessions import Sessions
from tests.conftest import Clock, Start
from tests.support.cases import in_turn, one_engine
from tests.support.desk import Browser, a_comment, cookieless, logged_in, mailed_login, text_of
from tests.support.factories import OTHER_SECRET, SECRET, SITES
from tests.support.running import Running, until
from tests.support.smtp import MailServer

ANNA = "anna@example.org"
BROWSER = {"Accept-Language": "en"}


@in_turn("spelling", [" anna@example.org ", "ANNA@Example.ORG", "anna@EXAMPLE.org"])
async def test_an_address_is_known_in_every_spelling(http: ClientSession, smtp: MailServer, spelling: str) -> None:
    before = len(smtp.to(ANNA))
    await http.post("/desk/login", data={"email": spelling})
    await until(lambda: len(smtp.to(ANNA)) > before)


@one_engine
async def test_the_answer_does_not_tell_whether_an_address_is_a_moderators(
    http: ClientSession, smtp: MailServer
) -> None:
    theirs = await http.post("/desk/login", data={"email": ANNA}, headers=BROWSER)
    nobodys = await http.post("/desk/login", data={"email": "nobody@example.org"}, headers=BROWSER)
    assert (theirs.status, nobodys.status) == (200, 200)
    assert await theirs.text() == await nobodys.text()
    without_date = [
        {name: value for name, value in one.headers.items() if name != "Date"} for one in (theirs, nobodys)
    ]
    assert without_date[0] == without_date[1]
    await until(lambda: smtp.to(ANNA))
    assert {recipient for mail in smtp.mails for recipient in mail.recipients} == {ANNA}


@one_engine
async def test_an_address_of_nobody_costs_the_same_statements(http: ClientSession) -> None:
    """Else the time of the answer would tell whose addresses these are; what is mailed is mailed later."""
    inserted: list[str] = []

    def note(*given: object) -> None:
        statement = str(given[2])
        if statement.startswith("INSERT"):
            inserted.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        assert (await http.post("/desk/login", data={"email": ANNA})).status == 200
        theirs, inserted = inserted, []
        assert (await http.post("/desk/login", data={"email": "nobody@example.org"})).status == 200
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    assert theirs == inserted
    assert [re.match(r"INSERT INTO (\w+)", one)[1] for one in theirs] == ["logins", "deliveries"]  # type: ignore[index]


@one_engine
async def test_what_is_no_address_is_said_beside_the_field(http: ClientSession) -> None:
    answer = await http.post("/desk/login", data={"email": "anna"}, headers=BROWSER)
    assert answer.status == 422
    assert "Please enter a valid e-mail address." in await answer.text()


async def test_looking_at_the_link_opens_nothing(http: ClientSession, smtp: MailServer) -> None:
    path = await mailed_login(http, smtp, ANNA)
    for method in ("GET", "HEAD", "GET"):
        answer = await http.request(method, path)
        assert answer.status == 200
        assert not answer.cookies
    assert (await Browser(http).post(path)).status == 303


async def test_a_link_works_once_and_then_says_so(http: ClientSession, smtp: MailServer) -> None:
    path = await mailed_login(http, smtp, ANNA)
    assert (await Browser(http).post(path)).status == 303
    for answer in (await http.get(path, headers=BROWSER), await http.post(path, headers=BROWSER)):
        assert answer.status == 410
        assert not answer.cookies
        text = await answer.text()
        assert "This link has already been used" in text
        assert 'action="/desk/login"' in text


async def test_one_link_pressed_twice_at_once_opens_one_session(http: ClientSession, smtp: MailServer) -> None:
    path = await mailed_login(http, smtp, ANNA)
    answers = await asyncio.gather(*(Browser(http).post(path) for _ in range(4)))
    assert sorted(answer.status for answer in answers) == [303, 410, 410, 410]


async def test_a_link_is_good_for_an_hour(http: ClientSession, smtp: MailServer, clock: Clock) -> None:
    path = await mailed_login(http, smtp, ANNA)
    clock.advance(hours=1)
    assert (await http.get(path)).status == 200
    clock.advance(seconds=2)
    for answer in (await http.get(path, headers=BROWSER), await http.post(path, headers=BROWSER)):
        assert answer.status == 410
        assert "more than an hour old" in await answer.text()


@one_engine
@in_turn("change", [lambda token: token[:-1], lambda token: "x" + token, lambda _: "nothing"])
async def test_a_damaged_link_opens_nothing(
    http: ClientSession, smtp: MailServer, change: Callable[[str], str]
) -> None:
    path = await mailed_login(http, smtp, ANNA)
    damaged = "/desk/login/" + change(path.rpartition("/")[2])
    assert (await http.get(damaged)).status == 404
    answer = await http.post(damaged)
    assert answer.status == 404
    assert not answer.cookies


@one_engine
async def test_a_link_that_decides_on_a_comment_logs_nobody_in(http: ClientSession, smtp: MailServer) -> None:
    await a_comment(http)
    await smtp.wait_for(2)
    token = smtp.to(ANNA)[0].link("/approve").split("/")[-2]
    assert (await http.post(f"/desk/login/{token}")).status == 404


@one_engine
async def test_the_cookie_is_out_of_reach_of_scripts_and_of_other_sites(
    http: ClientSession, smtp: MailServer
) -> None:
    answer = await Browser(http).post(await mailed_login(http, smtp, ANNA))
    [cookie] = answer.cookies.values()
    assert cookie.key == "__Host-desk"
    assert cookie["httponly"]
    assert cookie["secure"]
    assert cookie["samesite"] == "Lax"
    assert cookie["path"] == "/"
    assert not cookie["domain"]
    assert cookie["max-age"] == str(12 * 3600)


async def test_each_log_in_opens_a_new_session_and_ends_the_one_before(
    http: ClientSession, smtp: MailServer
) -> None:
    anna = await logged_in(http, smtp)
    planted = anna.cookie
    again = await anna.post(await mailed_login(http, smtp, ANNA))
    anna.keep(again)
    assert anna.cookie != planted
    assert "form_token" in await (await anna.get("/desk")).text()
    assert "form_token" not in await (await Browser(http, planted).get("/desk")).text()


async def test_a_session_lasts_twelve_hours(http: ClientSession, smtp: MailServer, clock: Clock) -> None:
    anna = await logged_in(http, smtp)
    clock.advance(hours=11, minutes=59)
    assert (await anna.get("/desk/updates")).status == 200
    clock.advance(minutes=2)
    assert (await anna.get("/desk/updates")).status == 401


async def test_a_session_outlives_a_restart_with_a_new_key_before_its_own(start: Start, smtp: MailServer) -> None:
    async def answer_with(keys: str, browser: Browser | None) -> tuple[Browser, int]:
        running = await start(secret_keys=keys)
        async with cookieless(running.url) as http:
            known = browser or await logged_in(http, smtp)
            known.http = http
            return known, (await known.get("/desk/updates")).status

    anna, status = await answer_with(SECRET, None)
    assert status == 200
    _, status = await answer_with(f"{OTHER_SECRET},{SECRET}", anna)
    assert status == 200


async def test_a_session_signed_by_a_key_that_is_not_listed_is_none(
    service: Running, http: ClientSession, smtp: MailServer
) -> None:
    anna = await logged_in(http, smtp)
    container = service.container
    session = await container.web.sessions.find(anna.cookie.partition("=")[2])
    forger = Sessions(container.database, container.directory, KeyRing([OTHER_SECRET]), clock=container.clock)
    forged = Browser(http, f"__Host-desk={forger.cookie(session.id)}")
    assert (await forged.get("/desk/updates")).status == 401
    assert (await anna.get("/desk/updates")).status == 200


@pytest.mark.parametrize("end", ["leaves", "changes address"])
async def test_a_session_ends_when_the_address_leaves_the_sites_file(
    http: ClientSession, service: Running, smtp: MailServer, tmp_path: Path, end: str
) -> None:
    anna = await logged_in(http, smtp)
    waiting_link = await mailed_login(http, smtp, ANNA)
    changed = SITES.replace(ANNA, "anna.new@example.org")
    if end == "leaves":
        changed = changed.replace('id = "anna"', 'id = "bruno"').replace('name = "Anna"', 'name = "Bruno"')
    (tmp_path / "sites.toml").write_text(changed, encoding="utf-8")
    service.container.sites_changed.set()
    await until(lambda: service.container.directory.person_of(ANNA) is None)
    assert (await anna.get("/desk/updates")).status == 401
    assert (await anna.post("/desk/decisions", {"many": "approve"})).status == 401
    assert (await http.get(waiting_link)).status == 410
    assert (await http.post(waiting_link)).status == 410


async def test_a_stolen_cookie_is_worth_nothing_after_logging_out(http: ClientSession, smtp: MailServer) -> None:
    comment_id = await a_comment(http)
    anna = await logged_in(http, smtp)
    stolen = Browser(http, anna.cookie, anna.token)
    answer = await anna.post("/desk/logout")
    assert answer.status == 303
    assert answer.headers["Location"] == "/desk"
    [cookie] = answer.cookies.values()
    assert cookie.value == ""
    assert "form_token" not in await (await stolen.get("/desk")).text()
    assert (await stolen.get("/desk/updates")).status == 401
    decided = await stolen.post("/desk/decisions", {"one": f"approve.{comment_id}.pending.1"})
    assert decided.status == 401


@one_engine
@in_turn("data", [None, {}, {"form_token": ""}, {"form_token": "0" * 32}])
async def test_what_no_button_sent_opens_no_session_and_uses_no_link_up(
    http: ClientSession, smtp: MailServer, data: dict[str, str] | None
) -> None:
    path = await mailed_login(http, smtp, ANNA)
    refused = await http.post(path, data=data, headers={"Sec-Fetch-Site": "same-origin"})
    assert refused.status == 409
    assert not refused.cookies
    assert f'action="{path}"' in await refused.text()
    assert (await Browser(http).post(path)).status == 303


@one_engine
@in_turn(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "https://comments.example.net.evil.example"},
        {"Origin": "http://comments.example.net"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "Origin": "https://other.example.net"},
    ],
)
async def test_no_other_site_can_send_the_forms_of_the_log_in(
    http: ClientSession, smtp: MailServer, clock: Clock, headers: dict[str, str]
) -> None:
    clock.advance(hours=2)
    path = await mailed_login(http, smtp, ANNA)
    answer = await http.post(path, headers=headers)
    assert answer.status == 403
    assert not answer.cookies
    asked = await http.post("/desk/login", data={"email": ANNA}, headers=headers)
    assert asked.status == 403
    assert (await http.post(path, headers={"Origin": "https://comments.example.net"})).status != 403


@one_engine
@in_turn("name", ["next", "redirect_to", "url", "return"])
async def test_logging_in_leads_to_the_desk_and_nowhere_else(
    http: ClientSession, smtp: MailServer, name: str
) -> None:
    path = await mailed_login(http, smtp, ANNA)
    answer = await Browser(http).post(f"{path}?{name}=https://evil.example", {name: "//evil.example"})
    assert answer.status == 303
    assert answer.headers["Location"] == "/desk"


@one_engine
async def test_the_log_in_shows_no_script_and_stays_out_of_caches(http: ClientSession) -> None:
    answer = await http.get("/desk", headers=BROWSER)
    assert "script-src" not in answer.headers["Content-Security-Policy"]
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Robots-Tag"] == "noindex"
    assert "Log in to the moderation area" in text_of(await answer.text())
