"""The change feed as server-sent events: what comes to whom, what a slow reader costs, how it ends."""

import asyncio
import socket
from contextlib import AsyncExitStack, closing
from typing import Any

import pytest
from aiohttp import ClientSession
from sqlalchemy import delete, update

from moderation_service.domain.errors import UnavailableError
from moderation_service.runtime.intervals import Intervals
from moderation_service.services.comments.change_feed import ChangeFeed
from moderation_service.storage.comments import change_feed
from moderation_service.storage.engine.database import Database
from moderation_service.storage.schema import change_counters, change_eras, comments
from moderation_service.web.stream.site_stream import StreamTimes
from tests.conftest import Clock, Start
from tests.support.contract import client_of
from tests.support.desk import replace_sites
from tests.support.event_stream import STREAM, Event, connected
from tests.support.factories import SITES
from tests.support.office import Office
from tests.support.posting import decide, published
from tests.support.running import Running, until
from tests.support.time_limits import PATIENCE, patient

ONE_ENGINE = pytest.mark.parametrize("place", ["sqlite"], indirect=True)


def readers(service: Running) -> int:
    return len(service.container.web.followers)


def told(events: list[Event]) -> list[tuple[str, str]]:
    return [(one.data["type"], one.data["comment_id"]) for one in events]


async def changes(http: ClientSession, **query: str) -> dict[str, Any]:
    answer = await http.get("/api/v1/changes", params={"site": "coop", **query})
    found: dict[str, Any] = await answer.json()
    return found


async def test_a_stream_tells_what_changes_from_now_on_and_goes_on_where_it_broke(
    http: ClientSession, service: Running
) -> None:
    before = await published(http)
    async with connected(http) as source:
        headers = source.answer.headers
        assert headers["Content-Type"] == "text/event-stream"
        assert headers["Cache-Control"] == "no-cache, no-transform"
        assert headers["X-Accel-Buffering"] == "no"
        assert headers["Access-Control-Allow-Origin"] == "*"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Server"] == "moderation-service"
        assert "Content-Encoding" not in headers
        await source.started()
        assert source.retry == 3_000
        start = source.last_id
        shown = await published(http, body="il secondo")
        [event] = await source.take(1)
        feed = await changes(http, after="1")
        assert event == Event("message", f"{feed['epoch']}.2", feed["changes"][0])
        assert event.data["comment"]["body"] == "il secondo"
    await until(lambda: readers(service) == 0)
    await decide(http, "reject", before)
    assert start == f"{feed['epoch']}.1"
    expected = [("published", shown), ("withdrawn", before)]
    for query, last_id in (({}, start), ({"after": start}, ""), ({"after": "1"}, ""), ({"after": "0"}, "1")):
        async with connected(http, last_id=last_id, **query) as source:
            assert told(await source.take(2)) == expected
    async with connected(http, after="0", last_id=event.id) as source:
        assert told(await source.take(1)) == expected[1:]


async def test_all_who_are_connected_share_one_read_of_each_change(
    http: ClientSession, service: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[int] = []
    read = ChangeFeed.read

    async def counted(feed: ChangeFeed, site_id: str, **named: Any) -> object:
        reads.append(named["after"])
        return await read(feed, site_id, **named)

    await service.container.tail.look()
    monkeypatch.setattr(ChangeFeed, "read", counted)
    async with AsyncExitStack() as stack:
        sources = [await stack.enter_async_context(connected(http)) for _ in range(50)]
        for source in sources:
            await source.started()
        assert reads == []
        shown = await published(http)
        for source in sources:
            assert told(await source.take(1)) == [("published", shown)]
        assert reads == [0]
        last = {source.last_id for source in sources}
    await until(lambda: readers(service) == 0)
    async with AsyncExitStack() as stack:
        sources = [await stack.enter_async_context(connected(http, last_id=min(last))) for _ in range(50)]
        await decide(http, "reject", shown)
        for source in sources:
            assert told(await source.take(1)) == [("withdrawn", shown)]
        assert reads == [0, 1], "where all stand at the newest change, nothing is read for them"


async def test_who_reads_from_the_start_gets_each_comment_in_its_state_and_then_what_changes(
    start: Start, clock: Clock
) -> None:
    service = await start(clock=clock, screening="off")
    office = Office(container=service.container, clock=clock, interval=service.container.settings.mail_interval)
    ids = sorted(await office.post(250))
    await office.decide(ids)
    async with client_of(service.url) as http, connected(http, after="0") as source:
        events = await source.take(250)
        assert sorted(one.data["comment_id"] for one in events) == ids
        assert [int(one.id.partition(".")[2]) for one in events] == list(range(1, 251))
        await decide(http, "spam", ids[3])
        assert told(await source.take(1)) == [("withdrawn", ids[3])]


@pytest.mark.parametrize("place_named", ["99", "tampered.1", "tampered.0", "9007199254740992"])
@ONE_ENGINE
async def test_where_the_feed_says_gone_a_stream_resets_and_goes_on_from_0(
    http: ClientSession, place_named: str
) -> None:
    shown = await published(http)
    epoch = (await changes(http))["epoch"]
    async with connected(http, last_id=place_named) as source:
        reset, first = await source.take(2)
        assert reset == Event("reset", f"{epoch}.0", {"epoch": epoch, "after": 0})
        assert told([first]) == [("published", shown)]
        await decide(http, "reject", shown)
        assert told(await source.take(1)) == [("withdrawn", shown)]


async def test_a_database_restored_under_open_streams_resets_them(start: Start, clock: Clock) -> None:
    service = await start(intervals=Intervals(changes=3_600.0), clock=clock, screening="off")
    async with client_of(service.url) as http, connected(http) as source:
        await source.started()
        kept, lost = await published(http), await published(http, body="altro")
        await source.take(2)
        before = source.last_id
        async with service.container.database.write() as connection:
            gone = {"status": "pending", "change_number": None, "change_at": None}
            await connection.execute(update(comments).where(comments.c.id == lost).values(gone))
            await connection.execute(update(change_counters).values(number=1))
            await connection.execute(delete(change_eras).where(change_eras.c.first > 1))
        await service.container.tail.look()
        reset, first = await source.take(2)
        assert reset.kind == "reset"
        assert told([first]) == [("published", kept)]
        await published(http, body="il nuovo secondo")
        await source.take(1)
        assert source.last_id.partition(".")[2] == before.partition(".")[2] == "2"
        async with connected(http, last_id=before) as returned:
            assert [one.kind for one in await returned.take(3)] == ["reset", "message", "message"]


@pytest.mark.parametrize(
    ("query", "headers", "status", "field"),
    [
        ("", {}, 422, "site"),
        ("site=nobody", {}, 403, ""),
        ("site=coop&after=-1", {}, 422, "after"),
        ("site=coop&after=9007199254740993", {}, 422, "after"),
        ("site=coop&after=x.1.2", {}, 422, "after"),
        ("site=coop&after=", {}, 422, "after"),
        ("site=coop&after=1&after=2", {}, 422, "after"),
        ("site=coop", {"Last-Event-ID": "x"}, 422, "Last-Event-ID"),
        ("site=coop", {"Last-Event-ID": f"{'x' * 33}.1"}, 422, "Last-Event-ID"),
    ],
)
@ONE_ENGINE
async def test_a_stream_that_cannot_be_is_refused_with_its_reason(
    http: ClientSession, query: str, headers: dict[str, str], status: int, field: str
) -> None:
    answer = await http.get(f"{STREAM}?{query}", headers=headers)
    problem = await answer.json()
    assert answer.status == status, problem
    assert list(problem.get("errors", {})) == ([field] if field else [])


@ONE_ENGINE
async def test_head_says_what_a_stream_is_and_ends(http: ClientSession, service: Running) -> None:
    answer = await http.head(f"{STREAM}?site=coop")
    assert (answer.status, answer.content_type) == (200, "text/event-stream")
    assert (await http.head(f"{STREAM}?site=nobody")).status == 403
    assert readers(service) == 0


@ONE_ENGINE
async def test_streams_end_with_the_service_and_say_when_to_come_back(start: Start) -> None:
    service = await start()
    async with client_of(service.url) as http, connected(http) as source:
        await source.started()
        source.retry = None
        service.stop.set()
        assert await source.ended() == []
        assert source.retry == 3_000


@ONE_ENGINE
async def test_a_site_that_is_listed_no_more_has_no_stream(
    http: ClientSession, service: Running, tmp_path: Any
) -> None:
    async with connected(http, site="altro") as source:
        await source.started()
        await replace_sites(service, tmp_path, SITES.partition('[[site]]\nid = "altro"')[0])
        assert await source.ended() == []
    assert (await http.get(f"{STREAM}?site=altro")).status == 403


@ONE_ENGINE
async def test_a_quiet_stream_shows_that_it_stands(start: Start) -> None:
    service = await start(intervals=Intervals(streams=StreamTimes(heartbeat=0.05)))
    async with client_of(service.url) as http, connected(http) as source:
        await source.started()
        waiting = asyncio.create_task(source.next())
        await until(lambda: source.comments > 3)
        shown = await published(http)
        event = await waiting
        assert event is not None
        assert told([event]) == [("published", shown)]


@ONE_ENGINE
async def test_streams_stay_open_while_the_database_is_away(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    service = await start(intervals=Intervals(first_backoff=0.05))
    async with client_of(service.url) as http, connected(http) as source:
        await source.started()
        shown = await published(http)
        await source.take(1)
        with monkeypatch.context() as away:

            async def fail(*_: object, **__: object) -> None:
                raise UnavailableError

            away.setattr(change_feed, "after", fail)
            async with connected(http, after="0") as other:
                await decide(http, "reject", shown)
                assert (await http.get("/api/v1/changes?site=coop")).status == 503
                away.undo()
                assert told(await source.take(1)) == [("withdrawn", shown)]
                assert told(await other.take(1)) == [("withdrawn", shown)]


@ONE_ENGINE
async def test_a_reader_who_takes_nothing_holds_little_and_is_sent_away_to_come_back(
    start: Start, clock: Clock
) -> None:
    limits = patient(stream_bytes=500_000)
    times = Intervals(streams=StreamTimes(slow=0.0))
    service = await start(clock=clock, screening="off", limits=limits, intervals=times)
    office = Office(container=service.container, clock=clock, interval=service.container.settings.mail_interval)
    host, _, port = service.url.removeprefix("http://").partition(":")
    with closing(socket.socket()) as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        slow.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(slow, (host, int(port)))
        await loop.sock_sendall(slow, f"GET {STREAM}?site=coop HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        await until(lambda: readers(service) == 1)
        [stream] = [found for found, _ in service.container.web.streams._open.values()]
        async with client_of(service.url) as http, connected(http) as quick:
            await quick.started()
            shown: list[str] = []
            for _ in range(80):
                shown += await office.post(1, body="lungo " * 8_000)
                await office.decide(shown[-1:])
                await quick.take(1)
            log = stream._log
            assert log is not None
            assert log._bytes <= 500_000
            assert readers(service) == 2
            received = bytearray()
            async with asyncio.timeout(PATIENCE):
                while readers(service) == 2 or b"\r\n0\r\n\r\n" not in received[-10:]:
                    received += await loop.sock_recv(slow, 65_536)
            assert received.count(b"retry: 3000") == 2
            last_id = received.rpartition(b"\nid: ")[2].partition(b"\n")[0].decode()
            missed = 80 - int(last_id.partition(".")[2])
            assert missed > 0
            async with connected(http, last_id=last_id) as returned:
                events = await returned.take(missed)
                assert [one.data["comment_id"] for one in events] == shown[-missed:]


async def test_no_text_is_sent_that_was_withdrawn_before(start: Start, clock: Clock, database: Database) -> None:
    del database
    service = await start(clock=clock, screening="off")
    async with client_of(service.url) as http, connected(http) as source:
        await source.started()
        start_id = source.last_id
        first, second = await published(http, body="da ritirare"), await published(http, body="resta")
        await decide(http, "reject", first)
        while (event := await source.next()) is not None and event.data["type"] != "withdrawn":
            pass
        async with connected(http, last_id=start_id) as late:
            events = await late.take(2)
        assert told(events) == [("published", second), ("withdrawn", first)]
        assert "da ritirare" not in str(events)


async def test_what_another_replica_decides_reaches_streams_and_those_who_wait(start: Start) -> None:
    here, there = await start(screening="off"), await start(screening="off")
    async with client_of(here.url) as http, client_of(there.url) as other, connected(http) as source:
        await source.started()
        place = source.last_id.partition(".")
        waiting = asyncio.create_task(changes(http, after=place[2], epoch=place[0], wait="30"))
        await until(lambda: readers(here) == 2)
        shown = await published(other)
        assert told(await source.take(1)) == [("published", shown)]
        assert [one["comment_id"] for one in (await waiting)["changes"]] == [shown]
