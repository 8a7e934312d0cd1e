"""Walking a page by threads meets every public comment once, and a comment's own slice shows it."""

import random
from collections import Counter
from dataclasses import dataclass, field, replace
from itertools import pairwise

import pytest
from sqlalchemy import insert, select, update

from moderation_service.domain.comments.comment import Status
from moderation_service.domain.comments.pages import Page
from moderation_service.domain.errors import NotFoundError
from moderation_service.runtime.container import new_id
from moderation_service.services.comments import listing
from moderation_service.services.comments.listing import Listing, Listings, Wanted
from moderation_service.storage.schema import comments, pages
from tests.conftest import Clock, Start
from tests.support.factories import PAGE
from tests.support.office import Office

MOST = 9
"""Comments that threads show at once in these tests."""


@dataclass
class Forest:
    """Comments of one page: what each answers and whether it is public, by id in order of time."""

    page: Page
    parents: dict[str, str | None] = field(default_factory=dict)
    public: set[str] = field(default_factory=set)

    def root(self, one: str) -> str:
        parent = self.parents[one]
        return one if parent is None else self.root(parent)

    def thread(self, root: str) -> list[str]:
        return sorted(one for one in self.public if self.root(one) == root)

    def roots(self, *, newest_first: bool) -> list[str]:
        return sorted({self.root(one) for one in self.public}, reverse=newest_first)


@pytest.fixture
async def office(start: Start, clock: Clock) -> Office:
    service = (await start(clock=clock, screening="off")).container
    return Office(container=service, clock=clock, interval=service.settings.mail_interval)


async def planted(office: Office, name: str, chance: random.Random, size: int, *, lone: float) -> Forest:
    """Store comments of which each answers one before it or, by the chance `lone`, none."""
    page = office.container.directory.page_of(f"{PAGE}/{name}")
    forest = Forest(page)
    rows = []
    for _ in range(size):
        parent = None if not forest.parents or chance.random() < lone else chance.choice([*forest.parents])
        one = new_id()
        forest.parents[one] = parent
        if chance.random() < 0.8:
            forest.public.add(one)
        rows.append(
            {
                "id": one,
                "site_id": page.site_id,
                "page_id": page.id,
                "parent_id": parent,
                "root_id": forest.root(one),
                "status": Status.APPROVED if one in forest.public else Status.REJECTED,
                "revision": 1,
                "author_name": "Giuliana",
                "body": "x" * chance.randrange(1, 300),
                "body_html": "<p>x</p>",
                "renderer": 1,
                "spam_score": 0,
                "spam_reasons": "",
                "created_at": office.clock.now,
                "changed_at": office.clock.now,
            }
        )
    async with office.database.write() as connection:
        values = {"id": page.id, "site_id": page.site_id, "url": page.url, "created_at": office.clock.now}
        await connection.execute(insert(pages).values(values))
        await connection.execute(insert(comments), rows)
    return forest


async def walked(listings: Listings, page: Page, wanted: Wanted) -> list[Listing]:
    """All slices, by what each says is behind it."""
    found = [await listings.read(page, wanted)]
    while found[-1].next_after is not None:
        found.append(await listings.read(page, replace(wanted, after=found[-1].next_after)))
    return found


def ids(found: Listing) -> list[str]:
    return [one.id for one in found.comments]


async def checked(listings: Listings, forest: Forest, wanted: Wanted) -> list[Listing]:
    """All slices of threads, when they hold what they should and what is left of a thread was found behind it."""
    slices = await walked(listings, forest.page, wanted)
    seen: list[str] = []
    order: list[str] = []
    for one in slices:
        assert one.threads is not None
        assert 1 <= len(one.threads) <= wanted.limit
        assert len(one.comments) <= MOST
        assert ids(one) == [each.id for thread in one.threads for each in thread.comments]
        for thread in one.threads:
            whole = forest.thread(thread.root_id)
            shown = [each.id for each in thread.comments]
            assert thread.total == len(whole)
            rest = replace(wanted, thread=shown[0], after=shown[-1])
            left = [each for part in await walked(listings, forest.page, rest) for each in ids(part)]
            assert (shown + left, len(left)) == (whole, thread.left)
            seen += whole
            order.append(thread.root_id)
    assert order == forest.roots(newest_first=wanted.newest_first)
    assert Counter(seen) == Counter(forest.public)
    assert {one.count for one in slices} == {len(seen)}
    return slices


@pytest.mark.parametrize("largest", [1_000_000, 2_000])
async def test_every_public_comment_is_met_once_and_stands_on_its_own_slice(office: Office, largest: int) -> None:
    chance = random.Random(largest)  # noqa: S311 - the same examples each time
    container = office.container
    listings = Listings(
        container.database,
        container.directory,
        container.page_addresses,
        clock=office.clock,
        most=MOST,
        largest=largest,
    )
    for number, lone in enumerate([1.0, 0.5, 0.3, 0.1, 0.02]):
        forest = await planted(office, str(number), chance, 40, lone=lone)
        for limit, newest_first in [(1, False), (3, True), (4, False), (MOST, True)]:
            wanted = Wanted(limit=limit, newest_first=newest_first, by_threads=True)
            slices = await checked(listings, forest, wanted)
            assert slices[0].previous_after is None
            for before, one in pairwise(slices):
                back = await listings.read(forest.page, replace(wanted, after=one.previous_after))
                assert ids(back) == ids(before) or largest < 1_000_000
            flat = replace(wanted, by_threads=False)
            walks = [slices, await walked(listings, forest.page, flat)]
            for around in chance.sample(sorted(forest.public), 5):
                for asked, walk in zip((wanted, flat), walks, strict=True):
                    shown = await listings.read(forest.page, replace(asked, around=around))
                    assert around in ids(shown)
                    is_walked = ids(shown) in [ids(one) for one in walk]
                    assert is_walked or shown.thread == forest.root(around) or largest < 1_000_000
        for nobody in (new_id(), *(one for one in forest.parents if one not in forest.public)):
            with pytest.raises(NotFoundError):
                await listings.read(forest.page, Wanted(limit=5, by_threads=True, around=nobody))


async def test_comments_of_the_version_before_find_their_threads(office: Office) -> None:
    forest = await planted(office, "a", random.Random(2), 30, lone=0.2)  # noqa: S311 - the same example each time
    replies = [one for one, parent in forest.parents.items() if parent is not None]
    async with office.database.write() as connection:
        await connection.execute(update(comments).where(comments.c.id.in_(replies)).values(root_id=None))
    await listing.find_roots(office.database)
    async with office.database.read() as connection:
        rows = await connection.execute(select(comments.c.id, comments.c.root_id))
        assert {row.id: row.root_id for row in rows} == {one: forest.root(one) for one in forest.parents}


async def test_a_reply_is_of_the_thread_of_what_it_answers(office: Office) -> None:
    [first, other] = await office.post(2)
    await office.decide([first, other])
    [below] = await office.post(parent_id=first)
    await office.decide([below])
    [deepest] = await office.post(parent_id=below)
    await office.decide([deepest])
    page = office.container.directory.page_of(PAGE)
    wanted = Wanted(limit=5, by_threads=True)
    assert ids(await office.container.web.listings.read(page, wanted)) == [first, below, deepest, other]
    async with office.database.write() as connection:
        await connection.execute(update(comments).where(comments.c.id == first).values(status=Status.REJECTED))
    shown = await office.container.web.listings.read(page, wanted)
    assert ids(shown) == [below, deepest, other]
    assert ids(await office.container.web.listings.read(page, replace(wanted, thread=first))) == [below, deepest]
