"""The process is killed at the worst moment: the server has the mail, and we have not written it down."""

import signal
from datetime import timedelta

from sqlalchemy import select, update

from moderation_service import config
from moderation_service.services.notifications.limits import DeliveryLimits
from moderation_service.services.operations import consistency
from moderation_service.storage.engine.database import Database
from moderation_service.storage.engine.database import now as database_clock
from moderation_service.storage.schema import people
from tests.support.contract import client_of
from tests.support.factories import a_submission
from tests.support.processes import served
from tests.support.running import running, until
from tests.support.smtp import MailServer
from tests.support.time_limits import PATIENT


def test_a_lease_lasts_a_minute_at_most_and_is_renewed_three_times_in_it() -> None:
    assert DeliveryLimits().lease == timedelta(seconds=60)
    assert DeliveryLimits().renew_every == 20.0


async def test_a_mail_that_the_server_took_before_we_were_killed_comes_again_under_the_same_id(
    environ: dict[str, str], database_url: str, smtp: MailServer
) -> None:
    environ["MODERATION_MAIL_CONNECTIONS"] = "1"
    async with served(environ) as process:
        smtp.before_250 = lambda: process.child.send_signal(signal.SIGSTOP)
        async with client_of(process.url) as http:
            assert (await http.post("/api/v1/comments", json=a_submission())).status == 202
        await until(lambda: smtp.mails)
        await process.kill()
    smtp.before_250 = lambda: None
    [first] = smtp.mails

    async with Database.open(database_url, limits=PATIENT) as database:
        async with database.read() as connection:
            assert (await connection.execute(select(people.c.last_message_at))).scalars().all() == [None] * 3
        async with database.write() as connection:
            now = await database_clock(connection)
            held = (await connection.execute(select(people.c.lease_until))).scalars().all()
            ends = {one for one in held if one is not None}
            assert ends
            assert all(now < one <= now + timedelta(seconds=60) for one in ends)
            for one in ends:  # as if the whole length of the lease had passed
                passed = update(people).where(people.c.lease_until == one)
                await connection.execute(passed.values(lease_until=now - timedelta(milliseconds=1)))
    async with running(config.read(environ)):
        await smtp.wait_for(3)
    again = [mail for mail in smtp.to(first.recipients[0]) if mail is not first]
    assert [mail.message["Message-ID"] for mail in again] == [first.message["Message-ID"]]
    assert [mail.message["Date"] for mail in again] == [first.message["Date"]]
    assert [mail.text().split("/moderate/")[0] for mail in again] == [first.text().split("/moderate/")[0]]
    async with Database.open(database_url, limits=PATIENT) as database:
        assert not any((await consistency.differences(database)).values())


async def test_a_mail_in_data_is_finished_and_written_down_when_we_are_asked_to_stop(
    environ: dict[str, str], database_url: str, smtp: MailServer
) -> None:
    environ["MODERATION_MAIL_CONNECTIONS"] = "1"
    async with served(environ) as process:
        smtp.before_250 = lambda: process.child.send_signal(signal.SIGTERM)
        async with client_of(process.url) as http:
            assert (await http.post("/api/v1/comments", json=a_submission())).status == 202
        assert await process.child.wait() == 0
    smtp.before_250 = lambda: None
    [first] = smtp.mails
    async with Database.open(database_url, limits=PATIENT) as database, database.read() as connection:
        query = select(people.c.last_message_at, people.c.lease_token)
        rows = [tuple(row) for row in await connection.execute(query)]
        assert [at is not None for at, _ in rows].count(True) == 1
        assert {token for _, token in rows} == {None}
    async with running(config.read(environ)):
        await smtp.wait_for(2)
    assert smtp.to(first.recipients[0]) == [first]
