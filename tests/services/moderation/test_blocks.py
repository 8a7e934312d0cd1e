"""Blocks in the service: kept encrypted, followed by every process, made of comments, and forgotten."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from ipaddress import ip_address
from typing import Any

import pytest
from sqlalchemy import select

from moderation_service.domain.accounts.sites import Site
from moderation_service.domain.errors import FieldsInvalidError, NotFoundError
from moderation_service.domain.moderation.blocks import Block, BlockKind
from moderation_service.domain.moderation.decisions import Actor, Channel
from moderation_service.domain.screening.assessment import Verdict
from moderation_service.runtime.container import new_id
from moderation_service.services.moderation.blocks import Blocks, Terms
from moderation_service.services.operations import retention
from moderation_service.storage.schema import blocks, comment_networks
from tests.conftest import Clock
from tests.support import office as offices
from tests.support.candidates import a_candidate
from tests.support.factories import ADDRESS, OTHER_PAGE, OTHER_SECRET, SECRET
from tests.support.office import Office
from tests.support.threads import no_thread_free
from tests.support.time_limits import PATIENCE

NOBODY = Terms(ends_at=None, reason=None, actor=Actor(channel=Channel.API))
KINDS = [BlockKind.ADDRESS, BlockKind.NETWORK, BlockKind.DOMAIN]


@pytest.fixture
async def office(environ: dict[str, str], clock: Clock) -> AsyncIterator[Office]:
    async with offices.opened(environ, clock, screening="on") as opened:
        yield opened


def site_of(office: Office, site_id: str = "coop") -> Site:
    site = office.container.directory.sites.get(site_id)
    assert site is not None
    return site


def a_replica(office: Office, **changed: Any) -> Blocks:
    return Blocks(office.database, office.container.keys, clock=office.clock, new_id=new_id, **changed)


async def refused(office: Office, replica: Blocks, **candidate: Any) -> bool:
    """Whether a process refuses a comment once it has looked what others blocked."""
    await replica.refresh()
    asked = {"site": site_of(office), "at": office.clock()} | candidate
    return replica.look(a_candidate(**asked)).verdict is Verdict.REFUSED


async def listed(office: Office) -> list[Block]:
    sites = office.container.directory.sites
    return (await office.container.blocks.listed(sites, limit=100)).blocks


async def test_every_process_follows_what_another_blocks_and_lifts(office: Office) -> None:
    mine, other = office.container.blocks, a_replica(office)
    assert not await refused(office, other, body="casino")
    word = await mine.add(site_of(office), BlockKind.WORD, "Casino", NOBODY)
    assert await refused(office, other, body="casino")
    assert await refused(office, mine, body="casino")
    assert not await refused(office, other, body="casino", site=site_of(office, "altro"))
    await mine.add(site_of(office), BlockKind.DOMAIN, "spam.example", NOBODY)
    with pytest.raises(NotFoundError):
        await other.lift([site_of(office, "altro")], word.id, actor=NOBODY.actor)
    assert await refused(office, other, body="casino")
    await other.lift([site_of(office)], word.id, actor=NOBODY.actor)
    with pytest.raises(NotFoundError):
        await mine.lift([site_of(office)], word.id, actor=NOBODY.actor)
    assert not await refused(office, mine, body="casino")
    assert await refused(office, mine, body="https://spam.example")


async def test_addresses_and_networks_are_encrypted_and_found_under_every_listed_key(
    environ: dict[str, str], clock: Clock
) -> None:
    async with offices.opened(environ, clock) as office:
        site = site_of(office)
        await office.container.blocks.add(site, BlockKind.ADDRESS, "spammer.canary@example.com", NOBODY)
        await office.container.blocks.add(site, BlockKind.NETWORK, "203.0.113.64/26", NOBODY)
        async with office.database.read() as connection:
            rows = [str(row) for row in await connection.execute(select(blocks))]
        assert not [row for row in rows if "canary" in row or "203.0.113" in row]
    later = environ | {"MODERATION_SECRET_KEYS": f"{OTHER_SECRET},{SECRET}"}
    async with offices.opened(later, clock) as office:
        mine = office.container.blocks
        assert await refused(office, mine, author_email="Spammer.canary@example.com")
        assert await refused(office, mine, client_address=ip_address("203.0.113.66"))
        again = Terms(ends_at=clock() + timedelta(days=1), reason="di nuovo", actor=NOBODY.actor)
        await mine.add(site_of(office), BlockKind.ADDRESS, "spammer.CANARY@example.com", again)
        assert [(one.kind, one.reason) for one in await listed(office)] == [
            (BlockKind.ADDRESS, "di nuovo"),
            (BlockKind.NETWORK, None),
        ]
        assert [one.value for one in await listed(office)] == ["spammer.CANARY@example.com", "203.0.113.64/26"]


async def test_the_same_blocked_again_takes_the_place_of_the_block_before(office: Office) -> None:
    mine, site = office.container.blocks, site_of(office)
    for word in ("Casino", "ＣＡＳＩＮＯ"):
        await mine.add(site, BlockKind.WORD, word, NOBODY)
    await mine.add(site_of(office, "altro"), BlockKind.WORD, "casino", NOBODY)
    assert [(one.site_id, one.value) for one in await listed(office)] == [
        ("altro", "casino"),
        ("coop", "ＣＡＳＩＮＯ"),
    ]


async def test_a_comment_is_blocked_by_where_it_came_from_and_leads_to(office: Office) -> None:
    mine, site = office.container.blocks, site_of(office)
    [comment] = await office.post(body="https://www.spam.example/x e https://altro.example")
    [bare] = await office.post(body="ciao", author_email=None)
    made = await mine.add_from_comment(site, comment, KINDS, NOBODY, domains=["spam.example", "else.example"])
    assert [(one.kind, one.value) for one in made] == [
        (BlockKind.ADDRESS, ADDRESS),
        (BlockKind.NETWORK, None),
        (BlockKind.DOMAIN, "spam.example"),
    ]
    assert await refused(office, mine, author_email=ADDRESS)
    assert await refused(office, mine, network="192.0.2.0/24", client_address=ip_address("192.0.2.7"))
    assert await refused(office, mine, author_url="https://spam.example")
    assert not await refused(office, mine, body="https://altro.example", network="198.51.100.0/24")
    everything = await mine.add_from_comment(site, comment, [BlockKind.DOMAIN], NOBODY)
    assert [one.value for one in everything] == ["altro.example", "spam.example"]
    assert len(await listed(office)) == 4
    for kinds in ([], [BlockKind.ADDRESS], [BlockKind.DOMAIN], [BlockKind.WORD]):
        with pytest.raises(FieldsInvalidError):
            await mine.add_from_comment(site, bare, kinds, NOBODY)


async def test_threads_that_hang_elsewhere_hold_no_block_up(office: Office) -> None:
    async with no_thread_free(), asyncio.timeout(PATIENCE):
        [comment] = await office.post(body="https://spam.example")
        await office.container.blocks.add(site_of(office), BlockKind.WORD, "casino", NOBODY)
        origin = await office.container.blocks.origin(site_of(office), comment)
    assert origin.domains == ["spam.example"]


async def test_a_comment_of_another_site_tells_nothing(office: Office) -> None:
    [theirs] = await office.post(page_url=OTHER_PAGE)
    with pytest.raises(NotFoundError):
        await office.container.blocks.add_from_comment(site_of(office), theirs, [BlockKind.ADDRESS], NOBODY)


async def test_networks_are_forgotten_after_their_days_and_blocks_a_month_after_their_end(
    office: Office, clock: Clock
) -> None:
    mine, site = office.container.blocks, site_of(office)
    [comment] = await office.post()
    ends = Terms(ends_at=clock() + timedelta(days=1), reason=None, actor=NOBODY.actor)
    await mine.add(site, BlockKind.WORD, "casino", ends)
    await mine.add(site, BlockKind.WORD, "bingo", NOBODY)
    clock.advance(days=29)
    await retention.forget(office.database, clock(), sites=office.container.directory.sites)
    assert BlockKind.NETWORK in (await mine.origin(site, comment)).kinds
    assert len(await listed(office)) == 2
    assert not await refused(office, mine, body="casino")
    clock.advance(days=2, seconds=1)
    await retention.forget(office.database, clock(), sites=office.container.directory.sites)
    assert (await mine.origin(site, comment)).kinds == [BlockKind.ADDRESS]
    assert [one.value for one in await listed(office)] == ["bingo"]
    async with office.database.read() as connection:
        assert not list(await connection.execute(select(comment_networks)))


async def test_a_site_has_so_many_blocks_and_no_more(office: Office) -> None:
    few = a_replica(office, most_of_site=2)
    for word in ("uno", "due", "due"):
        await few.add(site_of(office), BlockKind.WORD, word, NOBODY)
    with pytest.raises(FieldsInvalidError):
        await few.add(site_of(office), BlockKind.WORD, "tre", NOBODY)
    assert len(await listed(office)) == 2
