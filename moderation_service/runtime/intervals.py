"""How often the running service looks again, and for how long what it found holds."""

from dataclasses import dataclass, field

from moderation_service.services.comments.backlog import Holds
from moderation_service.services.comments.change_tail import TRUSTED_FOR
from moderation_service.services.operations.health import FAILURE_HOLDS
from moderation_service.services.operations.statistics import FigureTimes
from moderation_service.web.stream.site_stream import StreamTimes


@dataclass(frozen=True, slots=True, kw_only=True)
class Intervals:
    """Seconds, but for `figures`, `streams` and `waiting`; the defaults are those of the service."""

    changes: float = 0.5
    """Between two looks at what other replicas decided."""
    changes_trusted_for: float = TRUSTED_FOR
    """Since the last successful one of them during which what is remembered may be shown."""
    traffic: float = 1.0
    """Between two looks at what other replicas took in."""
    sites: float = 2.0
    """Between two looks at the sites file."""
    first_backoff: float = 1.0
    """Before a worker that failed is started again, and between two tries while the database is away."""
    failure_holds: float = FAILURE_HOLDS
    """After a failure to store a comment, during which none is expected to be stored."""
    figures: FigureTimes = field(default_factory=FigureTimes)
    """For how long the figures of the database hold, and how long they are waited for."""
    streams: StreamTimes = field(default_factory=StreamTimes)
    """Of streams, between their events."""
    waiting: Holds = field(default_factory=Holds)
    """For how long a count of the comments that wait holds."""
