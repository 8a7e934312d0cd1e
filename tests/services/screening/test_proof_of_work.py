"""Which comments are asked for work, and what the work does for them."""

from datetime import UTC, datetime

import pytest

from moderation_service.domain.accounts.sites import ProofOfWork, Screening
from moderation_service.domain.comments.comment import Receipt
from moderation_service.domain.keys import KeyRing
from moderation_service.domain.screening import assessment
from moderation_service.domain.screening.assessment import HARMLESS, NOTHING, Assessment, Finding, Reason, Verdict
from moderation_service.domain.screening.work import Challenges
from moderation_service.services.screening.proof_of_work import WorkCheck
from tests.conftest import Clock
from tests.support.candidates import a_candidate
from tests.support.composed import a_site
from tests.support.factories import SECRET

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
OFF, SUSPICIOUS, ALWAYS = (a_site(screening=Screening(proof_of_work=one)) for one in ProofOfWork)
BY_POINTS = Assessment((Reason("many_links", 3), Reason("link_in_name", 3)), Verdict.SUSPECT, 700)
AWAITED = Assessment((Reason("work_awaited"),), Verdict.SUSPECT)
BY_RULE = Assessment((Reason("rule", detail="no links"), Reason("many_links", 3)), Verdict.SUSPECT)


def a_check(clock: Clock, *, attacked: bool = False) -> WorkCheck:
    return WorkCheck(Challenges(KeyRing([SECRET]), clock), is_wanted_of_all=lambda _: attacked)


def test_all_are_asked_where_the_site_says_so_or_is_wanted_of_all(clock: Clock) -> None:
    usual, attacked = a_check(clock), a_check(clock, attacked=True)
    awaited = Finding(AWAITED.reasons, Verdict.SUSPECT)
    assert [usual.look(a_candidate(site=one)) for one in (OFF, SUSPICIOUS, ALWAYS)] == [NOTHING, NOTHING, awaited]
    assert [attacked.look(a_candidate(site=one)) for one in (OFF, SUSPICIOUS)] == [NOTHING, awaited]
    assert attacked.look(a_candidate(site=SUSPICIOUS, is_exempt=True)) == NOTHING
    assert usual.look(a_candidate(site=ALWAYS, edited_id="a")) == NOTHING


@pytest.mark.parametrize(
    ("assessed", "is_asked"),
    [
        (BY_POINTS, True),
        (AWAITED, True),
        (HARMLESS, False),
        (Assessment((Reason("many_links", 3),)), False),
        (BY_RULE, False),
        (Assessment((Reason("rule"),), Verdict.SPAM), False),
        (assessment.after_work(BY_POINTS), False),
        (None, False),
    ],
)
def test_a_suspect_is_asked_if_work_makes_it_none(
    clock: Clock, assessed: Assessment | None, *, is_asked: bool
) -> None:
    receipt = Receipt(id="a", page_url="", created_at=NOW, assessment=assessed)
    assert (a_check(clock).asking(receipt, SUSPICIOUS).challenge is not None) == is_asked
    assert a_check(clock).asking(receipt, OFF).challenge is None


def test_after_work_a_text_keeps_its_points_and_its_place_but_is_no_suspect() -> None:
    proved = assessment.after_work(BY_POINTS)
    assert (proved.verdict, proved.score, proved.suspicion) == (Verdict.PENDING, 6, 700)
    assert proved.reasons == (*BY_POINTS.reasons, Reason("work_done"))
    sent = Assessment((Reason("honeypot", 5), Reason("stamp_early", 5), Reason("work_awaited")), Verdict.SUSPECT)
    proved = assessment.after_work(sent)
    assert proved.reasons == (Reason("honeypot"), Reason("stamp_early"), Reason("work_done"))
    assert (proved.verdict, proved.suspicion) == (Verdict.PENDING, 0)


def test_work_that_was_done_is_no_doubt_and_is_named_last_beside_others() -> None:
    assert assessment.after_work(AWAITED).doubts == ()
    assert assessment.after_work(BY_POINTS).doubts == (*BY_POINTS.reasons, Reason("work_done"))
    links = Assessment((Reason("many_links", 3),))
    edited = assessment.of_edit(assessment.after_work(AWAITED), links)
    assert edited.doubts == (Reason("many_links", 3), Reason("work_done"))


def test_work_takes_back_no_rule_and_no_doubt() -> None:
    assert assessment.after_work(BY_RULE).verdict is Verdict.SUSPECT
    unchecked = Assessment((*BY_POINTS.reasons, Reason("check_failed", detail="learned")), Verdict.SUSPECT)
    assert assessment.after_work(unchecked).verdict is Verdict.HOLD
    held = Assessment((Reason("check_failed"),), Verdict.HOLD)
    assert assessment.after_work(held).verdict is Verdict.HOLD
    assert assessment.after_work(Assessment((), Verdict.SPAM)).verdict is Verdict.SPAM


def test_a_new_text_is_judged_anew_and_how_it_was_sent_stays() -> None:
    links = Assessment((Reason("many_links", 3),))
    assert assessment.of_edit(HARMLESS, links) == links
    assert assessment.of_edit(AWAITED, links).verdict is Verdict.SUSPECT, "an edit is no way around the work"
    trapped = Assessment((Reason("honeypot", 5), Reason("foreign_markup", 4)), Verdict.SUSPECT)
    edited = assessment.of_edit(trapped, links)
    assert (edited.reasons, edited.verdict) == ((Reason("honeypot", 5), Reason("many_links", 3)), Verdict.SUSPECT)
    edited = assessment.of_edit(assessment.after_work(trapped), links)
    assert edited.reasons == (Reason("honeypot"), Reason("work_done"), Reason("many_links", 3))
    assert edited.verdict is Verdict.PENDING
    worse = Assessment(BY_POINTS.reasons, Verdict.SUSPECT, 900)
    assert assessment.of_edit(assessment.after_work(BY_POINTS), worse).verdict is Verdict.SUSPECT
