"""Moments as other systems write them, in UTC."""

import re
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal

_EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
_AHEAD = timedelta(days=1)
_LARGEST_SECONDS = 100_000_000_000
"""Above it a number counts milliseconds: as seconds it would lie beyond the year 5000."""
_ISO = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?"
    r"\s*(Z|[+-]\d\d:?\d\d)?(?:\s*[+-]\d\d:?\d\d)?",
    re.IGNORECASE,
)
"""The second zone is one that a system wrote twice."""
_NUMBER = re.compile(r"\d{1,20}(?:\.\d+)?")
_AMERICAN = re.compile(r"(\d\d)/(\d\d)/(\d{4}) - (\d\d?):(\d\d)(am|pm)", re.IGNORECASE)
_NOON = 12


class TimeReader:
    """Reads stamps; one that names no zone is of `zone`, and one that cannot be is None."""

    def __init__(self, zone: tzinfo, *, now: datetime) -> None:
        self._zone = zone
        self._latest = now + _AHEAD

    def __call__(self, stamp: object) -> datetime | None:
        """Return the moment of a text, a number of seconds or milliseconds, or what MongoDB wraps either in."""
        try:
            found = self._read(stamp)
            at = None if found is None else found.astimezone(UTC)
        except (ValueError, OverflowError, OSError):
            return None
        return at if at is not None and _EARLIEST <= at <= self._latest else None

    def _read(self, stamp: object) -> datetime | None:
        if isinstance(stamp, dict):
            stamp = next((stamp[key] for key in ("iso", "$date", "$numberLong") if key in stamp), None)
            return self._read(stamp)
        if isinstance(stamp, datetime):
            return stamp if stamp.tzinfo else stamp.replace(tzinfo=self._zone)
        if isinstance(stamp, str):
            return self._of_text(stamp.strip())
        is_number = isinstance(stamp, (int, float, Decimal)) and not isinstance(stamp, bool)
        return _of_number(float(stamp)) if is_number else None  # type: ignore[arg-type]

    def _of_text(self, text: str) -> datetime | None:
        if _NUMBER.fullmatch(text):
            return _of_number(float(text))
        if match := _ISO.fullmatch(text):
            return self._of_parts(match)
        if match := _AMERICAN.fullmatch(text):
            month, day, year, hour, minute = map(int, match.groups()[:5])
            hour = hour % _NOON + (_NOON if match[6].lower() == "pm" else 0)
            return datetime(year, month, day, hour, minute, tzinfo=self._zone)
        return None

    def _of_parts(self, match: re.Match[str]) -> datetime:
        year, month, day, hour, minute = map(int, match.groups()[:5])
        micros = int((match[7] or "0")[:6].ljust(6, "0"))
        at = datetime(year, month, day, hour, minute, int(match[6] or 0), micros, tzinfo=self._zone)
        zone = match[8]
        if zone is None:
            return at
        if zone in "Zz":
            return at.replace(tzinfo=UTC)
        sign = -1 if zone[0] == "-" else 1
        offset = timedelta(hours=int(zone[1:3]), minutes=int(zone[-2:]))
        return at.replace(tzinfo=UTC) - sign * offset


def _of_number(number: float) -> datetime:
    seconds = number if number < _LARGEST_SECONDS else number / 1_000
    return datetime.fromtimestamp(seconds, UTC)
