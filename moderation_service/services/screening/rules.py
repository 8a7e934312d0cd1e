"""The rules of a site's owner, held against a comment before it is stored."""

from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from datetime import timedelta
from typing import Any

from moderation_service.domain import clocks
from moderation_service.domain.accounts import addresses
from moderation_service.domain.keys import KeyRing
from moderation_service.domain.screening import rules
from moderation_service.domain.screening.assessment import NOTHING, Finding
from moderation_service.domain.screening.candidate import Candidate
from moderation_service.domain.screening.rules import Action, Rule, Written
from moderation_service.services.accounts.directory import Directory
from moderation_service.storage.comments import pages
from moderation_service.storage.engine.database import Connection, Database
from moderation_service.storage.screening import authors

Probability = Callable[[Candidate], Awaitable[int | None]]
"""Scores a comment by what its site's decisions taught, in thousandths; None where they taught nothing."""


class SiteRules:
    """A check of screening. It asks for scores and looks into the database only for rules that all else fits."""

    def __init__(self, database: Database, directory: Directory, keys: KeyRing, probability: Probability) -> None:
        self._database = database
        self._directory = directory
        self._keys = keys
        self._probability = probability

    def look(self, candidate: Candidate) -> Finding | Coroutine[Any, Any, Finding]:
        """Return what the rules of the comment's site say of it; nothing more is asked once one refuses it."""
        if not candidate.site.rules:
            return NOTHING
        written = _written(candidate)
        possible = [rule for rule in candidate.site.rules if rule.when.may_hold(written)]
        certain = [rule for rule in possible if not rule.when.asks]
        if len(certain) == len(possible) or any(rule.then is Action.REFUSE for rule in certain):
            return rules.finding(certain)
        return self._ask(candidate, possible)

    async def _ask(self, candidate: Candidate, possible: Sequence[Rule]) -> Finding:
        if any(rule.when.score_over is not None for rule in possible):
            probability = await self._probability(candidate)
            possible = [rule for rule in possible if rule.when.fits_score(probability)]
        if any(rule.when.asks_database for rule in possible):
            possible = await self._database.inspect(lambda one: self._look_up(one, candidate, possible))
        return rules.finding(possible)

    async def _look_up(self, connection: Connection, candidate: Candidate, possible: Iterable[Rule]) -> list[Rule]:
        """Return those rules that fit the age of the page, and how many comments the author wrote before."""
        if any(rule.when.page_older_than is not None for rule in possible):
            page_age = await self._page_age(connection, candidate)
            possible = [rule for rule in possible if rule.when.fits_page(page_age)]
        most = max((rule.when.first_comments or 0 for rule in possible), default=0)
        earlier = await self._earlier(connection, candidate, most) if most else 0
        return [rule for rule in possible if rule.when.fits_author(earlier)]

    async def _page_age(self, connection: Connection, candidate: Candidate) -> timedelta:
        page = self._directory.page(candidate.site, candidate.page_url)
        met = (await pages.met(connection, [page.id])).get(page.id)
        return timedelta() if met is None else clocks.age(met.at, candidate.at)

    async def _earlier(self, connection: Connection, candidate: Candidate, most: int) -> int:
        if candidate.author_email is None:
            return 0
        hashes = self._keys.keyed_hashes(addresses.AUTHOR, addresses.identity(candidate.author_email))
        return await authors.earlier(connection, candidate.site.id, hashes, before=candidate.edited_id, most=most)


def _written(candidate: Candidate) -> Written:
    return Written(
        page_url=candidate.page_url,
        author_name=candidate.author_name,
        has_address=candidate.author_email is not None,
        author_url=candidate.author_url,
        body=candidate.body,
    )
