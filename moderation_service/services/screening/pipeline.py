"""The checks that a comment goes through before it is stored, the cheapest first."""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog

from moderation_service.domain.accounts.sites import Site
from moderation_service.domain.errors import Refusal, RefusedError
from moderation_service.domain.moderation.blocks import REASON as BLOCKED
from moderation_service.domain.screening import assessment
from moderation_service.domain.screening.assessment import NOTHING, Assessment, Finding, Reason, Verdict
from moderation_service.domain.screening.candidate import Candidate
from moderation_service.domain.screening.rules import REASON as RULE
from moderation_service.log import Recurring

_log = structlog.stdlib.get_logger(__name__)

WITHIN = 0.5
"""Seconds that a check may take."""

AT_ONCE = 32
"""How many comments are looked at before anything else has its turn: some milliseconds of work."""

Look = Callable[[Candidate], Finding | Coroutine[Any, Any, Finding]]


@dataclass(frozen=True, slots=True)
class Check:
    """One check: its name, and what it says of a comment, at once or after it asked somebody.

    `count` is told of each comment, and of each new text of one, that was stored.
    """

    name: str
    look: Look
    count: Callable[[Candidate], None] | None = None


@dataclass(slots=True, eq=False)
class _Run:
    """A comment on its way through the checks: what they said so far, and what the last one still asks for."""

    candidate: Candidate
    gathered: asyncio.Future[None]
    findings: list[Finding] = field(default_factory=list)
    asked: int = 0
    awaited: Coroutine[Any, Any, Finding] | None = None
    is_over: bool = False

    @property
    def goes_on(self) -> bool:
        """Whether the next check may look at once."""
        return self.awaited is None and not self.is_over

    def note(self, found: Finding) -> None:
        """Note what a check says; a verdict of refused ends the run."""
        self.findings.append(found)
        self.is_over = found.verdict is Verdict.REFUSED


class Pipeline:
    """Runs all checks in order; a verdict of refused ends the run.

    Comments that come together go through each check together, up to `AT_ONCE` of them: that takes the processor
    a third less than one comment after the other, since a check finds its own code and data still at hand.

    A check that fails, or takes longer than `within` seconds, is a reason of its own: the comment then waits for a
    moderator whatever else is said of it, and is never published by itself.
    """

    def __init__(self, checks: Sequence[Check], *, is_on: bool, within: float = WITHIN) -> None:
        self._checks = checks
        self._is_on = is_on
        self._within = within
        self._arrived: deque[_Run] = deque()
        self._failed = Recurring(_log, "screening.check_failed")

    async def assess(self, candidate: Candidate) -> Assessment:
        """Return what the checks say of a comment; it is harmless where screening is switched off."""
        if not self._is_on:
            return assessment.HARMLESS
        loop = asyncio.get_running_loop()
        run = _Run(candidate, loop.create_future())
        self._arrived.append(run)
        if len(self._arrived) == 1:
            loop.call_soon(self._look_at_arrived)
        try:
            await run.gathered
            await self._finish(run)
        finally:
            if run.awaited is not None:
                run.awaited.close()
        return assessment.sum_up(run.findings)

    def _look_at_arrived(self) -> None:
        """Take the comments that wait through the checks, as far as each goes without waiting for somebody."""
        runs = [self._arrived.popleft() for _ in range(min(AT_ONCE, len(self._arrived)))]
        runs = [run for run in runs if not run.gathered.cancelled()]
        if self._arrived:
            asyncio.get_running_loop().call_soon(self._look_at_arrived)
        going_on = runs
        for check in self._checks:
            self._ask(check, going_on)
            if not all(run.goes_on for run in going_on):
                going_on = [run for run in going_on if run.goes_on]
        for run in runs:
            run.gathered.set_result(None)

    async def _finish(self, run: _Run) -> None:
        """Wait for what is asked for elsewhere, and go on with the checks behind it."""
        while run.awaited is not None:
            check = self._checks[run.asked - 1]
            awaited, run.awaited = run.awaited, None
            try:
                async with asyncio.timeout(self._within):
                    found = await awaited
            except Exception as error:
                found = self._failure(check, run.candidate, error)
            run.note(found)
            for later in self._checks[run.asked :]:
                if not run.goes_on:
                    break
                self._ask(later, [run])

    def _ask(self, check: Check, runs: Iterable[_Run]) -> None:
        """Ask one check about comments that go on, the one right after the other."""
        look = check.look
        for run in runs:
            run.asked += 1
            try:
                found = look(run.candidate)
            except Exception as error:
                found = self._failure(check, run.candidate, error)
            if found is NOTHING:
                continue
            if isinstance(found, Finding):
                run.note(found)
            else:
                run.awaited = found

    def _failure(self, check: Check, candidate: Candidate, error: Exception) -> Finding:
        self._failed.note(check=check.name, site=candidate.site.id, error=type(error).__name__)
        return Finding((Reason("check_failed", detail=check.name),), Verdict.HOLD)

    def count(self, candidate: Candidate) -> None:
        """Tell the checks that a comment was stored which they looked at."""
        if self._is_on:
            for check in self._checks:
                if check.count is not None:
                    check.count(candidate)


def refusal(assessment: Assessment, site: Site) -> RefusedError:
    """Return the error by which a comment is refused, and say in the log by what, without a word of it."""
    rules = [one.detail for one in assessment.reasons if one.code == RULE]
    _log.info("screening.refused", site=site.id, rules=rules, is_blocked=_is_blocked(assessment))
    return RefusedError(Refusal.BLOCKED if _is_blocked(assessment) else Refusal.BY_RULE, contact=site.contact)


def _is_blocked(assessment: Assessment) -> bool:
    return any(one.code == BLOCKED for one in assessment.reasons)


def by_appearance(candidate: Candidate) -> Finding:
    """Look at a comment by itself."""
    return assessment.by_appearance(
        author_name=candidate.author_name,
        author_email=candidate.author_email or "",
        body=candidate.body,
        author_url=candidate.author_url,
        moderator_names=(one.name for one in candidate.site.moderators),
    )
