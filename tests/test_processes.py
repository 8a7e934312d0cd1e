"""Several processes behind one port, on one database."""

import asyncio
import re
import socket
from urllib.parse import urlsplit

import pytest
from aiohttp import ClientSession, TCPConnector

from moderation_service.storage.database import Database
from tests.factories import PAGE, a_submission
from tests.faults.load import assert_kept, load
from tests.processes import served
from tests.running import until
from tests.smtp import MailServer

PROCESS = re.compile(r'moderation_mail_paused{process="(\d+)"}')
TWO = {"MODERATION_SCREENING": "off", "MODERATION_LISTEN": "127.0.0.1:0"}


async def counts(url: str) -> list[int]:
    """Ask on connections of their own, so that both processes are asked."""
    found = []
    for _ in range(12):
        async with ClientSession(url, connector=TCPConnector(force_close=True)) as http:
            listed = await (await http.get("/api/v1/comments", params={"page_url": PAGE})).json()
            found.append(listed["count"])
    return found


async def test_the_journey_goes_through_two_processes_on_one_port(
    environ: dict[str, str], smtp: MailServer
) -> None:
    async with served(environ | TWO, "--workers", "2", listening=2) as service:
        assert await counts(service.url) == [0] * 12
        async with ClientSession(service.url) as http:
            posted = await http.post("/api/v1/comments", json=a_submission())
            assert posted.status == 202
        await smtp.wait_for(2)
        [mail] = smtp.to("anna@example.org")
        approve = urlsplit(mail.link("/approve")).path
        async with ClientSession(service.url) as http:
            assert "interessante…" in await (await http.get(approve)).text()
            decided = await http.post(approve, data={"seen": "pending"})
            assert "Una risposta a" in await decided.text()

        async def both_show_it() -> bool:
            return await counts(service.url) == [1] * 12

        await until(both_show_it)


async def test_each_process_labels_its_own_numbers(environ: dict[str, str]) -> None:
    async with served(environ | TWO, "--workers", "2", listening=2) as service:
        seen: set[str] = set()
        async with asyncio.timeout(20):
            while seen != {"1", "2"}:
                async with ClientSession(service.url, connector=TCPConnector(force_close=True)) as http:
                    seen |= set(PROCESS.findall(await (await http.get("/metrics")).text()))


async def test_two_processes_lose_no_comment_and_double_no_mail(
    environ: dict[str, str], smtp: MailServer, database: Database
) -> None:
    async with served(environ | TWO, "--workers", "2", listening=2) as service:
        async with load(service.url, posters=8) as posted:
            await until(lambda: len(posted.accepted) >= 400)
        assert set(posted.statuses) == {202}
        await until(lambda: told(smtp) >= len(posted.accepted))
    await assert_kept(database, posted.accepted)
    assert told(smtp) >= len(posted.accepted)
    assert len({mail.message["Message-ID"] for mail in smtp.mails}) == len(smtp.mails)


def told(smtp: MailServer) -> int:
    return sum(int(mail.message["X-Comments"]) for mail in smtp.to("anna@example.org"))


async def test_a_process_that_dies_is_started_again(environ: dict[str, str]) -> None:
    async with served(environ | TWO, "--workers", "2", listening=2) as service:
        children = await asyncio.create_subprocess_exec(
            "pgrep", "-P", str(service.child.pid), stdout=asyncio.subprocess.PIPE
        )
        [first, _] = (await children.communicate())[0].split()
        killer = await asyncio.create_subprocess_exec("kill", "-9", first.decode())
        await killer.wait()
        await service.wait_for("Listening on", 3)
        assert "process.died" in service.words
        async with ClientSession(service.url) as http:
            assert (await http.get("/health/live")).status == 200


async def test_a_port_that_is_taken_is_said_and_ends_all(environ: dict[str, str]) -> None:
    async with served(environ | TWO) as first:
        taken = environ | {"MODERATION_LISTEN": urlsplit(first.url).netloc}
        for arguments in ((), ("--workers", "2")):
            with pytest.raises(AssertionError, match="in use"):
                async with served(taken, *arguments):
                    pass


async def test_a_port_that_was_just_used_is_free_again(environ: dict[str, str]) -> None:
    with socket.socket() as before:
        before.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        before.bind(("127.0.0.1", 0))
        before.listen()
        address = before.getsockname()
        with socket.create_connection(address):
            before.accept()[0].close()  # who closes first keeps the connection's end for a while (TIME_WAIT)
    listen = {"MODERATION_LISTEN": f"127.0.0.1:{address[1]}"}
    async with served(environ | TWO | listen, "--workers", "2", listening=2) as service:
        assert service.url.endswith(f":{address[1]}")
