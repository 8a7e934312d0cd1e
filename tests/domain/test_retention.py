"""When a rule about what is kept begins to hold."""

from datetime import UTC, datetime, timedelta

from moderation_service.domain.retention import GRACE, Rule, adopted

NOW = datetime(2026, 11, 30, tzinfo=UTC)
LATER = NOW + timedelta(days=30)


def rule(known: Rule | None, days: int | None, now: datetime) -> Rule:
    kept, former, since = adopted(known, days, now)
    return Rule(days=kept, former_days=former, since=since)


def test_a_new_rule_holds_after_a_week() -> None:
    new = rule(None, 30, NOW)
    assert [new.in_force(NOW), new.in_force(NOW + GRACE - timedelta(seconds=1))] == [None, None]
    assert new.in_force(NOW + GRACE) == 30
    assert rule(new, 30, LATER) == new, "the same rule stays as it is"


def test_a_stricter_rule_holds_after_a_week_and_a_looser_one_at_once() -> None:
    held = rule(None, 30, NOW)
    stricter = rule(held, 10, LATER)
    assert [stricter.in_force(LATER), stricter.in_force(LATER + GRACE)] == [30, 10]
    stricter_still = rule(stricter, 5, LATER + timedelta(days=3))
    assert stricter_still.in_force(LATER + GRACE) == 30, "the week begins anew with each step"
    looser = rule(held, 60, LATER)
    assert (looser.in_force(LATER), looser.acts_at) == (60, LATER)
    for_ever = rule(held, None, LATER)
    assert for_ever.in_force(LATER) is None
    assert rule(for_ever, 30, LATER).in_force(LATER + timedelta(days=6)) is None


def test_taking_a_change_back_within_the_week_changes_nothing() -> None:
    held = rule(None, 30, NOW)
    back = rule(rule(held, 10, LATER), 30, LATER + timedelta(days=1))
    assert back.in_force(LATER + timedelta(days=1)) == 30


def test_a_clock_that_was_wrong_ends_no_grace() -> None:
    of_the_future = rule(None, 30, LATER)
    assert of_the_future.in_force(NOW) is None
