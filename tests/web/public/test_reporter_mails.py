"""Who reported with an address and proved it is told that the report came and what became of it, once each."""

from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import ClientSession
from sqlalchemy import func, select

from moderation_service.domain.moderation.reports import MOST_KEPT, OUTCOME_WAITS, REPORT_OUTCOME
from moderation_service.domain.notifications.states import DeliveryState
from moderation_service.services.operations import consistency, erasing
from moderation_service.storage.engine.database import Database
from moderation_service.storage.schema import deliveries, recent_posts, reporters
from tests.conftest import Clock, Start
from tests.support.authors import mail_to, path_in, press
from tests.support.cases import only_sqlite
from tests.support.contract import client_of
from tests.support.posting import decide, published
from tests.support.rows import all_rows, settled
from tests.support.running import until
from tests.support.smtp import MailServer

ADA, PIERO = "ada.canary@example.com", "piero.canary@example.com"


async def report(http: ClientSession, comment_id: str, address: str | None, **changed: Any) -> set[str]:
    """Report a comment; what the answer holds."""
    body = {"reason": "insult", "explanation": "Offende mia sorella."} | changed
    client = {"X-Forwarded-For": body.pop("client", "192.0.2.1")}
    body |= {} if address is None else {"reporter_email": address}
    answer = await http.post(f"/api/v1/comments/{comment_id}/reports", json=body, headers=client)
    assert answer.status == 202, await answer.text()
    return set(await answer.json())


def no_outcome_waits(database: Database) -> Callable[[], Awaitable[bool]]:
    """Whether all that says what became of reports was sent or dropped."""

    async def none_waits() -> bool:
        query = select(deliveries.c.id).where(
            deliveries.c.kind == REPORT_OUTCOME, deliveries.c.state == DeliveryState.WAITING
        )
        async with database.read() as connection:
            return (await connection.execute(query.limit(1))).first() is None

    return none_waits


def subjects(smtp: MailServer, address: str) -> list[str]:
    """What the mails to somebody are about, without the site."""
    return [str(mail.message["Subject"]).partition("] ")[2] for mail in smtp.to(address)]


async def test_a_proved_reporter_is_told_once_that_the_report_came_and_once_what_became_of_it(
    start: Start, smtp: MailServer, database: Database, clock: Clock
) -> None:
    service = await start(clock=clock, trusted_proxies="127.0.0.1/32")
    async with client_of(service.url) as http:
        comment_id = await published(http)
        assert await report(http, comment_id, ADA) == await report(http, comment_id, None, client="198.51.100.1")
        mail = await mail_to(smtp, ADA)
        for part in (mail.text(), mail.html()):
            assert "sorella" not in part, "nothing that anybody wrote is in it"
            assert "interessante" not in part
            assert "chi-siamo" not in part
        path = path_in(mail)
        await settled(database)
        before = await all_rows(database)
        page = await (await http.get(path)).text()
        assert (await http.head(path)).status == 200
        assert ADA not in page
        assert "interessante…" in page, "what is published may be shown"
        assert (await http.post(path, data={"List-Unsubscribe": "One-Click"})).status == 409
        assert await all_rows(database) == before, "looking changes nothing"
        assert (await press(http, path)).status == 200
        assert (await press(http, path)).status == 200, "once more is no fault"
        received = await mail_to(smtp, ADA, count=2)
        assert "Offende mia sorella." in received.text()
        await report(http, comment_id, PIERO, client="203.0.113.1")
        await mail_to(smtp, PIERO)
        for decision in ("reject", "undo"):
            await decide(http, decision, comment_id)
        clock.advance(seconds=OUTCOME_WAITS.total_seconds())
        await until(no_outcome_waits(database))
        assert subjects(smtp, ADA)[2:] == [], "what was taken back before it went out is not told"
        await decide(http, "approve", comment_id)
        clock.advance(seconds=OUTCOME_WAITS.total_seconds())
        kept = await mail_to(smtp, ADA, count=3)
        assert "La decisione è stata presa da un programma del sito" in " ".join(kept.text().split())
        for decision in ("undo", "reject"):
            await decide(http, decision, comment_id)
        assert (await press(http, path_in(smtp.to(PIERO)[0]))).status == 200
        clock.advance(seconds=OUTCOME_WAITS.total_seconds())
        gone = await mail_to(smtp, PIERO, count=2)
        assert not [link for link in gone.links() if "chi-siamo" in link]
        await until(no_outcome_waits(database))
        assert subjects(smtp, ADA) == [
            "Conferma il tuo indirizzo e-mail",
            "Abbiamo ricevuto la tua segnalazione",
            "Il commento che hai segnalato resta pubblicato",
        ]
        assert subjects(smtp, PIERO)[1:] == ["Il commento che hai segnalato è stato rimosso"]
        assert "interessante" not in await (await http.get(path)).text(), "what was taken down is shown to nobody"
        assert not any((await consistency.differences(database)).values())


@only_sqlite
async def test_of_many_who_report_one_comment_everybody_who_proved_an_address_is_told(
    start: Start, smtp: MailServer, database: Database, clock: Clock
) -> None:
    service = await start(clock=clock, trusted_proxies="127.0.0.1/32")
    many = [f"lettore{number}@example.com" for number in range(MOST_KEPT + 20)]
    async with client_of(service.url) as http:
        comment_id = await published(http)
        for number, address in enumerate(many):
            await report(http, comment_id, address, client=f"198.18.{number}.1", explanation=f"Motivo {number}.")
        await report(http, comment_id, many[-1], client="198.18.250.1", explanation="Ancora.")
        await until(lambda: all(smtp.to(address) for address in many))
        for address in (many[0], many[-1]):
            await press(http, path_in(smtp.to(address)[0]))
            await mail_to(smtp, address, count=2)
        assert "Motivo 0." in smtp.to(many[0])[1].text()
        assert "Motivo" not in smtp.to(many[-1])[1].text(), "what is counted with others has no words of its own"
        await decide(http, "reject", comment_id)
        clock.advance(seconds=OUTCOME_WAITS.total_seconds())
        for address in (many[0], many[-1]):
            await mail_to(smtp, address, count=3)
        await until(no_outcome_waits(database))
        assert [len(smtp.to(address)) for address in many[1:-1]] == [1] * (len(many) - 2)


@only_sqlite
async def test_an_erased_address_gets_nothing_and_lies_nowhere_while_mail_to_it_waits(
    start: Start, smtp: MailServer, database: Database, clock: Clock
) -> None:
    service = await start(clock=clock)
    smtp.refuse_for[ADA] = f"451 4.3.0 later, {ADA}"
    async with client_of(service.url) as http:
        comment_id = await published(http)
        await report(http, comment_id, ADA)
        await settled(database)
        assert ADA in str(await all_rows(database)), "the server's words hold it"
        is_report = select(recent_posts.c.network_hash).where(recent_posts.c.about_id == comment_id)
        async with database.read() as connection:
            assert (await connection.execute(is_report)).all()
        await erasing.erase_address(database, service.container.keys, ADA)
        async with database.read() as connection:
            assert not (await connection.execute(is_report)).all(), "the network that it came from"
        del smtp.refuse_for[ADA]
        clock.advance(days=1)
        await settled(database)
        assert ADA not in str(await all_rows(database))
        assert smtp.to(ADA) == []
        async with database.read() as connection:
            assert (await connection.execute(select(func.count()).select_from(reporters))).scalar_one() == 0
