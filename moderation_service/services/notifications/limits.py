"""How long deliveries are leased for, and how much of moderation mail is done at once."""

from dataclasses import dataclass
from datetime import timedelta

from moderation_service.domain.notifications.message import IN_FULL
from moderation_service.outgoing_http.client import WITHIN
from moderation_service.storage.notifications.messages import MOST_LOOKED_UP
from moderation_service.storage.notifications.outbox import MOST_IN_A_MESSAGE


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryLimits:
    """The defaults are those of the service."""

    lease: timedelta = timedelta(seconds=60)
    """After it a delivery or a person is taken over from a worker that has died."""
    renew_every: float = 20.0
    """Seconds after which a lease is renewed while it is held."""
    in_flight: float = 5.0
    """Seconds that a mail in DATA has to be answered for at stop: whatever is broken off there may come twice."""
    posting: float = WITHIN
    """Seconds that the receiver of a webhook has to answer in all, and a service of push for each part of it."""
    shown: int = IN_FULL
    """How many comments a message shows; the rest is a count."""
    most_in_message: int = MOST_IN_A_MESSAGE
    """About how many notifications a message holds; what is beyond waits for the next one."""
    looked_up: int = MOST_LOOKED_UP
    """Comments beyond a message that are looked up to say how many of them look like spam."""
    most_by_batch: int = 200
    """For whom more waits, the message is gathered by itself, by statements bounded however much it is."""
