"""A test that goes through its cases in turn tries all of them, whichever fail."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.support.cases import in_turn


class Subtests:
    """Notes which cases failed, as pytest does."""

    def __init__(self) -> None:
        self.failed: list[str | None] = []

    @contextmanager
    def test(self, message: str | None) -> Iterator[None]:
        try:
            yield
        except AssertionError:
            self.failed.append(message)


async def test_every_case_is_tried_with_the_fixtures_and_those_that_fail_are_named() -> None:
    tried: list[tuple[Any, ...]] = []

    @in_turn("first, second", [(1, 2), (3, 4)])
    @in_turn("third", "ab")
    async def test(fixture: str, first: int, second: int, third: str) -> None:
        tried.append((fixture, first, second, third))
        assert (first, third) != (1, "a")
        assert (first, third) != (3, "b")

    subtests = Subtests()
    await test(fixture="given", subtests=subtests)
    assert tried == [("given", 1, 2, "a"), ("given", 1, 2, "b"), ("given", 3, 4, "a"), ("given", 3, 4, "b")]
    assert subtests.failed == ["('a',)", "('b',)"]


@in_turn("case", range(2))
async def test_pytest_gives_what_is_no_case(tmp_path: object, subtests: pytest.Subtests, case: int) -> None:
    assert isinstance(subtests, pytest.Subtests)
    assert tmp_path
    assert case in range(2)
