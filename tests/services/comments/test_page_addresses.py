"""Comments that are stored under the page ids of an older rule are found from the start, and brought along."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import func, insert, select, update

from moderation_service import config
from moderation_service.domain.comments import pages as rules
from moderation_service.domain.comments.comment import Status
from moderation_service.runtime.limits import ServiceLimits
from moderation_service.services.comments.page_addresses import PageAddresses
from moderation_service.storage.comments import changes
from moderation_service.storage.engine.database import Database
from moderation_service.storage.schema import comments, pages
from tests.conftest import Clock
from tests.support.contract import client_of
from tests.support.office import Office, opened
from tests.support.posting import decide
from tests.support.running import running
from tests.support.time_limits import PATIENT, patient

FORMER = "https://www.example.org/%7Ecaff%e8"
TODAY = rules.canonical("https://www.example.org/~caffè")
PAGE = rules.page("coop", TODAY)


@pytest.fixture
async def office(environ: dict[str, str], clock: Clock, limits: ServiceLimits) -> AsyncIterator[Office]:
    async with opened(environ, clock, limits=limits.database) as found:
        yield found


@pytest.fixture
def addresses(office: Office) -> PageAddresses:
    return office.container.page_addresses


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
        states = await connection.execute(select(comments.c.status).order_by(comments.c.id))
        assert [*states.scalars()] == [Status.APPROVED, Status.APPROVED, Status.PENDING]
    changed = await office.changes_after(before)
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


@pytest.mark.parametrize("limits", [patient(database=replace(PATIENT, page_rows=2))])
async def test_it_goes_in_batches_and_on_where_it_was_stopped(office: Office, addresses: PageAddresses) -> None:
    ids = await office.post(5, page_url=TODAY)
    former_id = await put_back(office.database, ids)
    await addresses.prepare()
    left = []
    while await addresses.move():
        left.append((await stored(office.database)).get(former_id))
        addresses = PageAddresses(
            office.database, office.container.directory, clock=office.clock
        )  # as after a kill
    assert left == [3, 1, None]
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


async def test_until_they_moved_readers_find_all_of_them_and_nothing_is_remembered(
    environ: dict[str, str], clock: Clock
) -> None:
    async with running(config.read(environ | {"MODERATION_SCREENING": "off"}), clock) as service:
        office = Office(service.container, clock, timedelta(0))
        ids = await office.post(3, page_url=TODAY)
        await office.decide(ids)
        await put_back(office.database, ids[:2])
        page_addresses = service.container.page_addresses
        await page_addresses.prepare()
        async with client_of(service.url) as http:

            async def listed() -> list[str]:
                answer = await (await http.get("/api/v1/comments", params={"page_url": TODAY})).json()
                assert answer["count"] == len(answer["comments"])
                return [one["id"] for one in answer["comments"]]

            assert await listed() == ids
            assert ids[0] in await (await http.get("/comments", params={"page_url": TODAY})).text()
            await decide(http, "reject", ids[0])
            assert await listed() == ids[1:]
            await page_addresses.bring_along()
            assert await listed() == ids[1:]


@pytest.mark.parametrize("former_id", [str(UUID(int=7)), str(UUID(int=2**128 - 7))])
@pytest.mark.parametrize("moving", [1, 2, 3])
async def test_until_they_moved_they_are_counted_and_listed_with_their_page(
    environ: dict[str, str], clock: Clock, former_id: str, moving: int
) -> None:
    other = "https://www.example.org/altra"
    async with running(config.read(environ | {"MODERATION_SCREENING": "off"}), clock) as service:
        office = Office(service.container, clock, timedelta(0))
        ids = [*await office.post(1, page_url=TODAY), *await office.post(2, page_url=TODAY, page_title="Altro")]
        last = await office.post(1, page_url=other, page_title=None)
        await office.decide([*ids, *last])
        waiting = await office.post(1, page_url=TODAY)
        await put_back(office.database, [*ids[:moving], *waiting], former_id)
        page_addresses = service.container.page_addresses
        await page_addresses.prepare()
        assert not page_addresses.is_settled
        async with client_of(service.url) as http:

            async def ask(path: str, **query: str) -> dict[str, Any]:
                found: dict[str, Any] = await (await http.get(f"/api/v1/{path}", params=query)).json()
                return found

            async def check(count: int) -> None:
                assert await ask("counts", page_url=TODAY) == {"counts": {TODAY: count}}
                whole = (await ask("pages", site="coop"))["pages"]
                assert {(one["page_url"], one["page_title"], one["count"]) for one in whole} == {
                    (TODAY, "Chi siamo" if count == 3 else "Altro", count),
                    (other, None, 1),
                }
                first = await ask("pages", site="coop", limit="1")
                second = await ask("pages", site="coop", limit="1", cursor=first["next_cursor"])
                assert first["pages"] + second["pages"] == whole
                assert second["next_cursor"] is None
                newest = (await ask("latest", site="coop"))["comments"]
                assert [(one["id"], one["page_url"]) for one in newest] == [
                    (last[0], other),
                    *((one, TODAY) for one in reversed(ids[-count:])),
                ]
                assert newest[-1]["page_title"] == ("Chi siamo" if count == 3 else "Altro")

            await check(3)
            await decide(http, "reject", ids[0])
            await check(2)
            await page_addresses.bring_along()
            assert page_addresses.is_settled
            await check(2)


async def test_a_page_keeps_the_address_under_which_either_of_two_was_met_first(
    office: Office, addresses: PageAddresses
) -> None:
    ids = await office.post(2, page_url=TODAY)
    former_id = await put_back(office.database, ids[:1])
    async with office.database.write() as connection:
        earlier = update(pages).where(pages.c.id == former_id)
        await connection.execute(earlier.values(created_at=office.clock.now - timedelta(days=1)))
    await addresses.bring_along()
    async with office.database.read() as connection:
        assert [*(await connection.execute(select(pages.c.url))).scalars()] == [rules.canonical(FORMER)]
