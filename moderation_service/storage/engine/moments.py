"""Stored times against the clock of now, where a clock may have been wrong: the conditions of `domain.clocks`."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, or_

from moderation_service.domain import clocks


def is_ahead(moment: ColumnElement[Any], now: datetime) -> ColumnElement[bool]:
    """Return the condition for times in the future, which a wrong clock wrote."""
    return moment > now + clocks.SKEW


def is_since(moment: ColumnElement[Any], since: datetime, now: datetime) -> ColumnElement[bool]:
    """Return the condition for what counts towards a limit: a time in the future is long ago."""
    return and_(moment > since, moment <= now + clocks.SKEW)


def is_until(
    moment: ColumnElement[Any], until: datetime | ColumnElement[Any], now: datetime
) -> ColumnElement[bool]:
    """Return the condition for what has waited since `until` at least: a time in the future is long ago."""
    return or_(moment <= until, is_ahead(moment, now))


def is_free(until: ColumnElement[Any], shared_now: datetime, lease: timedelta) -> ColumnElement[bool]:
    """Return the condition for rows that nobody holds.

    A lease that ends much later than any taken now could end was written by a wrong clock, and holds nobody. One
    that ends a little later was taken since `shared_now` was asked for, and holds.
    """
    return or_(until.is_(None), until < shared_now, until > shared_now + 2 * lease)
