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

LONGEST_INTERVAL = timedelta(hours=1)
"""How far the interval between two messages grows while nobody decides."""

LATE_AFTER = timedelta(minutes=10)
"""How long after it could have gone a message counts as late."""

SEVERAL = 3
"""So many refusals of messages, one after the other, with none accepted between, speak of the server."""

_ABOUT_OUR_ACCOUNT = frozenset({530, 534, 535, 538})
"""Replies that ask for a log-in or refuse it (RFC 4954, 6), whenever they come."""

_CLOSING = 421
_FIRST_WAIT = timedelta(seconds=10)
_LONGEST_WAIT = timedelta(minutes=10)
_LONGEST_WAIT_UNANSWERED = timedelta(hours=4)
_FIRST_PROBE_OF_PERSON = timedelta(minutes=5)
_LONGEST_PROBE_OF_PERSON = timedelta(hours=4)
LONGEST_WAIT = timedelta(hours=5)
"""No wait before another try is longer, chance included: a stored one that is was written by a wrong clock."""

BEFORE_SHORTENED = timedelta(seconds=30)
MOST_TRIES_OF_REFUSED = 4
"""How often a message that was refused is tried, releases by a server that works again included."""


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
    TOKEN = "token"  # noqa: S105 - a phase
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


class Outage(StrEnum):
    """Why no mail goes out: the server is away, which may end at any moment, or it refuses us."""

    AWAY = "away"
    REFUSES = "refuses"


_BEFORE_ANYBODY_IS_NAMED = frozenset({Phase.CONNECT, Phase.TLS, Phase.TOKEN, Phase.LOGIN, Phase.SENDER})


def classify(phase: Phase, code: int | None, *, about_our_name: bool = False) -> Action:
    """Map what happened to what is done about it.

    `code` is the server's reply, None where it gave none in time. What concerns the server, our account or the
    name by which we greet pauses all mail; a refused recipient parks the person; a refused text parks the
    message; the rest is temporary and concerns this person alone.
    """
    if about_our_name or code in _ABOUT_OUR_ACCOUNT or phase in _BEFORE_ANYBODY_IS_NAMED:
        return Action.PAUSE_ALL
    if code is None or code == _CLOSING:
        return Action.PAUSE_ALL
    if _is_permanent(code):
        return Action.PARK_PERSON if phase is Phase.RECIPIENT else Action.PARK_MESSAGE
    return Action.AGAIN


def outage(phase: Phase, code: int | None, *, about_our_name: bool = False) -> Outage:
    """Tell what a failure that pauses all mail says of the server."""
    if about_our_name or _is_permanent(code):
        return Outage.REFUSES
    is_our_fault = code is None and phase in (Phase.TLS, Phase.LOGIN)
    return Outage.REFUSES if is_our_fault else Outage.AWAY


def may_have_arrived(phase: Phase) -> bool:
    """Tell whether the server may have accepted the message although we never heard so."""
    return phase is Phase.ANSWER


def backoff(attempts: int, *, unanswered: bool = False) -> timedelta:
    """Return the wait before the next try: doubling from ten seconds to ten minutes, a fifth of it by chance.

    It goes on doubling, to four hours, where a message was left `unanswered`: each try may make a copy.
    """
    longest = _LONGEST_WAIT_UNANSWERED if unanswered else _LONGEST_WAIT
    return _by_chance(_doubled(_FIRST_WAIT, attempts, longest))


def before_probing(probes: int) -> timedelta:
    """Return the wait before a parked person is tried again: minutes at first, then hours."""
    return _by_chance(_doubled(_FIRST_PROBE_OF_PERSON, probes, _LONGEST_PROBE_OF_PERSON))


def interval_after(base: timedelta, unanswered: int) -> timedelta:
    """Return the wait after the last of so many messages in a row on which nobody has decided anything."""
    return _doubled(base, max(unanswered - 1, 0), max(base, LONGEST_INTERVAL))


def _doubled(first: timedelta, times: int, longest: timedelta) -> timedelta:
    doubled: timedelta = first * 2 ** min(times, 20)
    return min(doubled, longest)


def _by_chance(wait: timedelta) -> timedelta:
    found: timedelta = wait * random.uniform(0.9, 1.1)  # noqa: S311 - jitter, not a secret
    return found


def _is_permanent(code: int | None) -> bool:
    return code is not None and code >= 500  # noqa: PLR2004 - RFC 5321, 4.2.1: 5yz is permanent
