"""What is known of an author at one site: how earlier comments were decided, and what moderators noted."""

from dataclasses import dataclass, replace
from datetime import datetime

from moderation_service.domain.comments.comment import Status

MOST_COUNTED = 1_000
"""How many comments of one address are looked at, the newest."""

HANDLES = "author handle"
"""The purpose of the key under which the keyed hash of an address is told to programs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """How many comments of an author were decided in each way."""

    approved: int = 0
    rejected: int = 0
    spam: int = 0

    def with_more(self, status: Status, count: int) -> "Record":
        """Return the record with `count` more of a state, at least none; what waits does not count."""
        return Record(
            approved=max(self.approved + count * (status is Status.APPROVED), 0),
            rejected=max(self.rejected + count * (status is Status.REJECTED), 0),
            spam=max(self.spam + count * (status is Status.SPAM), 0),
        )

    @property
    def total(self) -> int:
        """How many were decided."""
        return self.approved + self.rejected + self.spam


UNKNOWN = Record()


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorNote:
    """What a moderator noted about an author; without a moderator a program of the site did."""

    text: str
    moderator_id: str | None
    actor_name: str | None
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Author:
    """Who wrote a comment, as far as the site knows by all comments of the same address."""

    record: Record = UNKNOWN
    note: AuthorNote | None = None

    def without(self, status: Status) -> "Author":
        """Return the author without one comment in a state."""
        return replace(self, record=self.record.with_more(status, -1))
