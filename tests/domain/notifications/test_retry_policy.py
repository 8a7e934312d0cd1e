"""How long a failed message waits: ever longer, spread by chance, and never longer than the bound."""

import random
from collections.abc import Callable
from datetime import timedelta
from functools import partial

import pytest

from moderation_service.domain.notifications import retry_policy

WAITS = [
    (retry_policy.backoff, timedelta(seconds=10), timedelta(minutes=10)),
    (partial(retry_policy.backoff, unanswered=True), timedelta(seconds=10), timedelta(hours=4)),
    (retry_policy.before_probing, timedelta(minutes=5), timedelta(hours=4)),
]


@pytest.mark.parametrize(("wait", "first", "longest"), WAITS)
def test_a_wait_doubles_and_is_never_longer_than_the_bound_chance_included(
    monkeypatch: pytest.MonkeyPatch, wait: Callable[[int], timedelta], first: timedelta, longest: timedelta
) -> None:
    monkeypatch.setattr(random, "uniform", lambda _, highest: highest)
    slowest = [wait(times) for times in range(40)]
    assert max(slowest) == slowest[-1] == longest
    monkeypatch.setattr(random, "uniform", lambda lowest, _: lowest)
    fastest = [wait(times) for times in range(40)]
    for times in range(3):
        assert fastest[times] < first * 2**times < slowest[times]
    assert longest * 0.75 < fastest[-1] < longest, "those who failed together are not tried together"
