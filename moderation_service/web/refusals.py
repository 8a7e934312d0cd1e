"""Lines about whom was refused, by client network, for a firewall's tool to act on (docs/operations.md)."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog

EVENT = "client.refused"
"""What the lines are called."""

_EVERY = 10.0
_REMEMBERED = 4_096

_log = structlog.stdlib.get_logger(__name__)


@dataclass(slots=True)
class _Told:
    at: float
    since: int = 0


class Refusals:
    """Writes the first refusal of a network for a reason at once, and then one line in ten seconds at most."""

    def __init__(self, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._told: dict[tuple[str, str], _Told] = {}

    def note(self, network: str, *, reason: str, route: str = "-") -> None:
        """Note a refusal; `times` in the line counts those since the line before it."""
        key = (network, reason)
        now = self._monotonic()
        told = self._told.get(key)
        if told is not None and now - told.at < _EVERY:
            told.since += 1
            return
        times = 1 if told is None else told.since + 1
        self._told.pop(key, None)
        if len(self._told) >= _REMEMBERED:
            del self._told[next(iter(self._told))]
        self._told[key] = _Told(at=now)
        _log.warning(EVENT, network=network, reason=str(reason), route=route, times=times)
