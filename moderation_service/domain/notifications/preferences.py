"""When and by what means one person wants to be told, and whether a message may go out just now."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from moderation_service.domain import clocks

_HOUR = timedelta(hours=1)


class Schedule(StrEnum):
    """How often somebody is told at most."""

    AT_ONCE = "at_once"
    HOURLY = "hourly"
    DAILY = "daily"


class Ways(StrEnum):
    """By what means somebody is told."""

    BOTH = "both"
    MAIL = "mail"
    PUSH = "push"


@dataclass(frozen=True, slots=True, kw_only=True)
class Preferences:
    """What one person has chosen; whoever has chosen nothing has the defaults.

    A daily message goes at an `hour`. Nothing goes in the quiet hours, from the one and before the other, and
    nothing before the day `away_until`. Hours and days are those of the person's time zone.
    """

    schedule: Schedule = Schedule.AT_ONCE
    hour: int = 8
    quiet_from: int | None = None
    quiet_until: int | None = None
    away_until: date | None = None
    ways: Ways = Ways.BOTH

    def is_away(self, now: datetime, zone: ZoneInfo) -> bool:
        """Tell whether the person is away."""
        return self.away_until is not None and now.astimezone(zone).date() < self.away_until

    def is_quiet(self, now: datetime, zone: ZoneInfo) -> bool:
        """Tell whether it is one of the quiet hours, which may go over midnight."""
        if self.quiet_from is None or self.quiet_until is None:
            return False
        hour = now.astimezone(zone).hour
        if self.quiet_from <= self.quiet_until:
            return self.quiet_from <= hour < self.quiet_until
        return hour >= self.quiet_from or hour < self.quiet_until

    def is_time(self, now: datetime, zone: ZoneInfo, since: datetime) -> bool:
        """Tell whether a message may follow what was `since`: the last one, or the choice of this."""
        if self.schedule is Schedule.HOURLY:
            return clocks.waited(since, now) >= _HOUR
        if self.schedule is Schedule.DAILY:
            return since < self._last_daily(now, zone) or since > now
        return True

    def _last_daily(self, now: datetime, zone: ZoneInfo) -> datetime:
        """Return the latest moment at which a daily message was due.

        An hour that a change of the clocks leaves out is the one after it; one that comes twice counts once.
        """
        today = now.astimezone(zone).date()
        for day in (today, today - timedelta(days=1)):
            due = datetime.combine(day, time(self.hour), zone).astimezone(now.tzinfo)
            if due <= now:
                return due
        return now - timedelta(days=1)
