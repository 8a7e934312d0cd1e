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
    INVALID_BLOCK = "invalid_block"
    IN_THE_PAST = "in_the_past"
    UNKNOWN_FIELD = "unknown_field"
    UNKNOWN_SITE = "unknown_site"
    INVALID_PROOF = "invalid_proof"
    CONTRADICTS = "contradicts"
    REDACTION_ADDS = "redaction_adds"
    REDACTION_UNCHANGED = "redaction_unchanged"
    REDACTION_EMPTY = "redaction_empty"


class ProblemCode(StrEnum):
    """What a whole request came to. Part of `type`, so just as stable."""

    MALFORMED = "malformed"
    UNAUTHORIZED = "unauthorized"
    UNKNOWN_SITE = "unknown_site"
    FOREIGN_ORIGIN = "foreign_origin"
    COMMENTS_CLOSED = "comments_closed"
    REFUSED_BY_RULE = "refused_by_rule"
    BLOCKED = "blocked"
    NOT_FOUND = "not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    DUPLICATE = "duplicate"
    NOT_EDITABLE = "not_editable"
    NOT_OBJECTABLE = "not_objectable"
    LINK_INVALID = "link_invalid"
    LINK_EXPIRED = "link_expired"
    LINK_VOID = "link_void"
    START_AGAIN = "start_again"
    TOO_LARGE = "too_large"
    UNSUPPORTED_MEDIA_TYPE = "unsupported_media_type"
    INVALID_FIELDS = "invalid_fields"
    KEY_REUSED = "key_reused"
    PROOF_USED = "proof_used"
    PROOF_EXPIRED = "proof_expired"
    PAGE_NOT_NAMED = "page_not_named"
    RATE_LIMITED = "rate_limited"
    TOO_MANY_STREAMS = "too_many_streams"
    STREAMS_FULL = "streams_full"
    LOGGED_OUT = "logged_out"
    FORGED_FORM = "forged_form"
    INTERNAL = "internal"
    UNAVAILABLE = "unavailable"


PROBLEM_TYPE = "urn:moderation-service:problem:{code}"

FIELD_MESSAGES = {
    FieldCode.REQUIRED: "Please fill in this field.",
    FieldCode.WRONG_TYPE: "This value has the wrong type.",
    FieldCode.TOO_LONG: "This is too long; the limit is {limit} characters.",
    FieldCode.TOO_MANY: "Too many at once; the limit is {limit}.",
    FieldCode.CONTROL_CHARACTER: "Control characters, such as line breaks, are not allowed here.",
    FieldCode.INVALID_EMAIL: "Please enter a valid e-mail address.",
    FieldCode.INVALID_URL: "Please enter a web address that begins with http:// or https://.",
    FieldCode.INVALID_ID: "This is not a valid id.",
    FieldCode.INVALID_CHOICE: "This is not one of the allowed values.",
    FieldCode.INVALID_CURSOR: "This cursor does not come from an earlier response.",
    FieldCode.REPEATED: "This field was sent more than once; send it only once.",
    FieldCode.INVALID_KEY: "An idempotency key must have 1 to 255 printable ASCII characters.",
    FieldCode.INVALID_PARENT: "The comment being replied to is not on this page.",
    FieldCode.OUT_OF_RANGE: "This must be a whole number in the allowed range; the maximum is {limit}.",
    FieldCode.UNKNOWN_FIELD: "This field does not exist.",
    FieldCode.UNKNOWN_SITE: "This page does not belong to any site moderated here.",
    FieldCode.INVALID_BLOCK: "This cannot be blocked: it is not of the chosen kind, or it would refuse too much.",
    FieldCode.IN_THE_PAST: "This time has already passed.",
    FieldCode.CONTRADICTS: "This cannot be combined with another of the fields that were sent.",
    FieldCode.INVALID_PROOF: "This does not solve the challenge that came with the comment.",
    FieldCode.REDACTION_ADDS: "Only whole words and links can be taken out. The comment has no “{word}” there.",
    FieldCode.REDACTION_UNCHANGED: "Nothing has been taken out of the comment yet.",
    FieldCode.REDACTION_EMPTY: "Some of the comment must remain. If nothing should, reject it.",
}
"""What each field code says, in English; `{limit}` is the limit that was passed, `{word}` the word at fault."""

PROBLEMS = {
    ProblemCode.MALFORMED: ("Unreadable request", "The request could not be read; check its format and encoding."),
    ProblemCode.UNAUTHORIZED: (
        "Key required",
        "Send one of the site’s keys as a bearer token in the Authorization header.",
    ),
    ProblemCode.UNKNOWN_SITE: ("Unknown site", "This page does not belong to any site moderated here."),
    ProblemCode.FOREIGN_ORIGIN: ("Sent from another site", "The comment was sent from a page on another site."),
    ProblemCode.COMMENTS_CLOSED: ("Comments are closed", "This page no longer takes comments."),
    ProblemCode.REFUSED_BY_RULE: (
        "Comment not accepted",
        "A rule of this site refuses this comment. It was not saved.",
    ),
    ProblemCode.BLOCKED: ("Comment not accepted", "This site does not accept this comment. It was not saved."),
    ProblemCode.NOT_FOUND: ("Not found", "There is nothing at this address."),
    ProblemCode.METHOD_NOT_ALLOWED: (
        "Method not allowed",
        "This address does not support that method; the Allow header lists those it does.",
    ),
    ProblemCode.DUPLICATE: ("Already received", "The same comment was received a moment ago."),
    ProblemCode.NOT_EDITABLE: (
        "This comment can no longer be changed",
        "It was rejected or withdrawn, or it is published and cannot be withdrawn here. Nothing was changed.",
    ),
    ProblemCode.NOT_OBJECTABLE: (
        "No objection is possible",
        "One can object once, and only while the comment is rejected. Nothing was changed.",
    ),
    ProblemCode.LINK_INVALID: (
        "The link is incomplete",
        "Your mail program may have split it over two lines. Nothing was changed; open it from the e-mail again.",
    ),
    ProblemCode.LINK_EXPIRED: ("This link has expired", "Links in e-mails work for 30 days."),
    ProblemCode.LINK_VOID: (
        "This link no longer works",
        "The comment was edited or removed, or the moderator’s address has changed.",
    ),
    ProblemCode.START_AGAIN: (
        "Start again from 0",
        "The database has been restored since this number was given out. Read all changes again from 0.",
    ),
    ProblemCode.TOO_LARGE: ("Too large", "The request is larger than 256 KiB."),
    ProblemCode.UNSUPPORTED_MEDIA_TYPE: (
        "Unsupported format",
        "Send application/json, application/x-www-form-urlencoded or multipart/form-data, in UTF-8.",
    ),
    ProblemCode.INVALID_FIELDS: ("Please check what you entered", "Some fields were not accepted."),
    ProblemCode.PAGE_NOT_NAMED: (
        "Page not named",
        "The form does not say which page the comment belongs to, so it could not be accepted.",
    ),
    ProblemCode.KEY_REUSED: (
        "Key already used",
        "This Idempotency-Key has already been used for another comment.",
    ),
    ProblemCode.PROOF_USED: ("Already solved", "The challenge of this comment has already been solved."),
    ProblemCode.PROOF_EXPIRED: (
        "Challenge expired",
        "The solution came too late. The comment waits for a moderator all the same.",
    ),
    ProblemCode.RATE_LIMITED: (
        "Too many comments",
        "Many comments have come from your network. Please wait a few minutes.",
    ),
    ProblemCode.TOO_MANY_STREAMS: (
        "Too many open streams",
        "Your network already has as many streams and waiting requests open as one may. Close some of them first.",
    ),
    ProblemCode.STREAMS_FULL: (
        "No more streams",
        "As many streams and waiting requests are open as can be. Ask without waiting, or come back later.",
    ),
    ProblemCode.LOGGED_OUT: ("Not logged in", "Nothing was changed. Log in to the moderation area and try again."),
    ProblemCode.FORGED_FORM: (
        "Form not valid",
        "Nothing was changed: the form on this page is no longer valid. Reload the page and try again.",
    ),
    ProblemCode.INTERNAL: (
        "Something went wrong",
        "The error is ours and has been recorded. Please try again later.",
    ),
    ProblemCode.UNAVAILABLE: ("Try again shortly", "Nothing was saved. Please try again in a few seconds."),
}
"""Title and detail of each problem, in English."""


class FieldError(ResponseSchema):
    """One reason why a field was rejected."""

    code = fields.Enum(FieldCode, by_value=True, required=True)
    message = fields.String(required=True)


class Problem(ResponseSchema):
    """RFC 9457 `application/problem+json`; `errors` only when fields or pages were rejected."""

    type = fields.String(required=True)
    title = fields.String(required=True)
    status = fields.Integer(required=True)
    detail = fields.String(required=True)
    errors = fields.Dict(keys=fields.String(), values=fields.List(fields.Nested(FieldError)))
