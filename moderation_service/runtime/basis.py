"""What nearly everything that a service is made of is built on."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from moderation_service.config import Settings
from moderation_service.domain.keys import KeyRing
from moderation_service.domain.moderation.links import Links
from moderation_service.metrics import Metrics
from moderation_service.runtime.intervals import Intervals
from moderation_service.runtime.limits import ServiceLimits
from moderation_service.services.accounts.directory import Directory
from moderation_service.storage.engine.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Basis:
    """What nearly everything is built on."""

    settings: Settings
    clock: Callable[[], datetime]
    new_id: Callable[[], str]
    keys: KeyRing
    links: Links
    database: Database
    directory: Directory
    metrics: Metrics
    intervals: Intervals
    limits: ServiceLimits
