"""What other services learn: the newest visible state of each comment that was ever published."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from moderation_service.domain.comments import PublicComment


class ChangeType(StrEnum):
    """What happened to a comment, as its readers see it."""

    PUBLISHED = "published"
    UPDATED = "updated"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One comment's newest visible state; `comment` is None when it is no longer public."""

    number: int
    type: ChangeType
    comment_id: str
    page_url: str
    at: datetime
    comment: PublicComment | None
