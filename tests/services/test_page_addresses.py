"""Comments that are stored under the page ids of an older rule are found from the start, and brought along."""

from collections.abc import AsyncIterator, Sequence
from uuid import UUID

import pytest
from sqlalchemy import func, insert, select, update

from moderation_service.domain import pages as rules
from moderation_service.domain.comments import Status
from moderation_service.services import page_addresses
from moderation_service.services.page_addresses import PageAddresses
from moderation_service.storage import changes
from moderation_service.storage.database import Database
from moderation_service.storage.tables import comments, pages
from tests.conftest import Clock
from tests.office import Office, opened

FORMER = "https://www.example.org/%7Ecaff%e8"
TODAY = rules.canonical("https://www.example.org/~caffè")
PAGE = rules.page("coop", TODAY)


@pytest.fixture
async def office(environ: dict[str, str], clock: Clock) -> AsyncIterator[Office]:
    async with opened(environ, clock) as found:
        yield found


@pytest.fixture
def addresses(office: Office) -> PageAddresses:
    return office.service.context.page_addresses


async def put_back(database: Database, ids: Sequence[str], former_id: str = str(UUID(int=7))) -> str:
    """Store comments as the version before did: under the id of an address that it took for another page."""
    async with database.write() as connection:
        row = (await connection.execute(select(pages).where(pages.c.id == PAGE.id))).one()
        values = {"id": former_id, "site_id": "coop", "url": FORMER, "created_at": row.created_at}
        await connection.execute(insert(pages).values(values))
        await connection.execute(update(comments).where(comments.c.id.in_(ids)).values(page_id=former_id))
    return former_id


async def stored(database: Database) -> dict[str, int]:
    """How many comments stand under each page's id."""
    async with database.read() as connection:
        query = select(pages.c.id, func.count(comments.c.id)).outerjoin(comments, comments.c.page_id == pages.c.id)
        rows = await connection.execute(query.group_by(pages.c.id))
        return {row[0]: row[1] for row in rows}


async def test_comments_under_a_former_id_move_to_their_page_and_change_for_its_readers(
    office: Office, addresses: PageAddresses
) -> None:
    ids = await office.post(3, page_url=TODAY)
    await office.decide(ids[:2])
    former_id = await put_back(office.database, ids)
    assert await stored(office.database) == {PAGE.id: 0, former_id: 3}
    async with office.database.read() as connection:
        before = (await changes.counters(connection))["coop"]
    await addresses.bring_along()
    assert addresses.is_settled
    assert await stored(office.database) == {PAGE.id: 3}
    async with office.database.read() as connection:
        changed = await changes.after(connection, "coop", before, limit=10, largest=1_000_000)
        states = await connection.execute(select(comments.c.status).order_by(comments.c.id))
        assert [*states.scalars()] == [Status.APPROVED, Status.APPROVED, Status.PENDING]
    assert [one.comment_id for one in changed] == ids[:2]
    assert {one.page_url for one in changed} == {PAGE.url}


async def test_until_they_moved_they_are_found_under_both_ids(office: Office, addresses: PageAddresses) -> None:
    ids = await office.post(2, page_url=TODAY)
    former_id = await put_back(office.database, ids[:1])
    assert await addresses.ids_of(PAGE.id) == [PAGE.id], "as an older version beside this one has just written it"
    await addresses.prepare()
    assert not addresses.is_settled
    assert await addresses.ids_of(PAGE.id) == [PAGE.id, former_id]
    await addresses.bring_along()
    assert await addresses.ids_of(PAGE.id) == [PAGE.id]


async def test_a_reply_to_a_comment_that_has_not_moved_is_taken(office: Office, addresses: PageAddresses) -> None:
    ids = await office.post(1, page_url=TODAY)
    await office.decide(ids)
    await put_back(office.database, ids)
    await addresses.prepare()
    await office.post(1, page_url=TODAY, parent_id=ids[0])


async def test_it_goes_in_stretches_and_on_where_it_was_stopped(
    office: Office, addresses: PageAddresses, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page_addresses, "STRETCH", 2)
    ids = await office.post(5, page_url=TODAY)
    former_id = await put_back(office.database, ids)
    await addresses.prepare()
    left = []
    while await addresses.move():
        left.append((await stored(office.database)).get(former_id))
        addresses = PageAddresses(office.database, clock=office.clock)  # as after a kill
    assert left == [3, 1, 0, None]
    assert await stored(office.database) == {PAGE.id: 5}


async def test_a_page_whose_id_stays_keeps_its_comments_and_changes_for_nobody(
    office: Office, addresses: PageAddresses
) -> None:
    ids = await office.post(2, page_url=TODAY)
    await office.decide(ids)
    async with office.database.write() as connection:
        await connection.execute(update(pages).values(form=None))
        before = await changes.counters(connection)
    await addresses.bring_along()
    assert addresses.is_settled
    async with office.database.read() as connection:
        assert await changes.counters(connection) == before
    assert await stored(office.database) == {PAGE.id: 2}
