"""Mail is neither lost nor sent twice, whatever the mail server does and whoever else is at work."""

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from moderation_service import config
from moderation_service.domain.accounts import addresses
from moderation_service.domain.notifications.states import DeliveryState
from moderation_service.mail.transport import Transport
from moderation_service.runtime import container
from moderation_service.services.accounts import sites_file
from moderation_service.services.notifications.limits import DeliveryLimits
from moderation_service.storage.engine import database
from moderation_service.storage.engine.database import Database
from moderation_service.storage.notifications import outbox
from moderation_service.storage.schema import deliveries, notifications, people
from tests.conftest import TEMPLATE, Clock, create_database
from tests.support import misbehaving_smtp as servers
from tests.support import office as offices
from tests.support.contract import client_of
from tests.support.factories import a_submission
from tests.support.office import ANNA, PAUL, Office, counted
from tests.support.running import running, until
from tests.support.smtp import MailServer
from tests.support.time_limits import PATIENT, patient


@pytest.fixture
async def office(environ: dict[str, str], clock: Clock) -> AsyncIterator[Office]:
    async with offices.opened(environ, clock) as opened:
        yield opened


async def test_after_an_outage_under_load_everybody_is_notified_of_everything_once(
    office: Office, smtp: MailServer, clock: Clock
) -> None:
    posted: list[str] = []
    async with servers.refuses_at_connect() as down:
        delivery = office.delivery(down.url)
        for _ in range(4):
            posted += await office.post(500)
            assert await delivery.deliver_due() == 0
            clock.advance(minutes=1)
    delivery = office.delivery(smtp.url)
    clock.advance(hours=5)
    posted += await office.post(1)
    await delivery.deliver_due()
    for address in (ANNA, PAUL):
        mails = smtp.to(address)
        assert counted(mails) == len(posted) == 2_001
        shown = Counter(one for mail in mails for one in office.comments_in(mail))
        assert max(shown.values()) == 1
    assert set((await office.states()).values()) == {"told"}
    await office.assert_balanced()


async def test_two_replicas_never_put_a_row_into_two_messages(office: Office, smtp: MailServer) -> None:
    posting = True
    posted: list[str] = []

    async def deliver() -> None:
        delivery = office.delivery(smtp.url, delivery_limits=DeliveryLimits(shown=10_000))
        while posting or await delivery.deliver_due():
            await delivery.deliver_due()
            await asyncio.sleep(0)

    replicas = [asyncio.create_task(deliver()) for _ in range(2)]
    for _ in range(25):
        posted += await office.post(30)
        await asyncio.sleep(0)
    posting = False
    await asyncio.gather(*replicas)
    for address in (ANNA, PAUL):
        assert counted(smtp.to(address)) == len(posted)
        notified = Counter(one for mail in smtp.to(address) for one in office.comments_in(mail))
        assert max(notified.values()) == 1
    assert set((await office.states()).values()) == {"told"}
    assert len(await office.states()) == 2 * len(posted)
    await office.assert_balanced()


async def test_a_message_that_may_have_arrived_keeps_its_id_and_only_shrinks(
    office: Office, smtp: MailServer, clock: Clock
) -> None:
    first, second = await office.post(), await office.post()
    async with servers.drops_between_data_and_its_answer() as serving:
        await office.delivery(serving.url, connections=1).deliver_due()
    [before] = [row for row in await office.messages() if row.state == DeliveryState.WAITING]
    await office.decide(first)
    third = await office.post()
    clock.advance(minutes=10)
    await office.delivery(smtp.url).deliver_due()
    again, new = smtp.to(ANNA)
    assert office.comments_in(again) == second
    assert office.comments_in(new) == third
    assert again.message["Message-ID"] in {row.message_id for row in await office.messages()}
    assert again.message["Date"].datetime == before.created_at.replace(microsecond=0)
    assert {before.message_id, new.message["Message-ID"]} <= {row.message_id for row in await office.messages()}
    assert [office.comments_in(mail) for mail in smtp.to(PAUL)] == [second + third]


async def test_a_message_that_no_server_saw_is_composed_anew(
    office: Office, smtp: MailServer, clock: Clock
) -> None:
    first = await office.post()
    async with servers.answers_recipient_with("450 4.2.1 Later") as serving:
        await office.delivery(serving.url).deliver_due()
    second = await office.post()
    clock.advance(minutes=10)
    await office.delivery(smtp.url).deliver_due()
    [mail] = smtp.to(ANNA)
    assert office.comments_in(mail) == first + second
    states = Counter(row.state for row in await office.messages())
    assert states == {DeliveryState.SUPERSEDED: 2, DeliveryState.SENT: 2}


async def test_what_was_decided_meanwhile_is_left_out_and_nothing_left_is_not_sent(
    office: Office, smtp: MailServer
) -> None:
    first, second = await office.post(), await office.post()
    await office.decide(first)
    await office.delivery().deliver_due()
    assert [office.comments_in(mail) for mail in smtp.mails] == [second, second]
    third = await office.post()
    await office.decide(third)
    assert await office.delivery().deliver_due() == 0
    assert len(smtp.mails) == 2


async def test_a_worker_that_lost_its_lease_writes_nothing(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was away for too long; whoever took the person over has the message under the same Message-ID."""
    await office.post()
    send = Transport.send

    async def send_slowly(self: Transport, mail: Any, recipient: str) -> None:
        await send(self, mail, recipient)
        async with office.database.write() as connection:
            await connection.execute(update(people).values(lease_token="another"))

    monkeypatch.setattr(Transport, "send", send_slowly)
    assert await office.delivery(connections=1).deliver_due() == 0
    assert (await office.person("anna")).lease_token == "another"
    assert DeliveryState.SENT not in {row.state for row in await office.messages()}
    assert set((await office.states()).values()) == {"waiting"}


async def test_a_notification_made_after_its_moderator_had_left_finds_a_successor(
    office: Office, smtp: MailServer, clock: Clock
) -> None:
    directory = office.container.directory
    before, gone = directory.sites, directory.people
    await office.post()
    file = office.container.settings.sites
    text = file.read_text()
    [block] = re.findall(r'\[\[site.moderator]]\nid = "anna"\n(?:.+\n)+', text)
    file.write_text(text.replace(block, ""))
    await office.container.reassignment.replace_sites(sites_file.load(file), now=clock(), new_id=container.new_id)
    now_sites, now_people = directory.sites, directory.people
    directory.sites, directory.people = before, gone
    late = await office.post()
    directory.sites, directory.people = now_sites, now_people
    await office.delivery().deliver_due()
    assert smtp.to(ANNA) == []
    assert late[0] in office.comments_in(smtp.to(PAUL)[0])
    assert {state for (_, moderator), state in (await office.states()).items() if moderator == "anna"} == {
        "superseded"
    }


async def test_what_was_sent_to_an_old_address_is_sent_to_the_new_one(
    environ: dict[str, str], smtp: MailServer, clock: Clock
) -> None:
    async with offices.opened(environ, clock) as office:
        notified, decided = await office.post(), await office.post()
        await office.delivery().deliver_due()
        await office.decide(decided)
        file = office.container.settings.sites
    file.write_text(file.read_text().replace(ANNA, "anna@example.net"))
    async with offices.opened(environ, clock) as office:
        await office.delivery().deliver_due()
        [mail] = smtp.to("anna@example.net")
        assert office.comments_in(mail) == notified
    assert len(smtp.to(PAUL)) == 1


async def test_several_people_are_written_to_at_a_time_and_no_more_than_allowed(
    environ: dict[str, str], clock: Clock
) -> None:
    async with offices.opened(environ, clock) as before:
        file = before.container.settings.sites
    more = "".join(
        f'[[site.moderator]]\nid = "m{number}"\nname = "M"\nemail = "m{number}@example.org"\n\n'
        for number in range(6)
    )
    file.write_text(file.read_text().replace("[[site.moderator]]", f"{more}[[site.moderator]]", 1))
    async with (
        offices.opened(environ, clock) as office,
        servers.greets_when_so_many_are_connected(3) as serving,
    ):
        await office.post()
        assert await office.delivery(serving.url, connections=3).deliver_due() == 8
    assert len(serving.mails) == 8
    assert serving.most_open == 3


async def test_storing_a_comment_does_not_hide_its_moderator_from_the_mail(
    environ: dict[str, str], postgresql: Callable[[str], str], smtp: MailServer, clock: Clock, unused_name: str
) -> None:
    """PostgreSQL locks the person's row for every notification that refers to it, until the transaction ends."""
    url = postgresql(f"{unused_name}-locks")
    await create_database(postgresql("postgres"), f"{unused_name}-locks", TEMPLATE)
    async with offices.opened(environ, clock, database_url=url) as office:
        [comment] = await office.post()
        anna = await office.person("anna")
        async with office.database.write() as connection:
            await connection.execute(
                insert(notifications).values(
                    comment_id=comment,
                    moderator_id="another",
                    revision=1,
                    site_id="coop",
                    person_id=anna.id,
                    state="superseded",
                    created_at=clock(),
                )
            )
            await office.delivery().deliver_due()
        assert len(smtp.to(ANNA)) == 1


@pytest.mark.parametrize("address", ["jörg@example.org", "anna@bücher.example", "用户@例子.广告"])
async def test_a_moderator_with_an_international_address_is_notified(
    environ: dict[str, str], smtp: MailServer, clock: Clock, address: str
) -> None:
    async with offices.opened(environ, clock) as before:
        file = before.container.settings.sites
    file.write_text(file.read_text(encoding="utf-8").replace(ANNA, address), encoding="utf-8")
    async with offices.opened(environ, clock) as office:
        posted = await office.post(author_name="Łukasz")
        await office.delivery().deliver_due()
    [mail] = [one for one in smtp.mails if one.recipients != (PAUL,)]
    assert mail.recipients == (addresses.on_the_wire(address),)
    assert f"<{mail.recipients[0]}>".encode() in mail.raw
    assert mail.raw.isascii() is mail.recipients[0].isascii()
    assert office.comments_in(mail) == posted


async def test_stopping_in_the_middle_of_a_message_gives_the_person_back(
    environ: dict[str, str], database_url: str
) -> None:
    async with servers.never_answers_the_message() as hanging, AsyncExitStack() as stack:
        changed = config.read(environ | {"MODERATION_SMTP_URL": hanging.url})
        service = await stack.enter_async_context(running(changed, limits=patient(mail_at_stop=0.2)))
        async with client_of(service.url) as http:
            assert (await http.post("/api/v1/comments", json=a_submission())).status == 202
        await until(lambda: hanging.commands.count("DATA") == 2)
    async with Database.open(database_url, limits=PATIENT) as database, database.read() as connection:
        leases = await connection.execute(select(people.c.lease_token, people.c.attempts))
        assert {tuple(row) for row in leases} == {(None, 0)}
        assert set((await connection.execute(select(deliveries.c.state))).scalars()) == {DeliveryState.WAITING}


async def test_after_an_outage_the_first_mail_comes_with_the_first_probe_and_all_the_rest_behind_it(
    environ: dict[str, str], smtp: MailServer, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """The wait is the server's: nobody waits as long again as it was away."""
    async with offices.opened(environ, clock) as office, servers.refuses_at_connect() as down:
        delivery = office.delivery(down.url)
        posted = await office.post(3)
        away = 0.0
        while away < 330:
            assert await delivery.deliver_due() == 0
            clock.advance(seconds=1)
            away += 1
        assert await office.degraded() == []
        delivery._transports = office.delivery(smtp.url)._transports
        waited = 0
        while not await delivery.deliver_due():
            clock.advance(seconds=1)
            waited += 1
        assert waited <= 30
        for address in (ANNA, PAUL):
            assert office.comments_in(smtp.to(address)[0]) == posted
        assert caplog.text.count("mail.paused") == caplog.text.count("mail.resumed") == 1
        probes = caplog.text.count("mail.unreachable")
        assert 330 / 27 <= probes <= 330 / 9


async def test_late_mail_is_shown_until_it_is_sent(office: Office, smtp: MailServer, clock: Clock) -> None:
    await office.post()
    clock.advance(minutes=9)
    assert await office.degraded() == []
    clock.advance(minutes=2)
    assert await office.degraded() == ["mail_late"]
    await office.delivery(smtp.url).deliver_due()
    assert await office.degraded() == []


@pytest.mark.parametrize(
    "make",
    [
        lambda: servers.answers_recipient_with("421 4.7.0 Bye"),
        lambda: servers.answers_message_with("421 4.3.0 Bye"),
        servers.drops_between_data_and_its_answer,
    ],
    ids=["421 at RCPT", "421 to the message", "no answer"],
)
async def test_whom_only_the_server_made_wait_is_notified_when_it_works_again(
    office: Office, smtp: MailServer, clock: Clock, make: Any
) -> None:
    """One message may be the cause of such a failure, so that person goes last; after the outage nobody waits."""
    posted = await office.post()
    async with make() as serving:
        delivery = office.delivery(serving.url, connections=1)
        await delivery.deliver_due()
        assert delivery.is_paused
    delivery._transports = office.delivery(smtp.url)._transports
    clock.advance(seconds=26)
    await delivery.deliver_due()
    assert [office.comments_in(mail) for mail in smtp.to(ANNA)] == [posted]
    assert [office.comments_in(mail) for mail in smtp.to(PAUL)] == [posted]


async def test_a_message_that_makes_the_server_fail_holds_up_nobody_else(
    office: Office, smtp: MailServer, clock: Clock
) -> None:
    smtp.refuse_data_for[ANNA] = "421 4.3.0 This one breaks me"
    delivery = office.delivery()
    for _ in range(40):
        await office.post()
        await delivery.deliver_due()
        clock.advance(seconds=30)
    assert len(smtp.to(PAUL)) >= 30


async def test_a_lease_is_void_when_it_ends_later_than_any_can(office: Office, smtp: MailServer) -> None:
    """A clock that was wrong when the lease was taken; and one that ends within its length holds."""
    await office.post()
    async with office.database.write() as connection:
        shared_now = await database.now(connection)
        for moderator, seconds in (("anna", 50), ("paul", 3_600)):
            mine = select(notifications.c.person_id).where(notifications.c.moderator_id == moderator)
            await connection.execute(
                update(people)
                .where(people.c.id.in_(mine))
                .values(lease_token="gone", lease_until=shared_now + timedelta(seconds=seconds))
            )
    await office.delivery().deliver_due()
    assert [mail.recipients for mail in smtp.mails] == [(PAUL,)]


@pytest.mark.parametrize("column", ["last_message_at", "next_attempt_at", "quiet_until"])
async def test_a_clock_that_was_wrong_for_a_moment_keeps_no_mail_back(
    office: Office, smtp: MailServer, clock: Clock, column: str
) -> None:
    """For waiting, a stored time in the future counts as long ago."""
    posted = await office.post()
    async with office.database.write() as connection:
        await connection.execute(update(people).values({column: clock.now + timedelta(days=1)}))
    await office.delivery().deliver_due()
    assert office.comments_in(smtp.to(ANNA)[0]) == posted


async def test_a_lease_is_renewed_while_a_message_is_handed_in(office: Office, smtp: MailServer) -> None:
    short = DeliveryLimits(renew_every=0.05, in_flight=0.1)
    await office.post()
    async with servers.never_answers_the_message() as serving:
        delivery = office.delivery(serving.url, delivery_limits=short)
        sending = asyncio.create_task(delivery.deliver_due(stop := asyncio.Event()))
        await until(lambda: serving.commands.count("DATA") == 2)
        before = (await office.person("anna")).lease_until

        async def is_renewed() -> bool:
            return bool((await office.person("anna")).lease_until > before)

        await until(is_renewed)
        assert await office.delivery(smtp.url).deliver_due() == 0
        stop.set()
        await sending
    assert (await office.person("anna")).lease_until is None
    assert await office.delivery(smtp.url).deliver_due() == 2


async def test_stopping_before_data_gives_everybody_back_at_once_and_untouched(
    office: Office, smtp: MailServer
) -> None:
    posted = await office.post()
    async with servers.leaves_unanswered("RCPT") as serving:
        sending = asyncio.create_task(office.delivery(serving.url).deliver_due(stop := asyncio.Event()))
        await until(lambda: serving.commands.count("RCPT") == 2)
        stop.set()
        async with asyncio.timeout(DeliveryLimits().in_flight):
            await sending
    assert {row.state for row in await office.messages()} == {DeliveryState.SUPERSEDED}
    await office.delivery(smtp.url).deliver_due()
    assert office.comments_in(smtp.to(ANNA)[0]) == posted


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
async def test_a_comment_that_is_approved_while_its_message_is_made_is_in_no_message_and_holds_up_no_other(
    office: Office, smtp: MailServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    [first] = await office.post(1)
    read_first = outbox.waiting_of

    async def waiting_then_decided(*asked: Any) -> Any:
        found = await read_first(*asked)
        monkeypatch.setattr(outbox, "waiting_of", read_first)
        await office.decide([first])
        return found

    monkeypatch.setattr(outbox, "waiting_of", waiting_then_decided)
    assert await office.delivery(smtp.url).deliver_due() == 0
    [second] = await office.post(1)
    for _ in ("closes the message that is empty now", "makes the next"):
        await office.delivery(smtp.url).deliver_due()
    for address in (ANNA, PAUL):
        assert [office.comments_in(mail) for mail in smtp.to(address)] == [[second]]
    assert "mail.failed" not in caplog.text
    await office.assert_balanced()
