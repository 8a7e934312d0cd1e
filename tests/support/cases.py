"""How often a test runs: on which engines, and with which of its cases in a service of their own."""

import inspect
import os
from collections.abc import Awaitable, Callable, Iterable
from functools import wraps
from reprlib import repr as shortened
from typing import Any

import pytest

Test = Callable[..., Awaitable[None]]

EVERY_COMBINATION = "MODERATION_TEST_COMBINATIONS" in os.environ
"""Whether there is time for each value of one axis with each of another, as in `make soak`; else each is once."""

one_engine = pytest.mark.parametrize("place", ["sqlite"], indirect=True)
"""For what is decided before the database is asked, or after it has answered: no engine does it differently."""

only_sqlite = one_engine
"""For what SQLite alone has, such as its file."""


def in_turn(names: str, cases: Iterable[Any]) -> Callable[[Test], Test]:
    """Let a test go through cases one after the other in one service; all are tried, and each that fails is named.

    As `parametrize`, for cases that leave nothing behind which another of them would meet.
    """
    wanted = [name.strip() for name in names.split(",")]
    listed = [tuple(one) if len(wanted) > 1 else (one,) for one in cases]
    assert listed

    def decorate(test: Test) -> Test:
        signature = inspect.signature(test)
        is_nested = "subtests" in signature.parameters

        @wraps(test)
        async def with_all(*, subtests: pytest.Subtests, **fixtures: Any) -> None:
            if is_nested:
                fixtures["subtests"] = subtests
            for values in listed:
                with subtests.test(shortened(values)):
                    await test(**fixtures, **dict(zip(wanted, values, strict=True)))

        kept = [one for name, one in signature.parameters.items() if name not in {*wanted, "subtests"}]
        named = inspect.Parameter("subtests", inspect.Parameter.KEYWORD_ONLY)
        with_all.__signature__ = signature.replace(parameters=[*kept, named])  # type: ignore[attr-defined]
        return with_all

    return decorate
