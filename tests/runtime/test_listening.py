"""Listening on Unix sockets and on sockets that are handed over; who comes by a Unix socket is a proxy."""

import asyncio
import socket
import stat
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import ClientSession, TCPConnector, UnixConnector

from tests.support.contract import client_of
from tests.support.factories import a_submission
from tests.support.posting import COMMENTS, post
from tests.support.processes import served
from tests.support.running import Running

HANDED_OVER = """
import os, socket, sys
sock = socket.create_server(("127.0.0.1", 0))
os.dup2(sock.fileno(), 3)
os.set_inheritable(3, True)
os.execv(sys.argv[1], sys.argv[1:])
"""
"""What systemd does before it starts a service with a socket unit."""

one_engine = pytest.mark.parametrize("place", ["sqlite"], indirect=True)


def mode_of(path: Path) -> int | None:
    """A file's permissions, None where there is none."""
    return stat.S_IMODE(path.stat().st_mode) if path.exists() else None


@asynccontextmanager
async def connected(path: Path, **headers: str) -> AsyncIterator[ClientSession]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    async with ClientSession("http://service", connector=UnixConnector(str(path)), headers=named) as http:
        yield http


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "http"


@one_engine
async def test_a_unix_socket_is_for_its_group_and_whoever_comes_by_it_is_a_trusted_proxy(
    start: Callable[..., Awaitable[Running]], path: Path
) -> None:
    running = await start(listen=f"unix:{path}", metrics_from="0.0.0.0/0,::/0")
    assert running.url == f"unix:{path}"
    assert mode_of(path) == 0o660
    async with connected(path, X_Forwarded_For="192.0.2.1") as http:
        for number in range(20):
            await post(http, body=f"commento {number}")
        assert (await http.post(COMMENTS, json=a_submission(body="ancora"))).status == 429
    async with connected(path, X_Forwarded_For="198.51.100.1") as http:
        await post(http, body="da un'altra rete")
    async with connected(path) as http:
        assert (await http.get("/metrics")).status == 404
        assert await (await http.get("/health/ready")).json() == {"status": "ready"}


@one_engine
async def test_the_socket_of_a_killed_service_is_replaced_and_ours_is_taken_away(
    environ: dict[str, str], path: Path
) -> None:
    with socket.socket(socket.AF_UNIX) as killed:
        killed.bind(str(path))
        killed.listen()
    settings = environ | {"MODERATION_LISTEN": f"unix:{path}"}
    async with served(settings) as service:
        assert f"Listening on unix:{path}" in service.words
        async with connected(path) as http:
            assert (await http.get("/health/live")).status == 200
            assert (await http.get("/metrics")).status == 404
        with pytest.raises(AssertionError, match=f"MODERATION_LISTEN unix:{path} cannot be used: .* in use"):
            async with served(settings):
                pass
        async with connected(path) as http:
            assert (await http.get("/health/live")).status == 200
    assert mode_of(path) is None


@one_engine
@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (Path.touch, "another file stands there"),
        (lambda path: path.parent.rmdir(), "No such file or directory"),
    ],
)
async def test_a_path_that_cannot_be_a_socket_is_refused_with_the_reason_and_left_alone(
    start: Callable[..., Awaitable[Running]], path: Path, make: Callable[[Path], None], reason: str
) -> None:
    inside = path.parent / "folder" / "http"
    inside.parent.mkdir()
    make(inside)
    existed = inside.exists()
    with pytest.raises(OSError, match=f"MODERATION_LISTEN unix:{inside} cannot be used: {reason}"):
        await start(listen=f"unix:{inside}")
    assert inside.exists() == existed


@one_engine
async def test_a_socket_that_is_handed_over_is_listened_on(start: Callable[..., Awaitable[Running]]) -> None:
    listening = socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    running = await start(listen=f"fd://{listening.detach()}")
    assert running.url == f"http://127.0.0.1:{port}"
    async with client_of(running.url) as http:
        assert (await http.get("/metrics")).status == 200


@one_engine
@pytest.mark.parametrize("number", [1_000, "unconnected"])
async def test_a_number_under_which_nothing_listens_is_refused(
    start: Callable[..., Awaitable[Running]], number: int | str
) -> None:
    with socket.socket() as unconnected:
        file = unconnected.fileno() if number == "unconnected" else number
        with pytest.raises(OSError, match=f"MODERATION_LISTEN fd://{file} cannot be used: .*socket"):
            await start(listen=f"fd://{file}")


@one_engine
@pytest.mark.parametrize("kind", ["unix", "fd"])
async def test_several_processes_share_one_socket(environ: dict[str, str], path: Path, kind: str) -> None:
    listen = f"unix:{path}" if kind == "unix" else "fd://3"
    wrapper = () if kind == "unix" else ("python3", "-c", HANDED_OVER)
    settings = environ | {"MODERATION_LISTEN": listen, "MODERATION_SCREENING": "off"}
    async with served(settings, "--workers", "2", listening=2, wrapper=wrapper) as service:
        for _ in range(4):
            connector = UnixConnector(str(path)) if kind == "unix" else TCPConnector(force_close=True)
            url = "http://service" if kind == "unix" else service.url
            async with ClientSession(url, connector=connector) as http:
                answers = await asyncio.gather(*(post(http, body=f"{n}") for n in range(10)))
                assert len({one["id"] for one in answers}) == 10
    assert mode_of(path) is None
