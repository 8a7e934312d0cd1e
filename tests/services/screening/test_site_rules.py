"""Rules of a site's owner in the service: what they ask of the database, and when."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from moderation_service.domain.accounts.sites import Site
from moderation_service.domain.moderation.decisions import Decision
from moderation_service.domain.screening.assessment import NOTHING, Assessment, Finding, Reason, Verdict
from moderation_service.domain.screening.candidate import Candidate
from moderation_service.domain.screening.patterns import Pattern
from moderation_service.domain.screening.rules import Action, Conditions, Rule
from moderation_service.services.screening.learned_score import LearnedScores
from moderation_service.services.screening.rules import SiteRules
from tests.conftest import Clock
from tests.support import office as offices
from tests.support.candidates import a_candidate
from tests.support.factories import PAGE
from tests.support.office import Office

FIRST = "prima"


@pytest.fixture
async def office(environ: dict[str, str], clock: Clock) -> AsyncIterator[Office]:
    async with offices.opened(environ, clock) as opened:
        yield opened


class Probability:
    """A learned score that notes for which texts it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def __call__(self, candidate: Candidate) -> int | None:
        self.asked.append(candidate.body)
        return 950


def a_rule(name: str = "a rule", then: Action = Action.HOLD, **when: Any) -> Rule:
    return Rule(name=name, when=Conditions(**when), then=then)


def listed(office: Office, *rules: Rule) -> Site:
    site = office.container.directory.sites.get("coop")
    assert site is not None
    return replace(site, rules=rules)


async def looked(office: Office, site: Site, probability: Probability | None = None, **changed: Any) -> Finding:
    container = office.container
    check = SiteRules(office.database, container.directory, container.keys, probability or Probability())
    found = check.look(a_candidate(site=site, at=office.clock(), **changed))
    return found if isinstance(found, Finding) else await found


async def test_the_first_comments_of_an_address_are_those_that_nobody_refused(office: Office) -> None:
    site = listed(office, a_rule(first_comments=3))
    author: dict[str, Any] = {"author_email": "Nuova@example.com"}

    async def is_new() -> bool:
        return await looked(office, site, **author) != NOTHING

    kept = await office.post(2, **author)
    assert await is_new()
    refused = await office.post(4, **author)
    assert not await is_new()
    await office.decide(refused[:2], Decision.SPAM)
    await office.decide(refused[2:], Decision.REJECT)
    assert await is_new(), "what was refused makes nobody known"
    await office.decide(kept)
    await office.undo(refused[:1])
    assert not await is_new()
    assert await looked(office, site, author_email="altra@example.com") != NOTHING
    assert await looked(office, site, author_email=None) != NOTHING
    first = await looked(office, listed(office, a_rule(first_comments=2)), **author, edited_id=kept[1])
    assert first != NOTHING, "an edit is as new as its comment"
    await office.post(3, page_url="https://altro.example.com/blog/primo", author_email="altra@example.com")
    assert await looked(office, site, author_email="altra@example.com") != NOTHING, "another site's do not count"


async def test_a_page_is_as_old_as_its_first_comment(office: Office) -> None:
    site = listed(office, a_rule(page_older_than=timedelta(days=30)))
    assert await looked(office, site, page_url=PAGE) == NOTHING
    await office.post()
    office.clock.advance(days=30)
    assert await looked(office, site, page_url=PAGE) == NOTHING
    office.clock.advance(seconds=1)
    assert await looked(office, site, page_url=PAGE) != NOTHING
    assert await looked(office, site, page_url=f"{PAGE}/altra") == NOTHING


async def test_nothing_is_asked_where_the_comment_alone_tells(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    async def inspect(_: Any) -> Any:
        asked.append("the database")
        return []

    monkeypatch.setattr(office.database, "inspect", inspect)
    asking: dict[str, Any] = {"first_comments": 1, "page_older_than": timedelta(days=1)}
    probability = Probability()
    for site, found in (
        (listed(office), NOTHING),
        (listed(office, a_rule(links_over=0, score_over=0.1, **asking)), NOTHING),
        (
            listed(office, a_rule(**asking), a_rule("no", Action.REFUSE, patterns=(Pattern("^prima$"),))),
            Finding((Reason("rule", detail="no"),), Verdict.REFUSED),
        ),
    ):
        assert await looked(office, site, probability, body=FIRST) == found
    assert (asked, probability.asked) == ([], [])
    assert await looked(office, listed(office, a_rule(score_over=0.96, **asking)), probability) == NOTHING
    assert (asked, len(probability.asked)) == ([], 1)
    assert await looked(office, listed(office, a_rule(score_over=0.94, **asking)), probability) == NOTHING
    assert (asked, len(probability.asked)) == (["the database"], 2)


async def test_a_rule_may_ask_for_the_score_that_decisions_taught(office: Office) -> None:
    scores = LearnedScores(office.database, office.container.directory, clock=office.clock)
    spam = await office.post(6, body="cheap pills at https://pills.example buy now")
    honest = await office.post(6, body="Grazie, una pagina davvero interessante")
    await office.decide(spam, Decision.SPAM)
    await office.decide(honest)
    site = listed(office, a_rule(score_over=0.8))
    check = SiteRules(office.database, office.container.directory, office.container.keys, scores.probability)
    candidate = a_candidate(site=site, body="cheap pills, buy now")
    found = check.look(candidate)
    assert not isinstance(found, Finding)
    assert await found == NOTHING, "nothing was learned yet"
    while await scores.learn():
        pass
    found = check.look(candidate)
    assert not isinstance(found, Finding)
    assert (await found).verdict is Verdict.HOLD
    off = replace(site, screening=replace(site.screening, learned=False))
    assert await scores.probability(replace(candidate, site=off)) is None


async def test_what_a_rule_files_as_spam_teaches_nothing_until_somebody_decides(office: Office) -> None:
    scores = LearnedScores(office.database, office.container.directory, clock=office.clock)
    filed = Assessment((Reason("rule", detail="pills"),), Verdict.SPAM)
    one, other = await office.post(2, body="cheap pills", assessment=filed)
    while await scores.learn():
        pass
    model = await scores.model("coop")
    assert (model.harmless, model.spam) == (0, 0)
    await office.decide([one], expected=None)
    while await scores.learn():
        pass
    assert (model.harmless, model.spam) == (1, 0)
    await office.undo([one])
    while await scores.learn():
        pass
    assert (model.harmless, model.spam) == (0, 0), "it is filed again, by the rule"
    await office.decide([other], Decision.SPAM, expected=None)
    while await scores.learn():
        pass
    assert (model.harmless, model.spam) == (0, 0)
    assert await office.states() == {}
    await office.assert_balanced()
