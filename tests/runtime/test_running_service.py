"""What only a service as it is put together shows: its workers run, and its limits are those that it was given."""

import asyncio
import contextlib
import shutil
import sqlite3
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from babel.messages import pofile
from babel.messages.catalog import Catalog
from sqlalchemy import select

from moderation_service import locales
from moderation_service.storage.engine.database import Database
from moderation_service.storage.engine.group_commit import GroupCommit
from moderation_service.storage.schema import deliveries
from moderation_service.web.cache.answers import MEGABYTE
from moderation_service.web.http.timeouts import ClientTimeouts
from tests.conftest import Start
from tests.support import misbehaving_smtp
from tests.support.cases import only_sqlite
from tests.support.contract import client_of
from tests.support.counting import counted
from tests.support.factories import a_submission, bearer
from tests.support.processes import served
from tests.support.running import Running, until
from tests.support.time_limits import PATIENCE

HEAD = b"GET /health/live HTTP/1.1\r\nHost: x\r\n"


@asynccontextmanager
async def connection(service: Running) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    at = urlsplit(service.url)
    reader, writer = await asyncio.open_connection(at.hostname, at.port)
    try:
        yield reader, writer
    finally:
        writer.close()


def test_what_clients_usually_have() -> None:
    assert ClientTimeouts() == ClientTimeouts(head=10.0, body=30.0, keep_alive=75.0)


@only_sqlite
async def test_catalogues_are_read_before_serving_and_beside_the_event_loop(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_by: list[int] = []

    def read_po(*arguments: Any, **options: Any) -> Catalog:
        read_by.append(threading.get_ident())
        return pofile.read_po(*arguments, **options)

    monkeypatch.setattr(locales, "read_po", read_po)
    locales._catalogue.cache_clear()
    service = await start()
    assert len(read_by) == len(locales.LANGUAGES) - 1
    assert threading.get_ident() not in read_by
    async with client_of(service.url) as http:
        for language in locales.LANGUAGES:
            assert (await http.get("/desk/login", headers={"Accept-Language": language})).status == 200
    assert len(read_by) == len(locales.LANGUAGES) - 1


@only_sqlite
async def test_half_a_head_is_closed_by_the_running_service(start: Start) -> None:
    service = await start(timeouts=ClientTimeouts(head=0.1))
    async with connection(service) as (reader, writer):
        writer.write(HEAD)
        assert await asyncio.wait_for(reader.read(), PATIENCE) == b""


@only_sqlite
async def test_a_connection_is_kept_alive_as_long_as_the_service_says(start: Start) -> None:
    service = await start(timeouts=ClientTimeouts(keep_alive=0.1))
    async with connection(service) as (reader, writer):
        writer.write(HEAD + b"\r\n")
        assert b" 200 " in await asyncio.wait_for(reader.read(), PATIENCE)


@only_sqlite
async def test_a_copy_of_the_file_beside_a_running_service_is_complete(start: Start, place: str) -> None:
    service = await start()
    path = Path(place.removeprefix("sqlite:///"))

    def ids_in_a_copy() -> list[str]:
        copy = Path(shutil.copy(path, path.with_name("copy.db")))
        with contextlib.closing(sqlite3.connect(copy)) as file:
            return [row[0].replace("-", "") for row in file.execute("SELECT id FROM comments")]

    async with client_of(service.url) as http:
        for number in range(2):
            answer = await http.post("/api/v1/comments", json=a_submission(body=f"numero {number}"))
            comment_id = (await answer.json())["id"].replace("-", "")

            def is_there(one: str = comment_id) -> bool:
                return one in ids_in_a_copy()

            await until(is_there)


@only_sqlite
@pytest.mark.parametrize("megabytes", [1, 64])
async def test_the_cache_holds_as_much_as_it_was_given(start: Start, megabytes: int) -> None:
    service = await start(screening="off", cache_mb=str(megabytes))
    lists = 8
    async with client_of(service.url) as http:
        targets = []
        for number in range(lists):
            page_url = f"https://www.example.org/{number}"
            ids = []
            for one in range(4):
                wanted = a_submission(page_url=page_url, body=f"{number} {one} " + "parola " * 8_500)
                ids.append((await (await http.post("/api/v1/comments", json=wanted)).json())["id"])
            decisions = {"decisions": [{"id": one, "decision": "approve"} for one in ids]}
            await http.post("/api/v1/moderation/decisions", json=decisions, headers=bearer())
            targets.append(f"/api/v1/comments?page_url={page_url}")
        context = service.container.web
        for target in targets:

            async def is_kept(target: str = target) -> bool:
                await (await http.get(target)).read()
                return context.lists.kept(target) is not None

            await until(is_kept)
        kept = [context.lists.kept(target) is not None for target in targets]
        assert 0 < counted(context.metrics, "moderation_page_cache_bytes") <= megabytes * MEGABYTE
        assert kept[-1]
        assert all(kept) is (megabytes == 64)


async def test_a_comment_waits_five_seconds_for_its_transaction(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def accept(*_: object) -> list[int]:
        return [1]

    writer: GroupCommit[int, int] = GroupCommit(database, accept)
    loop = asyncio.get_running_loop()
    seconds: list[float] = []
    later = loop.call_later

    def call_later(delay: float, *arguments: object, **named: object) -> asyncio.TimerHandle:
        seconds.append(delay)
        return later(delay, *arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(loop, "call_later", call_later)
    submitting = asyncio.create_task(writer.submit(1))
    await asyncio.sleep(0)
    assert seconds == [5.0]
    submitting.cancel()


async def test_a_log_in_that_is_being_mailed_is_free_for_others_when_its_process_is_stopped(
    environ: dict[str, str], database: Database
) -> None:
    async def leases() -> list[tuple[str | None, object]]:
        async with database.read() as reading:
            rows = await reading.execute(select(deliveries.c.lease_token, deliveries.c.sent_at))
            return [(row.lease_token, row.sent_at) for row in rows]

    async def is_leased() -> bool:
        return any(token for token, _ in await leases())

    async with (
        misbehaving_smtp.never_answers() as mail_server,
        served(environ | {"MODERATION_SMTP_URL": mail_server.url}) as process,
    ):
        async with client_of(process.url) as http:
            assert (await http.post("/desk/login", data={"email": "anna@example.org"})).status == 200
        await until(is_leased)
        assert await process.stop() == 0
        assert await leases() == [(None, None)]
