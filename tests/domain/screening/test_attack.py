"""When an attack begins, and when it is over."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from moderation_service.domain.screening.attack import PERIODS, Standing

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(
    ("usual", "posts", "is_attack"),
    [(0, 199, False), (0, 200, True), (19, 200, True), (50, 499, False), (50, 500, True)],
)
def test_an_attack_is_ten_times_what_is_usual_and_two_hundred_at_least(
    usual: float, posts: int, *, is_attack: bool
) -> None:
    assert (Standing(usual=usual).moved(posts, NOW).attack_since == NOW) is is_attack


def test_it_is_over_after_ten_minutes_with_less_than_half_as_many() -> None:
    standing = Standing().moved(4_000, NOW)
    assert standing.moved(100, NOW + MINUTE) == standing
    standing = standing.moved(99, NOW + 2 * MINUTE)
    assert standing.moved(99, NOW + 11 * MINUTE) == standing
    assert standing.moved(120, NOW + 11 * MINUTE) == replace(standing, calm_since=None)
    assert standing.moved(0, NOW + 12 * MINUTE) == Standing()
    assert standing.moved(0, NOW - timedelta(days=1)) == Standing(), "a clock was wrong"


def test_what_is_usual_is_a_mean_that_an_attack_hardly_moves() -> None:
    standing = Standing()
    for number in range(1, 2 * PERIODS):
        standing = standing.with_period(number, 30 if number % 2 else 50)
    assert standing.usual == pytest.approx(40, abs=1)
    assert standing.periods == PERIODS
    attacked = standing
    for number in range(6):
        attacked = attacked.with_period(2 * PERIODS + number, 100_000)
    assert attacked.usual < standing.usual + 3
    assert attacked.with_period(attacked.counted_until, 5) == attacked


def test_a_site_that_grows_is_not_under_attack_for_ever() -> None:
    standing = Standing(usual=1, periods=PERIODS)
    number = 0
    while standing.threshold <= 600:
        number += 1
        standing = standing.with_period(number, 600)
    assert number < 1.5 * PERIODS
