"""A service as it is started: crowded by silent connections, and stopped while many ask on."""

import asyncio
import resource
from asyncio import StreamReader, StreamWriter
from contextlib import AsyncExitStack
from urllib.parse import urlsplit

import pytest

from tests.support.contract import client_of
from tests.support.factories import a_submission
from tests.support.mailed import ANNA, PAUL
from tests.support.processes import Process, served
from tests.support.running import until
from tests.support.smtp import MailServer
from tests.support.time_limits import PATIENCE

pytestmark = pytest.mark.parametrize("place", ["sqlite"], indirect=True)

ASK = b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n"
SILENT = 1_200
FEW_FILES = ("prlimit", "--nofile=1024:1024")
SOFT_LIMIT = ("prlimit", "--nofile=1024:4096")


async def connected(service: Process, stack: AsyncExitStack) -> tuple[StreamReader, StreamWriter]:
    address = urlsplit(service.url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    stack.callback(writer.close)
    return reader, writer


@pytest.fixture
def _room_for_clients() -> None:
    """The test holds the clients' ends of the connections."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < 2 * SILENT:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(2 * SILENT, hard), hard))


@pytest.mark.usefixtures("_room_for_clients")
@pytest.mark.parametrize(("wrapper", "most"), [(FEW_FILES, "4096"), (SOFT_LIMIT, "1100")])
async def test_silent_connections_beyond_the_limit_of_open_files_keep_nobody_out(
    environ: dict[str, str], smtp: MailServer, wrapper: tuple[str, ...], most: str
) -> None:
    async with served(environ | {"MODERATION_CONNECTIONS": most}, wrapper=wrapper) as service:
        async with AsyncExitStack() as stack:
            for _ in range(SILENT):
                await connected(service, stack)
            async with client_of(service.url) as http:
                posted = await http.post("/api/v1/comments", json=a_submission())
                assert posted.status == 202
                assert (await http.get("/health/ready")).status == 200
            mails = await smtp.wait_for(2)
            assert {mail.recipients for mail in mails} == {(ANNA,), (PAUL,)}
        await service.wait_for("connections.full")
        assert ("connections.limited" in service.words) == (wrapper == FEW_FILES)


async def test_a_stop_resets_none_of_many_connections_that_ask_on(environ: dict[str, str]) -> None:
    answered = 0

    async def ask_on(reader: StreamReader, writer: StreamWriter) -> bytes:
        nonlocal answered
        said = b""
        while b"connection: close" not in said.lower():
            writer.write(ASK)
            said = await reader.readuntil(b"}")
            answered += 1
        return await reader.read()

    async with served(environ) as service, AsyncExitStack() as stack:
        busy = [await connected(service, stack) for _ in range(256)]
        idle = [await connected(service, stack) for _ in range(16)]
        for reader, writer in idle:
            writer.write(ASK)
            await reader.readuntil(b"}")
        asking = [asyncio.create_task(ask_on(*one)) for one in busy]
        await until(lambda: answered > 1_000)
        assert await service.stop() == 0
        ends = await asyncio.wait_for(asyncio.gather(*asking), PATIENCE)
        assert ends == [b""] * 256
        assert [await reader.read() for reader, _ in idle] == [b""] * 16
    assert "Traceback" not in service.words
