"""Telling moderators: what a message may hold, when the next one may go, what a mail server's answer means."""

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from moderation_service.domain import screening
from moderation_service.domain.comments import QueuedComment
from moderation_service.domain.sites import Moderator, Site

IN_FULL = 20
"""How many comments a message shows; the rest is a count."""

IN_DIGEST = 280
"""How many characters of a comment a digest shows; a single mail shows all of it."""

REMIND_EVERY = timedelta(days=1)
"""How often a comment that nobody decides is told of again, once it was reminded of."""

GIVE_UP_AFTER = timedelta(days=5)
"""How long a message is tried before it is parked."""

_ABOUT_OUR_ACCOUNT = frozenset({530, 534, 535, 538})
"""Replies that ask for a log-in or refuse it (RFC 4954, 6), whenever they come."""

_FIRST_WAIT = timedelta(seconds=10)
_LONGEST_WAIT = timedelta(hours=4)
PROBE_PERSON_EVERY = timedelta(days=1)
PROBE_SERVER_EVERY = timedelta(minutes=3)
BEFORE_SHORTENED = timedelta(seconds=30)


class PromiseState(StrEnum):
    """Where the promise to tell one moderator of one comment stands."""

    WAITING = "waiting"
    TOLD = "told"
    SUPERSEDED = "superseded"
    PARKED = "parked"


class MessageState(StrEnum):
    """Where a message stands. While it is fixed, a server may have seen it: its set only shrinks."""

    FIXED = "fixed"
    SENT = "sent"
    DISSOLVED = "dissolved"
    CANCELLED = "cancelled"
    PARKED = "parked"


class Phase(StrEnum):
    """How far the conversation with a mail server came before it failed."""

    CONNECT = "connect"
    TLS = "tls"
    LOGIN = "login"
    SENDER = "sender"
    RECIPIENT = "recipient"
    DATA = "data"
    ANSWER = "answer"


class Action(StrEnum):
    """What is done about a message that did not get through."""

    AGAIN = "again"
    PARK_PERSON = "park_person"
    PARK_MESSAGE = "park_message"
    PAUSE_ALL = "pause_all"


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One comment in a message, with what it answers, if that is there, and the moderator's part in its site."""

    comment: QueuedComment
    site: Site
    moderator: Moderator
    masked_address: str
    parent: QueuedComment | None = None

    @property
    def is_probable_spam(self) -> bool:
        """Whether the comment goes into digests only."""
        return self.comment.spam_score >= screening.PROBABLE_SPAM


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """All that one person is told at once: `notices` are those shown in full, `total` counts all of them.

    What waits `beyond` them is counted and told of by the next message.
    A `shortened` message leaves out what commenters wrote, because a spam filter refused it. One that
    `may_have_arrived` was handed to a server before, and nobody knows what came of it. All comments of one
    that `is_reminder` were told before and wait still.
    """

    id: str
    message_id: str
    created_at: datetime
    notices: tuple[Notice, ...]
    total: int
    shortened: bool
    may_have_arrived: bool
    is_reminder: bool
    beyond: int = 0

    @property
    def is_digest(self) -> bool:
        """Whether it has the form of a list: several comments, a reminder, or probable spam."""
        return self.total > 1 or self.is_reminder or self.notices[0].is_probable_spam


def classify(phase: Phase, code: int | None) -> Action:
    """Map what happened to what is done about it.

    `code` is the server's reply, None where it gave none. What concerns the server or our account pauses
    all mail; a refused recipient parks the person; a refused text parks the message; the rest is temporary.
    """
    permanent = code is not None and code >= 500  # noqa: PLR2004 - RFC 5321, 4.2.1: 5yz is permanent
    if code in _ABOUT_OUR_ACCOUNT:
        return Action.PAUSE_ALL
    if phase in (Phase.TLS, Phase.LOGIN):
        return Action.PAUSE_ALL if permanent or code is None else Action.AGAIN
    if permanent and phase in (Phase.CONNECT, Phase.SENDER):
        return Action.PAUSE_ALL
    if permanent and phase is Phase.RECIPIENT:
        return Action.PARK_PERSON
    if permanent and phase is Phase.DATA:
        return Action.PARK_MESSAGE
    return Action.AGAIN


def may_have_arrived(phase: Phase) -> bool:
    """Tell whether the server may have accepted the message although we never heard so."""
    return phase is Phase.ANSWER


def backoff(attempts: int) -> timedelta:
    """Return the wait before the next try: doubling from ten seconds to four hours, a fifth of it by chance."""
    wait: timedelta = min(_FIRST_WAIT * 2 ** min(attempts, 20), _LONGEST_WAIT)
    return wait * random.uniform(0.9, 1.1)  # noqa: S311 - jitter, not a secret
