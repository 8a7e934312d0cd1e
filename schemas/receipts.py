"""An author's own comment, by its receipt."""

from marshmallow import EXCLUDE, fields, validate

from schemas.base import Line, RequestSchema, ResponseSchema, Text, Timestamp
from schemas.comments import BODY_BYTES
from schemas.moderation import Status

OBJECTION_BYTES = 5_000
_PROOF_CHARACTERS = 4_000


class DecisionReason(ResponseSchema):
    """Why a comment was rejected: a code of the site's, and what it means in the language of `Accept-Language`.

    Without that header it is in the site's language. A code that the site has no longer is its own message.
    """

    code = fields.String(required=True)
    message = fields.String(required=True)


class Statement(ResponseSchema):
    """A decision against a comment or passages of it: when, and by a person, a program of the site, or a rule.

    `rule` is the name of that rule, else null. `was_published` says that everybody could read it until then. Where
    `is_of_edit`, an edit was rejected, and the comment stays published as it was; where `is_redaction`, passages
    were taken out.
    """

    decided_at = Timestamp(required=True)
    decided_by = fields.String(required=True, validate=validate.OneOf(["person", "program", "rule"]))
    rule = fields.String(required=True, allow_none=True)
    was_published = fields.Boolean(required=True)
    is_of_edit = fields.Boolean(required=True)
    is_redaction = fields.Boolean(required=True)


class Objection(ResponseSchema):
    """What the author said against a rejection, and when."""

    text = fields.String(required=True)
    at = Timestamp(required=True)


class OwnEdit(ResponseSchema):
    """A new text that the author gave a published comment, and that waits."""

    body = fields.String(required=True)
    body_html = fields.String(required=True)
    created_at = Timestamp(required=True)


class OwnComment(ResponseSchema):
    """A comment as its author sees it; `may_edit` while it waits, and when it is published.

    An edit of a published comment waits as its `edit`, and readers see `body` until it is approved. What waits may
    be withdrawn: the comment or, if it is published, its edit.
    `redacted` if it is published without passages that moderators took out: `[…]` stands for each in `body`, and
    `original` is what the author wrote, null once that is deleted.
    `reason` is null unless it, its last edit, or passages of it were rejected and a reason was given; `statement`
    says how that was decided. Where it is rejected `may_object` is true, once; `objection` is what was said, null
    without one.
    """

    id = fields.String(required=True, metadata={"format": "uuid"})
    status = fields.Enum(Status, by_value=True, required=True)
    body = fields.String(required=True)
    body_html = fields.String(required=True)
    page_url = fields.String(required=True, metadata={"format": "url"})
    created_at = Timestamp(required=True)
    may_edit = fields.Boolean(required=True)
    edit = fields.Nested(OwnEdit, required=True, allow_none=True)
    redacted = fields.Boolean(required=True)
    original = fields.String(required=True, allow_none=True)
    reason = fields.Nested(DecisionReason, required=True, allow_none=True)
    statement = fields.Nested(Statement, required=True, allow_none=True)
    may_object = fields.Boolean(required=True)
    objection = fields.Nested(Objection, required=True, allow_none=True)


class Edit(RequestSchema):
    """A new text for a comment."""

    body = Text(required=True, limit=BODY_BYTES)


class NewObjection(RequestSchema):
    """Why a rejected comment should be looked at again."""

    text = Text(required=True, limit=OBJECTION_BYTES)


class ObjectionForm(NewObjection):
    """The same from the form of the receipt's page."""

    class Meta:
        """Fields of other programs are passed over."""

        unknown = EXCLUDE


class Proof(RequestSchema):
    """What a browser found for the challenge that came with the receipt: ALTCHA's payload.

    That is `{"challenge": …, "solution": {"counter": …, "derivedKey": …}}` as JSON in base64, the challenge as it
    came, the number that was found, and the hash in hexadecimal.
    """

    proof = Line(required=True, limit=_PROOF_CHARACTERS)


class EditForm(Edit):
    """The form of the receipt's page: `do` is `edit`, `withdraw`, which needs no text, or `object`, with `text`.

    `form_token` says that the page was ours and showed the comment as it stands.
    """

    do = fields.String(
        load_default="edit", validate=validate.OneOf(["edit", "withdraw", "object"], error="invalid_choice")
    )
    form_token = fields.String(load_default="")

    class Meta:
        """Fields of other programs are passed over."""

        unknown = EXCLUDE
