"""From which score on a comment is probably spam: read off how harmless comments of the site scored lately."""

import math
from collections import deque
from collections.abc import Iterable
from typing import TypeVar

UNITS = 64
"""How many units of the history make one of the margin; a margin is kept as a whole number of units of 16 bits."""

LATELY = 1_000
"""How many harmless comments are looked at: older ones were scored by a model that knew less."""

KEPT = 1_100
"""How many are kept, so that what is looked at stays complete when lessons are taken back."""

IMAGINED = tuple(round(UNITS * (-2 + 2.8 * number / 19)) for number in range(20))
"""Scores of harmless comments as they are before anything was learned; real ones displace them."""

_T = TypeVar("_T")
_AIM = 0.02
_TAIL = 0.15
_BEYOND = math.log(_TAIL / _AIM)
_USUAL_EXCESS = round(0.4 * UNITS)
_WEIGHT_OF_USUAL = 5
_MOST = 2**15 - 1


def units(margin: float) -> int:
    """Return a margin as the history keeps it."""
    return max(-_MOST, min(math.floor(margin * UNITS), _MOST))


def remove_newest(kept: deque[_T], one: _T) -> None:
    """Remove the last that is equal, if there is one."""
    kept.reverse()
    if one in kept:
        kept.remove(one)
    kept.reverse()


class ScoreHistory:
    """The margins that harmless comments had before they were learned, oldest first.

    `threshold` is the margin, in units, from which a comment is probably spam. The upper 15 % of the margins are
    taken for the tail of an exponential distribution, whose mean excess is theirs, mixed with a usual one that
    weighs as much as five of them; the threshold is where 2 % of all are left (peaks over threshold: Davison
    and Smith, "Models for Exceedances over High Thresholds", 1990, with a shape of 0). Today's model knows more
    than those that gave the scores, so that fewer really exceed it.
    """

    __slots__ = ("_margins", "threshold")

    def __init__(self, margins: Iterable[int] = IMAGINED) -> None:
        self._margins = deque(margins, KEPT)
        self.threshold = self._estimate()

    @property
    def margins(self) -> tuple[int, ...]:
        """What is kept."""
        return tuple(self._margins)

    def add(self, margin: int) -> None:
        """Remember how a harmless comment scored."""
        self._margins.append(margin)
        self.threshold = self._estimate()

    def take_back(self, margin: int) -> None:
        """Forget the newest of this margin; nothing happens if it is no longer kept."""
        remove_newest(self._margins, margin)
        self.threshold = self._estimate()

    def _estimate(self) -> int:
        highest = sorted(list(self._margins)[-LATELY:], reverse=True)
        size = int(_TAIL * len(highest))
        if not size:
            return _MOST
        begin = highest[size]
        excess = sum(highest[:size]) - size * begin + _WEIGHT_OF_USUAL * _USUAL_EXCESS
        return math.ceil(begin + _BEYOND * excess / (size + _WEIGHT_OF_USUAL))
