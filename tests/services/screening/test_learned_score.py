"""The learned score in the service: taught by decisions, the same at every replica, and nothing without them."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from sqlalchemy import Table, func, select, update

from moderation_service.domain.moderation.decisions import Decision
from moderation_service.domain.screening import explanation
from moderation_service.domain.screening.assessment import NOTHING, Finding
from moderation_service.domain.screening.classifier import VERSION
from moderation_service.services.operations import retention
from moderation_service.services.screening.learned_score import LearnedScores
from moderation_service.storage.schema import score_lessons, score_models, unlearned
from tests.conftest import Clock
from tests.support import office as offices
from tests.support.candidates import a_candidate
from tests.support.office import Office

SPAM = "cheap pills at https://pills.example buy now"
HONEST = "Grazie, una pagina davvero interessante per la cooperativa"


@pytest.fixture
async def office(environ: dict[str, str], clock: Clock) -> AsyncIterator[Office]:
    async with offices.opened(environ, clock) as opened:
        yield opened


def a_replica(office: Office, **changed: int) -> LearnedScores:
    return LearnedScores(office.database, office.container.directory, clock=office.clock, **changed)


async def learn_all(scores: LearnedScores) -> None:
    while await scores.learn():
        pass


async def look(office: Office, scores: LearnedScores, body: str) -> Finding:
    """What is said of a text now, as the service's worker keeps it up to date."""
    await scores.refresh()
    site = office.container.directory.sites.get("coop")
    assert site is not None
    found = scores.look(a_candidate(site=site, body=body))
    return found if isinstance(found, Finding) else await found


async def taught(office: Office, scores: LearnedScores, count: int = 6) -> tuple[list[str], list[str]]:
    """Teach that some texts are spam and others are not; return the comments' ids."""
    spam = [one for number in range(count) for one in await office.post(body=f"{SPAM} {number}")]
    honest = [one for number in range(count) for one in await office.post(body=f"{HONEST} {number}")]
    await office.decide(spam, Decision.SPAM)
    await office.decide(honest, Decision.APPROVE)
    await learn_all(scores)
    return spam, honest


async def probability(office: Office, scores: LearnedScores, body: str) -> int | None:
    return (await look(office, scores, body)).probability


async def test_decisions_teach_and_every_replica_says_the_same(office: Office) -> None:
    scores, other = a_replica(office), a_replica(office)
    assert await look(office, other, SPAM) == NOTHING
    await taught(office, scores)
    found = await look(office, scores, SPAM)
    assert found.probability is not None
    assert found.probability > 800
    [reason] = found.reasons
    assert reason.code == "learned"
    assert len(explanation.from_line(reason.detail)) == 3
    assert (await probability(office, scores, HONEST) or 0) < 200
    assert await look(office, other, SPAM) == found
    late = a_replica(office)
    assert await look(office, late, SPAM) == found
    assert (await late.model("coop")).to_bytes() == (await other.model("coop")).to_bytes()


async def test_what_a_commenter_sends_teaches_nothing(office: Office) -> None:
    scores = a_replica(office)
    await taught(office, scores)
    before = (await scores.model("coop")).to_bytes()
    for _ in range(20):
        await office.post(body=SPAM)
        await look(office, scores, HONEST)
    await learn_all(scores)
    assert (await scores.model("coop")).to_bytes() == before


async def test_a_mistake_that_is_undone_is_unlearned(office: Office) -> None:
    scores = a_replica(office)
    await taught(office, scores)
    before = (await scores.model("coop")).to_bytes()
    [mistaken] = await office.post(body=HONEST)
    await office.decide([mistaken], Decision.SPAM)
    await learn_all(scores)
    assert (await scores.model("coop")).to_bytes() != before
    await office.undo([mistaken])
    await learn_all(scores)
    assert (await scores.model("coop")).to_bytes() == before
    assert (await a_replica(office).model("coop")).to_bytes() == before


async def test_a_decision_that_is_changed_teaches_the_new_one_alone(office: Office) -> None:
    scores = a_replica(office)
    spam, _ = await taught(office, scores)
    model = await scores.model("coop")
    assert (model.harmless, model.spam) == (6, 6)
    await office.decide(spam[:1], Decision.APPROVE, expected=None)
    await office.decide(spam[1:3], Decision.REJECT, expected=None)
    await learn_all(scores)
    assert (model.harmless, model.spam) == (7, 3)


async def test_a_change_back_before_anybody_learned_teaches_nothing(office: Office) -> None:
    scores = a_replica(office)
    [one] = await office.post(body=SPAM)
    await office.decide([one], Decision.SPAM)
    await office.undo([one])
    await learn_all(scores)
    assert await _count(office, score_lessons) == 0
    assert await _count(office, unlearned) == 0


async def test_a_site_begins_with_what_was_decided_before_it_learned(office: Office) -> None:
    spam = await office.post(3, body=SPAM)
    await office.decide(spam, Decision.SPAM)
    async with office.database.write() as connection:
        await connection.execute(unlearned.delete())
    scores = a_replica(office)
    await learn_all(scores)
    assert (await scores.model("coop")).spam == 3


async def test_a_site_that_does_not_learn_is_told_nothing_and_keeps_nothing(office: Office) -> None:
    scores = a_replica(office)
    await taught(office, scores)
    site = office.container.directory.sites.get("coop")
    assert site is not None
    off = replace(site, screening=replace(site.screening, learned=False))
    assert scores.look(a_candidate(site=off, body=SPAM)) is NOTHING


@pytest.mark.parametrize("broken", ["version", "bytes"])
async def test_a_model_that_cannot_be_read_is_learned_anew(
    office: Office, broken: str, caplog: pytest.LogCaptureFixture
) -> None:
    scores, other = a_replica(office), a_replica(office)
    await taught(office, scores)
    values = {"version": VERSION - 1} if broken == "version" else {"model": b"\0" * 10}
    async with office.database.write() as connection:
        await connection.execute(update(score_models).values(**values))
        if broken == "version":
            await connection.execute(update(score_lessons).values(lesson=b"\0" * 40))
    late = a_replica(office)
    assert await look(office, late, SPAM) == NOTHING
    [again] = await office.post(body=SPAM)
    await office.decide([again], Decision.SPAM)
    await learn_all(late)
    assert "score.learned_anew" in caplog.text
    assert (await late.model("coop")).spam == 7
    for one in (late, scores, other):
        assert (await probability(office, one, SPAM) or 0) > 800
    assert (await a_replica(office).model("coop")).to_bytes() == (await late.model("coop")).to_bytes()


async def test_a_newer_version_s_model_is_left_to_it(office: Office) -> None:
    scores = a_replica(office)
    spam, _ = await taught(office, scores)
    async with office.database.write() as connection:
        await connection.execute(update(score_models).values(version=VERSION + 1))
    await office.decide(spam[:1], Decision.APPROVE, expected=None)
    late = a_replica(office)
    assert await late.learn() == 0
    assert await _count(office, unlearned) == 1


async def test_lessons_are_summed_up_and_then_forgotten(office: Office, clock: Clock) -> None:
    scores = a_replica(office, summed_up_every=5)
    await taught(office, scores)
    found = await look(office, scores, SPAM)
    assert await _count(office, score_lessons) == 12
    clock.advance(days=31)
    await retention.forget(office.database, clock(), sites=office.container.directory.sites)
    assert await _count(office, score_lessons) < 5
    assert await look(office, a_replica(office), SPAM) == found


async def test_no_more_models_are_held_than_is_allowed(office: Office) -> None:
    scores = a_replica(office, most_models=1)
    first = await scores.model("coop")
    assert await scores.model("coop") is first
    await scores.model("blog")
    assert await scores.model("coop") is not first


async def _count(office: Office, table: Table) -> int:
    async with office.database.read() as connection:
        counted: int = (await connection.execute(select(func.count()).select_from(table))).scalar_one()
        return counted
