"""The desk: what its forms send, and what its script is told."""

from enum import StrEnum

from marshmallow import fields, validate

from schemas.base import (
    Choice,
    Count,
    Cursor,
    Email,
    HttpUrl,
    Id,
    Line,
    Messages,
    QuerySchema,
    RequestSchema,
    ResponseSchema,
    Text,
)
from schemas.blocks import REASON_CHARACTERS, VALUE_CHARACTERS, BlockKind
from schemas.comments import BODY_BYTES, TITLE_CHARACTERS
from schemas.moderated_pages import Commenting
from schemas.moderation import (
    NEWEST_REVISION,
    NOTE_CHARACTERS,
    Decision,
    Outcome,
    QueueOrder,
    Status,
)
from schemas.moderation import REASON_CHARACTERS as MODERATION_REASON_CHARACTERS

_NUMBER: Messages = {"invalid": "wrong_type", "required": "required", "null": "required"}

COMMENTS_AT_ONCE = 50
"""How many comments one page of the desk shows."""


class LogInForm(QuerySchema):
    """The address that a log-in mail is asked for."""

    email = Email(required=True, limit=254, may_be_local=True, metadata={"format": "mailbox"})


class LogInLinkForm(QuerySchema):
    """What the button behind a mailed log-in sends."""

    form_token = fields.String(required=True, error_messages={"required": "required"})


class SessionForm(QuerySchema):
    """What every form of the desk carries: that it was shown in this session."""

    form_token = fields.String(required=True)


class DeskQuery(QuerySchema):
    """Which comments the desk shows; `any` in place of a status means all.

    What waits is in the order of the queue, with those that are suspicious apart (`suspects=only` shows these), or
    with `order=oldest` all of it in order of arrival.
    """

    site = Line(limit=64, load_default=None)
    status = Line(limit=16, load_default=Status.PENDING.value)
    page_url = HttpUrl(limit=2_000, load_default=None, metadata={"format": "url"})
    author = Line(limit=254, load_default=None)
    q = Line(limit=2_000, load_default=None)
    order = Line(limit=16, load_default=QueueOrder.QUEUE.value)
    suspects = Line(limit=16, load_default=None, metadata={"description": "`only`: those alone"})
    alike = Line(
        limit=19,
        load_default=None,
        metadata={"description": "of those that are suspicious one group that is alike"},
    )
    cursor = Cursor(load_default=None)
    scope = Line(limit=16, load_default=None, metadata={"description": "`all`: decide on all that match"})


class TitleForm(QuerySchema):
    """A title for the page whose comments are shown; an empty one leaves it to the comments."""

    page_title = Line(limit=TITLE_CHARACTERS, load_default=None)


class CommentingForm(QuerySchema):
    """Whether the page whose comments are shown takes more of them."""

    commenting = Choice(Commenting, by_value=True, required=True)


class BlocksPageQuery(QuerySchema):
    """Which blocks the desk shows: those behind `cursor`; `said` is what was just done."""

    cursor = Id(load_default=None, code="invalid_cursor")
    said = Line(limit=16, load_default=None)


class Lasts(StrEnum):
    """How long a block is to hold: as usual at its site, for some days, or until it is lifted."""

    USUAL = "usual"
    WEEK = "7"
    MONTH = "30"
    NO_END = "no_end"


class BlockTerms(QuerySchema):
    """How long a block is to hold, or until the end of which day, and why, for moderators only."""

    lasts = Choice(Lasts, by_value=True, load_default=Lasts.USUAL)
    until = fields.Date(load_default=None, error_messages={"invalid": "wrong_type", "format": "wrong_type"})
    reason = Line(limit=REASON_CHARACTERS, load_default=None)


class BlockForm(BlockTerms):
    """What to block at which site."""

    site = Line(required=True, limit=64)
    kind = Choice(BlockKind, by_value=True, required=True)
    value = Line(required=True, limit=VALUE_CHARACTERS)


class SaidQuery(QuerySchema):
    """What a page says that was just done."""

    said = Line(limit=16, load_default=None)


class Schedule(StrEnum):
    """How often a moderator is told at most."""

    AT_ONCE = "at_once"
    HOURLY = "hourly"
    DAILY = "daily"


class Ways(StrEnum):
    """By what means a moderator is told."""

    BOTH = "both"
    MAIL = "mail"
    PUSH = "push"


_HOUR = validate.Range(0, 23, error="out_of_range")


class NotificationsForm(QuerySchema):
    """When and by what means a moderator wants to be told; hours and days are those of their time zone.

    Nothing is sent from `quiet_from` to `quiet_until`, and nothing before the day `away_until`.
    """

    schedule = Choice(Schedule, by_value=True, required=True)
    hour = fields.Integer(load_default=8, validate=_HOUR, error_messages=_NUMBER)
    quiet_from = fields.Integer(load_default=None, validate=_HOUR, error_messages=_NUMBER)
    quiet_until = fields.Integer(load_default=None, validate=_HOUR, error_messages=_NUMBER)
    away_until = fields.Date(load_default=None, error_messages={"invalid": "wrong_type", "format": "wrong_type"})
    ways = Choice(Ways, by_value=True, load_default=Ways.BOTH)


class UpdatesQuery(DeskQuery):
    """What the script asks now and then: for which list, what it shows, and the newest that it knows of."""

    shown = Line(limit=4_000, load_default=None)
    newest = Id(load_default=None)


class DeskAnswerForm(QuerySchema):
    """What is answered to a comment in the name of the site: the text, and how the comment was shown."""

    body = Text(required=True, limit=BODY_BYTES)
    seen = Choice(Status, by_value=True, required=True)
    revision = Count(required=True, most=NEWEST_REVISION)


class Pick(RequestSchema):
    """One comment as it was shown, and what to do with it."""

    id = Id(required=True, metadata={"format": "uuid"})
    decision = Choice(Decision, by_value=True, required=True)
    seen = Choice(Status, by_value=True, required=True)
    revision = fields.Integer(required=True, error_messages=_NUMBER)


class DeskRedactionForm(QuerySchema):
    """A comment as it was shown, and what is to be left of its text."""

    seen = Choice(Status, by_value=True, required=True)
    revision = Count(required=True, most=NEWEST_REVISION)
    body = Text(required=True, limit=BODY_BYTES)
    reason = Line(limit=MODERATION_REASON_CHARACTERS, load_default=None)
    note = Line(limit=NOTE_CHARACTERS, load_default=None)


class Standing(ResponseSchema):
    """How a comment stands, `word` in a word; `by` says who decided and when.

    `place` is `reported` for a published one that waits because of readers' reports, else the status.
    """

    id = fields.String(required=True, metadata={"format": "uuid"})
    status = fields.Enum(Status, by_value=True, required=True)
    place = fields.String(required=True)
    revision = fields.Integer(required=True)
    word = fields.String(required=True)
    by = fields.String(required=True)
    may_undo = fields.Boolean(required=True)


class Decided(Standing):
    """What became of one decision."""

    outcome = fields.Enum(Outcome, by_value=True, required=True)


class Numbers(ResponseSchema):
    """The numbers of a page, by the name of their place, and heading and title, where they say a number."""

    counts = fields.Dict(keys=fields.String(), values=fields.String(), required=True)
    heading = fields.String()
    page_title = fields.String()


class DecidedAnswer(Numbers):
    """What became of each decision, and a sentence to read out."""

    results = fields.List(fields.Nested(Decided), required=True)
    message = fields.String(required=True)


class Updates(Numbers):
    """How the comments that are shown stand by now, and a sentence about those that came meanwhile."""

    comments = fields.List(fields.Nested(Standing), required=True)
    new = fields.Integer(required=True)
    message = fields.String(required=True)


class Address(ResponseSchema):
    """The whole address of an author."""

    address = fields.String(required=True)
