"""Jobs over many rows write in batches: other writers get their turn, and a kill costs one slice."""

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import func, insert, select, update

from moderation_service.domain.errors import UnavailableError
from moderation_service.runtime import container
from moderation_service.services.accounts import sites_file
from moderation_service.services.notifications import administration, reminders
from moderation_service.services.notifications.limits import DeliveryLimits
from moderation_service.services.notifications.reassignment import Reassignment
from moderation_service.services.operations import retention
from moderation_service.storage.notifications import messages as messages_on_disk
from moderation_service.storage.notifications import reassignment
from moderation_service.storage.schema import (
    deliveries,
    idempotency_keys,
    logins,
    notifications,
    recent_posts,
    sessions,
)
from tests.conftest import Clock
from tests.support import office as offices
from tests.support.composed import SUSPECT
from tests.support.office import ANNA, Office
from tests.support.smtp import MailServer
from tests.support.time_limits import PATIENT
from tests.support.written import rows_of_transactions

BATCH_SIZE = 5


@pytest.fixture
async def office(environ: dict[str, str], clock: Clock) -> AsyncIterator[Office]:
    async with offices.opened(environ, clock, limits=replace(PATIENT, batch_rows=BATCH_SIZE)) as opened:
        yield opened


async def replace_sites(office: Office, *changes: tuple[str, str], passes_on: bool = True) -> None:
    file = office.container.settings.sites
    text = file.read_text()
    for old, new in changes:
        assert re.search(old, text)
        text = re.sub(old, new, text)
    file.write_text(text)
    sites = sites_file.load(file)
    if passes_on:
        await office.container.reassignment.replace_sites(sites, now=office.clock(), new_id=container.new_id)
    else:
        await office.container.directory.replace(
            office.database, sites, now=office.clock(), new_id=container.new_id
        )


CHANGED_ADDRESS = (ANNA, "anna@example.net")
LEFT = (r'\[\[site.moderator]]\nid = "anna"\n(?:.+\n)+', "")


async def test_a_changed_address_takes_over_all_that_was_open_in_bounded_transactions(
    office: Office, smtp: MailServer
) -> None:
    notified, decided = await office.post(12), await office.post(2)
    await office.delivery().deliver_due()
    await office.decide(decided)
    waiting = await office.post(12)
    before = await office.states()
    with rows_of_transactions() as written:
        await replace_sites(office, CHANGED_ADDRESS)
    assert max(written) <= BATCH_SIZE
    assert sum(written) >= len(notified) + len(waiting)
    states = await office.states()
    annas = {comment: state for (comment, moderator), state in states.items() if moderator == "anna"}
    assert annas == dict.fromkeys([*notified, *waiting], "waiting") | dict.fromkeys(decided, "told")
    assert {key: state for key, state in states.items() if key[1] == "paul"} == {
        key: state for key, state in before.items() if key[1] == "paul"
    }
    await office.delivery().deliver_due()
    [mail] = smtp.to("anna@example.net")
    assert int(mail.message["X-Comments"]) == len([*notified, *waiting])
    assert set(office.comments_in(mail)) < {*notified, *waiting}


async def test_a_reassignment_that_was_broken_off_goes_on_where_it_was(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    posted = await office.post(12)
    done: list[int] = []
    reassign = reassignment.reassign

    async def fails_at_the_second(*arguments: object) -> None:
        if len(done) == 1:
            raise UnavailableError
        done.append(1)
        await reassign(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(reassignment, "reassign", fails_at_the_second)
    with pytest.raises(UnavailableError):
        await replace_sites(office, LEFT)
    states = await office.states()
    assert sum(state == "superseded" for state in states.values()) == BATCH_SIZE
    monkeypatch.setattr(reassignment, "reassign", reassign)
    with rows_of_transactions() as written:
        await office.container.reassignment.pass_on(now=office.clock())
    assert max(written) <= BATCH_SIZE
    assert await office.states() == {(one, "anna"): "superseded" for one in posted} | {
        (one, "paul"): "waiting" for one in posted
    }


async def test_an_address_that_changes_with_its_paths_gets_only_what_it_may_see(
    office: Office, smtp: MailServer
) -> None:
    [about] = await office.post(1)
    [blog] = await office.post(1, page_url="https://www.example.org/blog/one")
    await replace_sites(office, (f'email = "{ANNA}"', 'email = "anna@example.net"\npaths = ["/blog"]'))
    states = await office.states()
    assert states[about, "anna"] == "superseded"
    assert states[blog, "anna"] == "waiting"
    await office.delivery().deliver_due()
    assert office.comments_in(smtp.to("anna@example.net")[0]) == [blog]


NARROWED = (f'email = "{ANNA}"', f'email = "{ANNA}"\npaths = ["/blog"]')
WIDENED = (r'paths = \["/blog"\]\n\n\[\[site.moderator]]\nid = "paul"', '\n[[site.moderator]]\nid = "paul"')


async def test_what_paths_alone_cover_no_longer_is_sent_to_those_who_cover_it(
    office: Office, smtp: MailServer
) -> None:
    notified = await office.post(12)
    await office.delivery().deliver_due()
    before = len(smtp.to(ANNA))
    waiting = await office.post(12)
    blog = await office.post(2, page_url="https://www.example.org/blog/one")
    with rows_of_transactions() as written:
        await replace_sites(office, NARROWED)
    assert max(written) <= BATCH_SIZE
    states = await office.states()
    assert {states[one, "anna"] for one in [*notified, *waiting]} == {"superseded"}
    assert {states[one, "anna"] for one in blog} == {"waiting"}
    assert {states[one, "paul"] for one in notified} == {"told"}
    assert {states[one, "paul"] for one in [*waiting, *blog]} == {"waiting"}
    await office.delivery().deliver_due()
    [mail] = smtp.to(ANNA)[before:]
    assert office.comments_in(mail) == blog
    assert int(mail.message["X-Comments"]) == len(blog)


async def test_a_page_that_paths_leave_to_nobody_goes_to_everybody(office: Office) -> None:
    posted = await office.post(3)
    await replace_sites(office, NARROWED, ('email = "paul@example.org"', '\\g<0>\npaths = ["/shop"]'))
    assert await office.states() == {(one, who): "waiting" for one in posted for who in ("anna", "paul")}


async def test_what_was_passed_on_comes_back_when_its_successor_leaves(office: Office) -> None:
    posted = await office.post(3)
    await replace_sites(office, NARROWED)
    await replace_sites(office, WIDENED)
    assert {(await office.states())[one, "anna"] for one in posted} == {"superseded"}
    await replace_sites(office, (r'\[\[site.moderator]]\nid = "paul"\n(?:.+\n)+', ""))
    assert await office.states() == {(one, "anna"): "waiting" for one in posted} | {
        (one, "paul"): "superseded" for one in posted
    }


@pytest.mark.parametrize("much", [0, 200])
@pytest.mark.parametrize("was_seen", [False, True])
async def test_nothing_is_composed_about_a_page_outside_the_paths(
    office: Office, smtp: MailServer, monkeypatch: pytest.MonkeyPatch, *, was_seen: bool, much: int
) -> None:
    """The paths are narrowed here, and another process that does not know it yet stores and begins to send."""
    outside = await office.post(2)
    [blog] = await office.post(1, page_url="https://www.example.org/blog/one")
    if was_seen:
        async with office.database.write() as connection:
            roles = [("coop", "anna")]
            person_id = (await office.person("anna")).id
            await messages_on_disk.fix(
                connection, person_id, roles, new_id=container.new_id(), message_id="<1@x>", now=office.clock()
            )
    await replace_sites(office, NARROWED, passes_on=False)
    with monkeypatch.context() as patch:
        patch.setattr(Reassignment, "pass_on", _nothing)
        await office.delivery(delivery_limits=DeliveryLimits(most_by_batch=much)).deliver_due()
    [mail] = smtp.to(ANNA)
    assert office.comments_in(mail) == [blog]
    assert int(mail.message["X-Comments"]) == 1
    assert {(await office.states())[one, "anna"] for one in outside} == {"waiting"}
    await office.container.reassignment.pass_on(now=office.clock())
    assert {(await office.states())[one, "anna"] for one in outside} == {"superseded"}


async def test_nobody_is_reminded_of_a_page_outside_their_paths(office: Office, clock: Clock) -> None:
    outside = await office.post(7)
    [blog] = await office.post(1, page_url="https://www.example.org/blog/one")
    await office.delivery().deliver_due()
    await replace_sites(office, NARROWED, passes_on=False)
    clock.advance(days=3)
    await reminders.renew(office.database, office.container.directory, now=clock(), after=timedelta(days=2))
    states = await office.states()
    assert states[blog, "anna"] == "waiting"
    assert {states[one, "anna"] for one in outside} == {"told"}
    assert {states[one, "paul"] for one in [*outside, blog]} == {"waiting"}


async def _nothing(*_: object, **__: object) -> None:
    return None


async def test_a_reminder_of_much_is_queued_in_bounded_transactions(office: Office, clock: Clock) -> None:
    posted = await office.post(12)
    spam = await office.post(6, assessment=SUSPECT)
    await office.delivery().deliver_due()
    clock.advance(hours=1)
    held_back = await office.post(6, assessment=SUSPECT)
    clock.advance(days=3)
    with rows_of_transactions() as written:
        people = await reminders.renew(
            office.database, office.container.directory, now=clock(), after=timedelta(days=2)
        )
    assert people == 2
    assert max(written) <= BATCH_SIZE
    async with office.database.read() as connection:
        rows = list(await connection.execute(select(notifications)))
    assert {row.state for row in rows} == {"waiting"}
    assert {row.quiet for row in rows} == {False}
    assert {row.comment_id: row.reminders for row in rows} == dict.fromkeys([*posted, *spam], 1) | dict.fromkeys(
        held_back, 0
    )


async def test_what_is_too_old_is_forgotten_in_bounded_transactions(office: Office, clock: Clock) -> None:
    old, young = clock(), clock() + timedelta(days=60)
    async with office.database.write() as connection:
        for number in range(24):
            at = old if number % 2 else young
            one = container.new_id()
            key = {"site_id": "coop", "key": str(number), "fingerprint": "f", "comment_id": one, "created_at": at}
            await connection.execute(insert(idempotency_keys).values(key))
            trace = {"comment_id": one, "network_hash": "n", "fingerprint": "f", "created_at": at}
            await connection.execute(insert(recent_posts).values(trace))
            asked = {"network_hash": "n", "requested_at": at}
            await connection.execute(insert(logins).values(id=one, **asked))
            person_id = office.container.directory.person_of(ANNA)
            await connection.execute(insert(sessions).values(id=one, person_id=person_id, opened_at=at))
    with rows_of_transactions() as written:
        await retention.forget(office.database, young, sites=office.container.directory.sites)
    assert max(written) <= BATCH_SIZE
    assert sum(written) == 4 * 12
    async with office.database.read() as connection:
        for table in (idempotency_keys, recent_posts, logins, sessions):
            left = (await connection.execute(select(func.count()).select_from(table))).scalar_one()
            assert left == 12, table


async def test_mail_is_cancelled_in_bounded_transactions(office: Office) -> None:
    posted = await office.post(12)
    with rows_of_transactions() as written:
        await administration.cancel(office.database, office.container.directory, "coop/anna")
    assert max(written) <= BATCH_SIZE
    assert await office.states() == {(one, "anna"): "superseded" for one in posted} | {
        (one, "paul"): "waiting" for one in posted
    }


async def test_each_parked_message_is_released_by_a_transaction_of_its_own(office: Office) -> None:
    office_directory = office.container.directory
    for number in range(3):
        posted = await office.post(4)
        async with office.database.write() as connection:
            one = container.new_id()
            values = {"id": one, "message_id": str(number), "state": "parked", "attempts": 1, "shortened": True}
            person_id = office_directory.person_of(ANNA)
            await connection.execute(
                insert(deliveries).values(person_id=person_id, created_at=office.clock(), **values)
            )
            await connection.execute(
                update(notifications)
                .where(notifications.c.comment_id.in_(posted), notifications.c.moderator_id == "anna")
                .values(message_id=one, state="parked")
            )
    with rows_of_transactions() as written:
        await administration.retry(office.database, office_directory, None)
    assert sorted(written) == [3, 5, 5, 5], "the people, and each message with its four notifications"
    assert set((await office.states()).values()) == {"waiting"}
