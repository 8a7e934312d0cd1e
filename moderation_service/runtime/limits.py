"""How much the running service takes on at a time, and how long it waits."""

from dataclasses import dataclass, field

from moderation_service.services.comments.rendering import MOST_CHARACTERS
from moderation_service.services.moderation.bulk_decisions import BATCH_SIZE
from moderation_service.services.moderation.moderated_pages import MOVES_WITHIN
from moderation_service.services.notifications.limits import DeliveryLimits
from moderation_service.services.screening.client_networks import MOST_WAITING
from moderation_service.services.screening.pipeline import WITHIN
from moderation_service.storage.engine.group_commit import MOST_QUEUED
from moderation_service.storage.engine.limits import DatabaseLimits
from moderation_service.web.stream.event_log import MOST_BYTES


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceLimits:
    """The defaults are those of the service."""

    database: DatabaseLimits = field(default_factory=DatabaseLimits)
    deliveries: DeliveryLimits = field(default_factory=DeliveryLimits)
    queued_comments: int = MOST_QUEUED
    """How many may wait to be written."""
    check_within: float = WITHIN
    """Seconds that each check of a comment may take before it is stored."""
    characters: int = MOST_CHARACTERS
    """How many characters of comments may be on their way at once."""
    waiting_of_refused: int = MOST_WAITING
    """How many requests of networks over their limit may wait for their turn."""
    mail_at_stop: float = 5.0
    """Seconds that a mail being handed in has to finish when the service stops."""
    page_moves_within: float = MOVES_WITHIN
    """Seconds for which a request to move pages moves their comments itself."""
    stream_bytes: int = MOST_BYTES
    """How many bytes of each site's newest events are kept for those who read its stream."""
    bulk_batch: int = BATCH_SIZE
    """How many comments one transaction of a bulk decision concerns."""
