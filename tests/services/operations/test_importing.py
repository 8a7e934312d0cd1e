"""One mechanism brings comments of all systems in: whole, once, in order, and unheard of."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, func, select

from moderation_service.domain.comments.comment import Status
from moderation_service.domain.importing.records import (
    BrokenFileError,
    Dialect,
    Entry,
    LeftOut,
    PageInfo,
    Person,
    State,
)
from moderation_service.services.operations import consistency
from moderation_service.storage.comments import change_feed, contacts
from moderation_service.storage.engine.database import Database
from moderation_service.storage.schema import comments, deliveries, imported_comments, notifications, pages
from moderation_service.storage.schema import contacts as stored_contacts
from tests.support.cases import only_sqlite
from tests.support.factories import PAGE
from tests.support.moving import Mover, a_record

AT = datetime(2024, 3, 1, 9, 0, tzinfo=UTC)


@pytest.fixture
async def mover(database: Database, tmp_path: Path) -> AsyncIterator[Mover]:
    found = await Mover.into(database, tmp_path)
    yield found
    assert not any((await consistency.differences(database)).values())


async def test_comments_come_in_whole_and_a_second_run_adds_only_what_is_new(mover: Mover) -> None:
    records = [
        a_record("1", author_email="ada@example.org", author_url="ada.example.org", body="roses"),
        a_record("2", parent="1", created=AT + timedelta(hours=1), state=State.PENDING),
        a_record("3", parent="2", created=AT + timedelta(hours=2), state=State.SPAM, author_name=""),
        a_record("4", created=AT - timedelta(days=1), state=State.REJECTED),
        a_record("5", state=State.DELETED),
        a_record("6", parent="5"),
        a_record("7", parent="5", created=AT + timedelta(hours=3)),
    ]  # fmt: skip
    report = await mover.bring(records)
    assert report.taken == {Status.APPROVED: 3, Status.PENDING: 1, Status.SPAM: 1, Status.REJECTED: 1}
    assert report.left_out == {"deleted comments": 1}
    found = await mover.stored()
    first, second, third = found["roses"], found["comment 2"], found["comment 3"]
    assert (first.body_html, first.created_at) == ("<p>roses</p>\n", AT)
    assert (first.author_name, first.author_url) == ("Ada Rossi", "https://ada.example.org")
    assert third.author_name == "Anonimo"
    assert (second.parent_id, second.root_id, third.parent_id, third.root_id) == (
        first.id,
        first.id,
        second.id,
        first.id,
    )
    order = ["comment 4", "roses", "comment 6", "comment 2", "comment 3", "comment 7"]
    assert [one.body for one in found.values()] == order
    assert found["comment 6"].root_id == found["comment 7"].root_id == found["comment 7"].parent_id
    async with mover.database.read() as connection:
        assert await contacts.addresses(connection, mover.keys, [first.id]) == {first.id: "ada@example.org"}
        for table in (notifications, deliveries):
            assert (await connection.execute(select(func.count()).select_from(table))).scalar_one() == 0
    changes = await change_feed.after(mover.database.reads, "coop", 0, limit=100, largest=1_000_000)
    assert [one.number for one in changes.changes] == [1, 2, 3]
    assert changes.head == 3

    report = await mover.bring(records)
    assert (report.taken, report.known) == ({}, 7)
    report = await mover.bring([*records, a_record("8", parent="7"), a_record("9", parent="5")])
    assert (report.taken, report.known) == ({Status.APPROVED: 2}, 7)
    found = await mover.stored()
    assert found["comment 8"].parent_id == found["comment 7"].id
    assert found["comment 8"].root_id == found["comment 9"].root_id == found["comment 7"].root_id
    assert (await mover.bring([a_record("10", parent="1")])).orphans == 0
    assert (await mover.stored())["comment 10"].parent_id == first.id


async def test_two_imports_of_the_same_comments_at_once_bring_each_of_them_once(mover: Mover) -> None:
    records = [a_record(str(one), parent=str(one - 1) if one % 7 else "") for one in range(1, 200)]
    reports = await asyncio.gather(mover.bring(records, at_once=20), mover.bring(records[::-1], at_once=20))
    assert sum(one.taken[Status.APPROVED] for one in reports) == 199
    assert sum(one.known for one in reports) == 199
    found = await mover.stored()
    assert len(found) == 199
    for one in range(1, 200):
        row = found[f"comment {one}"]
        assert row.parent_id == (found[f"comment {one - 1}"].id if one % 7 and one > 1 else None)


@only_sqlite
async def test_what_stands_before_a_fault_comes_in_and_the_next_run_goes_on(mover: Mover) -> None:
    def broken() -> Any:
        yield a_record("1")
        raise BrokenFileError("line 7", "is no XML")

    report = await mover.bring(broken())
    assert str(report.broken) == "line 7: is no XML"
    assert report.taken == {Status.APPROVED: 1}
    report = await mover.bring([a_record("1"), a_record("2")])
    assert (report.taken, report.known) == ({Status.APPROVED: 1}, 1)


@only_sqlite
async def test_pages_are_told_apart_by_the_rules_of_the_site_and_its_owner(mover: Mover) -> None:
    addresses = {
        "1": "http://example.org/chi-siamo/index.html?utm_source=x#comments",
        "2": "/chi-siamo",
        "3": "https://altro.example.com/blog/",
        "4": "http://localhost:4000/chi-siamo",
        "5": "https://old.example.net/chi-siamo",
        "6": "https://gone.example.net/x",
        "7": "mailto:x@example.org",
        "8": "slug",
        "9": "https://[",
        "10": "https://old.example.net/other?a=1",
        "11": "",
    }
    entries: list[Entry] = [a_record(one, page=f"p{one}") for one in addresses]
    entries += [PageInfo(key=f"p{one}", url=url) for one, url in addresses.items()]
    entries += [a_record("12", page="never told")]
    mapped = {"http://old.example.net": "https://www.example.org/", "slug": "https://www.example.org/slug"}
    report = await mover.bring(entries, mapped=mapped | {"https://old.example.net/chi-siamo": PAGE})
    async with mover.database.read() as connection:
        urls = set((await connection.execute(select(pages.c.url))).scalars())
    assert PAGE in urls
    assert "https://www.example.org/slug" in urls
    assert report.taken[Status.APPROVED] == 5
    assert report.merged_pages == 2
    assert report.left_out == {
        "comments of pages of another site": 1,
        "comments of test pages": 1,
        "comments of pages of origins that the site does not list": 1,
        "comments of pages that only have a name": 1,
        "comments of pages with an address that is none": 1,
        "comments of pages without an address": 1,
        "comments of pages that the file does not hold": 1,
    }
    assert report.examples["comments of test pages"] == ["http://localhost:4000/chi-siamo"]
    report = await mover.bring(entries, base="https://www.example.org/")
    assert report.left_out["comments of pages of origins that the site does not list"] == 0


@only_sqlite
async def test_comments_of_pages_that_were_not_open_wait_as_all_do_where_that_is_asked_for(mover: Mover) -> None:
    page = PageInfo(key="x", url=f"{PAGE}/private", held=True)
    report = await mover.bring([a_record("1", page="x"), a_record("2"), page])
    assert (report.taken, report.held) == ({Status.APPROVED: 1, Status.PENDING: 1}, 1)
    report = await mover.bring([a_record("3"), a_record("4", state=State.SPAM)], as_pending=True)
    assert (report.taken, report.held) == ({Status.PENDING: 1, Status.SPAM: 1}, 1)


@only_sqlite
async def test_circles_orphans_and_answers_across_pages_become_threads_of_their_own(mover: Mover) -> None:
    parents = {"1": "2", "2": "3", "3": "1", "4": "3", "5": "5", "6": "gone", "7": "4"}
    entries: list[Entry] = [a_record(one, parent=parent) for one, parent in parents.items()]
    entries += [a_record("8", page=f"{PAGE}/other", parent="1")]
    report = await mover.bring(entries)
    assert (report.orphans, report.circles) == (3, 1)
    found = await mover.stored()
    assert found["comment 1"].parent_id is None
    assert {found[f"comment {one}"].root_id for one in (1, 2, 3, 4, 7)} == {found["comment 1"].id}
    assert all(found[f"comment {one}"].parent_id is None for one in (5, 6, 8))


@only_sqlite
async def test_many_orphans_are_counted(mover: Mover) -> None:
    report = await mover.bring((a_record(str(one), parent=f"x{one}") for one in range(20_000)), dry_run=True)
    assert report.orphans == 20_000
    assert await mover.stored() == {}


@only_sqlite
async def test_whatever_an_entry_lacks_is_counted(mover: Mover) -> None:
    entries: list[Entry] = [
        a_record("1", created=None, author_url="javascript:x", author_email="a***@example.org"),
        a_record("2", body="é" * 40_000),
        a_record("3", body="<img src=x>", dialect=Dialect.HTML),
        a_record("3"),
        a_record(""),
        a_record("x" * 3_000),
        a_record("a\0b"),
        LeftOut(reason="pingbacks", place="line 5"),
        a_record("4", person="u", author_name="old", author_email="old@example.org"),
        Person(key="u", name="Ben", email="ben@example.org"),
    ]
    report = await mover.bring(entries)
    assert report.read == 9
    assert report.bad_dates == 1
    assert report.left_out == {
        "comments without a text": 1,
        "comments that the file holds twice": 1,
        "comments without an id": 1,
        "comments with an id that cannot be kept": 2,
        "pingbacks": 1,
    }
    assert report.examples["pingbacks"] == ["line 5"]
    assert +report.lost == {
        "ends of comments that were too long": 1,
        "authors' links that lead to no website": 1,
        "authors' addresses that are none": 1,
    }
    found = (await mover.stored())["comment 4"]
    assert found.author_name == "Ben"
    async with mover.database.read() as connection:
        assert await contacts.addresses(connection, mover.keys, [found.id]) == {found.id: "ben@example.org"}


@only_sqlite
async def test_a_dry_run_says_the_same_and_writes_nothing(mover: Mover) -> None:
    records = [a_record("1"), a_record("2", body="", parent="1")]
    tried = await mover.bring(records, dry_run=True)
    assert await mover.stored() == {}
    done = await mover.bring(records)
    assert (tried.taken, tried.left_out) == (done.taken, done.left_out)


@only_sqlite
async def test_what_was_erased_here_does_not_come_again(mover: Mover) -> None:
    await mover.bring([a_record("1"), a_record("2")])
    found = (await mover.stored())["comment 1"]
    async with mover.database.write() as connection:
        await connection.execute(delete(stored_contacts).where(stored_contacts.c.comment_id == found.id))
        await connection.execute(delete(comments).where(comments.c.id == found.id))
    assert (await mover.bring([a_record("1"), a_record("2")])).known == 2
    assert list(await mover.stored()) == ["comment 2"]
    async with mover.database.read() as connection:
        assert len((await connection.execute(select(imported_comments))).all()) == 2


def test_a_record_does_not_show_its_address() -> None:
    assert "ada@" not in repr(replace(a_record("1"), author_email="ada@example.org"))
