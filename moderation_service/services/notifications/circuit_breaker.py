"""The circuit breaker of the mail server: one for everything that is sent through it.

While it is open nothing is sent but a probe now and then. A server that is away is probed after seconds, one that
refuses us after minutes. The first success closes it, and all that waited for the server goes out.
"""

import random
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from moderation_service.domain import clocks
from moderation_service.domain.notifications import retry_policy
from moderation_service.domain.notifications.retry_policy import Action, Outage, Phase
from moderation_service.mail.failures import DeliveryError

BY_A_WORKING_SERVER = frozenset({Phase.RECIPIENT, Phase.DATA})
"""Phases of which an answer, whatever it is, says that the server works."""

_AWAY_AT_LEAST = 10.0
_AWAY_AT_MOST = 25.0
_REFUSING = timedelta(minutes=3)

_log = structlog.stdlib.get_logger(__name__)


class Circuit:
    """Opens with a failure that concerns all mail, and closes with the first success of a probe."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._failed_at: datetime | None = None
        self._until_probe = timedelta()
        self._refused_in_a_row = 0
        self.opened_at: datetime | None = None
        self.recoveries = 0
        """How often it was found that the server works again: what waited for that may go out."""

    @property
    def is_open(self) -> bool:
        """Whether no mail goes out."""
        return self._failed_at is not None

    def take_probe(self) -> bool:
        """Tell whether it is time to see if the server works again; True for one caller each time."""
        if self._failed_at is None or clocks.waited(self._failed_at, self._clock()) < self._until_probe:
            return False
        self._failed_at = self._clock()
        return True

    def fail(self, error: DeliveryError, outage: Outage | None = None) -> None:
        """Open, or stay open, after a failure that concerns all mail."""
        kind = outage or error.outage
        if self._failed_at is None:
            self.opened_at = self._clock()
            _log.error("mail.paused", phase=error.phase, code=error.code, status=error.status, outage=kind)
        self._failed_at = self._clock()
        self._until_probe = _REFUSING if kind is Outage.REFUSES else _soon()

    def judge(self, error: DeliveryError, *, is_final: bool = True) -> Action:
        """Return what is done about a refusal, and take from it how the server is.

        So many refused messages in a row are the server's fault, not the messages'; not so those that are tried
        once more in another form, which are not `is_final`.
        """
        action = error.action
        if action is Action.PARK_MESSAGE:
            self._refused_in_a_row += 1
            if self._refused_in_a_row >= retry_policy.SEVERAL and is_final:
                self.fail(error, Outage.AWAY)
                return Action.PAUSE_ALL
        if action is Action.PAUSE_ALL:
            self.fail(error)
        elif error.phase in BY_A_WORKING_SERVER:
            self.close()
        return action

    def before_trying_again(self, error: DeliveryError, action: Action, attempts: int) -> timedelta:
        """Return the wait before what was refused so is tried again."""
        return retry_policy.before_trying_again(action, error.phase, attempts)

    def accept(self) -> None:
        """Note that the server took a message: it works."""
        if self._refused_in_a_row and not self.is_open:
            self.recoveries += 1
        self._refused_in_a_row = 0
        self.close()

    def close(self) -> None:
        """Let mail go out: the server works."""
        if self.opened_at is None:
            return
        lasted = clocks.age(self.opened_at, self._clock())
        _log.warning("mail.resumed", seconds=round(lasted.total_seconds()))
        self._failed_at = self.opened_at = None
        self.recoveries += 1


def _soon() -> timedelta:
    """Spread the probes of several processes."""
    return timedelta(seconds=random.uniform(_AWAY_AT_LEAST, _AWAY_AT_MOST))  # noqa: S311 - jitter, not a secret
