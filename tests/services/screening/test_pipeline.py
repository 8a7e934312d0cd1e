"""The checks that a comment goes through."""

import asyncio
from typing import Any

import pytest

from moderation_service.domain.screening.assessment import NOTHING, Assessment, Finding, Reason, Verdict
from moderation_service.domain.screening.candidate import Candidate
from moderation_service.services.screening.pipeline import AT_ONCE, Check, Pipeline
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


async def test_comments_that_come_together_go_through_each_check_together() -> None:
    asked: list[tuple[str, str]] = []

    def check(name: str) -> Check:
        def look(candidate: Candidate) -> Finding:
            asked.append((name, candidate.body))
            return NOTHING

        return Check(name, look)

    screening = Pipeline([check("one"), check("two")], is_on=True)
    bodies = [str(number) for number in range(AT_ONCE + 1)]
    await asyncio.gather(*(screening.assess(a_candidate(body=body)) for body in bodies))
    together = [(name, body) for name in ("one", "two") for body in bodies[:AT_ONCE]]
    assert asked == [*together, ("one", bodies[-1]), ("two", bodies[-1])]


async def test_comments_that_come_together_are_told_apart() -> None:
    def first(candidate: Candidate) -> Any:
        if candidate.body == "broken":
            raise RuntimeError
        if candidate.body == "refused":
            return Finding((REASON,), Verdict.REFUSED)
        return later(Finding(probability=7)) if candidate.body == "later" else NOTHING

    screening = Pipeline([Check("first", first), Check("second", lambda _: Finding((REASON,)))], is_on=True)
    bodies = ("harmless", "broken", "refused", "later")
    harmless, broken, refused, waited = await asyncio.gather(
        *(screening.assess(a_candidate(body=body)) for body in bodies)
    )
    assert harmless == Assessment((REASON,))
    assert broken == Assessment((Reason("check_failed", detail="first"), REASON), Verdict.HOLD)
    assert refused == Assessment((REASON,), Verdict.REFUSED)
    assert waited == Assessment((REASON,), Verdict.PENDING, 7)


@pytest.mark.parametrize("leaves", ["before it is looked at", "while a check asks elsewhere"])
async def test_a_comment_whose_client_leaves_holds_up_no_other(leaves: str) -> None:
    released = asyncio.Event()

    async def wait() -> Finding:
        await released.wait()
        return Finding(probability=7)

    screening = Pipeline([Check("waiting", lambda _: wait())], is_on=True, within=60)
    leaving, staying = (asyncio.ensure_future(screening.assess(a_candidate())) for _ in range(2))
    await asyncio.sleep(0)
    if leaves == "while a check asks elsewhere":
        await asyncio.sleep(0)
    leaving.cancel()
    released.set()
    assert await staying == Assessment(probability=7)
    assert leaving.cancelled()
