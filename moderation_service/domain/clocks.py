"""What a stored time means when the clock was wrong: one that lies in the future was written by such a clock."""

from datetime import datetime, timedelta

SKEW = timedelta(seconds=5)
"""How far the clocks of two replicas may differ; only what lies further ahead counts as a time in the future."""

LONG_AGO = timedelta.max


def is_ahead(moment: datetime, now: datetime) -> bool:
    """Tell whether a time lies in the future, so that a wrong clock wrote it."""
    return moment > now + SKEW


def is_since(moment: datetime, since: datetime, now: datetime) -> bool:
    """Tell whether a time counts towards a limit that looks back to `since`: one in the future is long ago."""
    return since < moment and not is_ahead(moment, now)


def waited(since: datetime, now: datetime) -> timedelta:
    """Return how long ago something was, for waiting and limits: what lies in the future was long ago."""
    return LONG_AGO if is_ahead(since, now) else now - since


def age(since: datetime, now: datetime) -> timedelta:
    """Return how old something is, for whatever deletes or ends a right: what lies in the future is from now."""
    return max(now - since, timedelta())
