"""Lists in JSON that end before they are too long."""

from collections.abc import Sequence

from moderation_service.services.listing import LARGEST
from moderation_service.web.answers import to_json


def fitting(entries: Sequence[object], *, beside: int = 1_000, largest: int = LARGEST) -> int:
    """Return how many of the first entries have room in a list, at least one; `beside` is for the rest of it."""
    room = largest - beside
    for count, entry in enumerate(entries):
        room -= len(to_json(entry)) + 1
        if room < 0:
            return max(count, 1)
    return len(entries)
