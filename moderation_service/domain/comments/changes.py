"""What other services learn: the newest visible state of each comment that was ever published."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from moderation_service.domain.comments.comment import PublicComment


class ChangeType(StrEnum):
    """What happened to a comment, as its readers see it."""

    PUBLISHED = "published"
    UPDATED = "updated"
    WITHDRAWN = "withdrawn"
    ERASED = "erased"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One comment's newest visible state; `comment` is None when it is no longer public.

    `page_title` is what readers see as its page's title now, None without one. `reason` is the code of why
    moderators withdrew it, None where they gave none.
    """

    number: int
    type: ChangeType
    comment_id: str
    page_url: str
    page_title: str | None
    at: datetime
    reason: str | None = None
    comment: PublicComment | None
