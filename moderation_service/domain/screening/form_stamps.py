"""What forms that we render carry: a signed stamp of when they were made, and a field that no person sees."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from moderation_service.domain import clocks
from moderation_service.domain.accounts.sites import Site
from moderation_service.domain.keys import KeyRing

LIFETIME = timedelta(hours=24)
"""How old a stamp may be; an older one counts as none, since pages stay open in tabs."""

LEAST_AGE = timedelta(seconds=2)
"""How old a stamp is at least that a script fetched when somebody began to write."""

_PURPOSE = "form stamp"
_HONEYPOT = "honeypot"
_EPOCH = datetime.fromtimestamp(0, UTC)
_HOUR = timedelta(hours=1)
_STAMP = re.compile(r"([hs])([0-9]{1,12})-([0-9a-f]{32})", re.ASCII)
_DIGITS = 8


class Stamped(StrEnum):
    """What the stamp of a comment says."""

    GENUINE = "genuine"
    ABSENT = "absent"
    """None came, or one that is too old."""
    EARLY = "early"
    """It was fetched a moment ago: nobody types as fast."""
    FORGED = "forged"
    """This service did not make it, or for another site."""


class _Kind(StrEnum):
    """From what moment a stamp is, and in which unit since 1970 it says so."""

    HOUR = "h"
    SECOND = "s"

    @property
    def unit(self) -> timedelta:
        return _HOUR if self is _Kind.HOUR else timedelta(seconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class FormMarks:
    """What one form carries: the stamp, and the name of the field that is to stay empty."""

    stamp: str
    honeypot: str


class FormStamps:
    """Makes and reads stamps. One is of a site and of an hour or a second, and holds any number of times.

    Pages that are kept carry the hour in which they were rendered, so that all replicas render the same bytes.
    What the honeypot is called depends on the key; its names under all listed keys are known.
    """

    def __init__(self, keys: KeyRing, clock: Callable[[], datetime]) -> None:
        names = [f"topic_{one[:_DIGITS]}" for one in keys.keyed_hashes(_HONEYPOT, "")]
        self._keys = keys
        self._clock = clock
        self._honeypot = names[0]
        self._of_hour: dict[str, tuple[int, FormMarks]] = {}
        self.honeypots = frozenset(names)
        """The names of the field that is to stay empty, under all listed keys."""

    def of_hour(self, site: Site) -> FormMarks | None:
        """Return what a form carries that may be kept for an hour; None where the site wants no stamps."""
        if not site.screening.form_stamp:
            return None
        hour = self._number(_Kind.HOUR)
        made_in, marks = self._of_hour.get(site.id) or (None, None)
        if marks is None or made_in != hour:
            marks = self._marks(site, _Kind.HOUR, hour)
            self._of_hour[site.id] = hour, marks
        return marks

    def of_second(self, site: Site) -> FormMarks | None:
        """Return what a script fetches for its form; None where the site wants no stamps."""
        if not site.screening.form_stamp:
            return None
        return self._marks(site, _Kind.SECOND, self._number(_Kind.SECOND))

    def hour_ends_at(self) -> datetime:
        """Return when what `of_hour` returns is another one."""
        now = self._clock()
        return now - (now - _EPOCH) % _HOUR + _HOUR

    def read(self, stamp: str | None, site: Site, at: datetime) -> Stamped:
        """Return what a stamp says that came with a comment for a site."""
        if not stamp:
            return Stamped.ABSENT
        found = _STAMP.fullmatch(stamp)
        if found is None:
            return Stamped.FORGED
        kind, number = _Kind(found[1]), int(found[2])
        if not self._keys.is_keyed_hash(_PURPOSE, _signed(site, kind, number), found[3]):
            return Stamped.FORGED
        made_at = _EPOCH + number * kind.unit
        age = clocks.age(made_at, at)
        if age > LIFETIME:
            return Stamped.ABSENT
        return Stamped.EARLY if kind is _Kind.SECOND and age < LEAST_AGE else Stamped.GENUINE

    def _number(self, kind: _Kind) -> int:
        return (self._clock() - _EPOCH) // kind.unit

    def _marks(self, site: Site, kind: _Kind, number: int) -> FormMarks:
        signature = self._keys.keyed_hash(_PURPOSE, _signed(site, kind, number))
        return FormMarks(stamp=f"{kind}{number}-{signature}", honeypot=self._honeypot)


def _signed(site: Site, kind: _Kind, number: int) -> str:
    return f"{site.id}\0{kind}{number}"
