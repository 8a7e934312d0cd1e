"""The desk's door: who gets in, who does not, and what can be learnt by trying."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from aiohttp import ClientSession
from sqlalchemy import ColumnElement, select

from moderation_service import config, runtime
from moderation_service.domain.keys import KeyRing
from moderation_service.services.logins import MAILS_PER_WINDOW, REQUESTS_PER_WINDOW
from moderation_service.services.sessions import Sessions
from moderation_service.storage.tables import logins
from tests.conftest import Clock
from tests.desk import Browser, a_comment, cookieless, logged_in, logins_to, mailed_login, text_of
from tests.factories import OTHER_SECRET, SECRET, SITES
from tests.running import Running, until
from tests.smtp import MailServer

ANNA = "anna@example.org"
BROWSER = {"Accept-Language": "en"}


@pytest.fixture
async def http(service: Running) -> AsyncIterator[ClientSession]:
    """A client that sends only the cookies that a test gives it."""
    async with cookieless(service.url) as session:
        yield session


async def test_a_log_in_mail_holds_one_url_and_comes_at_once(http: ClientSession, smtp: MailServer) -> None:
    await mailed_login(http, smtp, ANNA)
    [mail] = smtp.to(ANNA)
    [link] = mail.links()
    assert link.startswith("https://comments.example.net/desk/login/")
    assert mail.html().count("https://") == 1
    assert link in mail.html()
    assert mail.message["Auto-Submitted"] == "auto-generated"
    assert (
        mail.message["Subject"].strip()
        == "[Associazione dell'Esempio] Il tuo link per la scrivania dei moderatori"
    )
    assert "con questo link entri" in mail.text()


@pytest.mark.parametrize("spelling", [" anna@example.org ", "ANNA@Example.ORG", "anna@EXAMPLE.org"])
async def test_an_address_is_known_in_every_spelling(http: ClientSession, smtp: MailServer, spelling: str) -> None:
    await http.post("/desk/login", data={"email": spelling})
    await until(lambda: smtp.to(ANNA))


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


async def test_what_is_no_address_is_said_beside_the_field(http: ClientSession) -> None:
    answer = await http.post("/desk/login", data={"email": "anna"}, headers=BROWSER)
    assert answer.status == 422
    assert "This is not an e-mail address." in await answer.text()


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
        assert "This link was used already" in text
        assert 'action="/desk/login"' in text


async def test_one_link_pressed_twice_at_once_opens_one_session(http: ClientSession, smtp: MailServer) -> None:
    path = await mailed_login(http, smtp, ANNA)
    answers = await asyncio.gather(*(Browser(http).post(path) for _ in range(4)))
    assert sorted(answer.status for answer in answers) == [303, 410, 410, 410]


async def test_a_link_is_good_for_fifteen_minutes(http: ClientSession, smtp: MailServer, clock: Clock) -> None:
    path = await mailed_login(http, smtp, ANNA)
    clock.advance(minutes=15)
    assert (await http.get(path)).status == 200
    clock.advance(seconds=2)
    for answer in (await http.get(path, headers=BROWSER), await http.post(path, headers=BROWSER)):
        assert answer.status == 410
        assert "older than 15 minutes" in await answer.text()


@pytest.mark.parametrize("change", [lambda token: token[:-1], lambda token: "x" + token, lambda _: "nothing"])
async def test_a_damaged_link_opens_nothing(
    http: ClientSession, smtp: MailServer, change: Callable[[str], str]
) -> None:
    path = await mailed_login(http, smtp, ANNA)
    damaged = "/desk/login/" + change(path.rpartition("/")[2])
    assert (await http.get(damaged)).status == 404
    answer = await http.post(damaged)
    assert answer.status == 404
    assert not answer.cookies


async def test_a_link_that_decides_on_a_comment_logs_nobody_in(http: ClientSession, smtp: MailServer) -> None:
    await a_comment(http)
    await smtp.wait_for(2)
    token = smtp.to(ANNA)[0].link("/approve").split("/")[-2]
    assert (await http.post(f"/desk/login/{token}")).status == 404


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


async def test_a_session_outlives_a_new_key_and_ends_when_its_own_is_removed(
    start: Callable[..., object], smtp: MailServer
) -> None:
    async def answer_with(keys: str, browser: Browser | None) -> tuple[Browser, int]:
        running = await start(secret_keys=keys)
        async with cookieless(running.url) as http:  # type: ignore[attr-defined]
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
    context = service.service.context
    session = await context.sessions.find(anna.cookie.partition("=")[2])
    forger = Sessions(context.database, context.directory, KeyRing([OTHER_SECRET]), clock=context.clock)
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
    service.service.sites_changed.set()
    await until(lambda: service.service.directory.person_of(ANNA) is None)
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


async def test_one_address_gets_five_mails_an_hour_and_nobody_sees_when_that_is_reached(
    http: ClientSession, smtp: MailServer, clock: Clock
) -> None:
    for _ in range(MAILS_PER_WINDOW):
        await mailed_login(http, smtp, ANNA)
        clock.advance(seconds=1)
    beyond = await http.post("/desk/login", data={"email": ANNA}, headers=BROWSER)
    nobodys = await http.post("/desk/login", data={"email": "nobody@example.org"}, headers=BROWSER)
    assert await beyond.text() == await nobodys.text()
    await mailed_login(http, smtp, "paul@example.org")
    assert len(logins_to(smtp, ANNA)) == MAILS_PER_WINDOW
    clock.advance(hours=1)
    await mailed_login(http, smtp, ANNA)


async def test_five_mails_an_hour_also_when_asked_for_all_at_once(http: ClientSession, smtp: MailServer) -> None:
    await asyncio.gather(*(http.post("/desk/login", data={"email": ANNA}) for _ in range(12)))
    await mailed_login(http, smtp, "paul@example.org")
    assert len(logins_to(smtp, ANNA)) == MAILS_PER_WINDOW


async def test_a_network_that_tries_addresses_is_stopped_whomever_it_tries(
    start: Callable[..., object], smtp: MailServer, clock: Clock
) -> None:
    running = await start(clock=clock, trusted_proxies="127.0.0.0/8")
    async with cookieless(running.url) as http:  # type: ignore[attr-defined]

        async def ask(name: str, client: str) -> int:
            headers = {"X-Forwarded-For": client} | BROWSER
            answer = await http.post("/desk/login", data={"email": name}, headers=headers)
            if answer.status == 429:
                assert 0 < int(answer.headers["Retry-After"]) <= 3601
                assert "Many log-ins were asked for" in await answer.text()
            return answer.status

        tried = [await ask(f"name{n}@example.org", f"192.0.2.{n}") for n in range(REQUESTS_PER_WINDOW)]
        assert set(tried) == {200}
        assert await ask("nobody@example.org", "192.0.2.77") == 429
        assert await ask(ANNA, "192.0.2.78") == 429
        assert await ask(ANNA, "198.51.100.1") == 200
        clock.advance(hours=1, seconds=1)
        assert await ask(ANNA, "192.0.2.78") == 200
        await until(lambda: len(logins_to(smtp, ANNA)) == 2)


@pytest.mark.parametrize(
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
async def test_no_other_site_can_send_the_forms_of_the_door(
    http: ClientSession, smtp: MailServer, headers: dict[str, str]
) -> None:
    path = await mailed_login(http, smtp, ANNA)
    answer = await http.post(path, headers=headers)
    assert answer.status == 403
    assert not answer.cookies
    asked = await http.post("/desk/login", data={"email": ANNA}, headers=headers)
    assert asked.status == 403
    assert (await http.post(path, headers={"Origin": "https://comments.example.net"})).status != 403


@pytest.mark.parametrize("name", ["next", "redirect_to", "url", "return"])
async def test_logging_in_leads_to_the_desk_and_nowhere_else(
    http: ClientSession, smtp: MailServer, name: str
) -> None:
    path = await mailed_login(http, smtp, ANNA)
    answer = await Browser(http).post(f"{path}?{name}=https://evil.example", {name: "//evil.example"})
    assert answer.status == 303
    assert answer.headers["Location"] == "/desk"


async def test_a_log_in_mail_survives_a_server_that_refuses_it_for_a_while(
    http: ClientSession, service: Running, smtp: MailServer, clock: Clock
) -> None:
    smtp.refuse_data = "451 4.3.0 Not now"
    assert (await http.post("/desk/login", data={"email": ANNA})).status == 200
    await _attempts(service, 1)
    smtp.refuse_data = None
    clock.advance(seconds=30)
    await until(lambda: smtp.to(ANNA))
    assert len(smtp.to(ANNA)) == 1


async def test_a_recipient_that_is_refused_for_good_is_not_tried_again(
    http: ClientSession, service: Running, smtp: MailServer, clock: Clock
) -> None:
    smtp.refuse_recipient = "550 5.1.1 No such user"
    await http.post("/desk/login", data={"email": ANNA})
    async with asyncio.timeout(20):
        while not await _logins(service, logins.c.given_up_at.is_not(None)):
            await asyncio.sleep(0.02)
    smtp.refuse_recipient = None
    clock.advance(minutes=30)
    await mailed_login(http, smtp, "paul@example.org")
    assert smtp.to(ANNA) == []


async def test_a_mail_server_that_never_answers_keeps_nobody_waiting(start: Callable[..., object]) -> None:
    talking: list[asyncio.StreamWriter] = []
    silent = await asyncio.start_server(lambda _, writer: talking.append(writer), "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1]
    running = await start(smtp_url=f"smtp://127.0.0.1:{port}")
    async with cookieless(running.url) as http, asyncio.timeout(5):  # type: ignore[attr-defined]
        for _ in range(2):
            assert (await http.post("/desk/login", data={"email": ANNA})).status == 200
        await until(lambda: talking)
        assert (await http.get("/desk")).status == 200
    silent.close()
    for writer in talking:
        writer.close()


async def _attempts(service: Running, count: int) -> None:
    async with asyncio.timeout(20):
        while not await _logins(service, logins.c.attempts >= count):
            await asyncio.sleep(0.02)


async def _logins(service: Running, condition: ColumnElement[bool]) -> int:
    async with service.service.context.database.read() as connection:
        return len((await connection.execute(select(logins.c.id).where(condition))).all())


async def test_a_log_in_that_was_asked_for_before_a_crash_is_mailed_after_it(
    start: Callable[..., object], smtp: MailServer, environ: dict[str, str]
) -> None:
    settings = config.read(environ)
    async with runtime.opened(settings) as crashed:
        await crashed.context.logins.ask(ANNA, network="192.0.2.0/24")
    assert smtp.mails == []
    await start()
    await until(lambda: smtp.to(ANNA))


async def test_the_door_shows_no_script_and_stays_out_of_caches(http: ClientSession) -> None:
    answer = await http.get("/desk", headers=BROWSER)
    assert "script-src" not in answer.headers["Content-Security-Policy"]
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Robots-Tag"] == "noindex"
    assert "Moderators’ desk" in text_of(await answer.text())
