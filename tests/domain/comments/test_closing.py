"""When a page takes no more comments."""

from datetime import UTC, datetime, timedelta

import pytest

from moderation_service.domain.comments import closing
from moderation_service.domain.comments.closing import Closing, Commenting

FIRST = datetime(2026, 11, 1, 9, 30, tzinfo=UTC)
DAYS = timedelta(days=14)
CLOSES = FIRST + DAYS
EARLIER, LATER = CLOSES - timedelta(microseconds=1), CLOSES


@pytest.mark.parametrize(
    ("commenting", "first_at", "close_after", "at", "expected"),
    [
        (Commenting.BY_RULE, FIRST, None, LATER, Closing()),
        (Commenting.BY_RULE, None, DAYS, LATER, Closing()),
        (Commenting.BY_RULE, FIRST, DAYS, EARLIER, Closing(closes_at=CLOSES)),
        (Commenting.BY_RULE, FIRST, DAYS, LATER, Closing(is_closed=True, closes_at=CLOSES)),
        (Commenting.OPEN, FIRST, DAYS, LATER, Closing()),
        (Commenting.CLOSED, FIRST, DAYS, EARLIER, Closing(is_closed=True)),
        (Commenting.CLOSED, None, None, EARLIER, Closing(is_closed=True)),
    ],
)
def test_a_page_closes_some_days_after_its_first_comment_unless_somebody_said_otherwise(
    commenting: Commenting,
    first_at: datetime | None,
    close_after: timedelta | None,
    at: datetime,
    expected: Closing,
) -> None:
    found = closing.judge(commenting, first_at=first_at, close_after=close_after, at=at)
    assert found == expected
    assert found.changes_at == (CLOSES if expected == Closing(closes_at=CLOSES) else None)
