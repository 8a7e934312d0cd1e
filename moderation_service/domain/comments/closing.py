"""When a page takes no more comments: by its site's rule, or as a moderator or a program of the site says."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class Commenting(StrEnum):
    """What was said about one page; `by_rule` where nothing was."""

    OPEN = "open"
    CLOSED = "closed"
    BY_RULE = "by_rule"


@dataclass(frozen=True, slots=True, kw_only=True)
class Closing:
    """Whether a page takes no more comments, and since or from when by its site's rule.

    `closes_at` is None where no rule closes the page, or somebody said that it is open or closed.
    """

    is_closed: bool = False
    closes_at: datetime | None = None

    @property
    def changes_at(self) -> datetime | None:
        """When this ends by itself, None where it does not."""
        return None if self.is_closed else self.closes_at


OPEN = Closing()


def judge(
    commenting: Commenting, *, first_at: datetime | None, close_after: timedelta | None, at: datetime
) -> Closing:
    """Return how a page stands `at` a moment.

    `first_at` is when its first comment came, None for a page without any, and `close_after` the time from then to
    the closing, None for a site without that rule.
    """
    if commenting is Commenting.CLOSED:
        return Closing(is_closed=True)
    if commenting is Commenting.OPEN or first_at is None or close_after is None:
        return OPEN
    closes_at = first_at + close_after
    return Closing(is_closed=at >= closes_at, closes_at=closes_at)
