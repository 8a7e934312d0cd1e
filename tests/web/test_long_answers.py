"""Answers end before they are too long, and readers who do not take theirs are let go."""

import asyncio
import gzip
import json
import logging
import socket
from contextlib import closing, suppress
from urllib.parse import urlencode, urlsplit

import pytest
from aiohttp import ClientSession

from moderation_service.services.listing import LARGEST
from moderation_service.web import slow_readers
from tests.conftest import Clock, Start
from tests.factories import PAGE, bearer
from tests.office import Office
from tests.running import Running, until

LIST = "/api/v1/comments"
COUNT = 25
BODY = 'Un "commento" lungo,\n' * 2_000
"""About 42 kB, and more in JSON, where quotes and line ends take two bytes."""


@pytest.fixture
async def long(start: Start, clock: Clock) -> tuple[Running, list[str]]:
    """A service with a page of long comments, and their ids in order."""
    service = await start(clock=clock, screening="off")
    office = Office(service=service.service, clock=clock, interval=service.service.settings.mail_interval)
    ids = await office.post(COUNT, body=BODY)
    await office.decide(ids)
    return service, sorted(ids)


async def listed(http: ClientSession, **query: str) -> tuple[bytes, dict[str, object]]:
    answer = await http.get(LIST, params={"page_url": PAGE, "limit": "200", **query})
    assert answer.status == 200
    body = await answer.read()
    return body, json.loads(body)


async def taken(reader: socket.socket) -> int:
    """How many bytes are left to read until the connection ends, in whichever way."""
    loop = asyncio.get_running_loop()
    found = 0
    with suppress(ConnectionResetError):
        while piece := await loop.sock_recv(reader, 65_536):
            found += len(piece)
    return found


@pytest.mark.parametrize("order", ["oldest", "newest"])
async def test_a_list_ends_before_a_mebibyte_and_goes_on_behind(
    long: tuple[Running, list[str]], order: str
) -> None:
    service, ids = long
    found: list[str] = []
    lists = 0
    async with ClientSession(service.url) as http:
        cursor: dict[str, str] = {}
        while True:
            body, shown = await listed(http, order=order, **cursor)
            assert LARGEST // 2 < len(body) <= LARGEST or shown["next_cursor"] is None
            assert shown["count"] == COUNT
            found += [one["id"] for one in shown["comments"]]  # type: ignore[index,attr-defined]
            lists += 1
            if shown["next_cursor"] is None:
                break
            cursor = {"cursor": str(shown["next_cursor"])}
    assert lists > 1
    assert found == (ids if order == "oldest" else ids[::-1])


@pytest.mark.parametrize("of", ["changes", "moderation"])
async def test_the_feed_and_the_queue_end_before_a_mebibyte_too(long: tuple[Running, list[str]], of: str) -> None:
    service, ids = long
    found: list[str] = []
    place: dict[str, str] = {}
    async with ClientSession(service.url, headers=bearer()) as http:
        while len(found) < COUNT:
            if of == "changes":
                query = {"site": "coop", "limit": "500", **place}
                body = await (await http.get("/api/v1/changes", params=query)).read()
                shown = json.loads(body)
                found += [one["comment_id"] for one in shown["changes"]]
                place = {"after": str(shown["next"]), "epoch": shown["epoch"]}
            else:
                query = {"status": "approved", "limit": "100", **place}
                body = await (await http.get("/api/v1/moderation/comments", params=query)).read()
                shown = json.loads(body)
                found += [one["id"] for one in shown["comments"]]
                place = {"cursor": str(shown["next_cursor"])}
            assert len(body) <= LARGEST
            assert len(found) == COUNT or len(body) > LARGEST // 2
    assert found == ids


async def test_a_page_of_long_comments_is_shown_in_stretches(long: tuple[Running, list[str]]) -> None:
    service, ids = long
    async with ClientSession(service.url) as http:
        text = await (await http.get("/comments", params={"page_url": PAGE, "limit": "200"})).text()
    assert ids[0] in text
    assert ids[-1] not in text
    assert "cursor=" in text


async def test_a_long_answer_is_the_same_in_pieces_and_compressed(long: tuple[Running, list[str]]) -> None:
    service, _ = long
    url = f"{service.url}{LIST}?{urlencode({'page_url': PAGE, 'limit': '200'})}"
    async with ClientSession(auto_decompress=False) as http:
        plain = await (await http.get(url, headers={"Accept-Encoding": "identity"})).read()
        packed = await http.get(url, headers={"Accept-Encoding": "gzip"})
        assert packed.headers["Content-Encoding"] == "gzip"
        assert gzip.decompress(await packed.read()) == plain
        head = await http.head(url, headers={"Accept-Encoding": "identity"})
        assert int(head.headers["Content-Length"]) == len(plain)
        known = {"Accept-Encoding": "identity", "If-None-Match": head.headers["ETag"]}
        assert (await http.get(url, headers=known)).status == 304


async def test_a_reader_who_takes_nothing_is_let_go_and_others_are_not(
    long: tuple[Running, list[str]], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(slow_readers, "PATIENCE", 0.2)
    service, _ = long
    at = urlsplit(service.url)
    request = f"GET {LIST}?{urlencode({'page_url': PAGE, 'limit': '200'})} HTTP/1.1\r\nHost: {at.netloc}\r\n\r\n"
    loop = asyncio.get_running_loop()
    with closing(socket.socket()) as reader, caplog.at_level(logging.WARNING):
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        reader.setblocking(False)
        await loop.sock_connect(reader, (at.hostname, at.port))
        for _ in range(20):
            await loop.sock_sendall(reader, request.encode())
        await until(lambda: any("reader.too_slow" in str(record.msg) for record in caplog.records))
        async with ClientSession(service.url) as http:
            body, _ = await listed(http)
        assert len(body) > LARGEST // 2
        assert await taken(reader) < 20 * LARGEST // 2
