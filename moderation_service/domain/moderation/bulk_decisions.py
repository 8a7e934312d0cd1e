"""Decisions on all that a filter matches: how far each has come."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from moderation_service.domain.moderation.decisions import Decision


class BulkState(StrEnum):
    """Where a bulk decision stands."""

    RUNNING = "running"
    DONE = "done"
    UNDOING = "undoing"
    UNDONE = "undone"


OPEN = (BulkState.RUNNING, BulkState.UNDOING)
"""States in which there is something to do still."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bulk:
    """A decision on all that a filter matched, `wanted` as text, with the code of its reason or none.

    `total` is how many it was to decide.
    """

    id: str
    person_id: str
    decision: Decision
    reason: str | None
    wanted: str
    state: BulkState
    site_id: str | None
    position: str | None
    total: int
    done: int
    undone: int
    created_at: datetime
