"""Lines about whom was refused, by client network, for a firewall's tool to act on (docs/operations.md)."""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

import structlog

EVENT = "client.refused"
"""What the lines are called."""

_EVERY = 10.0
_REMEMBERED = 4_096

_log = structlog.stdlib.get_logger(__name__)


@dataclass(slots=True)
class _Logged:
    at: float
    since: int = 0


class Refusals:
    """Writes the first refusal of a network for a reason at once, and then one line in ten seconds at most."""

    def __init__(self, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._logged: OrderedDict[tuple[str, str], _Logged] = OrderedDict()

    def note(self, network: str, *, reason: str, route: str = "-") -> None:
        """Note a refusal; `times` in the line counts those since the line before it."""
        key = (network, reason)
        now = self._monotonic()
        logged = self._logged.get(key)
        if logged is not None and now - logged.at < _EVERY:
            logged.since += 1
            return
        times = 1 if logged is None else logged.since + 1
        self._logged[key] = _Logged(at=now)
        self._logged.move_to_end(key)
        if len(self._logged) > _REMEMBERED:
            self._logged.popitem(last=False)
        _log.warning(EVENT, network=network, reason=str(reason), route=route, times=times)
