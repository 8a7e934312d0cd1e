"""`check` looks from outside: what answers under the public URL, and what is set for the proxy before it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from moderation_service import config
from moderation_service.cli import public_address
from moderation_service.cli.public_address import Findings
from moderation_service.config import Settings
from tests.support.processes import finished, free_port
from tests.support.running import Running

pytestmark = pytest.mark.parametrize("place", ["sqlite"], indirect=True)

Settle = Callable[..., Settings]


@pytest.fixture
def settle(environ: dict[str, str]) -> Settle:
    def settled(public_url: str, **changed: str) -> Settings:
        named = {"public_url": public_url} | changed
        return config.read(environ | {f"MODERATION_{name.upper()}": value for name, value in named.items()})

    return settled


@asynccontextmanager
async def answering(status: int, text: str) -> AsyncIterator[str]:
    """Something that answers everything alike."""

    async def handler(_: web.Request) -> web.Response:
        return web.Response(status=status, text=text)

    async with serving(handler) as url:
        yield url


@asynccontextmanager
async def serving(handler: Callable[[web.Request], Awaitable[web.Response]]) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_get("/{path:.*}", handler)
    runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def test_the_service_itself_is_in_order(start: Callable[..., Awaitable[Running]], settle: Settle) -> None:
    running = await start()
    assert await public_address.look(settle(running.url)) == Findings()


@pytest.mark.parametrize(("status", "text"), [(200, "a router's page"), (404, "{}"), (200, '{"status":"ok"}')])
async def test_something_else_that_answers_is_a_fault(settle: Settle, status: int, text: str) -> None:
    async with answering(status, text) as url:
        found = await public_address.look(settle(url))
    [fault] = found.faults
    assert fault.startswith("MODERATION_PUBLIC_URL: something else")
    assert f"({status})" in fault
    assert found.warnings == []


async def test_a_proxy_without_a_service_behind_it_is_a_warning(settle: Settle) -> None:
    async with answering(502, "Bad Gateway") as url:
        found = await public_address.look(settle(url))
    assert found.faults == []
    [warning] = found.warnings
    assert "no service behind it (502)" in warning


async def test_nothing_that_answers_is_a_warning(settle: Settle) -> None:
    found = await public_address.look(settle(f"http://127.0.0.1:{free_port()}"))
    assert found.faults == []
    [warning] = found.warnings
    assert "nothing answers" in warning


async def test_what_answers_never_is_given_up(settle: Settle) -> None:
    assert public_address.WITHIN == 5

    async def never(_: web.Request) -> web.Response:
        await asyncio.Event().wait()
        raise AssertionError

    async with serving(never) as url:
        found = await public_address.look(settle(url), within=0.05)
    [warning] = found.warnings
    assert "nothing answers" in warning
    assert "no answer in time" in warning


@pytest.mark.parametrize(
    ("public_url", "proxies", "expected"),
    [
        ("https://127.0.0.1:1", "", ["MODERATION_TRUSTED_PROXIES is empty"]),
        ("https://127.0.0.1:1", "10.0.0.0/8", []),
        ("http://127.0.0.1:1", "", []),
        ("http://127.0.0.1:1/comments", "", ["MODERATION_PUBLIC_URL ends in /comments"]),
        ("http://127.0.0.1:1/my/static/", "", ["MODERATION_PUBLIC_URL ends in /static"]),
        ("http://127.0.0.1:1/talk", "", []),
    ],
)
async def test_what_is_set_for_the_proxy_is_weighed(
    settle: Settle, public_url: str, proxies: str, expected: list[str]
) -> None:
    found = await public_address.look(settle(public_url, trusted_proxies=proxies))
    *warnings, _ = found.warnings
    assert [warning[: len(one)] for warning, one in zip(warnings, expected, strict=True)] == expected


async def test_a_proxy_that_comes_by_our_unix_socket_is_trusted_unlisted(settle: Settle) -> None:
    found = await public_address.look(settle("https://127.0.0.1:1", listen="unix:/run/moderation/http"))
    [warning] = found.warnings
    assert "nothing answers" in warning


async def test_check_says_warnings_and_fails_by_faults_alone(environ: dict[str, str]) -> None:
    code, words = await finished(
        "check", environ=environ | {"MODERATION_PUBLIC_URL": f"http://127.0.0.1:{free_port()}"}
    )
    assert code == 0
    assert "Warning: MODERATION_PUBLIC_URL: nothing answers" in words
    async with answering(200, "a router's page") as url:
        code, words = await finished("check", environ=environ | {"MODERATION_PUBLIC_URL": url})
    assert code == 1
    assert "something else than this service answers" in words
