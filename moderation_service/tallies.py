"""Counts since the process began: kept as plain numbers by whoever does the work, read when somebody asks."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field


class Distribution:
    """How many values lay below each of some bounds, and the sum of all."""

    __slots__ = ("_counts", "bounds", "sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        """Begin with nothing; `bounds` rise."""
        self.bounds = tuple(bounds)
        self.sum = 0.0
        self._counts = [0] * (len(bounds) + 1)

    def add(self, value: float) -> None:
        """Count one value; cheap enough for every request."""
        self._counts[bisect_left(self.bounds, value)] += 1
        self.sum += value

    def up_to(self) -> list[tuple[float, int]]:
        """Return each bound with how many values are not above it; the last bound is infinity."""
        found, count = [], 0
        for bound, more in zip((*self.bounds, float("inf")), self._counts, strict=True):
            count += more
            found.append((bound, count))
        return found


@dataclass(slots=True)
class Sendings:
    """Mails that a server accepted, and those that did not get through, by what was done about them."""

    accepted: int = 0
    refused: Counter[str] = field(default_factory=Counter)
