"""What cannot be delivered waits, is parked or pauses all mail; it is shown, and it blocks nobody else."""

from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import update

from moderation_service.domain.notifications import retry_policy
from moderation_service.domain.notifications.states import DeliveryState
from moderation_service.mail.compose import Composer
from moderation_service.services.notifications import administration
from moderation_service.storage.schema import contacts
from tests.conftest import Clock
from tests.support import misbehaving_smtp as servers
from tests.support import office as offices
from tests.support.contract import client_of
from tests.support.factories import a_submission
from tests.support.office import ANNA, PAUL, Office
from tests.support.running import until
from tests.support.smtp import MailServer


@pytest.fixture
async def office(environ: dict[str, str], clock: Clock) -> AsyncIterator[Office]:
    async with offices.opened(environ, clock) as opened:
        yield opened


async def test_a_refused_text_comes_as_a_short_notice_with_its_links(
    office: Office, smtp: MailServer, clock: Clock
) -> None:
    smtp.refuse_word = "viagra"
    posted = await office.post(3, author_name="Dr. Pill", page_title="Salute", body="viagra for all")
    delivery = office.delivery()
    await delivery.deliver_due()
    assert smtp.mails == []
    clock.advance(minutes=1)
    await delivery.deliver_due()
    [mail] = smtp.to(ANNA)
    assert office.comments_in(mail) == posted
    for words in ("viagra", "Dr. Pill", "Salute", "/chi-siamo"):
        assert words not in mail.message.as_string()
        assert words not in mail.text() + mail.html()
    assert await office.degraded() == []


async def test_a_short_notice_that_is_refused_too_is_parked_shown_and_retried_by_hand(
    office: Office, smtp: MailServer, clock: Clock
) -> None:
    smtp.refuse_data_for[ANNA] = "550 5.7.1 We never take this"
    posted = await office.post(2)
    delivery = office.delivery()
    for _ in range(4):
        await delivery.deliver_due()
        clock.advance(minutes=1)
    [parked] = [row for row in await office.messages() if row.state != DeliveryState.SENT]
    assert (parked.state, parked.last_error) == (DeliveryState.PARKED, "5.7.1 We never take this")
    assert await office.degraded() == ["messages_parked"]
    await administration.retry(office.database, office.container.directory, None)
    smtp.refuse_data_for.clear()
    await delivery.deliver_due()
    assert office.comments_in(smtp.to(ANNA)[0]) == posted
    assert await office.degraded() == []
    await office.assert_balanced()


@pytest.mark.parametrize("code", [552, 554])
async def test_messages_refused_in_a_row_are_an_outage_of_the_server(
    office: Office, smtp: MailServer, clock: Clock, code: int
) -> None:
    """A server that takes no message for a while parks none for good."""
    smtp.refuse_data = f"{code} 5.3.4 Not now"
    posted = await office.post(2)
    delivery = office.delivery()
    for _ in range(10):
        await delivery.deliver_due()
        clock.advance(seconds=10)
    assert delivery.is_paused
    assert smtp.mails == []
    smtp.refuse_data = None
    for _ in range(3):
        await delivery.deliver_due()
        clock.advance(seconds=10)
    assert not delivery.is_paused
    for address in (ANNA, PAUL):
        assert sorted(one for mail in smtp.to(address) for one in office.comments_in(mail)) == sorted(posted)
    assert set((await office.states()).values()) == {"told"}
    assert await office.degraded() == []
    await office.assert_balanced()


async def test_what_was_parked_is_tried_again_when_the_server_takes_mail_of_that_person(
    office: Office, smtp: MailServer, clock: Clock
) -> None:
    """A single moderator: two refusals are not several in a row yet."""
    smtp.refuse_data_for[ANNA] = "554 5.7.1 Not now"
    posted = await office.post()
    delivery = office.delivery()
    for _ in range(3):
        await delivery.deliver_due()
        clock.advance(minutes=1)
    assert await office.degraded() == ["messages_parked"]
    smtp.refuse_data_for.clear()
    later = await office.post()
    for _ in range(3):
        await delivery.deliver_due()
        clock.advance(minutes=5)
    assert sorted(one for mail in smtp.to(ANNA) for one in office.comments_in(mail)) == sorted(posted + later)
    assert await office.degraded() == []


async def test_a_message_that_is_refused_again_and_again_stays_parked_and_keeps_nobody_waiting(
    office: Office, smtp: MailServer, clock: Clock
) -> None:
    smtp.refuse_word = "viagra"
    smtp.refuse_data_for[ANNA] = "554 5.7.1 Never"
    await office.post(body="viagra")
    delivery = office.delivery()
    for _ in range(30):
        await office.post()
        await delivery.deliver_due()
        clock.advance(minutes=1)
    parked = [row for row in await office.messages() if row.state == DeliveryState.PARKED]
    assert parked
    assert max(row.attempts for row in parked) <= retry_policy.MOST_TRIES_OF_REFUSED
    assert not delivery.is_paused
    assert len(smtp.to(PAUL)) >= 25


async def test_a_parked_person_blocks_nobody_and_is_probed_after_minutes_then_hours(
    office: Office, smtp: MailServer, clock: Clock
) -> None:
    smtp.refuse_for[ANNA] = "550 5.1.1 Who is Anna?"
    posted = await office.post()
    delivery = office.delivery()
    await delivery.deliver_due()
    assert [mail.recipients for mail in smtp.mails] == [(PAUL,)]
    assert await office.degraded() == ["moderators_unreachable"]
    waits = []
    for _ in range(8):
        anna = await office.person("anna")
        waits.append((anna.next_attempt_at - clock.now).total_seconds() / 60)
        clock.now = anna.next_attempt_at
        await delivery.deliver_due()
    assert 4 <= waits[0] <= 6
    assert all(later > sooner for sooner, later in pairwise(waits[:5]))
    assert 196 <= waits[-1] <= 240
    del smtp.refuse_for[ANNA]
    clock.advance(hours=5)
    await delivery.deliver_due()
    assert office.comments_in(smtp.to(ANNA)[0]) == posted
    assert await office.degraded() == []


async def test_the_log_says_what_failed_without_an_address_and_the_database_keeps_the_words(
    office: Office, smtp: MailServer, caplog: pytest.LogCaptureFixture
) -> None:
    smtp.refuse_for[ANNA] = f"550 5.1.1 <{ANNA}>: nobody of that name"
    await office.post()
    await office.delivery().deliver_due()
    assert "5.1.1" in caplog.text
    assert "park_person" in caplog.text
    for secret in ("@", "nobody of that name", "interessante", "Giuliana", "moderate/"):
        assert secret not in caplog.text
    assert (await office.person("anna")).last_error == f"5.1.1 <{ANNA}>: nobody of that name"


async def test_comments_that_reach_nobody_are_counted_in_readiness(office: Office, smtp: MailServer) -> None:
    smtp.refuse_recipient = "550 5.1.1 Nobody"
    posted = await office.post(3)
    await office.delivery().deliver_due()
    assert await office.degraded() == ["moderators_unreachable", "comments_unheard:3"]
    await office.decide(posted[:1])
    assert await office.degraded() == ["moderators_unreachable", "comments_unheard:2"]


async def test_five_days_of_backoff_end_in_a_parked_person_who_is_probed(
    office: Office, smtp: MailServer, clock: Clock
) -> None:
    smtp.refuse_for[ANNA] = "451 4.3.0 Later"
    posted = await office.post()
    delivery = office.delivery()
    waits = []
    for _ in range(10):
        await delivery.deliver_due()
        anna = await office.person("anna")
        waits.append(anna.next_attempt_at - clock.now)
        clock.now = anna.next_attempt_at
    assert timedelta(seconds=9) <= waits[0] <= timedelta(seconds=11)
    assert all(later > 1.5 * sooner for sooner, later in pairwise(waits[:6]))
    assert timedelta(minutes=8) <= waits[-1] <= timedelta(minutes=10)
    assert "mail_late" in await office.degraded()
    clock.advance(days=5)
    await delivery.deliver_due()
    anna = await office.person("anna")
    assert anna.parked_since == clock.now
    clock.advance(minutes=6)
    await delivery.deliver_due()
    assert (await office.person("anna")).parked_since == anna.parked_since
    assert smtp.to(ANNA) == []
    del smtp.refuse_for[ANNA]
    clock.advance(minutes=12)
    await delivery.deliver_due()
    assert set(posted) <= set(office.comments_in(smtp.to(ANNA)[-1]))


async def test_a_pause_of_all_mail_is_shown_probed_and_ends_by_itself(
    office: Office,
    smtp: MailServer,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    await office.post()
    async with servers.answers_sender_with("530 5.7.0 Log in first") as server:
        delivery = office.delivery(server.url)
        monkeypatch.setattr(office.container.health, "_is_mail_paused", lambda: delivery.is_paused)
        await delivery.deliver_due()
        assert delivery.is_paused
        assert await office.degraded() == ["mail_paused"]
        calls = server.calls
        clock.advance(minutes=2)
        await delivery.deliver_due()
        assert server.calls == calls
        clock.advance(minutes=2)
        await delivery.deliver_due()
        assert server.calls == calls + 1
        assert delivery.is_paused
        assert (caplog.text.count("mail.paused"), caplog.text.count("mail.resumed")) == (1, 0)
        server_again = office.delivery(smtp.url)
        delivery._transports = server_again._transports
        clock.advance(minutes=4)
        assert await delivery.deliver_due() >= 1
    assert caplog.text.count("mail.paused") == caplog.text.count("mail.resumed") == 1
    assert await office.degraded() == []
    assert {address for mail in smtp.mails for address in mail.recipients} == {ANNA, PAUL}
    assert (await office.person("anna")).attempts == 0


@pytest.mark.parametrize("still_refused", [True, False])
async def test_a_pause_ends_by_a_log_in_when_nothing_is_due(
    office: Office, smtp: MailServer, clock: Clock, *, still_refused: bool
) -> None:
    posted = await office.post()
    async with servers.greets_with("554 5.7.1 No") as server:
        delivery = office.delivery(server.url)
        await delivery.deliver_due()
        await office.decide(posted)
        if not still_refused:
            delivery._transports = office.delivery(smtp.url)._transports
        clock.advance(minutes=4)
        await delivery.deliver_due()
    assert delivery.is_paused is still_refused


async def test_a_person_whose_mail_cannot_be_composed_blocks_nobody(
    office: Office, smtp: MailServer, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    posted = await office.post()
    compose = Composer.compose

    def broken(self: Composer, message: Any) -> Any:
        if message.notifications[0].moderator.id == "anna":
            raise ZeroDivisionError
        return compose(self, message)

    monkeypatch.setattr(Composer, "compose", broken)
    delivery = office.delivery()
    await delivery.deliver_due()
    assert [mail.recipients for mail in smtp.mails] == [(PAUL,)]
    assert (await office.person("anna")).last_error == "ZeroDivisionError"
    monkeypatch.setattr(Composer, "compose", compose)
    posted += await office.post()
    clock.advance(minutes=1)
    await delivery.deliver_due()
    assert office.comments_in(smtp.to(ANNA)[0]) == posted


async def test_an_address_that_cannot_be_decrypted_keeps_no_comment_back(office: Office, smtp: MailServer) -> None:
    [broken], sound = await office.post(), await office.post()
    async with office.database.write() as connection:
        await connection.execute(
            update(contacts).where(contacts.c.comment_id == broken).values(address_sealed=b"not encrypted at all")
        )
    await office.delivery().deliver_due()
    [mail] = smtp.to(ANNA)
    assert office.comments_in(mail) == [broken, *sound]
    assert mail.text().count("g…@e….com") == 1


async def test_readiness_stays_200_while_mail_is_paused(
    start: Callable[..., Any], smtp: MailServer, clock: Clock
) -> None:
    async with servers.greets_with("554 5.7.1 No") as server:
        running = await start(clock=clock, smtp_url=server.url)
        async with client_of(running.url) as http:
            assert (await http.post("/api/v1/comments", json=a_submission())).status == 202
            await until(lambda: running.container.delivery.is_paused)
            answer = await http.get("/health/ready")
            assert answer.status == 200
            assert (await answer.json())["degraded"] == ["mail_paused"]
    assert smtp.mails == []
