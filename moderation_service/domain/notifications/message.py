"""Messages that notify a moderator of comments."""

from dataclasses import dataclass
from datetime import datetime

from moderation_service.domain.accounts.sites import Moderator, Site
from moderation_service.domain.comments.comment import QueuedComment, Status
from moderation_service.domain.moderation.reports import Reports

IN_FULL = 20
"""How many comments a message shows; the rest is a count."""

IN_DIGEST = 280
"""How many characters of a comment a digest shows; a single mail shows all of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """One comment in a message, with what it answers, if that is there, and the moderator's role in its site.

    `reports` are the open ones of readers: it is published then.
    """

    comment: QueuedComment
    site: Site
    moderator: Moderator
    masked_address: str | None
    parent: QueuedComment | None = None
    reports: Reports = Reports(())

    @property
    def is_published(self) -> bool:
        """Whether the comment was published by itself, and nobody has to decide."""
        return self.comment.status is Status.APPROVED and not self.comment.waits_again

    @property
    def is_probable_spam(self) -> bool:
        """Whether the comment goes into digests only."""
        return self.comment.doubtful.is_suspect


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """All that one person is notified of at once: `notifications` are shown in full, `total` counts what waits.

    Behind what waits stands what was `published` by itself since the message before.

    What waits `beyond` that is counted, and sent with the next message. Of both, `suspects` look like spam.
    A `shortened` message leaves out what commenters wrote, because a spam filter refused it. One that
    `may_have_arrived` was handed to a server before, and nobody knows what came of it. All comments of one
    that `is_reminder` were in an earlier message and wait still.
    """

    id: str
    message_id: str
    created_at: datetime
    notifications: tuple[Notification, ...]
    total: int
    shortened: bool
    may_have_arrived: bool
    is_reminder: bool
    beyond: int = 0
    published: int = 0
    suspects: int = 0

    @property
    def is_digest(self) -> bool:
        """Whether it has the form of a list: several comments, a reminder, or probable spam."""
        return self.total + self.published > 1 or self.is_reminder or self.notifications[0].is_probable_spam
