"""Log-in mail: at once, not too often, neither lost nor waited for."""

import asyncio

from aiohttp import ClientSession
from sqlalchemy import ColumnElement, select

from moderation_service import config
from moderation_service.domain.notifications.states import DeliveryState
from moderation_service.runtime import container
from moderation_service.services.accounts.logins import KIND, MAILS_PER_WINDOW, REQUESTS_PER_WINDOW
from moderation_service.storage.engine.database import Database
from moderation_service.storage.schema import deliveries
from tests.conftest import Clock, Start
from tests.support.desk import Browser, cookieless, logins_to, mailed_login
from tests.support.rows import settled
from tests.support.running import Running, until
from tests.support.smtp import MailServer
from tests.support.time_limits import PATIENCE

ANNA = "anna@example.org"
BROWSER = {"Accept-Language": "en"}


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
        == "[Associazione dell'Esempio] Il tuo link per accedere all’area di moderazione"
    )
    assert "usa questo link per accedere" in mail.text()


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


async def test_nobody_locks_a_moderator_out_by_asking_in_their_name(
    http: ClientSession, smtp: MailServer, clock: Clock, database: Database
) -> None:
    paths = [await mailed_login(http, smtp, ANNA) for _ in range(MAILS_PER_WINDOW)]
    clock.advance(minutes=59)
    answer = await http.post("/desk/login", data={"email": ANNA}, headers=BROWSER)
    assert "an unused link from the past hour still works" in await answer.text()
    await settled(database)
    assert len(logins_to(smtp, ANNA)) == MAILS_PER_WINDOW
    assert (await Browser(http).post(paths[0])).status == 303
    clock.advance(minutes=1)
    await mailed_login(http, smtp, ANNA)


async def test_a_refused_log_in_does_not_wait_for_whoever_writes(
    http: ClientSession, service: Running, smtp: MailServer, database: Database
) -> None:
    for _ in range(REQUESTS_PER_WINDOW):
        assert (await http.post("/desk/login", data={"email": "nobody@example.org"})).status == 200
    async with service.container.database.write(), asyncio.timeout(PATIENCE):
        assert (await http.post("/desk/login", data={"email": ANNA})).status == 429
    await settled(database)
    assert logins_to(smtp, ANNA) == []


async def test_five_mails_an_hour_also_when_asked_for_all_at_once(
    http: ClientSession, smtp: MailServer, database: Database
) -> None:
    await asyncio.gather(*(http.post("/desk/login", data={"email": ANNA}) for _ in range(12)))
    await settled(database)
    assert len(logins_to(smtp, ANNA)) == MAILS_PER_WINDOW


async def test_a_network_that_tries_addresses_is_stopped_whomever_it_tries(
    start: Start, smtp: MailServer, clock: Clock
) -> None:
    running = await start(clock=clock, trusted_proxies="127.0.0.0/8")
    async with cookieless(running.url) as http:

        async def ask(name: str, client: str) -> int:
            headers = {"X-Forwarded-For": client} | BROWSER
            answer = await http.post("/desk/login", data={"email": name}, headers=headers)
            if answer.status == 429:
                assert 0 < int(answer.headers["Retry-After"]) <= 3601
                assert "Many login links have been requested" in await answer.text()
            return answer.status

        tried = [await ask(f"name{n}@example.org", f"192.0.2.{n}") for n in range(REQUESTS_PER_WINDOW)]
        assert set(tried) == {200}
        assert await ask("nobody@example.org", "192.0.2.77") == 429
        assert await ask(ANNA, "192.0.2.78") == 429
        assert await ask(ANNA, "198.51.100.1") == 200
        clock.advance(hours=1, seconds=1)
        assert await ask(ANNA, "192.0.2.78") == 200
        await until(lambda: len(logins_to(smtp, ANNA)) == 2)


async def test_a_log_in_mail_survives_a_server_that_refuses_it_for_a_while(
    http: ClientSession, service: Running, smtp: MailServer, clock: Clock
) -> None:
    smtp.refuse_data = "451 4.3.0 Not now"
    assert (await http.post("/desk/login", data={"email": ANNA})).status == 200
    await _until_logins(service, deliveries.c.attempts >= 1)
    smtp.refuse_data = None
    clock.advance(seconds=30)
    await until(lambda: smtp.to(ANNA))
    assert len(smtp.to(ANNA)) == 1


async def test_a_recipient_that_is_refused_for_good_is_not_tried_again(
    http: ClientSession, service: Running, smtp: MailServer, clock: Clock
) -> None:
    smtp.refuse_recipient = "550 5.1.1 No such user"
    await http.post("/desk/login", data={"email": ANNA})
    await _until_logins(service, deliveries.c.state == DeliveryState.EXPIRED)
    smtp.refuse_recipient = None
    clock.advance(minutes=30)
    await mailed_login(http, smtp, "paul@example.org")
    assert smtp.to(ANNA) == []


async def test_a_mail_server_that_never_answers_keeps_nobody_waiting(start: Start) -> None:
    talking: list[asyncio.StreamWriter] = []
    silent = await asyncio.start_server(lambda _, writer: talking.append(writer), "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1]
    running = await start(smtp_url=f"smtp://127.0.0.1:{port}")
    async with cookieless(running.url) as http:
        for _ in range(2):
            assert (await http.post("/desk/login", data={"email": ANNA})).status == 200
        await until(lambda: talking)
        assert (await http.get("/desk")).status == 200
    assert not await _logins(running, deliveries.c.attempts > 0), "the first mail is still waiting for an answer"
    silent.close()
    for writer in talking:
        writer.close()


async def _until_logins(service: Running, condition: ColumnElement[bool]) -> None:
    await until(lambda: _logins(service, condition))


async def _logins(service: Running, condition: ColumnElement[bool]) -> int:
    async with service.container.database.read() as connection:
        return len(
            (await connection.execute(select(deliveries.c.id).where(deliveries.c.kind == KIND, condition))).all()
        )


async def test_a_log_in_that_was_asked_for_before_a_crash_is_mailed_after_it(
    start: Start, smtp: MailServer, environ: dict[str, str]
) -> None:
    settings = config.read(environ)
    async with container.opened(settings) as crashed:
        await crashed.logins.ask(ANNA, network="192.0.2.0/24")
    assert smtp.mails == []
    await start()
    await until(lambda: smtp.to(ANNA))
