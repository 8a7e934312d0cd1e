"""The state machine of moderation: what may be decided from where, and for how long."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from moderation_service.domain import clocks
from moderation_service.domain.comments.comment import Status


class Decision(StrEnum):
    """What a moderator may decide."""

    APPROVE = "approve"
    REJECT = "reject"
    SPAM = "spam"
    REDACT = "redact"
    """Approve what is left when passages are taken out of the text."""
    UNDO = "undo"
    ANSWER = "answer"
    """Publish a reply in the name of the site; what it answers is approved by it if it waits."""


TARGETS = {
    Decision.APPROVE: Status.APPROVED,
    Decision.REJECT: Status.REJECTED,
    Decision.SPAM: Status.SPAM,
}
"""Where each decision about a whole text leads, from any state."""

_LEADS_TO = TARGETS | {Decision.REDACT: Status.APPROVED}
"""Where each decision leads; undo leads back to where the last decision came from."""

ANSWERABLE = frozenset({Status.PENDING, Status.APPROVED})
"""What the site may answer: what is published, and what is published by that."""

UNDO_WINDOW = timedelta(hours=24)
"""How long a decision may be undone, and changed by the link that was mailed."""


class Channel(StrEnum):
    """How a decision came in: by a mailed link, at the desk, by the API of programs, a command, or a rule."""

    LINK = "link"
    API = "api"
    DESK = "desk"
    COMMAND = "command"
    RULE = "rule"
    """Nobody: a rule that the site's owner wrote down, by its name."""


class Outcome(StrEnum):
    """What became of one decision."""

    DONE = "done"
    UNCHANGED = "unchanged"
    CONFLICT = "conflict"
    NOT_FOUND = "not_found"


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who decides: a moderator by name, or a program of the site."""

    channel: Channel
    moderator_id: str | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of a comment's history; `number` counts them from 1, `revision` is that of the text decided on.

    `reason` is a code that the site's file had then. An undo has that of the decision which it restores.
    `answer_id` is the comment in which the site answered, also in the first line of that one's own history.
    `redacted_as` is the text that was left, where passages were taken out.
    """

    number: int
    revision: int
    decision: Decision
    from_status: Status
    to_status: Status
    actor: Actor
    at: datetime
    reason: str | None = None
    note: str | None = None
    answer_id: str | None = None
    redacted_as: int | None = None

    @property
    def is_undo(self) -> bool:
        """Whether it takes back the decision before it."""
        return self.decision is Decision.UNDO


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the site says to a comment, rendered; `id` is that of the comment which it becomes."""

    id: str
    body: str
    body_html: str
    renderer: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A decision as asked.

    `expected` is the state that was seen, None to decide whatever it is; `revision` is the text that was seen,
    None for the newest. `reason` is a code of the site's. `answer` comes with a decision to answer, `body` with
    one to redact: what is to be left of the text, as typed.
    """

    comment_id: str
    decision: Decision
    expected: Status | None
    revision: int | None = None
    reason: str | None = None
    note: str | None = None
    answer: Answer | None = None
    body: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What a request comes to: `target` only where something is to be written."""

    outcome: Outcome
    target: Status | None = None


def judge(
    request: Request,
    status: Status,
    last: Entry | None,
    channel: Channel,
    now: datetime,
    *,
    waits_again: bool = False,
    is_edited: bool = False,
    takes_out: bool = True,
) -> Judgement:
    """Say what a request comes to for a comment in `status` whose newest history line is `last`.

    A mailed link decides what is pending, and changes a decision within a day; later the desk is the place. Nobody
    decides what its author withdrew. Where an edit of a published comment waits the decision is about that:
    whoever rejects it keeps the comment, and nothing before it is undone until it is decided. The site answers
    only what is published, or is by that; whoever takes an answer back takes it down. A redaction changes a
    comment wherever it stands, if it `takes_out` anything.
    """
    is_answer = request.decision is Decision.ANSWER
    keeps = is_edited and request.decision is Decision.REJECT
    target = Status.APPROVED if keeps or is_answer else _LEADS_TO.get(request.decision)
    changes_text = is_answer or (request.decision is Decision.REDACT and takes_out)
    if target is status and not waits_again and not changes_text:
        return Judgement(outcome=Outcome.UNCHANGED)
    if status is Status.WITHDRAWN or request.expected not in (None, status):
        return Judgement(outcome=Outcome.CONFLICT)
    if target is None:
        if last is None or is_edited or last.to_status is not status or not may_undo(last, now):
            return Judgement(outcome=Outcome.CONFLICT)
        takes_down = last.answer_id == request.comment_id
        return Judgement(outcome=Outcome.DONE, target=Status.REJECTED if takes_down else last.from_status)
    too_late = last is not None and not waits(status, again=waits_again) and not is_fresh(last, now)
    if (channel is Channel.LINK and too_late) or (is_answer and status not in ANSWERABLE):
        return Judgement(outcome=Outcome.CONFLICT)
    return Judgement(outcome=Outcome.DONE, target=target)


def waits(status: Status, *, again: bool) -> bool:
    """Tell whether a comment is for moderators to decide: it is new, or published and waits again."""
    return status is Status.PENDING or again


def may_undo(last: Entry | None, now: datetime) -> bool:
    """Tell whether the newest decision can be taken back: once, and within a day."""
    return last is not None and last.decision is not Decision.UNDO and is_fresh(last, now)


def is_fresh(last: Entry, now: datetime) -> bool:
    """Tell whether a decision is younger than a day."""
    return clocks.age(last.at, now) <= UNDO_WINDOW


def changes_public_view(before: Status, after: Status) -> bool:
    """Tell whether readers see a difference."""
    return (before is Status.APPROVED) != (after is Status.APPROVED)
