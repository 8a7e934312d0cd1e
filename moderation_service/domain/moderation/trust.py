"""What may be expected of an author whose address is proved, by how such comments were decided."""

from moderation_service.domain.moderation.authors import Record
from moderation_service.domain.screening.assessment import (
    PROBABLE_SPAM,
    PROVED_AUTHOR,
    Assessment,
    Reason,
    Verdict,
)

RULE = "publish_proved_after"
"""The name of the rule by which comments are published by themselves: the setting that says so."""

_MOST_POINTS = 3


def reason(record: Record) -> Reason | None:
    """Return what speaks for a comment of a proved address; nothing once a comment of it was marked as spam.

    It takes a point away for each comment that was published rather than rejected, three at most: enough for one
    doubt, and for none that weighs as much as two.
    """
    points = 0 if record.spam else min(record.approved - record.rejected, _MOST_POINTS)
    return Reason(PROVED_AUTHOR, -points) if points > 0 else None


def may_publish(assessed: Assessment, record: Record, *, after: int) -> bool:
    """Tell whether a comment of a proved address that waits is published `after` so many, 0 for never.

    What screening held or took for a suspect is not, nor what it would have without what speaks for the author.
    """
    doubts = sum(one.weight for one in assessed.reasons if one.weight > 0)
    is_harmless = assessed.verdict is Verdict.PENDING and doubts < PROBABLE_SPAM
    return is_harmless and 0 < after <= record.approved and not record.spam
