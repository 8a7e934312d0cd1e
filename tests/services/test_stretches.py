"""Jobs over many rows write in stretches: other writers get their turn, and a kill costs one stretch."""

import re
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from sqlalchemy import func, insert, select, update

from moderation_service import sites, workers
from moderation_service.domain import screening
from moderation_service.domain.errors import UnavailableError
from moderation_service.services import directory as directories
from moderation_service.services import mailroom, reminders, retention
from moderation_service.storage import handover, stretches
from moderation_service.storage.desk_tables import logins, sessions
from moderation_service.storage.tables import idempotency_keys, messages, promises, recent_posts
from tests import office as offices
from tests.conftest import Clock
from tests.office import ANNA, Office
from tests.smtp import MailServer
from tests.written import rows_of_transactions

STRETCH = 5


@pytest.fixture
async def office(environ: dict[str, str], clock: Clock) -> AsyncIterator[Office]:
    async with offices.opened(environ, clock) as opened:
        yield opened


@pytest.fixture(autouse=True)
def _short_stretches(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (directories, reminders, stretches):
        monkeypatch.setattr(module, "MOST_ROWS", STRETCH)


async def replace_sites(office: Office, *changes: tuple[str, str]) -> None:
    file = office.service.settings.sites
    text = file.read_text()
    for old, new in changes:
        assert re.search(old, text)
        text = re.sub(old, new, text)
    file.write_text(text)
    await office.service.directory.replace(
        office.database, sites.load(file), now=office.clock(), new_id=workers.new_id
    )


CHANGED_ADDRESS = (ANNA, "anna@example.net")
LEFT = (r'\[\[site.moderator]]\nid = "anna"\n(?:.+\n)+', "")


async def test_a_changed_address_takes_over_all_that_was_open_in_bounded_transactions(
    office: Office, smtp: MailServer
) -> None:
    told, decided = await office.post(12), await office.post(2)
    await office.delivery().deliver_due()
    await office.decide(decided)
    waiting = await office.post(12)
    before = await office.states()
    with rows_of_transactions() as written:
        await replace_sites(office, CHANGED_ADDRESS)
    assert max(written) <= STRETCH
    assert sum(written) >= len(told) + len(waiting)
    states = await office.states()
    annas = {comment: state for (comment, moderator), state in states.items() if moderator == "anna"}
    assert annas == dict.fromkeys([*told, *waiting], "waiting") | dict.fromkeys(decided, "told")
    assert {key: state for key, state in states.items() if key[1] == "paul"} == {
        key: state for key, state in before.items() if key[1] == "paul"
    }
    await office.delivery().deliver_due()
    [mail] = smtp.to("anna@example.net")
    assert int(mail.message["X-Comments"]) == len([*told, *waiting])
    assert set(office.told_in(mail)) < {*told, *waiting}


async def test_a_handover_that_was_broken_off_goes_on_where_it_was(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    posted = await office.post(12)
    done: list[int] = []
    hand_over = handover.hand_over

    async def fails_at_the_second(*arguments: object) -> None:
        if len(done) == 1:
            raise UnavailableError
        done.append(1)
        await hand_over(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(handover, "hand_over", fails_at_the_second)
    with pytest.raises(UnavailableError):
        await replace_sites(office, LEFT)
    states = await office.states()
    assert sum(state == "superseded" for state in states.values()) == STRETCH
    monkeypatch.setattr(handover, "hand_over", hand_over)
    with rows_of_transactions() as written:
        await office.service.directory.pass_on(office.database, now=office.clock())
    assert max(written) <= STRETCH
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
    assert office.told_in(smtp.to("anna@example.net")[0]) == [blog]


async def test_a_reminder_of_much_is_promised_in_bounded_transactions(office: Office, clock: Clock) -> None:
    posted = await office.post(12)
    spam = await office.post(6, spam_score=screening.PROBABLE_SPAM)
    await office.delivery().deliver_due()
    clock.advance(hours=1)
    quiet = await office.post(6, spam_score=screening.PROBABLE_SPAM)
    clock.advance(days=3)
    with rows_of_transactions() as written:
        people = await reminders.renew(
            office.database, office.service.directory, now=clock(), after=timedelta(days=2)
        )
    assert people == 2
    assert max(written) <= STRETCH
    async with office.database.read() as connection:
        rows = list(await connection.execute(select(promises)))
    assert {row.state for row in rows} == {"waiting"}
    assert {row.quiet for row in rows} == {False}
    assert {row.comment_id: row.reminders for row in rows} == dict.fromkeys([*posted, *spam], 1) | dict.fromkeys(
        quiet, 0
    )


async def test_what_is_too_old_is_forgotten_in_bounded_transactions(office: Office, clock: Clock) -> None:
    old, young = clock(), clock() + timedelta(days=60)
    async with office.database.write() as connection:
        for number in range(24):
            at = old if number % 2 else young
            one = workers.new_id()
            key = {"site_id": "coop", "key": str(number), "fingerprint": "f", "comment_id": one, "created_at": at}
            await connection.execute(insert(idempotency_keys).values(key))
            trace = {"comment_id": one, "network_hash": "n", "fingerprint": "f", "created_at": at}
            await connection.execute(insert(recent_posts).values(trace))
            asked = {"network_hash": "n", "requested_at": at, "next_attempt_at": at, "attempts": 0}
            await connection.execute(insert(logins).values(id=one, **asked))
            person_id = office.service.directory.person_of(ANNA)
            await connection.execute(insert(sessions).values(id=one, person_id=person_id, opened_at=at))
    with rows_of_transactions() as written:
        await retention.forget(office.database, young, window=timedelta(minutes=10))
    assert max(written) <= STRETCH
    assert sum(written) == 4 * 12
    async with office.database.read() as connection:
        for table in (idempotency_keys, recent_posts, logins, sessions):
            left = (await connection.execute(select(func.count()).select_from(table))).scalar_one()
            assert left == 12, table


async def test_mail_is_cancelled_in_bounded_transactions(office: Office) -> None:
    posted = await office.post(12)
    with rows_of_transactions() as written:
        await mailroom.cancel(office.database, office.service.directory, "coop/anna")
    assert max(written) <= STRETCH
    assert await office.states() == {(one, "anna"): "superseded" for one in posted} | {
        (one, "paul"): "waiting" for one in posted
    }


async def test_each_parked_message_is_released_by_a_transaction_of_its_own(office: Office) -> None:
    office_directory = office.service.directory
    for number in range(3):
        posted = await office.post(4)
        async with office.database.write() as connection:
            one = workers.new_id()
            values = {"id": one, "message_id": str(number), "state": "parked", "attempts": 1, "shortened": True}
            person_id = office_directory.person_of(ANNA)
            await connection.execute(
                insert(messages).values(person_id=person_id, created_at=office.clock(), **values)
            )
            await connection.execute(
                update(promises)
                .where(promises.c.comment_id.in_(posted), promises.c.moderator_id == "anna")
                .values(message_id=one, state="parked")
            )
    with rows_of_transactions() as written:
        await mailroom.retry(office.database, office_directory, None)
    assert sorted(written) == [3, 5, 5, 5], "the people, and each message with its four promises"
    assert set((await office.states()).values()) == {"waiting"}
