"""What authors, readers and moderators may send counts at both of two replicas as one, also at the same moment."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable
from contextlib import AsyncExitStack
from ipaddress import ip_address
from typing import Any

import pytest
from aiohttp import ClientSession
from sqlalchemy import ColumnElement, func, insert, select

from moderation_service.domain.comments.notices import PROOFS_OF_ADDRESS, PROOFS_OF_NETWORK
from moderation_service.domain.keys import KeyRing
from moderation_service.domain.screening import networks
from moderation_service.runtime import container
from moderation_service.services.accounts.logins import MAILS_PER_WINDOW, REQUESTS_PER_WINDOW
from moderation_service.storage.engine.database import Database
from moderation_service.storage.schema import author_mails, logins
from tests.conftest import Clock, Start
from tests.support.contract import client_of
from tests.support.factories import SECRET, SITES
from tests.support.posting import COMMENTS, decide, path_of, post

MOST = 4
MORE = MOST + 4
Pair = tuple[ClientSession, ClientSession]


@pytest.fixture
async def pair(start: Start, clock: Clock, environ: dict[str, str]) -> AsyncIterator[Pair]:
    """Clients of two replicas of a site whose networks may send little."""
    rules = f"[site.screening]\nposts_per_network = {MOST}\n\n[[site.moderator]]"
    with open(environ["MODERATION_SITES"], "w", encoding="utf-8") as file:  # noqa: ASYNC230, PTH123 - nothing runs yet
        file.write(SITES.replace("[[site.moderator]]", rules, 1))
    async with AsyncExitStack() as stack:
        services = [await start(clock=clock, trusted_proxies="127.0.0.1/32") for _ in range(2)]
        clients = [await stack.enter_async_context(client_of(one.url)) for one in services]
        yield clients[0], clients[1]


def coming_from(network: int) -> dict[str, str]:
    """The header of a client of a network that has nothing in common with others."""
    return {"X-Forwarded-For": f"10.{network}.0.1"}


def network_hash(network: int) -> str:
    """What stands for a client's network at the site."""
    client = networks.network(ip_address(coming_from(network)["X-Forwarded-For"]))
    return networks.network_hashes(KeyRing((SECRET,)), "coop", client)[0]


async def posted(http: ClientSession, count: int, **changed: Any) -> list[dict[str, Any]]:
    """Comments, each from a network of its own."""
    return [
        await post(http, body=f"numero {one}", headers=coming_from(100 + one), **changed) for one in range(count)
    ]


async def statuses(requests: list[Awaitable[Any]]) -> Counter[int]:
    """How requests that are sent at one moment are answered."""
    return Counter(answer.status for answer in await asyncio.gather(*requests))


async def counted(database: Database, column: ColumnElement[Any]) -> int:
    async with database.read() as connection:
        return (await connection.execute(select(func.count(column)))).scalar_one()


async def test_reports_edits_and_objections_count_as_posts_of_a_network_at_both(pair: Pair) -> None:
    found = await posted(pair[0], MORE)
    await decide(pair[0], "approve", *(one["id"] for one in found))

    reports: list[Awaitable[Any]] = [
        pair[number % 2].post(
            f"{COMMENTS}/{one['id']}/reports",
            json={"reason": "insult", "explanation": f"Offesa {number}."},
            headers=coming_from(1),
        )
        for number, one in enumerate(found)
    ]
    assert await statuses(reports) == {202: MOST, 429: MORE - MOST}

    edits: list[Awaitable[Any]] = [
        pair[number % 2].patch(path_of(one), json={"body": f"altro {number}"}, headers=coming_from(2))
        for number, one in enumerate(found)
    ]
    assert await statuses(edits) == {200: MOST, 429: MORE - MOST}

    await decide(pair[0], "spam", *(one["id"] for one in found))
    await decide(pair[0], "reject", *(one["id"] for one in found))
    objections: list[Awaitable[Any]] = [
        pair[number % 2].post(f"{path_of(one)}/objection", json={"text": "Perché?"}, headers=coming_from(3))
        for number, one in enumerate(found)
    ]
    assert await statuses(objections) == {200: MOST, 429: MORE - MOST}
    assert (await pair[1].post(COMMENTS, json={}, headers=coming_from(4))).status == 422, "others are free"


async def test_mails_with_links_to_ones_data_are_limited_by_address_and_network_at_both(
    pair: Pair, database: Database, clock: Clock
) -> None:
    [own] = await posted(pair[0], 1)
    wishes: list[Awaitable[Any]] = [
        pair[number % 2].post(
            f"{path_of(own)}/personal-data", json={"wish": "export"}, headers=coming_from(number)
        )
        for number in range(PROOFS_OF_ADDRESS + 5)
    ]
    assert await statuses(wishes) == {202: len(wishes)}, "nobody learns whether a mail is sent"
    assert await counted(database, author_mails.c.id) == PROOFS_OF_ADDRESS

    limited = 3
    async with database.write() as connection:
        await connection.execute(
            insert(author_mails),
            [
                {
                    "id": container.new_id(),
                    "comment_id": own["id"],
                    "site_id": "coop",
                    "address_hash": str(number),
                    "network_hash": network_hash(99),
                    "at": clock(),
                }
                for number in range(PROOFS_OF_NETWORK - limited)
            ],
        )
    found = [
        await post(pair[0], body=f"di {one}", headers=coming_from(one), author_email=f"autrice{one}@example.com")
        for one in range(limited + 5)
    ]
    more: list[Awaitable[Any]] = [
        pair[number % 2].post(f"{path_of(one)}/personal-data", json={"wish": "erase"}, headers=coming_from(99))
        for number, one in enumerate(found)
    ]
    assert await statuses(more) == {202: len(more)}
    assert await counted(database, author_mails.c.id) == PROOFS_OF_ADDRESS + PROOFS_OF_NETWORK


async def test_log_ins_are_limited_by_address_and_network_at_both(pair: Pair, database: Database) -> None:
    def asked(email: str, network: int, number: int) -> Awaitable[Any]:
        return pair[number % 2].post("/desk/login", data={"email": email}, headers=coming_from(network))

    of_anna = [asked("anna@example.org", number, number) for number in range(MAILS_PER_WINDOW + 5)]
    assert await statuses(of_anna) == {200: len(of_anna)}
    assert await counted(database, logins.c.person_id) == MAILS_PER_WINDOW

    of_many = [asked(f"nessuno{number}@example.org", 99, number) for number in range(REQUESTS_PER_WINDOW + 10)]
    assert await statuses(of_many) == {200: REQUESTS_PER_WINDOW, 429: 10}
