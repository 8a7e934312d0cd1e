"""A pause of all mail: while the server, or our account there, refuses everything."""

from collections.abc import Callable
from datetime import datetime

import structlog

from moderation_service.domain import notices
from moderation_service.mail.failures import DeliveryError

_log = structlog.stdlib.get_logger(__name__)


class Pause:
    """Begins with a refusal that concerns all mail, and ends with the first success of a probe."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._next_probe: datetime | None = None

    @property
    def is_on(self) -> bool:
        """Whether no mail goes out."""
        return self._next_probe is not None

    def is_probe_due(self) -> bool:
        """Tell whether it is time to see if the pause is over."""
        return self._next_probe is not None and self._clock() >= self._next_probe

    def begin(self, error: DeliveryError) -> None:
        """Pause from now on."""
        if not self.is_on:
            _log.error("mail.paused", phase=error.phase, code=error.code, status=error.status)
        self.probe_later()

    def probe_later(self) -> None:
        """Put off the next probe."""
        self._next_probe = self._clock() + notices.PROBE_SERVER_EVERY

    def end(self) -> None:
        """Let mail go out again."""
        if self.is_on:
            _log.warning("mail.resumed")
            self._next_probe = None
