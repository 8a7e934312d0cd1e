"""What authors ask for about all that is kept of their address, and the file that they get."""

from marshmallow import EXCLUDE, fields, validate

from schemas.base import Messages, RequestSchema, ResponseSchema, Timestamp
from schemas.moderation import Status

_WISHES = ("export", "erase")


def _wish() -> fields.String:
    messages: Messages = {"required": "required", "null": "required", "invalid": "wrong_type"}
    return fields.String(
        required=True, validate=validate.OneOf(_WISHES, error="invalid_choice"), error_messages=messages
    )


class WishRequest(RequestSchema):
    """What is asked for: an `export` of all that is kept about the comment's address, or to `erase` it."""

    wish = _wish()


class WishForm(WishRequest):
    """The same by the form of the receipt's page; `form_token` says that the page was ours."""

    form_token = fields.String(load_default="")

    class Meta:
        """Fields of other programs are passed over."""

        unknown = EXCLUDE


class WishReceipt(ResponseSchema):
    """What was asked for. A link is mailed where the comment has an address and limits allow it."""

    wish = fields.String(required=True, validate=validate.OneOf(_WISHES))


class KeptSite(ResponseSchema):
    """The site, and its address for questions."""

    id = fields.String(required=True)
    name = fields.String(required=True)
    contact = fields.String(required=True, allow_none=True)


class KeptScreening(ResponseSchema):
    """What screening said of a comment before a person looked: codes of reasons, and what they came to."""

    verdict = fields.String(required=True)
    reasons = fields.List(fields.String(), required=True)


class KeptDecision(ResponseSchema):
    """A decision on a comment; nobody is named but a rule that decided by itself."""

    decision = fields.String(required=True)
    from_status = fields.String(required=True, data_key="from")
    to_status = fields.String(required=True, data_key="to")
    means = fields.String(required=True)
    reason = fields.String(required=True, allow_none=True)
    rule = fields.String(required=True, allow_none=True)
    at = Timestamp(required=True)


class KeptChange(ResponseSchema):
    """What the author did to a comment."""

    action = fields.String(required=True)
    revision = fields.Integer(required=True)
    at = Timestamp(required=True)


class KeptText(ResponseSchema):
    """A text of a comment that is not its own now: an edit that waits, or one that was replaced or rejected.

    An `original` is what stood there before moderators took passages out of it.
    """

    revision = fields.Integer(required=True)
    state = fields.String(required=True)
    body = fields.String(required=True)
    at = Timestamp(required=True)


class KeptSubscription(ResponseSchema):
    """What the author asked to be told of by mail."""

    notice = fields.String(required=True)
    asked_at = Timestamp(required=True)
    confirmed_at = Timestamp(required=True, allow_none=True)
    ended_at = Timestamp(required=True, allow_none=True)


class KeptNotice(ResponseSchema):
    """Of which comment the author was told."""

    about_id = fields.String(required=True, metadata={"format": "uuid"})
    at = Timestamp(required=True)


class KeptComment(ResponseSchema):
    """A comment with all that is kept of it.

    `has_network_hash` while a keyed hash of the network is kept that it came from. `address_shown_at` is when
    moderators looked at the whole address. `redacted` if they took passages out of its text.
    """

    id = fields.String(required=True, metadata={"format": "uuid"})
    page_url = fields.String(required=True, metadata={"format": "url"})
    page_title = fields.String(required=True, allow_none=True)
    parent_id = fields.String(required=True, allow_none=True, metadata={"format": "uuid"})
    status = fields.Enum(Status, by_value=True, required=True)
    revision = fields.Integer(required=True)
    author_name = fields.String(required=True)
    author_url = fields.String(required=True, allow_none=True, metadata={"format": "url"})
    body = fields.String(required=True)
    redacted = fields.Boolean(required=True)
    created_at = Timestamp(required=True)
    changed_at = Timestamp(required=True)
    address_proved_at = Timestamp(required=True, allow_none=True)
    objection = fields.String(required=True, allow_none=True)
    objected_at = Timestamp(required=True, allow_none=True)
    screening = fields.Nested(KeptScreening, required=True)
    has_network_hash = fields.Boolean(required=True)
    decisions = fields.List(fields.Nested(KeptDecision), required=True)
    author_changes = fields.List(fields.Nested(KeptChange), required=True)
    other_texts = fields.List(fields.Nested(KeptText), required=True)
    notices_asked = fields.List(fields.Nested(KeptSubscription), required=True)
    notices_sent = fields.List(fields.Nested(KeptNotice), required=True)
    address_shown_at = fields.List(Timestamp(), required=True)


class KeptReport(ResponseSchema):
    """What was reported of somebody's comment under this address."""

    id = fields.String(required=True, metadata={"format": "uuid"})
    comment_id = fields.String(required=True, metadata={"format": "uuid"})
    reason = fields.String(required=True)
    explanation = fields.String(required=True, allow_none=True)
    reporter_name = fields.String(required=True, allow_none=True)
    created_at = Timestamp(required=True)
    outcome = fields.String(required=True, allow_none=True)
    decided_at = Timestamp(required=True, allow_none=True)


class KeptMail(ResponseSchema):
    """A mail that is counted so that nobody is mailed too often."""

    at = Timestamp(required=True)
    refused_at = Timestamp(required=True, allow_none=True)


class KeptBlock(ResponseSchema):
    """Since when, and until when, the site takes nothing from the address."""

    created_at = Timestamp(required=True)
    ends_at = Timestamp(required=True, allow_none=True)


class KeptData(ResponseSchema):
    """All that a site keeps about an address. What moderators noted is not in it: ask the site's `contact`."""

    format = fields.Constant("moderation-service-personal-data", required=True)
    version = fields.Constant(1, required=True)
    site = fields.Nested(KeptSite, required=True)
    made_at = Timestamp(required=True)
    author_email = fields.String(required=True, metadata={"format": "email"})
    comments = fields.List(fields.Nested(KeptComment), required=True)
    reports = fields.List(fields.Nested(KeptReport), required=True)
    mails_counted = fields.List(fields.Nested(KeptMail), required=True)
    blocks = fields.List(fields.Nested(KeptBlock), required=True)
