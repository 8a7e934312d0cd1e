"""Leases: rows that one worker holds until a time by the database's clock, which all replicas share."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, or_


def is_free(until: ColumnElement[Any], shared_now: datetime, lease: timedelta) -> ColumnElement[bool]:
    """Return the condition for rows that nobody holds.

    A lease that ends later than any taken now could end was written by a wrong clock, and holds nobody.
    """
    return or_(until.is_(None), until < shared_now, until > shared_now + lease)
