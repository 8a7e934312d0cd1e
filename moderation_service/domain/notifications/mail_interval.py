"""How often moderation mail goes to one person."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from moderation_service.domain.notifications import retry_policy

REMIND_EVERY = timedelta(days=1)
"""How often a comment that nobody decides is sent again, once it was reminded of."""

LONGEST_INTERVAL = timedelta(hours=1)
"""How far the interval between two messages grows while nobody decides."""

LATE_AFTER = timedelta(minutes=10)
"""How long after it could have gone a message counts as late."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MailInterval:
    """By when people may be written to: `base` is the interval between two messages while somebody decides."""

    now: datetime
    base: timedelta

    @property
    def longest(self) -> timedelta:
        """How far ahead an interval can end; one that ends later was written by a wrong clock."""
        return max(self.base, LONGEST_INTERVAL)


def interval_after(base: timedelta, unanswered: int) -> timedelta:
    """Return the wait after the last of so many messages in a row on which nobody has decided anything."""
    return retry_policy.doubled(base, max(unanswered - 1, 0), max(base, LONGEST_INTERVAL))
