"""Places in the queue as they stand in a URL."""

from moderation_service.domain.errors import FieldsInvalidError
from moderation_service.domain.moderation import queue_order
from moderation_service.domain.moderation.queue_order import Order, Place
from schemas.problems import FieldCode


def read(text: str | None, order: Order) -> Place | None:
    """Return the place that a cursor names; raise FieldsInvalidError for one of another order, or none at all."""
    if text is None:
        return None
    place = queue_order.read(text, order)
    if place is None:
        raise FieldsInvalidError({"cursor": [FieldCode.INVALID_CURSOR]})
    return place


def text(place: Place | None, order: Order) -> str | None:
    """Return the cursor that leads behind a place."""
    return None if place is None else place.text(order)
