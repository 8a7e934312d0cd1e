"""The process is killed at the worst moment: the server has the mail, and we have not written it down."""

import signal
from datetime import UTC, datetime

from aiohttp import ClientSession
from sqlalchemy import select, update

from moderation_service import config
from moderation_service.storage import books
from moderation_service.storage.database import Database
from moderation_service.storage.tables import people
from tests.factories import a_submission
from tests.processes import served
from tests.running import running, until
from tests.smtp import MailServer

_LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


async def test_a_mail_that_the_server_took_before_we_were_killed_comes_again_under_the_same_id(
    environ: dict[str, str], database_url: str, smtp: MailServer
) -> None:
    environ["MODERATION_MAIL_CONNECTIONS"] = "1"
    async with served(environ) as process:
        smtp.before_250 = lambda: process.child.send_signal(signal.SIGSTOP)
        async with ClientSession(process.url) as http:
            assert (await http.post("/api/v1/comments", json=a_submission())).status == 202
        await until(lambda: smtp.mails)
        await process.kill()
    smtp.before_250 = lambda: None
    [first] = smtp.mails

    async with Database.open(database_url) as database:
        async with database.read() as connection:
            assert (await connection.execute(select(people.c.last_message_at))).scalars().all() == [None] * 3
        async with database.write() as connection:
            await connection.execute(update(people).values(lease_until=_LONG_AGO))
    async with running(config.read(environ)):
        await smtp.wait_for(3)
    again = [mail for mail in smtp.to(first.recipients[0]) if mail is not first]
    assert [mail.message["Message-ID"] for mail in again] == [first.message["Message-ID"]]
    assert [mail.message["Date"] for mail in again] == [first.message["Date"]]
    assert [mail.text().split("/moderate/")[0] for mail in again] == [first.text().split("/moderate/")[0]]
    async with Database.open(database_url) as database, database.read() as connection:
        assert not any((await books.differences(connection)).values())
