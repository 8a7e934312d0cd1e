"""The moderation API: the queue, decisions and their history."""

from enum import StrEnum
from typing import Any

from marshmallow import ValidationError, fields, validates_schema

from schemas.base import (
    Choice,
    Count,
    Cursor,
    Entries,
    Fault,
    HttpUrl,
    Id,
    Line,
    QuerySchema,
    RequestSchema,
    ResponseSchema,
    Text,
    Timestamp,
)
from schemas.comments import BODY_BYTES

DECISIONS_AT_ONCE = 500
NEWEST_REVISION = 2_147_483_647
"""The highest number that a text of a comment may have."""

NOTE_CHARACTERS = 1_000
REASON_CHARACTERS = 64


class Status(StrEnum):
    """Where a comment stands."""

    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"
    SPAM = "spam"
    WITHDRAWN = "withdrawn"


class Decision(StrEnum):
    """What a moderator may decide."""

    APPROVE = "approve"
    REJECT = "reject"
    SPAM = "spam"
    REDACT = "redact"
    UNDO = "undo"
    ANSWER = "answer"


class HistoryAction(StrEnum):
    """What was done to a comment: decided by a moderator, edited, withdrawn or objected for by its author."""

    APPROVE = "approve"
    REJECT = "reject"
    SPAM = "spam"
    REDACT = "redact"
    UNDO = "undo"
    ANSWER = "answer"
    EDIT = "edit"
    WITHDRAW = "withdraw"
    OBJECT = "object"


class Outcome(StrEnum):
    """What became of one decision."""

    DONE = "done"
    UNCHANGED = "unchanged"
    CONFLICT = "conflict"
    NOT_FOUND = "not_found"


_WITH_BODY = (Decision.REDACT, Decision.ANSWER)


class DecisionItem(RequestSchema):
    """One decision; with `expected_status` it is taken only while the comment stands there.

    With `revision` it is taken only while that is the comment's newest text, else it is a `conflict`. Without it
    the decision is about the newest text, which is an edit where one waits.
    `reason` is a code of the site's reasons; whoever wrote the comment may read it. Only moderators read `note`.
    With `answer` comes a `body`: it is published at once as a reply in the name of the site, and a comment that
    waits is approved by that. The same answer again is `unchanged`.
    `redact` approves what is left of the newest text as `body`: the same text without the passages that readers
    are not to see. They see `[…]` in place of each. Nothing can be added that way.
    """

    id = Id(required=True, metadata={"format": "uuid"})
    decision = Choice(Decision, by_value=True, required=True)
    expected_status = Choice(Status, by_value=True, load_default=None, allow_none=True)
    revision = Count(most=NEWEST_REVISION, load_default=None, allow_none=True)
    reason = Line(limit=REASON_CHARACTERS, load_default=None, allow_none=True)
    note = Line(limit=NOTE_CHARACTERS, load_default=None, allow_none=True)
    body = Text(
        limit=BODY_BYTES,
        load_default=None,
        allow_none=True,
        metadata={"description": "With `redact` what is left of the text, with `answer` what the site says."},
    )

    @validates_schema
    def _check_body(self, data: dict[str, Any], **_: Any) -> None:
        """Refuse a redaction or an answer without a text, and a text with anything else."""
        if data["decision"] in _WITH_BODY and data["body"] is None:
            raise ValidationError({"body": [Fault("required")]})
        if data["decision"] not in _WITH_BODY and data["body"] is not None:
            raise ValidationError({"body": [Fault("contradicts")]})


class Decisions(RequestSchema):
    """Up to 500 decisions."""

    decisions = Entries(fields.Nested(DecisionItem, error_messages={"null": "wrong_type"}), most=DECISIONS_AT_ONCE)


class DecisionResult(ResponseSchema):
    """What became of one decision; `status` is null when there is no such comment."""

    id = fields.String(required=True, metadata={"format": "uuid"})
    status = fields.Enum(Status, by_value=True, required=True, allow_none=True)
    outcome = fields.Enum(Outcome, by_value=True, required=True)


class DecisionResults(ResponseSchema):
    """One result for each decision, in the order asked."""

    results = fields.List(fields.Nested(DecisionResult), required=True)


class QueueOrder(StrEnum):
    """How comments follow each other; `queue` is how those that wait stand on the desk, the honest first."""

    OLDEST = "oldest"
    QUEUE = "queue"


class QueueQuery(QuerySchema):
    """Which of the site's comments to list, in whatever state when none is named.

    `q` looks for words in text and author's name; `author` is a part of the name, or a whole address. With
    `order=queue` those that wait are listed, the least suspicious first, and among them published ones that
    readers reported, or that their authors edited.
    """

    status = Choice(Status, by_value=True, load_default=None)
    page_url = HttpUrl(limit=2_000, load_default=None, metadata={"format": "url"})
    q = Line(limit=200, load_default=None)
    author = Line(limit=254, load_default=None)
    limit = Count(most=200, load_default=50)
    order = Choice(QueueOrder, by_value=True, load_default=QueueOrder.OLDEST)
    cursor = Cursor(load_default=None)


class DecisionForm(QuerySchema):
    """What the buttons behind a mailed link send: the state that was shown, and a token that says so.

    `reason` and `note` come with the button that rejects.
    """

    seen = Choice(Status, by_value=True, load_default=None)
    reason = Line(limit=REASON_CHARACTERS, load_default=None)
    note = Line(limit=NOTE_CHARACTERS, load_default=None)
    form_token = fields.String(load_default="")


class AnswerForm(QuerySchema):
    """What is answered by a mailed link in the name of the site; the other fields are as for a decision."""

    body = Text(required=True, limit=BODY_BYTES)
    seen = Choice(Status, by_value=True, load_default=None)
    form_token = fields.String(load_default="")


class RedactionForm(DecisionForm):
    """The same with what is left of the text, for readers to see."""

    body = Text(required=True, limit=BODY_BYTES)


class SpamReason(ResponseSchema):
    """Why a comment looks suspicious; `message` is in the language of `Accept-Language`, else English."""

    code = fields.String(required=True)
    message = fields.String(required=True)


class AuthorRecord(ResponseSchema):
    """How comments of one author of the site were decided, of the newest 1,000."""

    approved = fields.Integer(required=True)
    rejected = fields.Integer(required=True)
    spam = fields.Integer(required=True)


class ReportExplanation(ResponseSchema):
    """What one reader reports of a comment."""

    reason = fields.String(required=True)
    text = fields.String(required=True, allow_none=True)
    at = Timestamp(required=True)


class OpenReports(ResponseSchema):
    """What readers report of a published comment: how many, with which reasons, and in what words.

    Not every report has words of its own here: more than 20 are counted with those that give the same reason.
    """

    count = fields.Integer(required=True)
    reasons = fields.Dict(keys=fields.String(), values=fields.Integer(), required=True)
    explanations = fields.List(fields.Nested(ReportExplanation), required=True)


class AuthorObjection(ResponseSchema):
    """What the author of a comment says against its rejection."""

    text = fields.String(required=True)
    at = Timestamp(required=True)


class PieceKind(StrEnum):
    """What an edit does with a piece of a text."""

    KEPT = "kept"
    REMOVED = "removed"
    ADDED = "added"


class Piece(ResponseSchema):
    """A piece of a text: all that is not `removed` makes the new text, all that is not `added` the public one."""

    kind = fields.Enum(PieceKind, by_value=True, required=True)
    text = fields.String(required=True)


class WaitingEdit(ResponseSchema):
    """A new text that its author gave a published comment: readers see the former one until it is approved."""

    body = fields.String(required=True)
    body_html = fields.String(required=True)
    difference = fields.List(fields.Nested(Piece), required=True)
    created_at = Timestamp(required=True)


class QueuedComment(ResponseSchema):
    """A comment as a moderating program sees it. The author's address is masked here too.

    `address_proved` if it was shown that the address is the author's.
    `suspect` if it stands behind all others in the queue; `spam_score` is the learned probability, from 0 to 1.
    `author` counts all comments of the address at this site, none without an address; `author_hash` names the
    author at `/api/v1/moderation/authors/`, at this site alone. `reports` is null unless readers reported it and
    nobody has decided on that: `approve` keeps it published and closes them, `reject` takes it down.
    `objection` is what its author said against a rejection, null without one; by it the comment waits again, once.
    `by_site` if it is an answer of the site itself.

    `edit` is null unless it is published and its author gave it a new text that waits: `body` is what readers see,
    `revision`, `suspect` and the `spam_` fields are those of the new text, `approve` makes that public, `reject`
    keeps the former one, and `spam` takes the comment down.

    `redacted` if moderators took passages out of `body`; `original` is what stood there before, null where nothing
    was taken out, or once that is deleted.
    """

    id = fields.String(required=True, metadata={"format": "uuid"})
    parent_id = fields.String(required=True, allow_none=True, metadata={"format": "uuid"})
    page_url = fields.String(required=True, metadata={"format": "url"})
    page_title = fields.String(required=True, allow_none=True)
    status = fields.Enum(Status, by_value=True, required=True)
    author_name = fields.String(required=True)
    author_email_masked = fields.String(required=True, allow_none=True)
    address_proved = fields.Boolean(required=True)
    author_url = fields.String(required=True, allow_none=True, metadata={"format": "url"})
    by_site = fields.Boolean(required=True)
    body = fields.String(required=True)
    body_html = fields.String(required=True)
    redacted = fields.Boolean(required=True)
    original = fields.String(required=True, allow_none=True)
    revision = fields.Integer(required=True)
    edit = fields.Nested(WaitingEdit, required=True, allow_none=True)
    suspect = fields.Boolean(required=True)
    reports = fields.Nested(OpenReports, required=True, allow_none=True)
    objection = fields.Nested(AuthorObjection, required=True, allow_none=True)
    spam_score = fields.Float(required=True, allow_none=True)
    spam_reasons = fields.List(fields.Nested(SpamReason), required=True)
    author = fields.Nested(AuthorRecord, required=True)
    author_hash = fields.String(required=True, allow_none=True)
    created_at = Timestamp(required=True)
    changed_at = Timestamp(required=True)


class Queue(ResponseSchema):
    """A slice of the site's comments, oldest first."""

    comments = fields.List(fields.Nested(QueuedComment), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class AuthorQuery(QuerySchema):
    """Which of an author's comments to show."""

    limit = Count(most=200, load_default=50)
    cursor = Id(load_default=None, code="invalid_cursor")


class AuthorNoteChange(RequestSchema):
    """What is to be noted about an author; null takes the note away."""

    note = Line(limit=NOTE_CHARACTERS, required=True, allow_none=True)


class AuthorNote(ResponseSchema):
    """What was noted about an author, by whom and when; `actor` is null where a program did."""

    text = fields.String(required=True)
    actor = fields.String(required=True, allow_none=True)
    at = Timestamp(required=True)


class Author(ResponseSchema):
    """An author at the key's site: how the comments were decided, the comments, newest first, and a note."""

    author_hash = fields.String(required=True)
    author = fields.Nested(AuthorRecord, required=True)
    note = fields.Nested(AuthorNote, required=True, allow_none=True)
    comments = fields.List(fields.Nested(QueuedComment), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class HistoryEntry(ResponseSchema):
    """One thing that was done; `actor` is null where a program decided, and where the author did it.

    `revision` is the number of the text that it was about; `redact` leaves one with a new number. An `edit` of a
    published comment, and a `withdraw` of such an edit, leave it `approved`.
    `means` is `link`, `desk`, `api`, `command`, `author`, or `rule`, whose name is the `actor`: nobody decided.
    `answer_id` is the comment in which the site answered, null for what was no `answer`.
    """

    decision = fields.Enum(HistoryAction, by_value=True, required=True)
    revision = fields.Integer(required=True)
    from_status = fields.Enum(Status, by_value=True, required=True)
    to_status = fields.Enum(Status, by_value=True, required=True)
    actor = fields.String(required=True, allow_none=True)
    means = fields.String(required=True)
    reason = fields.String(required=True, allow_none=True)
    note = fields.String(required=True, allow_none=True)
    answer_id = fields.String(required=True, allow_none=True, metadata={"format": "uuid"})
    at = Timestamp(required=True)


class History(ResponseSchema):
    """All decisions on one comment and what its author did to it, oldest first."""

    id = fields.String(required=True, metadata={"format": "uuid"})
    history = fields.List(fields.Nested(HistoryEntry), required=True)
