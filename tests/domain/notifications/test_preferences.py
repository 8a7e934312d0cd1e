"""When a message may go out, across midnight and changes of the clocks."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from moderation_service.domain.notifications.preferences import Preferences, Schedule

ROME = ZoneInfo("Europe/Rome")
DAILY = Preferences(schedule=Schedule.DAILY, hour=8)


def at(text: str) -> datetime:
    """A moment by the clocks of Rome; `*` is the second of two."""
    return datetime.fromisoformat(text.rstrip("*")).replace(tzinfo=ROME, fold=text.endswith("*")).astimezone(UTC)


def sent(chosen: Preferences, first: datetime, days: int, step: timedelta = timedelta(minutes=10)) -> list[str]:
    """When messages go to somebody for whom something waits all the time, by the clocks of Rome."""
    found, last, now = [], first, first
    while now < first + timedelta(days=days):
        now += step
        if chosen.is_time(now, ROME, last) and not chosen.is_quiet(now, ROME):
            last = now
            found.append(f"{now.astimezone(ROME):%m-%d %H:%M}")
    return found


@pytest.mark.parametrize(
    ("hour", "first", "expected"),
    [
        (8, "2026-03-27T12:00", ["03-28 08:00", "03-29 08:00", "03-30 08:00"]),
        (2, "2026-03-27T12:00", ["03-28 02:00", "03-29 03:00", "03-30 02:00"]),
        (2, "2026-10-23T12:00", ["10-24 02:00", "10-25 02:00", "10-26 02:00"]),
        (0, "2026-12-30T12:00", ["12-31 00:00", "01-01 00:00", "01-02 00:00"]),
    ],
)
def test_a_daily_message_goes_once_a_day_at_its_hour_also_when_the_clocks_change(
    hour: int, first: str, expected: list[str]
) -> None:
    assert sent(Preferences(schedule=Schedule.DAILY, hour=hour), at(first), 3) == expected


def test_a_daily_message_that_the_quiet_hours_hold_back_goes_when_they_end() -> None:
    chosen = Preferences(schedule=Schedule.DAILY, hour=6, quiet_from=22, quiet_until=7)
    assert sent(chosen, at("2026-03-28T12:00"), 2) == ["03-29 07:00", "03-30 07:00"]


def test_an_hourly_message_goes_an_hour_after_the_last() -> None:
    chosen = Preferences(schedule=Schedule.HOURLY, quiet_from=11, quiet_until=13)
    assert sent(chosen, at("2026-03-28T09:00"), 1)[:4] == [
        "03-28 10:00",
        "03-28 13:00",
        "03-28 14:00",
        "03-28 15:00",
    ]


def test_quiet_hours_may_go_over_midnight() -> None:
    night, noon = Preferences(quiet_from=22, quiet_until=7), Preferences(quiet_from=12, quiet_until=14)
    quiet = [hour for hour in range(24) if night.is_quiet(at(f"2026-10-25T{hour:02}:30"), ROME)]
    assert quiet == [0, 1, 2, 3, 4, 5, 6, 22, 23]
    assert night.is_quiet(at("2026-10-25T02:30*"), ROME)
    assert [hour for hour in range(24) if noon.is_quiet(at(f"2026-03-29T{hour:02}:30"), ROME)] == [12, 13]
    assert not Preferences().is_quiet(at("2026-03-29T02:30"), ROME)
    assert not Preferences(quiet_from=5, quiet_until=5).is_quiet(at("2026-03-29T05:30"), ROME)


def test_an_absence_ends_with_the_day_in_the_persons_time_zone() -> None:
    away = Preferences(away_until=date(2026, 10, 25))
    assert away.is_away(at("2026-10-24T23:59"), ROME)
    assert not away.is_away(at("2026-10-25T00:00"), ROME)


def test_a_clock_that_was_wrong_keeps_nobody_waiting() -> None:
    now = at("2026-03-28T12:00")
    for schedule in Schedule:
        assert Preferences(schedule=schedule).is_time(now, ROME, now + timedelta(days=3))
