"""Answers of the site: published at once, once, marked as the site's, and taken back with what they approved."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from moderation_service.domain.comments.changes import ChangeType
from moderation_service.domain.comments.comment import Status
from moderation_service.domain.comments.notices import AUTHOR_NOTICE, Notice
from moderation_service.domain.moderation.decisions import Channel, Decision, Entry, Outcome
from moderation_service.services.moderation import decisions as moderation
from moderation_service.services.screening.learned_score import LearnedScores
from moderation_service.storage.comments import comments, public
from moderation_service.storage.operations import transparency
from moderation_service.storage.schema import comments as stored
from moderation_service.storage.schema import contacts, deliveries, notifications, score_lessons, subscriptions
from moderation_service.storage.screening import history as past
from tests.conftest import Clock
from tests.support import office as offices
from tests.support.cases import one_engine
from tests.support.office import Office

BODY = "Grazie, *abbiamo corretto* la pagina."


@pytest.fixture
async def office(environ: dict[str, str], clock: Clock) -> AsyncIterator[Office]:
    async with offices.opened(environ, clock) as opened:
        yield opened


async def status_of(office: Office, comment_id: str) -> Status:
    async with office.database.read() as connection:
        found = await comments.get(connection, comment_id)
    assert found is not None
    return found.status


async def lines(office: Office, comment_id: str) -> list[tuple[str, str, str, str | None]]:
    async with office.database.read() as connection:
        found = await moderation.history_of(connection, comment_id)
    return [
        (one.decision, one.from_status, one.to_status, one.answer_id) for one in found if isinstance(one, Entry)
    ]


async def count(office: Office, *conditions: Any) -> int:
    async with office.database.read() as connection:
        query = select(func.count()).select_from(stored).where(*conditions)
        return int((await connection.execute(query)).scalar_one())


async def test_an_answer_to_what_waits_approves_it_and_is_published_under_the_sites_name(office: Office) -> None:
    [asked] = await office.post()
    outcome, answer_id = await office.answer(asked, BODY, expected=Status.PENDING, revision=1)
    assert outcome is Outcome.DONE
    assert await status_of(office, asked) is Status.APPROVED
    found = await public.one(office.database.reads, answer_id)
    assert found is not None
    shown = found[0]
    assert (shown.by_site, shown.author_name, shown.author_url) == (True, "Associazione dell'Esempio", None)
    assert (shown.parent_id, shown.body, shown.body_html) == (
        asked,
        BODY,
        "<p>Grazie, <em>abbiamo corretto</em> la pagina.</p>\n",
    )
    assert await lines(office, asked) == [("answer", "pending", "approved", answer_id)]
    assert await lines(office, answer_id) == [("answer", "pending", "approved", answer_id)]
    changes = await office.changes_after(0)
    assert [(one.type, one.comment_id) for one in changes] == [
        (ChangeType.PUBLISHED, asked),
        (ChangeType.PUBLISHED, answer_id),
    ]
    assert [one.comment and one.comment.by_site for one in changes] == [False, True]
    async with office.database.read() as connection:
        told = select(notifications.c.comment_id).where(notifications.c.comment_id == answer_id)
        assert (await connection.execute(told)).all() == []
        address = select(contacts.c.address_sealed, contacts.c.address_hash)
        row = (await connection.execute(address.where(contacts.c.comment_id == answer_id))).one()
    assert tuple(row) == (b"", "")
    await office.assert_balanced()


async def test_what_is_published_is_answered_and_keeps_its_place_in_the_thread(office: Office) -> None:
    [first] = await office.post()
    await office.decide([first])
    [reply] = await office.post(parent_id=first)
    await office.decide([reply])
    outcome, answer_id = await office.answer(reply, BODY)
    assert outcome is Outcome.DONE
    assert [line[0] for line in await lines(office, reply)] == ["approve", "answer"]
    assert await count(office, stored.c.id == answer_id, stored.c.root_id == first) == 1
    assert [one.comment_id for one in await office.changes_after(2)] == [answer_id]
    again, its_answer = await office.answer(answer_id, "Di nulla.")
    assert again is Outcome.DONE
    assert await count(office, stored.c.id == its_answer, stored.c.root_id == first, stored.c.by_site) == 1


async def test_the_same_answer_twice_is_one(office: Office) -> None:
    [asked] = await office.post()
    _, answer_id = await office.answer(asked, BODY, expected=Status.PENDING)
    again, second = await office.answer(asked, BODY, expected=Status.PENDING)
    assert again is Outcome.UNCHANGED
    assert await count(office, stored.c.by_site) == 1
    assert await count(office, stored.c.id == second) == 0
    assert len(await lines(office, asked)) == 1
    other, _ = await office.answer(asked, "Un'altra cosa.")
    assert other is Outcome.DONE
    await office.decide([answer_id], Decision.REJECT, expected=None)
    anew, _ = await office.answer(asked, BODY)
    assert anew is Outcome.DONE


@one_engine
@pytest.mark.parametrize("decision", [Decision.REJECT, Decision.SPAM])
async def test_what_is_not_to_be_published_is_not_answered(office: Office, decision: Decision) -> None:
    [asked] = await office.post()
    await office.decide([asked], decision)
    outcome, _ = await office.answer(asked, BODY)
    assert outcome is Outcome.CONFLICT
    stale, _ = await office.answer(asked, BODY, expected=Status.PENDING)
    assert stale is Outcome.CONFLICT
    missing, _ = await office.answer("0197c0de-0000-7000-8000-000000000001", BODY)
    assert missing is Outcome.NOT_FOUND
    assert await count(office, stored.c.by_site) == 0
    assert await office.changes_after(0) == []


@one_engine
async def test_an_older_text_than_the_newest_is_not_answered(office: Office) -> None:
    [asked] = await office.post()
    outcome, _ = await office.answer(asked, BODY, revision=2)
    assert outcome is Outcome.CONFLICT


async def test_undoing_takes_both_back_and_the_answer_may_come_again(office: Office) -> None:
    [asked] = await office.post()
    _, answer_id = await office.answer(asked, BODY)
    await office.undo([asked])
    assert await status_of(office, asked) is Status.PENDING
    assert await status_of(office, answer_id) is Status.REJECTED
    assert [one.type for one in await office.changes_after(0)] == [ChangeType.WITHDRAWN] * 2
    assert await lines(office, answer_id) == [
        ("answer", "pending", "approved", answer_id),
        ("reject", "approved", "rejected", None),
    ]
    await office.decide([answer_id], expected=Status.REJECTED)
    assert await status_of(office, answer_id) is Status.APPROVED
    await office.assert_balanced()


async def test_undoing_an_answer_to_what_was_published_takes_down_the_answer_alone(office: Office) -> None:
    [asked] = await office.post()
    await office.decide([asked])
    _, first = await office.answer(asked, BODY)
    await office.undo([asked])
    assert (await status_of(office, asked), await status_of(office, first)) == (Status.APPROVED, Status.REJECTED)
    _, second = await office.answer(asked, BODY)
    await office.undo([second])
    assert (await status_of(office, asked), await status_of(office, second)) == (Status.APPROVED, Status.REJECTED)
    _, third = await office.answer(asked, BODY)
    await office.decide([third], Decision.SPAM, expected=None)
    await office.undo([asked])
    assert await status_of(office, third) is Status.SPAM
    await office.assert_balanced()


@one_engine
async def test_a_mailed_link_answers_what_waits_and_for_a_day_what_was_decided(
    office: Office, clock: Clock
) -> None:
    [asked] = await office.post()
    assert (await office.answer(asked, BODY, channel=Channel.LINK))[0] is Outcome.DONE
    clock.now += timedelta(hours=23)
    assert (await office.answer(asked, "Ancora.", channel=Channel.LINK))[0] is Outcome.DONE
    clock.now += timedelta(hours=25)
    assert (await office.answer(asked, "Troppo tardi.", channel=Channel.LINK))[0] is Outcome.CONFLICT
    assert (await office.answer(asked, "Alla scrivania.", channel=Channel.DESK))[0] is Outcome.DONE


async def test_whoever_asked_to_be_told_of_replies_is_told_and_nothing_is_learned_from_the_answer(
    office: Office, clock: Clock
) -> None:
    [asked] = await office.post()
    async with office.database.write() as connection:
        await connection.execute(
            subscriptions.insert().values(
                comment_id=asked, notice=Notice.REPLIES, asked_at=clock.now, confirmed_at=clock.now
            )
        )
    _, answer_id = await office.answer(asked, BODY)
    scores = LearnedScores(office.database, office.container.directory, clock=clock)
    while await scores.learn():
        pass
    async with office.database.read() as connection:
        told = select(deliveries.c.reference).where(deliveries.c.kind == AUTHOR_NOTICE)
        assert list((await connection.execute(told)).scalars()) == [f"{asked} {answer_id}"]
        assert set((await connection.execute(select(score_lessons.c.comment_id))).scalars()) == {asked}
        assert [one.id for one in await past.stretch(connection, after=None, limit=10)] == [asked]
        year = await transparency.of_decisions(connection, "coop", clock.now.year)
    assert year.decisions["answer"] == {"people": 1}
    assert year.decisions["approve"] == {"people": 1}
