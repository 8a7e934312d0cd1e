"""Submitting comments and reading the approved ones."""

from enum import StrEnum

from marshmallow import EXCLUDE, fields, validate

from schemas.base import (
    Choice,
    Count,
    HttpUrl,
    Id,
    Line,
    QuerySchema,
    RequestSchema,
    ResponseSchema,
    Text,
    Timestamp,
)

AUTHOR_NAME_CHARACTERS = 245
AUTHOR_EMAIL_CHARACTERS = 254
URL_CHARACTERS = 2_000
TITLE_CHARACTERS = 500
BODY_BYTES = 65_525
COMMENTS_AT_ONCE = 200


class Submission(RequestSchema):
    """A comment as the website posts it in JSON."""

    page_url = HttpUrl(required=True, limit=URL_CHARACTERS, metadata={"format": "uri"})
    page_title = Line(limit=TITLE_CHARACTERS, load_default=None, allow_none=True)
    author_name = Line(required=True, limit=AUTHOR_NAME_CHARACTERS)
    author_email = Line(required=True, limit=AUTHOR_EMAIL_CHARACTERS, metadata={"format": "email"})
    author_url = HttpUrl(limit=URL_CHARACTERS, load_default=None, allow_none=True, metadata={"format": "uri"})
    body = Text(required=True, limit=BODY_BYTES)
    parent_id = Id(load_default=None, allow_none=True, metadata={"format": "uuid"})


class SubmissionForm(Submission):
    """The same as an HTML form, which may carry fields that are not ours."""

    redirect_to = Line(limit=URL_CHARACTERS, load_default=None)

    class Meta:
        """Fields of other programs are passed over."""

        unknown = EXCLUDE


class WarningCode(StrEnum):
    """What an author should know about an accepted comment. The list only grows."""

    SHOWN_AS_TYPED = "shown_as_typed"


class SubmissionWarning(ResponseSchema):
    """Something that was done to an accepted comment, in the reader's language."""

    code = fields.String(required=True, validate=validate.OneOf([str(one) for one in WarningCode]))
    message = fields.String(required=True)


class Receipt(ResponseSchema):
    """The answer to a comment that is on disk and waits for a moderator; `warnings` only where there are some."""

    id = fields.String(required=True, metadata={"format": "uuid"})
    status = fields.Constant("pending", required=True)
    page_url = fields.String(required=True, metadata={"format": "uri"})
    created_at = Timestamp(required=True)
    warnings = fields.List(fields.Nested(SubmissionWarning))


class PublicComment(ResponseSchema):
    """An approved comment as everybody may read it."""

    id = fields.String(required=True, metadata={"format": "uuid"})
    parent_id = fields.String(required=True, allow_none=True, metadata={"format": "uuid"})
    author_name = fields.String(required=True)
    author_url = fields.String(required=True, allow_none=True, metadata={"format": "uri"})
    body = fields.String(required=True)
    body_html = fields.String(required=True)
    created_at = Timestamp(required=True)


class CommentList(ResponseSchema):
    """A stretch of a page's approved comments; `count` is all of them."""

    page_url = fields.String(required=True, metadata={"format": "uri"})
    count = fields.Integer(required=True)
    comments = fields.List(fields.Nested(PublicComment), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class Order(StrEnum):
    """In which order comments are listed."""

    OLDEST = "oldest"
    NEWEST = "newest"


class ListQuery(QuerySchema):
    """Which comments to list."""

    page_url = HttpUrl(required=True, limit=URL_CHARACTERS, metadata={"format": "uri"})
    limit = Count(most=COMMENTS_AT_ONCE, load_default=50)
    cursor = Id(load_default=None, code="invalid_cursor")
    order = Choice(Order, by_value=True, load_default=Order.OLDEST)


class ThreadQuery(ListQuery):
    """The same as a page: `lang` names its language, `reply_to` the comment that the form answers.

    `page_title` goes with what is written there; `held` says that a comment was just received: `1`, or `2` where
    its markup is shown as it was typed.
    """

    lang = Line(limit=35, load_default=None)
    page_title = Line(limit=TITLE_CHARACTERS, load_default=None)
    reply_to = Id(load_default=None, code="invalid_parent", metadata={"format": "uuid"})
    held = Line(limit=1, load_default=None)


class ScriptQuery(QuerySchema):
    """The language of the widget."""

    lang = Line(limit=35, load_default=None)
