"""Answers end before they are too long, and readers who do not take theirs are let go."""

import asyncio
import gzip
import json
import logging
import re
import socket
import threading
from contextlib import closing, suppress
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from aiohttp import ClientSession, web
from aiohttp.compression_utils import ZSTDDecompressor
from aiohttp.test_utils import TestServer

from moderation_service.services.comments.listing import LARGEST
from moderation_service.web.http import content_coding, slow_readers
from moderation_service.web.http.timeouts import ClientTimeouts
from tests.conftest import Clock, Start
from tests.support.cases import one_engine
from tests.support.desk import logged_in
from tests.support.factories import PAGE, bearer
from tests.support.office import Office
from tests.support.running import Running, until
from tests.support.smtp import MailServer
from tests.support.threads import no_thread_free
from tests.support.time_limits import PATIENCE

LIST = "/api/v1/comments"
COUNT = 25
_SHOWN = re.compile(r'name="comment\.([^"]+)"')
_NEXT = re.compile(r'class="button next" href="[^"]*[?&;]cursor=([^"&]+)')
_SNAPSHOT = re.compile(r'name="snapshot" value="([^"]+)"')
BODY = 'Un "commento" lungo,\n' * 2_000
"""About 42 kB, and more in JSON, where quotes and line ends take two bytes."""
ESCAPED = '<"> ' * 15_000
"""About 60 kB, and four times as much in HTML."""


@pytest.fixture
async def long(start: Start, clock: Clock) -> tuple[Running, list[str]]:
    """A service with a page of long comments, and their ids in order."""
    return await with_long_comments(start, clock)


async def with_long_comments(
    start: Start, clock: Clock, timeouts: ClientTimeouts | None = None
) -> tuple[Running, list[str]]:
    service = await start(clock=clock, timeouts=timeouts, screening="off")
    office = Office(container=service.container, clock=clock, interval=service.container.settings.mail_interval)
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
            found += [one["id"] for one in shown["comments"]]  # type: ignore[attr-defined]
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


@one_engine
async def test_a_page_of_long_comments_is_shown_in_slices(long: tuple[Running, list[str]]) -> None:
    service, ids = long
    async with ClientSession(service.url) as http:
        text = await (await http.get("/comments", params={"page_url": PAGE, "limit": "200"})).text()
    assert ids[0] in text
    assert ids[-1] not in text
    assert "cursor=" in text


@pytest.mark.parametrize("status", ["pending", "any"])
async def test_the_desk_is_shown_in_slices_and_leaves_nothing_out(
    start: Start, clock: Clock, smtp: MailServer, status: str
) -> None:
    service = await start(clock=clock, screening="off")
    office = Office(container=service.container, clock=clock, interval=service.container.settings.mail_interval)
    ids = sorted(await office.post(10, body=ESCAPED))
    found: list[str] = []
    query = ""
    async with ClientSession(service.url) as http:
        anna = await logged_in(http, smtp)
        while True:
            text = await (await anna.get(f"/desk?status={status}{query}")).text()
            assert len(text.encode()) < LARGEST * 5 // 4
            found += _SHOWN.findall(text)
            further = _NEXT.search(text)
            if further is None:
                break
            assert len(text.encode()) > LARGEST // 4
            query = f"&cursor={further[1]}"
        assert found == (ids if status == "pending" else ids[::-1])
        snapshot = _SNAPSHOT.findall(await (await anna.get("/desk?scope=all")).text())[0]
        later = await office.post(1)
        answer = await anna.post("/desk/bulk", {"snapshot": snapshot, "all": "approve", "confirmed": "yes"})
        assert answer.status == 303
        assert set(await anna.shown()) == set(later)


async def test_the_page_before_a_bulk_decision_shows_little_of_long_comments(
    start: Start, clock: Clock, smtp: MailServer
) -> None:
    service = await start(clock=clock, screening="off")
    office = Office(container=service.container, clock=clock, interval=service.container.settings.mail_interval)
    await office.post(51, body=BODY)
    async with ClientSession(service.url) as http:
        anna = await logged_in(http, smtp)
        snapshot = _SNAPSHOT.findall(await (await anna.get("/desk?scope=all")).text())[0]
        answer = await anna.post("/desk/bulk", {"snapshot": snapshot, "all": "approve"})
        assert answer.status == 200
        assert len(await answer.read()) < LARGEST // 16


@one_engine
async def test_a_long_answer_is_the_same_in_pieces_and_compressed(long: tuple[Running, list[str]]) -> None:
    service, _ = long
    url = f"{service.url}{LIST}?{urlencode({'page_url': PAGE, 'limit': '200'})}"
    async with ClientSession(auto_decompress=False) as http:
        plain = await (await http.get(url, headers={"Accept-Encoding": "identity"})).read()
        packed = await http.get(url, headers={"Accept-Encoding": "gzip"})
        assert packed.headers["Content-Encoding"] == "gzip"
        assert gzip.decompress(await packed.read()) == plain
        packed = await http.get(url, headers={"Accept-Encoding": "gzip, deflate, br, zstd"})
        assert packed.headers["Content-Encoding"] == "zstd"
        assert ZSTDDecompressor().decompress_sync(await packed.read()) == plain
        head = await http.head(url, headers={"Accept-Encoding": "identity"})
        assert int(head.headers["Content-Length"]) == len(plain)
        known = {"Accept-Encoding": "identity", "If-None-Match": head.headers["ETag"]}
        assert (await http.get(url, headers=known)).status == 304


@one_engine
async def test_a_long_answer_is_compressed_beside_the_loop_by_a_thread_that_nothing_else_needs(
    long: tuple[Running, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    service, _ = long
    threads: list[threading.Thread] = []

    def compress(*arguments: Any, **named: Any) -> bytes:
        threads.append(threading.current_thread())
        return gzip.compress(*arguments, **named)

    monkeypatch.setattr(content_coding, "gzip", SimpleNamespace(compress=compress))
    at = urlsplit(service.url)
    request = f"GET {LIST}?{urlencode({'page_url': PAGE, 'limit': '200'})} HTTP/1.1\r\nHost: {at.netloc}\r\n"
    async with no_thread_free():
        reader, writer = await asyncio.open_connection("127.0.0.1", at.port)
        writer.write(request.encode() + b"Accept-Encoding: gzip\r\n\r\n")
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE)
        writer.close()
    assert b"content-encoding: gzip" in head.lower()
    [thread] = threads
    assert thread is not threading.main_thread()


@one_engine
async def test_a_reader_who_takes_nothing_is_let_go_and_others_are_not(
    start: Start, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    service, _ = await with_long_comments(start, clock, ClientTimeouts(reading=0.2))
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
        [said] = [one.msg for one in caplog.records if "reader.too_slow" in str(one.msg)]
        assert isinstance(said, dict)
        assert said["waiting"] <= 3 * slow_readers.PIECE, "its connection holds pieces and no copy of an answer"
        async with ClientSession(service.url) as http:
            body, _ = await listed(http)
        assert len(body) > LARGEST // 2
        assert await taken(reader) < 20 * LARGEST // 2


async def test_others_have_their_turn_after_each_piece_of_an_answer_that_is_taken_at_once() -> None:
    pieces, turns, meanwhile = 3, 0, []

    async def take_turns() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        response = slow_readers.PiecewiseResponse(body=b"x" * pieces * slow_readers.PIECE)
        await response.prepare(request)
        others = asyncio.create_task(take_turns())
        await asyncio.sleep(0)
        before = turns
        await response.write_eof()
        meanwhile.append(turns - before)
        others.cancel()
        return response

    app = web.Application()
    app.router.add_get("/", answer)
    async with TestServer(app) as server, ClientSession() as http:
        found = await (await http.get(server.make_url("/"))).read()
    assert found == b"x" * pieces * slow_readers.PIECE
    assert meanwhile[0] >= pieces
