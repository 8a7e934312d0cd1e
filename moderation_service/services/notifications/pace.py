"""The pace of mail while comments come in: who posts waits for an answer, and mail has time."""

import time
from collections.abc import Callable

_BESIDE_POSTS = 36
_MOST_MISSED = 3
"""How many turns that came while nobody was ready are made up for, so that the pace is kept on average."""


class Pace:
    """Gives turns that lie equally far apart, so many `per_second`, whoever takes them."""

    def __init__(self, per_second: float = _BESIDE_POSTS, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._apart = 1 / per_second
        self._clock = clock
        self._next_at = 0.0

    def take_turn(self) -> float:
        """Take the next turn and return the seconds until it comes."""
        now = self._clock()
        turn = max(self._next_at, now - _MOST_MISSED * self._apart)
        self._next_at = turn + self._apart
        return max(turn - now, 0.0)
