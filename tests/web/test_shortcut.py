"""What is answered before a route is looked for is what the handler answers, log line included."""

import asyncio
import re
from urllib.parse import urlsplit

import pytest
from aiohttp import ClientResponse, ClientSession

from moderation_service.web.cache.kept_answers import KeptAnswers
from moderation_service.web.cache.kept_pages import KeptPages
from moderation_service.web.cache.lists import Lists
from tests.support.cases import one_engine
from tests.support.counting import counted
from tests.support.factories import PAGE
from tests.support.mailed import post, press
from tests.support.running import Running, until
from tests.support.smtp import MailServer

LIST = "/api/v1/comments"


async def ask(http: ClientSession, method: str = "GET", **headers: str) -> tuple[ClientResponse, bytes]:
    answer = await http.request(method, LIST, params={"page_url": PAGE}, headers=headers)
    return answer, await answer.read()


def answered(service: Running, route: str, status: str) -> float:
    return counted(
        service.container.metrics, "moderation_http_answer_seconds_count", method="GET", route=route, status=status
    )


def said(answer: ClientResponse) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name != "Date"}


@pytest.fixture
async def first(http: ClientSession, smtp: MailServer, service: Running) -> tuple[ClientResponse, bytes]:
    """The list as the handler answers it, with the changes that came before it known to all."""
    posted = await post(http, smtp)
    assert (await press(http, posted.path("approve"))).status == 200
    lists = service.container.web.lists
    found = await ask(http)
    await until(lambda: lists.kept(f"{LIST}?page_url={PAGE}") is not None)
    return found


@one_engine
async def test_the_second_answer_is_the_first_one_again(
    http: ClientSession, first: tuple[ClientResponse, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    answer, body = first

    async def fail(*_: object) -> None:
        raise AssertionError("the handler was asked")

    monkeypatch.setattr(Lists, "answer", fail)
    again, same = await ask(http)
    assert (again.status, same) == (200, body)
    assert said(again) == said(answer)
    held, nothing = await ask(http, **{"If-None-Match": answer.headers["ETag"]})
    assert (held.status, nothing) == (304, b"")
    kept = {
        "ETag",
        "Cache-Control",
        "Last-Modified",
        "Vary",
        "Access-Control-Allow-Origin",
        "Access-Control-Expose-Headers",
        "X-Content-Type-Options",
    }
    assert {name: answer.headers[name] for name in kept} == {name: held.headers[name] for name in kept}


@one_engine
async def test_only_a_list_asked_for_by_get_is_answered_before_routing(
    http: ClientSession, first: tuple[ClientResponse, bytes]
) -> None:
    answer, body = first
    head, nothing = await ask(http, "HEAD")
    assert (head.status, nothing) == (200, b"")
    assert head.headers["ETag"] == answer.headers["ETag"]
    assert int(head.headers["Content-Length"]) == len(body)
    for method in ("PUT", "DELETE", "PATCH"):
        refused, _ = await ask(http, method)
        assert refused.status == 405
    options, _ = await ask(http, "OPTIONS")
    assert options.status == 204


@one_engine
async def test_what_is_answered_before_routing_is_logged(
    http: ClientSession, service: Running, first: tuple[ClientResponse, bytes]
) -> None:
    assert first

    def count(status: str) -> float:
        return answered(service, LIST, status)

    before = count("2xx")
    answer, _ = await ask(http)
    assert count("2xx") == before + 1
    held, _ = await ask(http, **{"If-None-Match": answer.headers["ETag"]})
    assert held.status == 304
    assert count("3xx") == 1


@one_engine
async def test_a_page_of_comments_that_is_in_memory_is_answered_before_routing(
    http: ClientSession, service: Running, first: tuple[ClientResponse, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert first
    german = {"Accept-Language": "de"}
    made = await http.get("/comments", params={"page_url": PAGE}, headers=german)
    body = await made.read()
    kept_pages = service.container.web.kept_pages
    await until(lambda: kept_pages.kept(f"/comments?page_url={PAGE}", "de") is not None)

    async def fail(*_: object) -> None:
        raise AssertionError("the handler was asked")

    monkeypatch.setattr(KeptPages, "answer", fail)
    again = await http.get("/comments", params={"page_url": PAGE}, headers=german)
    assert (again.status, await again.read()) == (200, body)
    assert said(again) == said(made)
    assert answered(service, "/comments", "2xx") == 2


@one_engine
@pytest.mark.parametrize(
    "target",
    [
        f"/api/v1/counts?page_url={PAGE}",
        "/api/v1/pages?site=coop",
        "/api/v1/latest?site=coop",
        "/feeds/atom?site=coop",
        f"/embed/comments.html?page_url={PAGE}",
    ],
)
async def test_what_is_the_same_for_every_reader_is_answered_at_the_door(
    http: ClientSession,
    service: Running,
    first: tuple[ClientResponse, bytes],
    target: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert first
    made = await http.get(target)
    body = await made.read()
    kept = service.container.web.kept_answers
    await until(lambda: kept.kept(target) is not None)

    async def fail(*_: object) -> None:
        raise AssertionError("the handler was asked")

    monkeypatch.setattr(KeptAnswers, "answer", fail)
    again = await http.get(target)
    assert (again.status, await again.read()) == (200, body)
    assert said(again) == said(made)
    held = await http.get(target, headers={"If-None-Match": made.headers["ETag"]})
    assert held.status == 304
    assert answered(service, target.partition("?")[0], "2xx") == 2


async def connected(service: Running) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    parts = urlsplit(service.url)
    assert parts.hostname
    return await asyncio.open_connection(parts.hostname, parts.port)


@pytest.mark.parametrize(("version", "header"), [("1.0", "X: x"), ("1.1", "Connection: close")])
async def test_who_wants_one_answer_from_memory_gets_one_and_the_end(
    service: Running, first: tuple[ClientResponse, bytes], version: str, header: str
) -> None:
    answer, body = first
    reader, writer = await connected(service)
    writer.write(f"GET {LIST}?page_url={PAGE} HTTP/{version}\r\nHost: x\r\n{header}\r\n\r\n".encode())
    head, _, rest = (await reader.read()).partition(b"\r\n\r\n")
    assert b" 200 OK\r\n" in head
    assert f"ETag: {answer.headers['ETag']}".encode() in head
    assert rest == body
    writer.close()


async def test_who_asks_for_much_and_takes_nothing_is_waited_for(
    http: ClientSession, service: Running, smtp: MailServer
) -> None:
    """What was answered and is not taken would fill the memory."""
    long = await post(http, smtp, body="lungo " * 8_000)
    assert (await press(http, long.path("approve"))).status == 200
    target = f"{LIST}?page_url={PAGE}"
    await http.get(target)
    await until(lambda: service.container.web.lists.kept(target) is not None)
    reader, writer = await connected(service)
    asked = 300
    writer.write(f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode() * asked)

    async def is_at_rest() -> bool:
        """Whether nothing more was answered while as many others asked."""
        before = answered(service, LIST, "2xx")
        for _ in range(20):
            await http.get("/health/live")
        return before == answered(service, LIST, "2xx")

    await until(is_at_rest)
    assert 1 < answered(service, LIST, "2xx") < asked
    for _ in range(asked):
        head = await reader.readuntil(b"\r\n\r\n")
        [length] = re.findall(rb"Content-Length: (\d+)", head)
        await reader.readexactly(int(length))
    writer.close()
