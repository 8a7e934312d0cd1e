"""What every answer says of the service, and what it tells browsers to keep to."""

import asyncio
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

import pytest

from tests.support.cases import one_engine
from tests.support.contract import client_of
from tests.support.running import Running

PATHS = ("/api/v1/comments?page_url=https://www.example.org/", "/health/live", "/nowhere", "/static/pages.css")


@one_engine
@pytest.mark.parametrize(
    ("public_url", "security"),
    [
        ("https://comments.example.net", "max-age=31536000"),
        ("https://www.example.org/talk", None),
        ("http://127.0.0.1:8080", None),
    ],
)
async def test_answers_name_no_version_and_https_is_kept_to_where_the_host_is_ours(
    start: Callable[..., Awaitable[Running]], public_url: str, security: str | None
) -> None:
    running = await start(public_url=public_url)
    async with client_of(running.url) as http:
        for path in (*PATHS, PATHS[0]):
            headers = (await http.get(path)).headers
            assert headers.getall("Server") == ["moderation-service"]
            assert headers.get("Strict-Transport-Security") == security
    address = urlsplit(running.url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    writer.write(b"no HTTP\r\n\r\n")
    assert b"\r\nServer: moderation-service\r\n" in await reader.read()
    writer.close()
