"""In which order moderators see comments, and where one stands in it."""

import re
from dataclasses import dataclass
from enum import StrEnum


class Order(StrEnum):
    """How comments follow each other."""

    QUEUE = "queue"
    """What waits by its suspicion, the honest first, and where that is equal by arrival."""
    OLDEST = "oldest"
    NEWEST = "newest"


_PLACE = re.compile(r"(?:(\d{1,5})\.)?([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})", re.ASCII)
_MOST_SUSPICION = 32_767
"""The most that its column holds."""


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where a comment stands: by suspicion, 0 in an order that does not ask for it, then by id."""

    suspicion: int
    comment_id: str

    def text(self, order: Order) -> str:
        """Return what leads behind this place in an order."""
        return f"{self.suspicion}.{self.comment_id}" if order is Order.QUEUE else self.comment_id


def read(text: str, order: Order) -> Place | None:
    """Return the place that a text of `Place.text` means in an order, None for a text of no place in it."""
    found = _PLACE.fullmatch(text)
    if found is None or (found[1] is None) == (order is Order.QUEUE):
        return None
    suspicion = int(found[1] or 0)
    return Place(suspicion, found[2]) if suspicion <= _MOST_SUSPICION else None
