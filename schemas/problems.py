"""What goes wrong on the wire: RFC 9457 problem documents and the closed list of their codes."""

from enum import StrEnum

from marshmallow import fields

from schemas.base import ResponseSchema


class FieldCode(StrEnum):
    """Why one field was rejected. The list only grows; a code never changes its meaning."""

    REQUIRED = "required"
    WRONG_TYPE = "wrong_type"
    TOO_LONG = "too_long"
    TOO_MANY = "too_many"
    CONTROL_CHARACTER = "control_character"
    INVALID_EMAIL = "invalid_email"
    INVALID_URL = "invalid_url"
    INVALID_ID = "invalid_id"
    INVALID_CHOICE = "invalid_choice"
    INVALID_CURSOR = "invalid_cursor"
    REPEATED = "repeated"
    INVALID_KEY = "invalid_key"
    INVALID_PARENT = "invalid_parent"
    OUT_OF_RANGE = "out_of_range"
    UNKNOWN_FIELD = "unknown_field"


class ProblemCode(StrEnum):
    """What a whole request came to. Part of `type`, so just as stable."""

    MALFORMED = "malformed"
    UNAUTHORIZED = "unauthorized"
    UNKNOWN_SITE = "unknown_site"
    FOREIGN_ORIGIN = "foreign_origin"
    NOT_FOUND = "not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    DUPLICATE = "duplicate"
    LINK_INVALID = "link_invalid"
    LINK_EXPIRED = "link_expired"
    LINK_VOID = "link_void"
    START_AGAIN = "start_again"
    TOO_LARGE = "too_large"
    UNSUPPORTED_MEDIA_TYPE = "unsupported_media_type"
    INVALID_FIELDS = "invalid_fields"
    KEY_REUSED = "key_reused"
    RATE_LIMITED = "rate_limited"
    LOGGED_OUT = "logged_out"
    FORGED_FORM = "forged_form"
    INTERNAL = "internal"
    UNAVAILABLE = "unavailable"


PROBLEM_TYPE = "urn:moderation-service:problem:{code}"

FIELD_MESSAGES = {
    FieldCode.REQUIRED: "Please fill in this field.",
    FieldCode.WRONG_TYPE: "This is not the kind of value that belongs here.",
    FieldCode.TOO_LONG: "This is too long; at most {limit} characters are possible.",
    FieldCode.TOO_MANY: "These are too many; at most {limit} are possible at once.",
    FieldCode.CONTROL_CHARACTER: "This holds a control character, such as a line break, that cannot stand here.",
    FieldCode.INVALID_EMAIL: "This is not an e-mail address.",
    FieldCode.INVALID_URL: "This is not a web address that begins with http:// or https://.",
    FieldCode.INVALID_ID: "This is not an id.",
    FieldCode.INVALID_CHOICE: "This is not one of the possible values.",
    FieldCode.INVALID_CURSOR: "This is not a cursor from an earlier answer.",
    FieldCode.REPEATED: "This was sent more than once; send it once.",
    FieldCode.INVALID_KEY: "An idempotency key is 1 to 255 printable ASCII characters.",
    FieldCode.INVALID_PARENT: "The comment that this answers is not on this page.",
    FieldCode.OUT_OF_RANGE: "This must be a whole number of at most {limit}, and not below the least.",
    FieldCode.UNKNOWN_FIELD: "There is no such field.",
}
"""What each field code says, in English; `{limit}` is the limit that was passed."""

PROBLEMS = {
    ProblemCode.MALFORMED: ("Unreadable request", "The request could not be read; check its format and encoding."),
    ProblemCode.UNAUTHORIZED: ("Key needed", "Send a bearer key of the site in the Authorization header."),
    ProblemCode.UNKNOWN_SITE: ("Unknown site", "The page belongs to no site that is moderated here."),
    ProblemCode.FOREIGN_ORIGIN: ("Foreign origin", "The comment was sent from a page of another site."),
    ProblemCode.NOT_FOUND: ("Not found", "There is nothing at this address."),
    ProblemCode.METHOD_NOT_ALLOWED: ("Method not allowed", "This address knows other methods only; see Allow."),
    ProblemCode.DUPLICATE: ("Already received", "The same comment was received a moment ago."),
    ProblemCode.LINK_INVALID: (
        "The link is incomplete",
        "Perhaps the mail program broke it over two lines. Nothing has happened; open it from the mail once more.",
    ),
    ProblemCode.LINK_EXPIRED: ("This link has expired", "Links in mails work for 30 days."),
    ProblemCode.LINK_VOID: (
        "This link no longer works",
        "The comment was edited or removed, or the moderator's address has changed.",
    ),
    ProblemCode.START_AGAIN: (
        "Start again from 0",
        "The number comes from another history of the database, which was restored. Read all changes from 0.",
    ),
    ProblemCode.TOO_LARGE: ("Too large", "The request is larger than 256 KiB."),
    ProblemCode.UNSUPPORTED_MEDIA_TYPE: (
        "Unsupported format",
        "Send application/json, application/x-www-form-urlencoded or multipart/form-data, in UTF-8.",
    ),
    ProblemCode.INVALID_FIELDS: ("Please check what you entered", "Some fields were not accepted."),
    ProblemCode.KEY_REUSED: ("Key already used", "This Idempotency-Key was used before for another comment."),
    ProblemCode.RATE_LIMITED: ("Too many comments", "Many comments came from your network. Please wait a little."),
    ProblemCode.LOGGED_OUT: ("Not logged in", "Nothing was changed. Log in to moderation and try again."),
    ProblemCode.FORGED_FORM: (
        "Form not accepted",
        "Nothing was changed: the form does not come from the page that you see. Load it anew and try again.",
    ),
    ProblemCode.INTERNAL: ("Something went wrong", "This is our mistake. It was noted; please try again later."),
    ProblemCode.UNAVAILABLE: ("Try again shortly", "Nothing was stored. Please try again in a few seconds."),
}
"""Title and detail of each problem, in English."""


class FieldError(ResponseSchema):
    """One reason why a field was rejected."""

    code = fields.Enum(FieldCode, by_value=True, required=True)
    message = fields.String(required=True)


class Problem(ResponseSchema):
    """RFC 9457 `application/problem+json`; `errors` only when fields were rejected."""

    type = fields.String(required=True)
    title = fields.String(required=True)
    status = fields.Integer(required=True)
    detail = fields.String(required=True)
    errors = fields.Dict(keys=fields.String(), values=fields.List(fields.Nested(FieldError)))
