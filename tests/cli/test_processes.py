"""Several processes behind one port, on one database."""

import asyncio
import os
import re
import signal
import socket
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from aiohttp import ClientSession, TCPConnector

from moderation_service.storage.engine.database import Database
from tests.support.cases import only_sqlite
from tests.support.contract import client_of
from tests.support.factories import PAGE, a_submission
from tests.support.load import assert_kept, load
from tests.support.mailed import press
from tests.support.processes import Process, served
from tests.support.running import until
from tests.support.smtp import MailServer
from tests.support.time_limits import PATIENCE

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


async def test_the_journey_goes_through_two_processes_and_under_load_nothing_is_lost_or_doubled(
    environ: dict[str, str], smtp: MailServer, database: Database
) -> None:
    async with served(environ | TWO, "--workers", "2", listening=2) as service:
        assert await counts(service.url) == [0] * 12
        async with client_of(service.url) as http:
            posted = await http.post("/api/v1/comments", json=a_submission())
            assert posted.status == 202
        await smtp.wait_for(2)
        [mail] = smtp.to("anna@example.org")
        approve = urlsplit(mail.link("/approve")).path
        async with client_of(service.url) as http:
            assert "interessante…" in await (await http.get(approve)).text()
            decided = await press(http, approve)
            assert "Approvato" in await decided.text()

        async def both_show_it() -> bool:
            return await counts(service.url) == [1] * 12

        await until(both_show_it)

        async with load(service.url, posters=8) as posted_at_once:
            await until(lambda: len(posted_at_once.accepted) >= 400)
        assert set(posted_at_once.statuses) == {202}
        await until(lambda: notified(smtp) >= 1 + len(posted_at_once.accepted))
    await assert_kept(database, posted_at_once.accepted)
    assert len({mail.message["Message-ID"] for mail in smtp.mails}) == len(smtp.mails)


def notified(smtp: MailServer) -> int:
    return sum(int(mail.message["X-Comments"]) for mail in smtp.to("anna@example.org"))


async def children(service: Process) -> list[int]:
    found = await asyncio.create_subprocess_exec(
        "pgrep", "-P", str(service.child.pid), stdout=asyncio.subprocess.PIPE
    )
    return [int(pid) for pid in (await found.communicate())[0].split()]


def is_running(pid: int) -> bool:
    """Tell whether a process runs: one that has ended may wait for its parent to ask how."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


async def numbers_of(service: Process) -> set[str]:
    """How the process that answers labels its numbers."""
    async with ClientSession(service.url, connector=TCPConnector(force_close=True)) as http:
        return set(PROCESS.findall(await (await http.get("/metrics")).text()))


@only_sqlite
async def test_each_process_labels_its_numbers_hears_sighup_is_replaced_when_it_dies_and_ends_with_the_first(
    environ: dict[str, str],
) -> None:
    async with served(environ | TWO, "--workers", "2", listening=2) as service:
        seen: set[str] = set()
        async with asyncio.timeout(PATIENCE):
            while seen != {"1", "2"}:
                seen |= await numbers_of(service)

        before = await children(service)
        service.child.send_signal(signal.SIGHUP)
        await service.wait_for('"sites.replaced"', 2)  # the file is as it was, so nobody reads it of themselves
        assert await children(service) == before

        os.kill(before[0], signal.SIGKILL)
        await service.wait_for("Listening on", 3)
        assert "process.died" in service.words
        async with client_of(service.url) as http:
            assert (await http.get("/health/live")).status == 200

        running = await children(service)
        assert len(running) == 2
        assert await service.stop(signal.SIGINT) == 0
        assert not any(map(is_running, running))


@only_sqlite
async def test_no_process_outlives_the_one_that_started_it_even_where_that_is_killed(
    environ: dict[str, str],
) -> None:
    async with served(environ | TWO, "--workers", "2", listening=2) as service:
        orphans = await children(service)
        await service.kill()
        await until(lambda: not any(map(is_running, orphans)))
        assert service.words.count("process.orphaned") == 2


@only_sqlite
async def test_a_port_that_is_taken_is_said_and_ends_all(environ: dict[str, str]) -> None:
    async with served(environ | TWO) as first:
        taken = environ | {"MODERATION_LISTEN": urlsplit(first.url).netloc}
        for arguments in ((), ("--workers", "2")):
            with pytest.raises(AssertionError, match="in use"):
                async with served(taken, *arguments):
                    pass


@only_sqlite
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
