"""Submitting comments and reading the approved ones."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from marshmallow import EXCLUDE, ValidationError, fields, validate, validates_schema

from schemas.base import (
    Choice,
    Count,
    Email,
    Fault,
    HttpUrl,
    Id,
    Line,
    Opaque,
    QuerySchema,
    RequestSchema,
    ResponseSchema,
    Switch,
    Text,
    Tick,
    Timestamp,
)

AUTHOR_NAME_CHARACTERS = 245
AUTHOR_EMAIL_CHARACTERS = 254
URL_CHARACTERS = 2_000
TITLE_CHARACTERS = 500
BODY_BYTES = 65_525
COMMENTS_AT_ONCE = 200
KEY_CHARACTERS = 255


class Submission(RequestSchema):
    """A comment as the website posts it in JSON.

    `form_stamp` is what a form of the service carries, or a script fetched for its own. The field beside it that
    no person sees is taken, too; its name changes with the service's key.

    `notify_published` and `notify_replies` ask for mail when the comment is published and when somebody replies; a
    mail asks first to confirm the address. `author_token` is what was left on the author's device then: it proves
    the address of this comment, too.
    """

    page_url = HttpUrl(required=True, limit=URL_CHARACTERS, metadata={"format": "url"})
    page_title = Line(limit=TITLE_CHARACTERS, load_default=None, allow_none=True)
    author_name = Line(required=True, limit=AUTHOR_NAME_CHARACTERS)
    author_email = Email(required=True, limit=AUTHOR_EMAIL_CHARACTERS, metadata={"format": "email"})
    author_url = HttpUrl(limit=URL_CHARACTERS, load_default=None, allow_none=True, metadata={"format": "url"})
    body = Text(required=True, limit=BODY_BYTES)
    parent_id = Id(load_default=None, allow_none=True, metadata={"format": "uuid"})
    form_stamp = Opaque(load_default=None, allow_none=True)
    author_token = Opaque(load_default=None, allow_none=True)
    notify_published = Switch(load_default=False)
    notify_replies = Switch(load_default=False)


class SubmissionForm(Submission):
    """The same as an HTML form, which may carry fields that are not ours; an empty one is none."""

    page_title = Line(limit=TITLE_CHARACTERS, load_default=None)
    author_url = HttpUrl(limit=URL_CHARACTERS, load_default=None, metadata={"format": "url"})
    parent_id = Id(load_default=None, metadata={"format": "uuid"})
    form_stamp = Opaque(load_default=None)
    redirect_to = Line(limit=URL_CHARACTERS, load_default=None)
    notify_published = Tick(load_default=False)
    notify_replies = Tick(load_default=False)

    class Meta:
        """Fields of other programs are passed over."""

        unknown = EXCLUDE


class SubmissionHeaders(QuerySchema):
    """By which key a repeated request is known: the same comment again is answered as the first time."""

    idempotency_key = fields.String(
        data_key="Idempotency-Key",
        load_default=None,
        metadata={"minLength": 1, "maxLength": KEY_CHARACTERS, "pattern": "^[!-~](?:[ -~]*[!-~])?$"},
    )


class WarningCode(StrEnum):
    """What an author should know about an accepted comment. The list only grows."""

    SHOWN_AS_TYPED = "shown_as_typed"


class SubmissionWarning(ResponseSchema):
    """Something that was done to an accepted comment, in the reader's language."""

    code = fields.String(required=True, validate=validate.OneOf([str(one) for one in WarningCode]))
    message = fields.String(required=True)


class ChallengeData(ResponseSchema):
    """For which comment a challenge is, and until when, in seconds since 1970."""

    comment = fields.String(required=True, metadata={"format": "uuid"})
    until = fields.Integer(required=True)


class ChallengeParameters(ResponseSchema):
    """What to look for: the number with which a hash begins with the bytes of `keyPrefix`.

    Hashed are the bytes of `salt` and `nonce`, and the number in 32 bits, the highest byte first. All of them are
    in hexadecimal.
    """

    algorithm = fields.Constant("SHA-256", required=True)
    cost = fields.Constant(1, required=True)
    nonce = fields.String(required=True)
    salt = fields.String(required=True)
    key_length = fields.Integer(required=True, data_key="keyLength")
    key_prefix = fields.String(required=True, data_key="keyPrefix")
    data = fields.Nested(ChallengeData, required=True)


class Challenge(ResponseSchema):
    """Work for a browser: a challenge of ALTCHA's proof of work, version 2."""

    parameters = fields.Nested(ChallengeParameters, required=True)
    signature = fields.String(required=True)


class Receipt(ResponseSchema):
    """The answer to a comment that is on disk and waits for a moderator; `warnings` only where there are some.

    `challenge` is there where the comment looks suspicious, or where all of the site's are asked for work: what
    answers it, sent to `/api/v1/receipts/{token}/proof`, lets the comment wait among all others.


    `receipt_url` is for its author alone: who has it can read, edit and withdraw the comment. It is left out only
    where a request is repeated that an older version answered first, or whose key of the service is gone.
    """

    id = fields.String(required=True, metadata={"format": "uuid"})
    status = fields.Constant("pending", required=True)
    page_url = fields.String(required=True, metadata={"format": "url"})
    created_at = Timestamp(required=True)
    receipt_url = fields.String(metadata={"format": "uri"})
    warnings = fields.List(fields.Nested(SubmissionWarning))
    challenge = fields.Nested(Challenge)


class PublicComment(ResponseSchema):
    """An approved comment as everybody may read it."""

    id = fields.String(required=True, metadata={"format": "uuid"})
    parent_id = fields.String(
        required=True,
        allow_none=True,
        metadata={"format": "uuid", "description": "The comment that it answers, which may be withdrawn by now."},
    )
    author_name = fields.String(required=True)
    author_url = fields.String(required=True, allow_none=True, metadata={"format": "url"})
    by_site = fields.Boolean(
        required=True,
        metadata={"description": "Whether it is an answer of the site itself, whose name is the author's then."},
    )
    body = fields.String(required=True, metadata={"description": "The text as it was typed."})
    body_html = fields.String(
        required=True, metadata={"description": "The text as HTML, cleaned: safe to put into a page as it is."}
    )
    created_at = Timestamp(required=True)
    redacted = fields.Boolean(
        required=True,
        metadata={"description": "Whether moderators took passages out of the text; `[…]` stands for each."},
    )


class CommentFormFields(ResponseSchema):
    """What a form for the page asks for, and the site's rules for comments and its address for questions.

    A page that `is_closed` takes no more comments; `closes_at` says since or from when, where a rule says so.
    """

    author_email = fields.String(required=True, validate=validate.OneOf(["required", "optional", "hidden"]))
    author_url = fields.String(required=True, validate=validate.OneOf(["required", "optional", "hidden"]))
    rules_url = fields.String(required=True, allow_none=True, metadata={"format": "url"})
    contact = fields.String(required=True, allow_none=True, metadata={"format": "email"})
    is_closed = fields.Boolean(required=True)
    closes_at = Timestamp(required=True, allow_none=True)


class CommentList(ResponseSchema):
    """A slice of a page's approved comments; `count` is all of them.

    `previous_cursor` is there with `view=threads`, `thread` and `around`. `replies_left` is there with
    `view=threads` and `thread`: by the id of the first comment of a thread how many of it follow that are not
    shown. `thread` is there where all comments are of one thread: the id of the comment with which that began.
    `fragment_routes` is there, and true, where `#/…` and `#!/…` name pages of the site.
    """

    page_url = fields.String(required=True, metadata={"format": "url"})
    count = fields.Integer(required=True)
    comments = fields.List(fields.Nested(PublicComment), required=True)
    next_cursor = fields.String(required=True, allow_none=True)
    previous_cursor = fields.String(allow_none=True)
    replies_left = fields.Dict(keys=fields.String(), values=fields.Integer())
    thread = fields.String(metadata={"format": "uuid"})
    form = fields.Nested(CommentFormFields, required=True)
    fragment_routes = fields.Boolean()


class Order(StrEnum):
    """In which order comments are listed."""

    OLDEST = "oldest"
    NEWEST = "newest"


class View(StrEnum):
    """How a list is cut."""

    FLAT = "flat"
    THREADS = "threads"


class SliceQuery(QuerySchema):
    """A page, and which of its comments."""

    page_url = HttpUrl(
        required=True,
        limit=URL_CHARACTERS,
        metadata={"format": "url", "description": "Any address of the page, as a browser has it."},
    )
    limit = Count(
        most=COMMENTS_AT_ONCE,
        load_default=50,
        metadata={"description": "How many at most; an answer also ends before 1 MiB."},
    )
    cursor = Id(
        load_default=None,
        code="invalid_cursor",
        metadata={"description": "The `next_cursor` of the answer before; at first left out."},
    )
    order = Choice(Order, by_value=True, load_default=Order.OLDEST)


class PlaceQuery(SliceQuery):
    """The same, or the comments of one `thread`, or those `around` a comment."""

    thread = Id(
        load_default=None,
        metadata={"format": "uuid", "description": "Only the comments of the thread that began with this one."},
    )
    around = Id(
        load_default=None,
        metadata={
            "format": "uuid",
            "description": "The slice in which this comment stands, in place of a cursor.",
        },
    )

    @validates_schema
    def check(self, data: Mapping[str, Any], **options: Any) -> None:
        """Refuse a comment beside what says another place."""
        del options
        if data["around"] is not None and (data["thread"] is not None or data["cursor"] is not None):
            raise ValidationError({"around": [Fault("contradicts")]})


class ListQuery(PlaceQuery):
    """Which comments to list; `limit` and `order` are of comments, or of threads with `view=threads`."""

    view = Choice(
        View,
        by_value=True,
        load_default=None,
        metadata={"description": "`threads`: cut between first-level comments, each followed by its replies."},
    )

    @validates_schema
    def check_view(self, data: Mapping[str, Any], **options: Any) -> None:
        """Refuse a thread of a list that has none."""
        del options
        if data["thread"] is not None and data["view"] is View.FLAT:
            raise ValidationError({"thread": [Fault("contradicts")]})


class ThreadQuery(PlaceQuery):
    """Which threads to show as a page: `lang` names its language, `reply_to` the comment that the form answers.

    `page_title` goes with what is written there; `held` says that a comment was just received, and
    `comment_receipt` which one, for ten minutes and while it waits.
    """

    lang = Line(limit=35, load_default=None)
    page_title = Line(limit=TITLE_CHARACTERS, load_default=None)
    reply_to = Id(load_default=None, code="invalid_parent", metadata={"format": "uuid"})
    held = Line(limit=1, load_default=None)
    comment_receipt = fields.String(load_default=None)


class FragmentQuery(SliceQuery):
    """Which comments to show as a piece of HTML: as many as there may be; `lang` names another language."""

    limit = Count(most=COMMENTS_AT_ONCE, load_default=COMMENTS_AT_ONCE)
    lang = Line(limit=35, load_default=None)


class ScriptQuery(QuerySchema):
    """The language of the widget; one that is not spoken is as none."""

    lang = fields.String(load_default=None)
