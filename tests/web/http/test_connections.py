"""Connections: how many, from whom, for how long; and how they end when the service stops."""

import asyncio
import socket
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from ipaddress import ip_address
from urllib.parse import urlsplit

import orjson
import pytest
from aiohttp import web

from moderation_service.web import server as protocol
from moderation_service.web.http.client_address import Clients
from moderation_service.web.http.connections import Connections, Pool, Stage
from moderation_service.web.http.refusals import Refusals
from moderation_service.web.http.timeouts import ClientTimeouts
from moderation_service.web.server import Limits, Runner, Server
from tests.support.cases import one_engine
from tests.support.contract import client_of
from tests.support.running import Running, until
from tests.support.time_limits import PATIENCE

HEAD = b"GET /health/live HTTP/1.1\r\nHost: x\r\n"
LIMITS = Limits(connections=100, running_requests=PATIENCE)


class Site:
    """A server of one handler on a port of its own, and those who connect to it."""

    def __init__(self, runner: Runner, stack: AsyncExitStack) -> None:
        self.runner = runner
        self._stack = stack

    @property
    def server(self) -> Server:
        assert isinstance(self.runner.server, Server)
        return self.runner.server

    async def connect(self) -> tuple[StreamReader, StreamWriter]:
        """Open a connection, which counts when this returns."""
        reader, writer = await asyncio.open_connection(*self.runner.addresses[0][:2])
        self._stack.callback(writer.close)
        here = writer.get_extra_info("sockname")
        await until(lambda: reader.at_eof() or any(one.peername == here for one in self.server.connections))
        return reader, writer

    async def ask(self, reader: StreamReader, writer: StreamWriter) -> bytes:
        """Ask and return the answer's head and body."""
        writer.write(HEAD + b"\r\n")
        return await answer(reader)


async def answer(reader: StreamReader) -> bytes:
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE)
    [length] = [line for line in head.splitlines() if line.lower().startswith(b"content-length:")]
    return head + await reader.readexactly(int(length.partition(b":")[2]))


async def closed(reader: StreamReader) -> bytes:
    """What comes before the other side closes, in order and not by a reset."""
    return await asyncio.wait_for(reader.read(), PATIENCE)


async def live(_: web.Request) -> web.Response:
    return web.Response(text="live")


@asynccontextmanager
async def site(
    limits: Limits = LIMITS, handler: Callable[..., Awaitable[web.Response]] = live
) -> AsyncIterator[Site]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    runner = Runner(app, limits, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with AsyncExitStack() as stack:
        try:
            yield Site(runner, stack)
        finally:
            await runner.cleanup()


async def test_at_the_bound_the_oldest_silent_connection_is_closed_and_never_the_new_one() -> None:
    async with site(replace(LIMITS, connections=3)) as served:
        asked = await served.connect()
        await served.ask(*asked)
        silent = [await served.connect() for _ in range(2)]
        silent[0][1].write(HEAD)
        newest = await served.connect()
        assert b" 200 " in await served.ask(*newest)
        assert await closed(silent[0][0]) == b""
        assert b" 200 " in await served.ask(*asked)
        assert b" 200 " in await served.ask(*silent[1])
        await served.connect()
        assert await closed(newest[0]) == b""  # idle for longest among those that asked is not `asked`


async def test_a_body_that_trickles_in_makes_room_before_an_answer_does() -> None:
    go_on = asyncio.Event()

    async def slow(request: web.Request) -> web.Response:
        await request.read()
        await go_on.wait()
        return web.Response(text="live")

    async with site(replace(LIMITS, connections=2), slow) as served:
        trickling, waiting = await served.connect(), await served.connect()
        waiting[1].write(HEAD + b"\r\n")
        trickling[1].write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nab")
        await until(lambda: served.server.open.busy == 2)
        newest = await served.connect()
        assert await closed(trickling[0]) == b""
        newest[1].write(HEAD + b"\r\n")
        await until(lambda: served.server.open.busy == 2)
        refused = await served.connect()
        assert await closed(refused[0]) == b""
        go_on.set()
        for reader, _ in (waiting, newest):
            assert b" 200 " in await answer(reader)


async def test_nothing_waits_for_the_rest_of_a_body_when_who_was_answered_leaves() -> None:
    async with site() as served:
        reader, writer = await served.connect()
        [connection] = served.server.connections
        serving = connection._task_handler
        assert serving is not None
        connection._lingering_time = 10 * PATIENCE
        writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nab")
        assert b" 200 " in await answer(reader)
        writer.close()
        await until(serving.done)


async def test_who_sends_no_whole_head_in_time_is_closed_and_who_keeps_alive_is_not(
    monkeypatch: pytest.MonkeyPatch, logged: Callable[[], str]
) -> None:
    monkeypatch.setattr(protocol, "plain", lambda _: ip_address("192.0.2.7"))
    async with site(replace(LIMITS, timeouts=ClientTimeouts(head=0.2))) as served:
        watching = asyncio.create_task(served.server.watch())
        kept = await served.connect()
        assert b" 200 " in await served.ask(*kept)
        silent, halfway, again = await served.connect(), await served.connect(), await served.connect()
        await served.ask(*again)
        halfway[1].write(HEAD)
        again[1].write(HEAD)
        for reader, _ in (silent, halfway, again):
            assert await closed(reader) == b""
        assert b" 200 " in await served.ask(*kept)
        watching.cancel()
    assert '"reason":"no_whole_request"' in logged()
    assert '"network":"192.0.2.0/24"' in logged()


async def test_a_network_holds_a_tenth_and_others_get_in(
    monkeypatch: pytest.MonkeyPatch, logged: Callable[[], str]
) -> None:
    peers = iter(["192.0.2.1", "198.51.100.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"])
    monkeypatch.setattr(protocol, "plain", lambda _: ip_address(next(peers)))
    async with site(replace(LIMITS, connections=20)) as served:
        first, other, second, third, fourth = [await served.connect() for _ in range(5)]
        for reader, _ in (first, second):
            assert await closed(reader) == b""
        for one in (other, third, fourth):
            assert b" 200 " in await served.ask(*one)
    [line] = [line for line in logged().splitlines() if '"client.refused"' in line]
    assert '"network":"192.0.2.0/24"' in line
    assert '"reason":"too_many_connections"' in line
    assert "192.0.2.3" not in line


async def test_this_machine_and_trusted_proxies_are_no_network(
    monkeypatch: pytest.MonkeyPatch, logged: Callable[[], str]
) -> None:
    clients = Clients([], clock=lambda: None)  # type: ignore[arg-type,return-value]
    monkeypatch.setattr(clients, "is_trusted", lambda address: address == ip_address("10.0.0.1"))
    for peer in ("127.0.0.1", "10.0.0.1"):
        monkeypatch.setattr(protocol, "plain", lambda _, peer=peer: ip_address(peer))
        async with site(replace(LIMITS, connections=10, is_trusted=clients.is_trusted)) as served:
            connected = [await served.connect() for _ in range(5)]
            for one in connected:
                assert b" 200 " in await served.ask(*one)
    assert "client.refused" not in logged()


@one_engine
async def test_hundreds_of_silent_connections_leave_room_for_those_who_ask(
    start: Callable[..., Awaitable[Running]], logged: Callable[[], str]
) -> None:
    running = await start(connections="50")
    address = urlsplit(running.url)
    silent = [socket.create_connection((address.hostname or "", address.port or 0)) for _ in range(200)]
    try:
        async with client_of(running.url) as http:
            assert (await http.get("/health/ready")).status == 200
    finally:
        for one in silent:
            one.close()
    assert '"connections.full"' in logged()


async def test_stopping_answers_what_kept_alive_connections_still_ask_and_resets_none() -> None:
    async with site() as served:
        asking, idle = await served.connect(), await served.connect()
        for one in (asking, idle):
            assert b"connection: close" not in (await served.ask(*one)).lower()
        stopping = asyncio.create_task(served.runner.cleanup())
        await until(lambda: served.server.is_stopping)
        assert b"connection: close" in (await served.ask(*asking)).lower()
        assert await closed(asking[0]) == b""
        assert await closed(idle[0]) == b""
        idle[1].write(HEAD + b"\r\n")  # it crossed our close on the way, and is no reason for a reset
        await idle[1].drain()
        idle[1].close()
        await idle[1].wait_closed()
        await stopping


async def test_stopping_waits_for_answers_under_way_and_no_longer_than_it_may() -> None:
    go_on = asyncio.Event()

    async def slow(request: web.Request) -> web.Response:
        await (go_on.wait() if request.path == "/health/live" else asyncio.Event().wait())
        return web.Response(text="done")

    async with site(replace(LIMITS, running_requests=1.0), slow) as served:
        ends, never = await served.connect(), await served.connect()
        ends[1].write(HEAD + b"\r\n")
        never[1].write(b"GET /never HTTP/1.1\r\nHost: x\r\n\r\n")
        await until(lambda: served.server.open.busy == 2)
        stopping = asyncio.create_task(served.runner.cleanup())
        await until(lambda: served.server.is_stopping)
        go_on.set()
        assert b"connection: close" in (await answer(ends[0])).lower()
        assert await closed(never[0]) == b""
        await asyncio.wait_for(stopping, PATIENCE)


async def test_stopping_reads_what_a_refused_request_still_sends_and_resets_nothing() -> None:
    asked, go_on = asyncio.Event(), asyncio.Event()

    async def refuse(_: web.Request) -> web.Response:
        asked.set()
        await go_on.wait()
        return web.Response(status=413, text="too large")

    async with site(LIMITS, refuse) as served:
        reader, writer = await served.connect()
        writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 1_000)
        await asked.wait()
        stopping = asyncio.create_task(served.runner.cleanup())
        await until(lambda: served.server.is_stopping)
        go_on.set()
        said = await answer(reader)
        assert b" 413 " in said
        assert b"connection: close" in said.lower()
        writer.write(b"x" * 999_000)
        await writer.drain()
        assert await closed(reader) == b""
        await stopping


@one_engine
async def test_load_over_the_stop_sees_answers_and_closes_but_no_reset(
    start: Callable[..., Awaitable[Running]],
) -> None:
    """What a kept-alive connection sees at the end is an answer with `Connection: close`, or an orderly close."""
    running = await start()
    address = urlsplit(running.url)
    ends: list[bytes] = []
    answered = 0

    async def ask_on() -> None:
        nonlocal answered
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        said = b""
        while b"connection: close" not in said.lower():
            writer.write(HEAD + b"\r\n")
            said = await answer(reader)
            answered += 1
        ends.append(await closed(reader))
        writer.close()

    asking = [asyncio.create_task(ask_on()) for _ in range(64)]
    await until(lambda: answered > 640)
    running.stop.set()
    await asyncio.wait_for(asyncio.gather(*asking), PATIENCE)
    assert ends == [b""] * 64


class _Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_network_is_logged_once_in_ten_seconds_with_how_many_were_refused(logged: Callable[[], str]) -> None:
    clock = _Clock()
    refusals = Refusals(monotonic=clock)
    for _ in range(30):
        refusals.note("192.0.2.0/24", reason="rate_limited", route="/api/v1/comments")
        refusals.note("198.51.100.0/24", reason="rate_limited", route="/api/v1/comments")
    clock.now = 11.0
    refusals.note("192.0.2.0/24", reason="rate_limited", route="/api/v1/comments")
    lines = [orjson.loads(line) for line in logged().splitlines() if "client.refused" in line]
    assert [(line["network"], line["times"]) for line in lines] == [
        ("192.0.2.0/24", 1),
        ("198.51.100.0/24", 1),
        ("192.0.2.0/24", 30),
    ]


def test_what_is_remembered_of_networks_has_an_end() -> None:
    refusals = Refusals(monotonic=_Clock())
    for number in range(5_000):
        refusals.note(f"network {number}", reason="rate_limited")
    assert len(refusals._logged) == 4_096


def test_a_network_that_left_is_forgotten() -> None:
    class Peer:
        network: str | None = "192.0.2.0/24"
        began_at: float | None = None
        opened_at = 0.0
        stage = Stage.SILENT
        pools: tuple[Pool, ...] = ()

        def force_close(self) -> None:
            raise AssertionError("there is room")

        def close_our_side(self) -> None:
            raise AssertionError("the service goes on")

    found = Connections(20, clock=_Clock(), refusals=Refusals(monotonic=_Clock()))
    one = Peer()
    found.opened(one)
    found.move(one, Stage.ANSWER)
    found.move(one, Stage.IDLE)
    found.lost(one)
    assert (len(found), found._networks, found.at_rest) == (0, {}, [])
