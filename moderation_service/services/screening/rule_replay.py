"""What rules would have made of the comments that are stored: read in stretches, and nothing is written."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from moderation_service.domain import clocks
from moderation_service.domain.comments.comment import Status
from moderation_service.domain.screening.rules import Rule, Written
from moderation_service.storage.engine.database import Connection, Database
from moderation_service.storage.screening import authors, history
from moderation_service.storage.screening.history import PastComment

STRETCH = 200
"""How many comments are read at once; the longest are 64 KiB each."""

_ADDRESS = re.compile(r"\S+@\S+")
_MOST_CHARACTERS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """A comment for which a rule holds; `words` are its first ones, without anything like an e-mail address."""

    id: str
    page_url: str
    status: Status
    words: str


@dataclass(slots=True)
class Replayed:
    """What came of one rule: how many comments it matches, how many of these are approved, and some of both."""

    rule: Rule
    matched: int = 0
    approved: int = 0
    samples: list[Match] = field(default_factory=list)
    approved_samples: list[Match] = field(default_factory=list)

    def shown(self, most: int) -> list[Match]:
        """Return up to `most` of the comments, those that were approved first."""
        return [*self.approved_samples, *self.samples][:most]


@dataclass(slots=True)
class SiteReplay:
    """What came of a site's rules, over so many comments."""

    rules: list[Replayed]
    comments: int = 0


async def replay(
    database: Database, rules: Mapping[str, Sequence[Rule]], *, most_shown: int, stretch: int = STRETCH
) -> dict[str, SiteReplay]:
    """Hold the rules of sites against all their comments, each rule by itself; of each keep `most_shown` comments.

    A comment counts with the score that it had when it came, and with the address as it is hashed now.
    """
    found = {site_id: SiteReplay([Replayed(rule) for rule in of_site]) for site_id, of_site in rules.items()}
    after: str | None = None
    while True:
        async with database.read() as connection:
            batch = await history.stretch(connection, after=after, limit=stretch)
            await _hold(connection, found, batch, most_shown)
        if len(batch) < stretch:
            return found
        after = batch[-1].id


async def _hold(
    connection: Connection, found: Mapping[str, SiteReplay], batch: Sequence[PastComment], most_shown: int
) -> None:
    """Hold rules against a stretch; authors are looked up, all at once, only where that decides."""
    possible: list[tuple[Replayed, PastComment]] = []
    for comment in batch:
        if (of_site := found.get(comment.site_id)) is not None:
            of_site.comments += 1
            possible += [(one, comment) for one in _possible(of_site.rules, comment)]
    asking = [(one, comment) for one, comment in possible if one.rule.when.first_comments and comment.address_hash]
    most = max((one.rule.when.first_comments or 0 for one, _ in asking), default=0)
    earlier = await authors.earlier_of_each(connection, {one.id for _, one in asking}, most=most) if most else {}
    for one, comment in possible:
        if one.rule.when.fits_author(earlier.get(comment.id, 0)):
            _note(one, comment, most_shown)


def _possible(replayed: Iterable[Replayed], comment: PastComment) -> list[Replayed]:
    """Return those whose rules hold for a comment as it came, if its author is new enough."""
    written = Written(
        page_url=comment.page_url,
        author_name=comment.author_name,
        has_address=bool(comment.address_hash),
        author_url=comment.author_url,
        body=comment.body,
    )
    page_age = clocks.age(comment.page_since, comment.created_at)
    return [
        one
        for one in replayed
        if one.rule.when.may_hold(written)
        and one.rule.when.fits_score(comment.probability)
        and one.rule.when.fits_page(page_age)
    ]


def _note(replayed: Replayed, comment: PastComment, most_shown: int) -> None:
    replayed.matched += 1
    samples = replayed.samples
    if comment.status is Status.APPROVED:
        replayed.approved += 1
        samples = replayed.approved_samples
    if len(samples) < most_shown:
        samples.append(
            Match(
                id=comment.id, page_url=comment.page_url, status=comment.status, words=_first_words(comment.body)
            )
        )


def _first_words(body: str) -> str:
    """Return what a text begins with in one line, as a terminal can show it."""
    line = _ADDRESS.sub("…@…", " ".join(body[: 10 * _MOST_CHARACTERS].split()))
    shown = "".join(one for one in line if one.isprintable())
    if len(shown) <= _MOST_CHARACTERS:
        return shown
    begin = shown[:_MOST_CHARACTERS]
    return f"{begin.rpartition(' ')[0] or begin}…"
