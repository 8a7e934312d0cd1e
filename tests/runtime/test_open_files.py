"""Room for connections: the soft limit of open files is raised to fit, and less is said aloud."""

import resource
from collections.abc import Callable

import pytest

from moderation_service.runtime import open_files
from moderation_service.runtime.open_files import RESERVED, burst


class Limit:
    """The limits of a process, as the kernel would keep them."""

    def __init__(self, soft: int, hard: int, *, refuses: bool = False) -> None:
        self.now = (soft, hard)
        self._refuses = refuses

    def get(self, _: int) -> tuple[int, int]:
        return self.now

    def set(self, _: int, wanted: tuple[int, int]) -> None:
        if self._refuses or not 0 < wanted[0] <= wanted[1]:
            raise ValueError
        self.now = wanted


@pytest.fixture
def limited(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Limit]:
    def make(soft: int, hard: int, *, refuses: bool = False) -> Limit:
        limit = Limit(soft, hard, refuses=refuses)
        monkeypatch.setattr(resource, "getrlimit", limit.get)
        monkeypatch.setattr(resource, "setrlimit", limit.set)
        return limit

    return make


def test_the_soft_limit_is_raised_to_fit_connections_their_bursts_and_the_rest(
    limited: Callable[..., Limit], caplog: pytest.LogCaptureFixture
) -> None:
    limit = limited(1_024, 1_048_576)
    assert open_files.make_room(4_096) == 4_096
    assert limit.now == (4_096 + burst(4_096) + RESERVED, 1_048_576)
    assert caplog.text == ""


def test_a_soft_limit_that_is_high_enough_is_left_alone(limited: Callable[..., Limit]) -> None:
    limit = limited(20_000, 20_000)
    assert open_files.make_room(4_096) == 4_096
    assert limit.now == (20_000, 20_000)


@pytest.mark.parametrize("limits", [{"hard": 1_024}, {"hard": 1_048_576, "refuses": True}])
def test_where_there_is_no_room_fewer_connections_are_taken_and_the_rest_keeps_its_own(
    limited: Callable[..., Limit], caplog: pytest.LogCaptureFixture, limits: dict[str, int]
) -> None:
    limited(1_024, **limits)
    fitting = open_files.make_room(4_096)
    assert fitting > 600
    assert fitting + burst(fitting) + RESERVED <= 1_024
    assert "connections.limited" in caplog.text
    assert "MODERATION_CONNECTIONS" in caplog.text
