"""The checks that a comment goes through."""

import asyncio
from typing import Any

import pytest

from moderation_service.domain.screening.assessment import NOTHING, Assessment, Finding, Reason, Verdict
from moderation_service.domain.screening.candidate import Candidate
from moderation_service.services.screening.pipeline import Check, Pipeline
from tests.support.candidates import a_candidate

REASON = Reason("many_links", 3)


async def later(finding: Finding) -> Finding:
    await asyncio.sleep(0)
    return finding


async def test_checks_are_asked_in_order_and_what_they_say_is_summed_up() -> None:
    asked: list[str] = []

    def check(name: str, finding: Finding) -> Check:
        def look(candidate: Candidate) -> Finding:
            asked.append(candidate.body)
            return finding

        return Check(name, look)

    screening = Pipeline(
        [
            check("one", Finding((REASON,))),
            Check("two", lambda _: later(Finding(probability=7))),
            check("three", NOTHING),
        ],
        is_on=True,
    )
    assert await screening.assess(a_candidate()) == Assessment((REASON,), Verdict.PENDING, 7)
    assert asked == ["interessante…"] * 2


async def test_nothing_is_asked_once_a_comment_is_refused_or_while_screening_is_off() -> None:
    asked: list[Candidate] = []
    refusing = Check("refusing", lambda _: Finding((REASON,), Verdict.REFUSED))

    def look(candidate: Candidate) -> Finding:
        asked.append(candidate)
        return NOTHING

    behind = Check("behind", look)
    assert (await Pipeline([refusing, behind], is_on=True).assess(a_candidate())).verdict is Verdict.REFUSED
    assert await Pipeline([behind], is_on=False).assess(a_candidate()) == Assessment()
    assert not asked


@pytest.mark.parametrize("fails", ["at once", "later", "never answers"])
async def test_a_check_that_fails_holds_the_comment_and_is_said(
    fails: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail() -> Finding:
        if fails == "never answers":
            await asyncio.Event().wait()
        raise RuntimeError("giuliana@example.com")

    def look(_: Candidate) -> Any:
        if fails == "at once":
            raise RuntimeError("giuliana@example.com")
        return fail()

    screening = Pipeline(
        [Check("broken", look), Check("whole", lambda _: Finding((REASON,)))], is_on=True, within=0.01
    )
    found = await screening.assess(a_candidate())
    assert found == Assessment((Reason("check_failed", detail="broken"), REASON), Verdict.HOLD)
    assert "screening.check_failed" in caplog.text
    assert "broken" in caplog.text
    assert "giuliana" not in caplog.text
