"""What screening says of a comment before a human looks: reasons, and where it stands in the queue.

Nothing here decides. A comment waits for a moderator whatever is said of it, unless a rule that the site's owner
wrote down says otherwise.
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from moderation_service.domain.accounts import addresses
from moderation_service.domain.screening import lookalikes

PROBABLE_SPAM = 5
"""The score from which a comment is probably spam: the points of all its reasons together."""

WORK_AWAITED = "work_awaited"
"""The reason of a comment whose sender's browser is to do some work first."""

WORK_DONE = "work_done"
"""The reason that says that it did, which speaks for a comment."""

PROVED_AUTHOR = "proved_author"
"""The reason that says that earlier comments of a proved address were published, which speaks for a comment."""

ADDRESS_IN_NAME = "address_in_name"
"""The reason of a comment whose author's name holds the author's own address."""

ADDRESS_IN_TEXT = "address_in_text"
"""The reason of one whose text or web address holds it; it says nothing about spam."""

_OF_SENDING = frozenset(
    {"honeypot", "stamp_forged", "stamp_early", "stamp_missing", WORK_AWAITED, WORK_DONE, PROVED_AUTHOR}
)
"""Reasons that are about how a comment was sent, whatever its text became later."""

_HOLDING = frozenset({"check_failed", ADDRESS_IN_NAME, ADDRESS_IN_TEXT})
"""Reasons for which a comment is never published by itself."""

_OF_OWNER = frozenset({"rule"})
"""Reasons that the site's owner wrote down: no work takes them back."""

SUSPECT_FROM = 1_000
"""The place in the queue from which comments are suspects."""

_PLACES_OF_POINT = SUSPECT_FROM // (2 * PROBABLE_SPAM)

_LINK = re.compile(r"https?://", re.IGNORECASE)
_LINK_IN_NAME = re.compile(
    r"://|\bwww\.|[^\W_]\.[^\W\d_]{2,}(?::\d+)?/|[^\W_]\.(?:app|biz|blog|cam|cfd|click|club|com|cyou|dev|edu|eu|fun|"
    r"info|life|link|live|ltd|net|online|org|page|pro|pw|rest|ru|sbs|shop|site|space|store|top|vip|website|win|work|"
    r"world|xn--[a-z0-9-]+|xyz|zip|de|es|fr|it|uk|us|io|co|me|tv|cc|ch|at|рф)\b",
    re.IGNORECASE,
)
_ADDRESS = re.compile(r"\S+@\S+")
_FOREIGN_MARKUP = re.compile(r"\[(?:url|link)[=\]]|<a\s", re.IGNORECASE)
_MANY_LINKS = 3


class Verdict(StrEnum):
    """What screening comes to, the mildest first."""

    PENDING = "pending"
    HOLD = "hold"
    """Waits like any other, and is never published by itself."""
    SUSPECT = "suspect"
    """Waits behind all others, and is told of in digests only."""
    SPAM = "spam"
    """Filed as spam, and nobody is notified: only a rule says so."""
    REFUSED = "refused"
    """Not taken in at all: only rules and blocks say so."""

    @property
    def severity(self) -> int:
        """Return its rank; of several findings the most severe holds."""
        return _SEVERITY[self]


_SEVERITY = {verdict: rank for rank, verdict in enumerate(Verdict)}


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a comment was marked.

    `weight` is in points, of which `PROBABLE_SPAM` make a suspect. `detail` is what the sentence for `code` names:
    the words that weighed most, or the name of a rule; empty where it names nothing.
    """

    code: str
    weight: int = 0
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check says; `probability` of being spam is in thousandths, None where it does not estimate one.

    `text_group` is one number for all texts that are alike, None where it does not compare them.
    """

    reasons: tuple[Reason, ...] = ()
    verdict: Verdict = Verdict.PENDING
    probability: int | None = None
    text_group: int | None = None


NOTHING = Finding()


@dataclass(frozen=True, slots=True)
class Assessment:
    """What all checks said of a comment together; `probability` and `text_group` as in `Finding`."""

    reasons: tuple[Reason, ...] = ()
    verdict: Verdict = Verdict.PENDING
    probability: int | None = None
    text_group: int | None = None

    @property
    def score(self) -> int:
        """Return the points of all reasons, less what speaks for the comment; 0 is harmless."""
        return max(sum(reason.weight for reason in self.reasons), 0)

    @property
    def doubts(self) -> tuple[Reason, ...]:
        """The reasons to take it for spam, then that the work was done, which alone is none of them."""
        against = tuple(one for one in self.reasons if one.weight >= 0 and one.code != WORK_DONE)
        return against + tuple(one for one in self.reasons if against and one.code == WORK_DONE)

    @property
    def is_suspect(self) -> bool:
        """Whether it waits behind all others, or is not to be waited for at all."""
        return self.verdict.severity >= Verdict.SUSPECT.severity

    @property
    def suspicion(self) -> int:
        """Return the place in the queue, the honest first: below 1,000, and suspects from there on.

        That is the probability where there is one; of a suspect the points count where they say more.
        """
        points = min(self.score * _PLACES_OF_POINT, SUSPECT_FROM - 1)
        favour = sum(reason.weight for reason in self.reasons if reason.weight < 0) * _PLACES_OF_POINT
        own = points if self.probability is None else max(self.probability + favour, 0)
        return SUSPECT_FROM + max(own, points) if self.is_suspect else own


HARMLESS = Assessment()


def sum_up(findings: Iterable[Finding]) -> Assessment:
    """Return what findings come to: all reasons, the most severe verdict, and the highest probability.

    Points that make probable spam make a suspect, unless the sender's browser did the work that it was asked for.
    """
    reasons: tuple[Reason, ...] = ()
    verdict = Verdict.PENDING
    probability: int | None = None
    text_group: int | None = None
    for finding in findings:
        reasons += finding.reasons
        if finding.verdict.severity > verdict.severity:
            verdict = finding.verdict
        if finding.probability is not None:
            probability = max(finding.probability, probability or 0)
        if finding.text_group is not None:
            text_group = finding.text_group
    points = sum(reason.weight for reason in reasons)
    is_vouched_for = any(reason.code == WORK_DONE for reason in reasons)
    if points >= PROBABLE_SPAM and verdict.severity < Verdict.SUSPECT.severity and not is_vouched_for:
        verdict = Verdict.SUSPECT
    return Assessment(reasons, verdict, probability, text_group)


def after_work(assessed: Assessment) -> Assessment:
    """Return an assessment once the sender's browser has done the work that it was asked for.

    Points against the way in which the comment was sent no longer count. Those against its text do still, as does
    its probability, and it keeps its place among others by them; but it is no suspect any more, unless a rule of
    the site's owner made it one. What could not be checked completely, or holds its author's address, is still not
    published by itself.
    """
    reasons = tuple(
        replace(one, weight=min(one.weight, 0)) if one.code in _OF_SENDING else one
        for one in assessed.reasons
        if one.code not in (WORK_AWAITED, WORK_DONE)
    )
    codes = {one.code for one in reasons}
    verdict = assessed.verdict
    if verdict is Verdict.SUSPECT and codes.isdisjoint(_OF_OWNER):
        verdict = Verdict.PENDING if codes.isdisjoint(_HOLDING) else Verdict.HOLD
    return replace(assessed, reasons=(*reasons, Reason(WORK_DONE)), verdict=verdict)


def with_reason(assessed: Assessment, reason: Reason) -> Assessment:
    """Return an assessment with a reason that changes no verdict."""
    return replace(assessed, reasons=(*assessed.reasons, reason))


def of_edit(former: Assessment, found: Assessment) -> Assessment:
    """Return what is said of a new text of a comment: what was found in it, and what was said of its sending."""
    kept = tuple(one for one in former.reasons if one.code in _OF_SENDING)
    if not kept:
        return found
    awaited = Verdict.SUSPECT if any(one.code == WORK_AWAITED for one in kept) else Verdict.PENDING
    return sum_up(
        [Finding(kept, awaited), Finding(found.reasons, found.verdict, found.probability, found.text_group)]
    )


def by_appearance(
    *,
    author_name: str,
    author_email: str,
    body: str,
    author_url: str | None = None,
    moderator_names: Iterable[str] = (),
) -> Finding:
    """Look at a comment by itself: how many links it has, its markup, and what stands in its author's name.

    One that would publish its author's own address is always left to a moderator.
    """
    weights = {
        "many_links": 3 * (body.count("://") >= _MANY_LINKS and len(_LINK.findall(body)) >= _MANY_LINKS),
        "foreign_markup": 4 * (("[" in body or "<" in body) and _FOREIGN_MARKUP.search(body) is not None),
        "link_in_name": 5 if _LINK.search(author_name) else 3 * holds_link(author_name),
        ADDRESS_IN_NAME: lookalikes.holds(author_name, author_email)
        or addresses.stands_in(author_name, author_email),
        "moderator_name": any(lookalikes.holds(author_name, name) for name in moderator_names),
    }
    reasons = tuple(Reason(code, int(weight)) for code, weight in weights.items() if weight)
    if any(addresses.stands_in(text, author_email) for text in (body, author_url or "")):
        reasons += (Reason(ADDRESS_IN_TEXT),)
    if not reasons:
        return NOTHING
    is_held = any(one.code in _HOLDING for one in reasons)
    return Finding(reasons, Verdict.HOLD if is_held else Verdict.PENDING)


def holds_link(line: str) -> bool:
    """Tell whether a name leads somewhere: an address of the web, or what mail programs make one of."""
    if not line.isascii():
        line = "".join(one for one in line if unicodedata.category(one) != "Cf")
    elif "." not in line and ":" not in line:
        return False
    return _LINK_IN_NAME.search(unicodedata.normalize("NFKC", _ADDRESS.sub(" ", line))) is not None
