"""What is answered at the door differs in nothing from what the handler answers, and is noted as any other."""

import pytest
from aiohttp import ClientResponse, ClientSession

from moderation_service.web.lists import Lists
from tests.factories import PAGE
from tests.mailed import post, press
from tests.running import Running, until
from tests.smtp import MailServer

LIST = "/api/v1/comments"


async def ask(http: ClientSession, method: str = "GET", **headers: str) -> tuple[ClientResponse, bytes]:
    answer = await http.request(method, LIST, params={"page_url": PAGE}, headers=headers)
    return answer, await answer.read()


def said(answer: ClientResponse) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name != "Date"}


@pytest.fixture
async def first(http: ClientSession, smtp: MailServer, service: Running) -> tuple[ClientResponse, bytes]:
    """The list as the handler answers it, with the changes that came before it known to all."""
    posted = await post(http, smtp)
    assert (await press(http, posted.path("approve"))).status == 200
    lists = service.service.context.lists
    found = await ask(http)
    await until(lambda: lists.kept(f"{LIST}?page_url={PAGE}") is not None)
    return found


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
        "X-Content-Type-Options",
    }
    assert {name: answer.headers[name] for name in kept} == {name: held.headers[name] for name in kept}


async def test_only_a_list_asked_for_by_get_is_answered_at_the_door(
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


async def test_the_door_notes_what_it_answers(
    http: ClientSession, service: Running, first: tuple[ClientResponse, bytes]
) -> None:
    assert first

    def count(status_class: int) -> int:
        return service.service.context.metrics.traffic.answers["GET", LIST, status_class].up_to()[-1][1]

    before = count(2)
    answer, _ = await ask(http)
    assert count(2) == before + 1
    held, _ = await ask(http, **{"If-None-Match": answer.headers["ETag"]})
    assert held.status == 304
    assert count(3) == 1
