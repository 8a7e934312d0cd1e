"""What an author is told of a decision against a comment: what was decided, on which ground, and by whom."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from moderation_service.domain.comments.comment import Status
from moderation_service.domain.moderation.decisions import Channel, Decision, Entry

STATEMENT = "statement"
"""The kind of delivery that states a decision to an author; its reference is the comment, and its number."""

STATEMENT_WAITS = timedelta(minutes=5)
"""How long it waits: whoever pressed the wrong button takes that back within minutes."""


class DecidedBy(StrEnum):
    """Who took a decision, as far as an author learns."""

    PERSON = "person"
    PROGRAM = "program"
    RULE = "rule"


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A decision by which a comment is rejected, an edit of a published one, or passages; it names no moderator.

    `number` is that of the decision in the comment's history, `revision` that of the text it was about, `rule` the
    name of what decided by itself, `reason` a code of the site's or None. `was_published` says that everybody
    could read the comment until then; one whose edit was rejected (`is_of_edit`) everybody can read still, and so
    can they what is left of one of which passages were taken out (`is_redaction`).
    """

    number: int
    revision: int
    decided_at: datetime
    decided_by: DecidedBy
    rule: str | None
    reason: str | None
    was_published: bool
    is_of_edit: bool
    is_redaction: bool = False


def of(history: Sequence[Entry]) -> Statement | None:
    """Return what is to be said to the author of a comment; None where nothing was rejected or taken out."""
    decision = standing(history)
    if decision is None:
        return None
    is_against = decision.to_status is Status.REJECTED or decision.decision in (Decision.REJECT, Decision.REDACT)
    return _stated(decision) if is_against else None


def of_redaction(history: Sequence[Entry], revision: int) -> Statement | None:
    """Return what is to be said of the decision that left a text; None for one that its author wrote."""
    return next((_stated(one) for one in reversed(history) if one.redacted_as == revision), None)


def _stated(decision: Entry) -> Statement:
    is_of_edit = decision.decision is Decision.REJECT and decision.to_status is Status.APPROVED
    by = decided_by(decision.actor.channel)
    return Statement(
        number=decision.number,
        revision=decision.revision,
        decided_at=decision.at,
        decided_by=by,
        rule=decision.actor.name if by is DecidedBy.RULE else None,
        reason=decision.reason,
        was_published=decision.from_status is Status.APPROVED and not is_of_edit,
        is_of_edit=is_of_edit,
        is_redaction=decision.decision is Decision.REDACT,
    )


def standing(history: Sequence[Entry]) -> Entry | None:
    """Return the decision by which a comment stands as it does; None where every one was taken back.

    An answer to a comment that readers saw already decides nothing on it.
    """
    position = len(history) - 1
    while position >= 0 and (history[position].is_undo or _only_answers(history[position])):
        position -= 2 if history[position].is_undo else 1
    return history[position] if position >= 0 else None


def _only_answers(decision: Entry) -> bool:
    return decision.decision is Decision.ANSWER and decision.from_status is decision.to_status


def decided_by(channel: Channel) -> DecidedBy:
    """Return who decided that way."""
    if channel is Channel.RULE:
        return DecidedBy.RULE
    return DecidedBy.PROGRAM if channel is Channel.API else DecidedBy.PERSON
