"""What services outside are asked of a comment, and what their answers come to.

They are never told the author's address, nor more of the client's network than its first parts. What they say is a
reason, never a decision.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from moderation_service.domain.screening.assessment import PROBABLE_SPAM, Finding, Reason, Verdict

LONGEST_REASON = 100
"""Characters of each reason that an outside service gives which a moderator is shown."""

MOST_REASONS = 3
_SURELY = 0.5


class Service(StrEnum):
    """The services that a site may ask."""

    AKISMET = "akismet"
    HOOK = "hook"


class Learned(StrEnum):
    """What a moderator decided, as it is reported back."""

    SPAM = "spam"
    HAM = "ham"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A comment as outside services are shown it.

    `network` is the client's with its last part zeroed (192.0.2.0), None where it is not known.
    """

    id: str
    site_id: str
    site_url: str
    page_url: str
    page_title: str | None
    is_reply: bool
    author_name: str
    author_url: str | None
    body: str
    language: str
    network: str | None = field(repr=False)


class UnusableAnswerError(Exception):
    """An outside service gave no answer that can be used; its words are not repeated."""


def of_akismet(*, is_spam: bool) -> Finding:
    """Return what Akismet's answer comes to."""
    return Finding((Reason(Service.AKISMET, PROBABLE_SPAM),)) if is_spam else Finding()


def of_hook(score: float, reasons: Sequence[str]) -> Finding:
    """Return what a score from 0 to 1 comes to: points in proportion, and a suspect from a half on.

    A score below a tenth is no reason.
    """
    points = round(score * 2 * PROBABLE_SPAM)
    if not points:
        return Finding()
    shown = "; ".join(filter(None, map(_line, reasons[:MOST_REASONS])))
    verdict = Verdict.SUSPECT if score >= _SURELY else Verdict.PENDING
    return Finding((Reason(Service.HOOK, points, shown),), verdict)


def failed(service: Service) -> Finding:
    """Return what no answer comes to: the comment waits, and is never published by itself."""
    return Finding((Reason("outside_failed", detail=service),), Verdict.HOLD)


def _line(text: str) -> str:
    """Return a reason on one line, without what is not seen or changes directions, as long as it may be."""
    seen = "".join(" " if unicodedata.category(one) in ("Cc", "Zl", "Zp") else one for one in text)
    return " ".join("".join(one for one in seen if unicodedata.category(one) != "Cf").split())[:LONGEST_REASON]
