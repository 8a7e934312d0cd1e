"""Where notifications and the messages that carry them stand."""

from enum import StrEnum

MODERATION = "moderation"
"""The kind of delivery that tells a moderator of comments."""


class NotificationState(StrEnum):
    """Where the notification of one moderator of one comment stands; databases call a sent one `told`."""

    HELD = "held"
    """Services outside are asked about the comment first."""
    WAITING = "waiting"
    NOTIFIED = "told"
    SUPERSEDED = "superseded"
    PARKED = "parked"


class DeliveryState(StrEnum):
    """Where a delivery stands.

    A server may have seen what is `waiting` of moderation mail: it only shrinks. What is `superseded` was
    replaced, or nothing of it was left to say; nobody waits any more for what is `expired`.
    """

    WAITING = "waiting"
    SENT = "sent"
    SUPERSEDED = "superseded"
    PARKED = "parked"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
