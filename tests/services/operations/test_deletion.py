"""What sites keep no longer is deleted by rule over two years; what is erased is nowhere any more."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from moderation_service.domain.accounts.sites import Retention, Sites
from moderation_service.domain.comments.changes import ChangeType
from moderation_service.domain.comments.comment import Status
from moderation_service.domain.moderation.decisions import Actor, Channel, Decision, Request
from moderation_service.domain.retention import Kind
from moderation_service.services.operations import deletion, erasing
from moderation_service.services.operations import retention as traces
from moderation_service.storage.comments import comments as stored
from moderation_service.storage.schema import (
    ERASED,
    comments,
    contacts,
    decisions,
    deliveries,
    notifications,
    retention_rules,
)
from tests.conftest import Clock
from tests.support import office as offices
from tests.support.factories import ADDRESS, OTHER_PAGE, PAGE
from tests.support.office import Office


@pytest.fixture
async def office(environ: dict[str, str], clock: Clock) -> AsyncIterator[Office]:
    async with offices.opened(environ, clock) as opened:
        yield opened


def sites_of(office: Office, **kept: Any) -> Sites:
    """The sites, the first of which keeps something for other times."""
    first, *others = office.container.directory.sites
    return Sites((replace(first, retention=Retention(**kept)), *others))


async def delete_due(office: Office, **kept: Any) -> dict[tuple[str, Kind], int]:
    """Delete what is due; how much that was, by site and kind."""
    sites, now = sites_of(office, **kept), office.clock()
    done = await deletion.delete_due(office.database, sites, now)
    await traces.forget(office.database, now, sites=sites)
    return {(one.site_id, one.kind): one.rows for one in done}


async def states(office: Office) -> dict[str, str]:
    async with office.database.read() as connection:
        rows = await connection.execute(select(comments.c.id, comments.c.status))
        return {row.id: row.status for row in rows}


async def with_address(office: Office) -> set[str]:
    async with office.database.read() as connection:
        return set((await connection.execute(select(contacts.c.comment_id))).scalars())


async def count(office: Office, table: Any, *conditions: Any) -> int:
    async with office.database.read() as connection:
        found: int = (
            await connection.execute(select(func.count()).select_from(table).where(*conditions))
        ).scalar_one()
        return found


async def test_over_two_years_each_kind_is_kept_as_long_as_it_says_and_the_books_balance(
    office: Office, clock: Clock
) -> None:
    posted: list[dict[str, str]] = []
    assert await delete_due(office) == {}
    for _ in range(12):
        [waiting] = await office.post(author_email="waiting@example.org")
        [approved, rejected, spam] = await office.post(3)
        await office.delivery().deliver_due()
        await office.decide([approved])
        await office.decide([rejected], Decision.REJECT)
        await office.decide([spam], Decision.SPAM)
        posted.append({"waiting": waiting, "approved": approved, "rejected": rejected, "spam": spam})
        clock.advance(days=61)
        await delete_due(office)
        await office.assert_balanced()
    found, addresses = await states(office), await with_address(office)
    for periods, ids in enumerate(reversed(posted), start=1):
        assert [found[ids["waiting"]], found[ids["approved"]]] == ["pending", "approved"]
        assert found[ids["rejected"]] == found[ids["spam"]] == ERASED
        kept = {"waiting", "approved"} if periods == 1 else {"waiting"}
        assert {name for name, one in ids.items() if one in addresses} == kept, periods
    async with office.database.read() as connection:
        oldest = await stored.get(connection, posted[0]["approved"])
        left = (await connection.execute(select(comments).where(comments.c.status == ERASED))).mappings().all()
        totals = {
            row.kind: row.deleted
            for row in await connection.execute(select(retention_rules))
            if row.site_id != "altro"
        }
    assert oldest is not None
    assert oldest.body == "interessante…"
    texts = {(one["author_name"], one["body"], one["body_html"], one["receipt_hash"]) for one in left}
    assert texts == {("", "", "", None)}
    assert await count(office, decisions) == 3 * 12, "the history stays"
    assert totals == {"rejected": 12, "spam": 12, "address": 11, "delivery": totals["delivery"]}
    of_waiting = notifications.c.comment_id.in_([one["waiting"] for one in posted])
    assert await count(office, notifications, of_waiting, notifications.c.message_id.is_(None)) == 0
    assert await count(office, notifications, ~of_waiting, notifications.c.message_id.is_(None)) >= 3 * 11
    assert await count(office, deliveries) <= 2 * 12


async def test_nothing_is_deleted_for_a_week_after_a_rule_is_brought_or_made_stricter(
    office: Office, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    ids = await office.post(2)
    await office.decide(ids, Decision.REJECT)
    clock.advance(days=400)
    assert await delete_due(office) == {}
    assert caplog.text.count("retention.will_delete") == 2, "of the comments and of their addresses"
    [planned] = [
        one
        for one in await deletion.plan(office.database, sites_of(office), clock(), only_later=True)
        if one.kind is Kind.REJECTED
    ]
    assert planned.acts_at == clock() + timedelta(days=7)
    clock.advance(days=6.9)
    assert await delete_due(office) == {}
    assert caplog.text.count("retention.will_delete") == 2, "that is said once"
    assert await delete_due(office, rejected=None) == {}, "for ever holds at once"
    clock.advance(days=0.2)
    assert await delete_due(office, rejected=None) == {("coop", Kind.ADDRESS): 2}
    assert await delete_due(office) == {}, "30 days are stricter than for ever"
    clock.advance(days=7)
    assert await delete_due(office) == {("coop", Kind.REJECTED): 2}
    await office.assert_balanced()


async def test_addresses_of_every_site_are_looked_through_once_each_by_its_own_rule(
    office: Office, clock: Clock
) -> None:
    office.database.limits = replace(office.database.limits, batch_rows=2)
    first, second = office.container.directory.sites
    kept = ((first, 10, PAGE), (second, 40, OTHER_PAGE))
    sites = Sites(tuple(replace(site, retention=Retention(addresses=days)) for site, days, _ in kept))
    ids = {}
    for site, _, page_url in kept:
        ids[site.id] = await office.post(3, page_url=page_url)
        requests = [Request(comment_id=one, decision=Decision.APPROVE, expected=None) for one in ids[site.id][:2]]
        await office.container.moderation.decide(site, requests, actor=Actor(channel=Channel.API))
    assert await deletion.delete_due(office.database, sites, clock()) == []
    due = await with_address(office)
    for days, gone in ((20, ids["coop"][:2]), (30, ids["altro"][:2])):
        clock.advance(days=days)
        planned = await deletion.plan(office.database, sites, clock())
        done = await deletion.delete_due(office.database, sites, clock())
        addresses = [one for one in done if one.kind is Kind.ADDRESS]
        assert addresses == [one for one in planned if one.kind is Kind.ADDRESS]
        assert [one.rows for one in addresses] == [2]
        due -= set(gone)
        assert await with_address(office) == due


async def test_an_erased_comment_is_gone_for_everybody_and_those_who_follow_are_told(
    office: Office, clock: Clock
) -> None:
    mine = await office.post(3)
    [theirs] = await office.post(author_email="olaf@example.org")
    await office.decide(mine[:1])
    await office.decide(mine[1:2], Decision.SPAM)
    keys = office.container.keys
    assert await erasing.of_address(office.database, keys, "Giuliana.Canary@example.com") == sorted(mine)
    before = (await office.changes_after(0))[-1].number
    done = await erasing.erase(office.database, mine, now=clock())
    assert await erasing.erase_address(office.database, keys, ADDRESS) == 0
    assert (done.comment_ids, done.announced) == (sorted(mine), 1)
    [change] = await office.changes_after(before)
    assert (change.type, change.comment_id, change.comment) == (ChangeType.ERASED, mine[0], None)
    assert await states(office) == dict.fromkeys(mine, ERASED) | {theirs: Status.PENDING}
    assert await with_address(office) == {theirs}
    async with office.database.read() as connection:
        assert [one.id for one in await stored.get_many(connection, [*mine, theirs])] == [theirs]
    found = await office.states()
    assert not {found[one, who] for one in mine for who in ("anna", "paul")} & {"waiting", "held", "parked"}
    assert (await erasing.erase(office.database, mine, now=clock())).comment_ids == []
    await office.delivery().deliver_due()
    await office.assert_balanced()
