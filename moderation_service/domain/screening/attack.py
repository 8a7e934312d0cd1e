"""When a site is under attack: it gets ten times as many comments as usual, and many at that."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from moderation_service.domain import clocks
from moderation_service.domain.screening.traffic import PERIOD

LEAST = 200
"""How many comments in ten minutes an attack has at least."""

FACTOR = 10
"""How many times as many comments as usual an attack has."""

CALM_FOR = timedelta(minutes=PERIOD)
"""How long a site gets less than half as many before the attack is over."""

PERIODS = 7 * 24 * 60 // PERIOD
"""Over how many periods of ten minutes the usual number is a mean: a week."""

_FIRST_PERIODS = 24 * 60 // PERIOD


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a site stands: how many comments it usually gets in ten minutes, and since when it is under attack.

    `periods` is how many periods are in that mean, the last one `counted_until`; they are numbered from 1970 on.
    `calm_since` is when it began to get fewer again, None while it does not.
    """

    usual: float = 0.0
    periods: int = 0
    counted_until: int = 0
    attack_since: datetime | None = None
    calm_since: datetime | None = None

    @property
    def threshold(self) -> float:
        """How many comments in ten minutes are an attack."""
        return max(float(LEAST), FACTOR * self.usual)

    def with_period(self, number: int, posts: int) -> "Standing":
        """Return how it stands after a period that is over; one that was counted, or a later one, changes nothing.

        More than an attack has counts as much: so an attack hardly becomes what is usual. The first day is taken
        for one that had nothing before.
        """
        if number <= self.counted_until:
            return self
        weight = min(max(self.periods, _FIRST_PERIODS) + 1, PERIODS)
        usual = self.usual + (min(float(posts), self.threshold) - self.usual) / weight
        return replace(self, usual=usual, periods=min(self.periods + 1, PERIODS), counted_until=number)

    def moved(self, posts: int, now: datetime) -> "Standing":
        """Return how it stands after it got so many posts in the last ten minutes."""
        if self.attack_since is None:
            is_attack = posts >= self.threshold
            return replace(self, attack_since=now, calm_since=None) if is_attack else self
        if 2 * posts >= self.threshold:
            return self if self.calm_since is None else replace(self, calm_since=None)
        if self.calm_since is None:
            return replace(self, calm_since=now)
        if clocks.waited(self.calm_since, now) < CALM_FOR:
            return self
        return replace(self, attack_since=None, calm_since=None)
