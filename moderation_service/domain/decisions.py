"""The state machine of moderation: what may be decided from where, and for how long."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from moderation_service.domain.comments import Status


class Decision(StrEnum):
    """What a moderator may decide."""

    APPROVE = "approve"
    REJECT = "reject"
    SPAM = "spam"
    UNDO = "undo"


TARGETS = {
    Decision.APPROVE: Status.APPROVED,
    Decision.REJECT: Status.REJECTED,
    Decision.SPAM: Status.SPAM,
}
"""Where each decision leads, from any state; undo leads back to where the last decision came from."""

SECOND_THOUGHTS = timedelta(hours=24)
"""How long a decision may be undone, and changed by the link that was mailed."""


class Means(StrEnum):
    """By what means a decision was taken."""

    LINK = "link"
    API = "api"
    DESK = "desk"


class Outcome(StrEnum):
    """What became of one decision."""

    DONE = "done"
    UNCHANGED = "unchanged"
    CONFLICT = "conflict"
    NOT_FOUND = "not_found"


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who decides: a moderator by name, or a program of the site."""

    means: Means
    moderator_id: str | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of a comment's history; `number` counts them from 1."""

    number: int
    decision: Decision
    from_status: Status
    to_status: Status
    actor: Actor
    at: datetime
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A decision as asked.

    `expected` is the state that was seen, None to decide whatever it is; `revision` is the text that was seen,
    None where a program decides.
    """

    comment_id: str
    decision: Decision
    expected: Status | None
    revision: int | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a request comes to: `target` only where something is to be written."""

    outcome: Outcome
    target: Status | None = None


def judge(request: Request, status: Status, last: Entry | None, means: Means, now: datetime) -> Verdict:
    """Say what a request comes to for a comment in `status` whose newest history line is `last`.

    A mailed link decides what is pending, and changes a decision within a day; later the desk is the place.
    """
    target = TARGETS.get(request.decision)
    if target is status:
        return Verdict(outcome=Outcome.UNCHANGED)
    if request.expected not in (None, status):
        return Verdict(outcome=Outcome.CONFLICT)
    if target is None:
        if last is None or not may_undo(last, now):
            return Verdict(outcome=Outcome.CONFLICT)
        return Verdict(outcome=Outcome.DONE, target=last.from_status)
    too_late = last is not None and status is not Status.PENDING and not is_fresh(last, now)
    if means is Means.LINK and too_late:
        return Verdict(outcome=Outcome.CONFLICT)
    return Verdict(outcome=Outcome.DONE, target=target)


def may_undo(last: Entry | None, now: datetime) -> bool:
    """Tell whether the newest decision can be taken back: once, and within a day."""
    return last is not None and last.decision is not Decision.UNDO and is_fresh(last, now)


def is_fresh(last: Entry, now: datetime) -> bool:
    """Tell whether a decision is younger than a day."""
    return now - last.at <= SECOND_THOUGHTS


def changes_public_view(before: Status, after: Status) -> bool:
    """Tell whether readers see a difference."""
    return (before is Status.APPROVED) != (after is Status.APPROVED)
