"""How long each kind of what is stored is kept, and from when on a shorter time holds."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from moderation_service.domain import clocks

GRACE = timedelta(days=7)
"""How long after a rule is brought or made stricter nothing is deleted by it."""


class Kind(StrEnum):
    """What a rule is about."""

    REJECTED = "rejected"
    """Texts, names and addresses of comments that were rejected."""
    SPAM = "spam"
    """Those of comments that were marked as spam."""
    ADDRESS = "address"
    """Addresses of the authors of other decided comments."""
    DELIVERY = "delivery"
    """Moderation mail that was sent, of all sites."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A rule as it is known: `days` that something is kept, None for ever.

    Until a week after `since` the longer time `former_days` holds. What came before `done_until` was deleted, and
    that was `deleted` times something in all.
    """

    days: int | None
    former_days: int | None
    since: datetime
    done_until: datetime | None = None
    deleted: int = 0

    @property
    def acts_at(self) -> datetime:
        """When `days` begin to hold."""
        return self.since if self.days == self.former_days else self.since + GRACE

    def in_force(self, now: datetime) -> int | None:
        """Return for how many days something is kept just now, None for ever."""
        return self.days if clocks.age(self.since, now) >= self.acts_at - self.since else self.former_days


def adopted(known: Rule | None, days: int | None, now: datetime) -> tuple[int | None, int | None, datetime]:
    """Return days, former days and since when of a rule of which the settings now say `days`."""
    if known is None:
        return days, None, now
    if known.days == days:
        return known.days, known.former_days, known.since
    held = known.in_force(now)
    is_looser = days is None or (held is not None and days >= held)
    return days, days if is_looser else held, now
