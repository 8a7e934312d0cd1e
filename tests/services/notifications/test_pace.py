"""Beside posts mail keeps a pace: so many messages a second on average, and never many at once."""

import pytest

from moderation_service.services.notifications.pace import Pace
from tests.conftest import Clock
from tests.support import office as offices
from tests.support.office import ANNA, PAUL
from tests.support.smtp import MailServer


class Monotonic:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def waits(pace: Pace, count: int) -> list[float]:
    return [round(pace.take_turn(), 6) for _ in range(count)]


def test_turns_that_are_taken_at_once_lie_equally_far_apart() -> None:
    pace = Pace(10, clock=Monotonic())
    waits(pace, 4)
    assert waits(pace, 3) == [0.1, 0.2, 0.3]


def test_turns_that_nobody_took_are_made_up_for_up_to_three() -> None:
    clock = Monotonic()
    pace = Pace(10, clock=clock)
    waits(pace, 4)
    clock.now += 60
    assert waits(pace, 6) == [0, 0, 0, 0, 0.1, 0.2]


async def test_mail_takes_turns_while_comments_come_in_and_none_otherwise(
    environ: dict[str, str], smtp: MailServer, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[Pace] = []

    def take_turn(pace: Pace) -> float:
        taken.append(pace)
        return 0.0

    monkeypatch.setattr(Pace, "take_turn", take_turn)
    async with offices.opened(environ, clock) as office:
        await office.post()
        assert await office.delivery().deliver_due() == 2
        assert not taken
        clock.advance(minutes=2)
        later = await office.post()
        assert await office.delivery(is_busy=lambda: True).deliver_due() == 2
        assert len(taken) == 2
        assert [office.comments_in(smtp.to(one)[1]) for one in (ANNA, PAUL)] == [later, later]
