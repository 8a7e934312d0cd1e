"""The checks that a comment goes through before it is stored, the cheapest first."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

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


Look = Callable[[Candidate], Finding | Awaitable[Finding]]


@dataclass(frozen=True, slots=True)
class Check:
    """One check: its name, and what it says of a comment, at once or after it asked somebody.

    `count` is told of each comment, and of each new text of one, that was stored.
    """

    name: str
    look: Look
    count: Callable[[Candidate], None] | None = None


class Pipeline:
    """Runs all checks in order; a verdict of refused ends the run.

    A check that fails, or takes longer than `within` seconds, is a reason of its own: the comment then waits for a
    moderator whatever else is said of it, and is never published by itself.
    """

    def __init__(self, checks: Sequence[Check], *, is_on: bool, within: float = WITHIN) -> None:
        self._checks = checks
        self._is_on = is_on
        self._within = within
        self._failed = Recurring(_log, "screening.check_failed")

    async def assess(self, candidate: Candidate) -> Assessment:
        """Return what the checks say of a comment; it is harmless where screening is switched off."""
        if not self._is_on:
            return assessment.HARMLESS
        findings: list[Finding] = []
        for check in self._checks:
            try:
                found = check.look(candidate)
                if not isinstance(found, Finding):
                    async with asyncio.timeout(self._within):
                        found = await found
            except Exception as error:
                self._failed.note(check=check.name, site=candidate.site.id, error=type(error).__name__)
                found = Finding((Reason("check_failed", detail=check.name),), Verdict.HOLD)
            if found is not NOTHING:
                findings.append(found)
            if found.verdict is Verdict.REFUSED:
                break
        return assessment.sum_up(findings)

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
