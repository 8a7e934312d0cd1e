"""One retry policy for all that is delivered: what an answer means, when the next try is, when it is given up."""

import random
from datetime import timedelta
from enum import StrEnum

GIVE_UP_AFTER = timedelta(days=5)
"""How long a message is tried before it is parked."""

SEVERAL = 3
"""So many refusals of messages, one after the other, with none accepted between, speak of the server."""

_ABOUT_OUR_ACCOUNT = frozenset({530, 534, 535, 538})
"""Replies that ask for a log-in or refuse it (RFC 4954, 6), whenever they come."""

_CLOSING = 421
_FIRST_WAIT = timedelta(seconds=10)
_LONGEST_WAIT = timedelta(minutes=10)
_JITTER = 0.1
_LONGEST_WAIT_UNANSWERED = timedelta(hours=4)
_FIRST_PROBE_OF_PERSON = timedelta(minutes=5)
_LONGEST_PROBE_OF_PERSON = timedelta(hours=4)
_FIRST_WAIT_OF_RECEIVER = timedelta(seconds=3)
_LONGEST_WAIT_OF_RECEIVER = timedelta(hours=1)
LONGEST_WAIT = timedelta(hours=5)
"""No wait before another try is longer, chance included: a stored one that is was written by a wrong clock."""

BEFORE_SHORTENED = timedelta(seconds=30)
MOST_TRIES_OF_REFUSED = 4
"""How often a message that was refused is tried, releases by a server that works again included."""


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
    """Return the wait before the next try: doubling from ten seconds to ten minutes at most, partly by chance.

    It goes on doubling, to four hours, where a message was left `unanswered`: each try may make a copy.
    """
    longest = _LONGEST_WAIT_UNANSWERED if unanswered else _LONGEST_WAIT
    return _by_chance(_FIRST_WAIT, attempts, longest)


def before_trying_again(action: Action, phase: Phase, attempts: int) -> timedelta:
    """Return the wait before what failed so is tried again, if it is.

    What waits for the server alone has none: it goes out as soon as that works again. A short notice follows soon.
    """
    unanswered = may_have_arrived(phase)
    if action is Action.PAUSE_ALL and not unanswered:
        return timedelta()
    if action is Action.PARK_MESSAGE:
        return BEFORE_SHORTENED
    return backoff(attempts, unanswered=unanswered)


def before_probing(probes: int) -> timedelta:
    """Return the wait before a parked person is tried again: minutes at first, then hours, four at most."""
    return _by_chance(_FIRST_PROBE_OF_PERSON, probes, _LONGEST_PROBE_OF_PERSON)


def before_posting_again(attempts: int) -> timedelta:
    """Return the wait before a webhook's receiver is asked again: from seconds to an hour at most."""
    return _by_chance(_FIRST_WAIT_OF_RECEIVER, attempts, _LONGEST_WAIT_OF_RECEIVER)


def doubled(first: timedelta, times: int, longest: timedelta) -> timedelta:
    """Return a wait that was doubled so many times, but is no longer than the longest."""
    doubled: timedelta = first * 2 ** min(times, 20)
    return min(doubled, longest)


def _by_chance(first: timedelta, times: int, longest: timedelta) -> timedelta:
    """Return a doubled wait, up to a tenth more or less by chance, never more than `longest`."""
    middle = doubled(first, times, longest / (1 + _JITTER))
    found: timedelta = middle * random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311 - jitter, not a secret
    return min(found, longest)


def _is_permanent(code: int | None) -> bool:
    return code is not None and code >= 500  # noqa: PLR2004 - RFC 5321, 4.2.1: 5yz is permanent
