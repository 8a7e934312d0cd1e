"""The state machine, row by row."""

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from moderation_service.domain.comments.comment import Status
from moderation_service.domain.moderation import decisions
from moderation_service.domain.moderation.decisions import (
    Actor,
    Channel,
    Decision,
    Entry,
    Judgement,
    Outcome,
    Request,
)

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
DAY = timedelta(hours=24)
MOMENT = timedelta(microseconds=1)
TARGETS = {"approve": "approved", "reject": "rejected", "spam": "spam", "redact": "approved", "answer": "approved"}
UNCHANGED = Judgement(outcome=Outcome.UNCHANGED)
CONFLICT = Judgement(outcome=Outcome.CONFLICT)

SEEN = (None, *Status)
AGES = (None, timedelta(0), DAY, DAY + MOMENT)


def a_last_entry(age: timedelta | None, status: Status, *, was_undo: bool) -> Entry | None:
    """The history's newest line, of a comment that is now in `status`."""
    if age is None:
        return None
    return Entry(
        revision=1,
        number=1,
        decision=Decision.UNDO if was_undo else Decision.SPAM,
        from_status=Status.REJECTED,
        to_status=status,
        actor=Actor(channel=Channel.API),
        at=NOW - age,
    )


def expected(
    decision: Decision, status: Status, seen: Status | None, last: Entry | None, channel: Channel
) -> Judgement:
    """What the contract says, in its own order."""
    if TARGETS.get(decision) == status and decision not in (Decision.REDACT, Decision.ANSWER):
        return UNCHANGED
    if status is Status.WITHDRAWN or (seen is not None and seen != status):
        return CONFLICT
    is_old = last is not None and last.at < NOW - DAY
    if decision is Decision.UNDO:
        if last is None or last.decision is Decision.UNDO or is_old:
            return CONFLICT
        return Judgement(outcome=Outcome.DONE, target=last.from_status)
    is_late = channel is Channel.LINK and status is not Status.PENDING and is_old
    if is_late or (decision is Decision.ANSWER and status not in (Status.PENDING, Status.APPROVED)):
        return CONFLICT
    return Judgement(outcome=Outcome.DONE, target=Status(TARGETS[decision]))


@pytest.mark.parametrize(("decision", "status"), list(product(Decision, Status)))
def test_every_decision_from_every_state_comes_to_what_the_contract_says(
    decision: Decision, status: Status
) -> None:
    for seen, age, was_undo, channel in product(SEEN, AGES, (False, True), Channel):
        last = a_last_entry(age, status, was_undo=was_undo)
        request = Request(comment_id="1", decision=decision, expected=seen)
        judged = decisions.judge(request, status, last, channel, NOW)
        assert judged == expected(decision, status, seen, last, channel), (seen, age, was_undo, channel)


@pytest.mark.parametrize(
    ("decision", "status", "seen", "age", "channel", "verdict"),
    [
        ("approve", "pending", "pending", None, "link", "approved"),
        ("reject", "pending", "pending", None, "link", "rejected"),
        ("spam", "pending", None, None, "api", "spam"),
        ("approve", "approved", "pending", 0, "link", "unchanged"),
        ("reject", "approved", "pending", 0, "link", "conflict"),
        ("reject", "approved", "approved", 0, "link", "rejected"),
        ("reject", "approved", "approved", 24, "link", "rejected"),
        ("reject", "approved", "approved", 25, "link", "conflict"),
        ("reject", "approved", "approved", 25, "api", "rejected"),
        ("redact", "pending", "pending", None, "link", "approved"),
        ("redact", "approved", "approved", 24, "link", "approved"),
        ("redact", "approved", "approved", 25, "link", "conflict"),
        ("redact", "spam", None, 25, "api", "approved"),
        ("undo", "approved", "approved", 24, "api", "rejected"),
        ("undo", "approved", "approved", 25, "api", "conflict"),
        ("undo", "pending", "pending", None, "link", "conflict"),
        ("answer", "pending", "pending", None, "link", "approved"),
        ("answer", "approved", "approved", 24, "link", "approved"),
        ("answer", "approved", "approved", 25, "link", "conflict"),
        ("answer", "approved", "pending", 0, "desk", "conflict"),
        ("answer", "rejected", None, 0, "api", "conflict"),
    ],
)
def test_the_rows_that_people_meet(  # the table above, in words that can be checked by eye
    decision: str, status: str, seen: str | None, age: int | None, channel: str, verdict: str
) -> None:
    last = a_last_entry(None if age is None else timedelta(hours=age), Status(status), was_undo=False)
    asked = Request(comment_id="1", decision=Decision(decision), expected=Status(seen) if seen else None)
    judged = decisions.judge(asked, Status(status), last, Channel(channel), NOW)
    assert verdict in (judged.target, judged.outcome)


@pytest.mark.parametrize(("before", "after"), list(product(Status, Status)))
def test_the_public_sees_a_change_only_from_and_to_approved(before: Status, after: Status) -> None:
    assert decisions.changes_public_view(before, after) is ([before, after].count(Status.APPROVED) == 1)
