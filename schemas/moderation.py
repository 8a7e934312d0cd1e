"""The moderation API: the queue, decisions and their history."""

from enum import StrEnum
from typing import Any

from marshmallow import ValidationError, fields, pre_load

from schemas.base import (
    Choice,
    Count,
    Fault,
    HttpUrl,
    Id,
    Line,
    QuerySchema,
    RequestSchema,
    ResponseSchema,
    Timestamp,
)

DECISIONS_AT_ONCE = 500
NOTE_CHARACTERS = 1_000


class Status(StrEnum):
    """Where a comment stands."""

    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"
    SPAM = "spam"


class Decision(StrEnum):
    """What a moderator may decide."""

    APPROVE = "approve"
    REJECT = "reject"
    SPAM = "spam"
    UNDO = "undo"


class Outcome(StrEnum):
    """What became of one decision."""

    DONE = "done"
    UNCHANGED = "unchanged"
    CONFLICT = "conflict"
    NOT_FOUND = "not_found"


class DecisionItem(RequestSchema):
    """One decision; with `expected_status` it is taken only while the comment stands there."""

    id = Id(required=True, metadata={"format": "uuid"})
    decision = Choice(Decision, by_value=True, required=True)
    expected_status = Choice(Status, by_value=True, load_default=None, allow_none=True)
    note = Line(limit=NOTE_CHARACTERS, load_default=None, allow_none=True)


class Decisions(RequestSchema):
    """Up to 500 decisions."""

    decisions = fields.List(
        fields.Nested(DecisionItem, error_messages={"null": "wrong_type"}),
        required=True,
        error_messages={"required": "required", "null": "required", "invalid": "wrong_type"},
    )

    @pre_load
    def _count(self, data: Any, **_: Any) -> Any:
        """Refuse too many before looking at each: a request has room for ninety thousand."""
        decisions = data.get("decisions") if isinstance(data, dict) else None
        if isinstance(decisions, list) and len(decisions) > DECISIONS_AT_ONCE:
            raise ValidationError(Fault("too_many", DECISIONS_AT_ONCE), "decisions")
        return data


class DecisionResult(ResponseSchema):
    """What became of one decision; `status` is null when there is no such comment."""

    id = fields.String(required=True, metadata={"format": "uuid"})
    status = fields.Enum(Status, by_value=True, required=True, allow_none=True)
    outcome = fields.Enum(Outcome, by_value=True, required=True)


class DecisionResults(ResponseSchema):
    """One result for each decision, in the order asked."""

    results = fields.List(fields.Nested(DecisionResult), required=True)


class QueueQuery(QuerySchema):
    """Which of the site's comments to list, in whatever state when none is named.

    `q` looks for words in text and author's name; `author` is a part of the name, or a whole address.
    """

    status = Choice(Status, by_value=True, load_default=None)
    page_url = HttpUrl(limit=2_000, load_default=None, metadata={"format": "uri"})
    q = Line(limit=200, load_default=None)
    author = Line(limit=254, load_default=None)
    limit = Count(most=200, load_default=50)
    cursor = Id(load_default=None, code="invalid_cursor")


class DecisionForm(QuerySchema):
    """What the buttons behind a mailed link send: the state that was shown, and a token that says so."""

    seen = Choice(Status, by_value=True, load_default=None)
    form_token = fields.String(load_default="")


class QueuedComment(ResponseSchema):
    """A comment as a moderating program sees it. The author's address is masked here too."""

    id = fields.String(required=True, metadata={"format": "uuid"})
    parent_id = fields.String(required=True, allow_none=True, metadata={"format": "uuid"})
    page_url = fields.String(required=True, metadata={"format": "uri"})
    page_title = fields.String(required=True, allow_none=True)
    status = fields.Enum(Status, by_value=True, required=True)
    author_name = fields.String(required=True)
    author_email_masked = fields.String(required=True)
    author_url = fields.String(required=True, allow_none=True, metadata={"format": "uri"})
    body = fields.String(required=True)
    body_html = fields.String(required=True)
    revision = fields.Integer(required=True)
    spam_reasons = fields.List(fields.String(), required=True)
    created_at = Timestamp(required=True)
    changed_at = Timestamp(required=True)


class Queue(ResponseSchema):
    """A stretch of the site's comments, oldest first."""

    comments = fields.List(fields.Nested(QueuedComment), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class HistoryEntry(ResponseSchema):
    """One decision that was taken; `actor` is null where a program decided."""

    decision = fields.Enum(Decision, by_value=True, required=True)
    from_status = fields.Enum(Status, by_value=True, required=True)
    to_status = fields.Enum(Status, by_value=True, required=True)
    actor = fields.String(required=True, allow_none=True)
    means = fields.String(required=True)
    note = fields.String(required=True, allow_none=True)
    at = Timestamp(required=True)


class History(ResponseSchema):
    """All decisions on one comment, oldest first."""

    id = fields.String(required=True, metadata={"format": "uuid"})
    history = fields.List(fields.Nested(HistoryEntry), required=True)
