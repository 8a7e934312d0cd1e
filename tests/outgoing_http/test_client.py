"""The guarded client, against servers that misbehave and names that lead astray."""

import asyncio
import socket
import ssl
import threading
from typing import Any

import pytest
import trustme
from aiohttp import web

from moderation_service.outgoing_http.client import Client, RequestFailedError, Step
from tests.support import misbehaving_http
from tests.support.misbehaving_http import MisbehavingHttp

PRIVATE = "not of the public internet"


class Names:
    """A name server that gives another address each time it is asked, the last one again and again."""

    def __init__(self, *found: str) -> None:
        self._found = list(found)
        self.asked = 0

    def look_up(self, _: str, port: int, **options: Any) -> list[tuple[Any, ...]]:
        self.asked += 1
        found = self._found.pop(0) if len(self._found) > 1 else self._found[0]
        del options
        return socket.getaddrinfo(found, port, type=socket.SOCK_STREAM)


async def post(client: Client, url: str) -> tuple[int, bytes]:
    try:
        async with client.request("POST", url, body=b"{}", headers={"Content-Type": "application/json"}) as answer:
            return answer.status, await answer.beginning(100)
    finally:
        await client.close()


async def failure(client: Client, url: str) -> tuple[Step, str]:
    with pytest.raises(RequestFailedError) as caught:
        await post(client, url)
    return caught.value.step, caught.value.reason


def port_of(server: MisbehavingHttp) -> str:
    return server.url.rpartition(":")[2]


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "127.1",
        "2130706433",
        "0x7f.1",
        "0",
        "[fe80::1]",
    ],
)
async def test_no_spelling_of_a_private_address_is_connected_to(host: str) -> None:
    async with misbehaving_http.answers("200 OK") as server:
        step, reason = await failure(Client(allow_private=False), f"http://{host}:{port_of(server)}")
        assert step is Step.ADDRESS
        assert PRIVATE in reason
        assert server.requests == []


@pytest.mark.parametrize("found", ["169.254.169.254", "10.0.0.1", "::1", "::ffff:169.254.169.254"])
async def test_no_name_leads_to_a_private_address(found: str) -> None:
    client = Client(allow_private=False, look_up=Names(found).look_up)
    step, reason = await failure(client, "http://receiver.example/hook")
    assert step is Step.ADDRESS
    assert found in reason


async def test_a_name_that_changes_after_the_look_up_leads_nowhere_else() -> None:
    """What is connected to is what was judged: the name is asked for once a connection."""
    async with misbehaving_http.answers("200 OK") as server:
        names = Names("192.0.2.1", "127.0.0.1")
        client = Client(allow_private=False, look_up=names.look_up)
        url = f"http://receiver.example:{port_of(server)}"
        assert await failure(client, url) == (Step.ADDRESS, f"{PRIVATE}: 192.0.2.1")
        assert names.asked == 1
        assert await failure(client, url) == (Step.ADDRESS, f"{PRIVATE}: 127.0.0.1")
        assert server.requests == []


async def test_only_the_public_ones_of_several_addresses_are_connected_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def look_up(_: str, port: int, **__: Any) -> list[tuple[Any, ...]]:
        return [
            *socket.getaddrinfo("127.0.0.1", port, type=socket.SOCK_STREAM),
            *socket.getaddrinfo("93.184.216.34", port, type=socket.SOCK_STREAM),
        ]

    connected: list[str] = []

    async def connect(_: object, __: socket.socket, address: tuple[str, int]) -> None:
        connected.append(address[0])
        raise ConnectionRefusedError(111, "refused")

    monkeypatch.setattr(type(asyncio.get_running_loop()), "sock_connect", connect)
    steps: list[tuple[Step, str]] = []
    client = Client(allow_private=False, look_up=look_up, on_step=lambda *step: steps.append(step))
    assert await failure(client, "http://receiver.example/") == (Step.CONNECT, "Connection refused")
    assert connected == ["93.184.216.34"]
    assert steps == [(Step.RESOLVE, "127.0.0.1, 93.184.216.34"), (Step.ADDRESS, "93.184.216.34")]


async def test_an_answer_begins_to_be_read_and_no_more_of_it_is() -> None:
    async with misbehaving_http.answers_without_end("200 OK") as server:
        assert await post(Client(allow_private=True), server.url) == (200, b"x" * 100)
        assert server.sent < 10_000_000
        assert b"\r\n\r\n{}" in server.requests[0]
        assert b"aiohttp" not in server.requests[0]


async def test_redirects_are_answers_and_lead_nowhere() -> None:
    async with misbehaving_http.answers("200 OK") as other, misbehaving_http.redirects_to(other.url) as server:
        assert (await post(Client(allow_private=True), server.url))[0] == 307
        assert other.requests == []


async def test_who_does_not_answer_in_time_is_left() -> None:
    for misbehaving in (misbehaving_http.never_answers(), misbehaving_http.answers_one_byte_a_second()):
        async with misbehaving as server:
            found = await failure(Client(allow_private=True, within=0.3), server.url)
            assert found == (Step.ANSWER, "no answer within 0.3 seconds")


async def test_a_body_that_does_not_end_in_time_fails_while_it_is_read() -> None:
    async def begin(_: MisbehavingHttp, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nx")
        await reader.read()

    async with misbehaving_http.serving(begin) as server:
        client = Client(allow_private=True, within=0.3)
        async with client.request("GET", server.url) as answer:
            assert answer.status == 200
            with pytest.raises(RequestFailedError, match="no answer within"):
                await answer.beginning(100)
        await client.close()


async def test_a_name_server_that_hangs_holds_nobody_back() -> None:
    answer = threading.Event()

    def hang(*_: Any, **__: Any) -> list[tuple[Any, ...]]:
        answer.wait(60)
        return []

    found = await failure(Client(allow_private=False, within=0.3, look_up=hang), "http://receiver.example/")
    answer.set()
    assert found == (Step.ANSWER, "no answer within 0.3 seconds")


async def test_the_word_says_where_it_ended() -> None:
    any_address = Client(allow_private=True)
    async with misbehaving_http.closes_without_an_answer() as server:
        step, reason = await failure(any_address, server.url)
        assert (step, reason) == (Step.ANSWER, "the connection ended without an answer")
    async with misbehaving_http.speaks_first(b"220 mail.example\r\n") as server:
        step, reason = await failure(any_address, server.url.replace("http:", "https:"))
        assert step is Step.TLS
        assert "does not speak TLS" in reason
    async with misbehaving_http.refuses_to_connect() as server:
        assert await failure(any_address, server.url) == (Step.CONNECT, "Connection refused")

    def unknown(*_: Any, **__: Any) -> list[tuple[Any, ...]]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    found = await failure(Client(allow_private=True, look_up=unknown), "http://nobody.example/")
    assert found == (Step.RESOLVE, "its name leads to no address")


async def test_tls_is_for_the_name_though_the_address_was_looked_up() -> None:
    authority = trustme.CA()
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("receiver.example").configure_cert(served)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    names = Names("127.0.0.1")
    async with misbehaving_http.answers("204 No Content", tls=served) as server:
        steps: list[Step] = []
        client = Client(
            allow_private=True, tls=trusting, look_up=names.look_up, on_step=lambda step, _: steps.append(step)
        )
        assert await post(client, f"https://receiver.example:{port_of(server)}") == (204, b"")
        assert steps == [Step.RESOLVE, Step.ADDRESS, Step.CONNECT, Step.TLS, Step.ANSWER]
        step, reason = await failure(client, f"https://another.example:{port_of(server)}")
        assert (step, reason) == (Step.TLS, "the certificate is not accepted: it is for another name")
        strict = Client(allow_private=True, look_up=names.look_up)
        step, reason = await failure(strict, f"https://receiver.example:{port_of(server)}")
        assert step is Step.TLS
        assert "an authority that this machine does not trust" in reason


async def test_a_connection_is_used_again_and_the_name_asked_for_once() -> None:
    async def take(_: web.Request) -> web.Response:
        return web.Response()

    app = web.Application()
    app.router.add_post("/", take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    names = Names("127.0.0.1")
    client = Client(allow_private=True, look_up=names.look_up)
    for _ in range(3):
        async with client.request("POST", f"http://receiver.example:{runner.addresses[0][1]}/") as answer:
            assert await answer.beginning(10) == b""
    assert names.asked == 1
    await client.close()
    await runner.cleanup()
