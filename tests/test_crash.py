"""The process is killed at the worst moment: the server has the mail, and we have not written it down."""

import asyncio
import os
import signal
import sys
from datetime import UTC, datetime

from aiohttp import ClientSession
from sqlalchemy import select, update

from moderation_service import config
from moderation_service.storage import books
from moderation_service.storage.database import Database
from moderation_service.storage.tables import people
from tests.factories import a_submission
from tests.running import running, until
from tests.smtp import MailServer

_LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


async def test_a_mail_that_the_server_took_before_we_were_killed_comes_again_under_the_same_id(
    environ: dict[str, str], database_url: str, smtp: MailServer
) -> None:
    environ["MODERATION_MAIL_CONNECTIONS"] = "1"
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "moderation_service",
        "serve",
        env=os.environ | environ,
        stderr=asyncio.subprocess.PIPE,
    )
    smtp.before_250 = lambda: process.send_signal(signal.SIGSTOP)
    try:
        assert process.stderr is not None
        async with asyncio.timeout(60):
            while not (line := await process.stderr.readline()).startswith(b"Listening on "):
                assert line, "the service ended"
        url = line.decode().split()[-1]
        async with ClientSession() as http:
            posted = http.post(f"{url}/api/v1/comments", json=a_submission())
            assert (await posted).status == 202
        await until(lambda: smtp.mails)
    finally:
        process.kill()
        await process.communicate()
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
