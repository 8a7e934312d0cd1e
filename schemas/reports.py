"""Reports of published comments by readers."""

from marshmallow import EXCLUDE, fields

from schemas.base import Email, Line, Opaque, RequestSchema, ResponseSchema, Text
from schemas.moderation import REASON_CHARACTERS

EXPLANATION_BYTES = 5_000
NAME_CHARACTERS = 245
ADDRESS_CHARACTERS = 254


class NewReport(RequestSchema):
    """What a reader reports: a reason of the site's, and what is wrong about the comment.

    Name and address may be left out. `form_stamp` is what `GET /api/v1/stamp` gave for the comment's page.
    """

    reason = Line(required=True, limit=REASON_CHARACTERS)
    explanation = Text(required=True, limit=EXPLANATION_BYTES)
    reporter_name = Line(limit=NAME_CHARACTERS, load_default=None, allow_none=True)
    reporter_email = Email(
        limit=ADDRESS_CHARACTERS, load_default=None, allow_none=True, metadata={"format": "email"}
    )
    form_stamp = Opaque(load_default=None, allow_none=True)


class ReportForm(NewReport):
    """The same as an HTML form."""

    class Meta:
        """Fields of other programs are passed over."""

        unknown = EXCLUDE


class ReportReceipt(ResponseSchema):
    """The id of the report, or of the one before that says the same."""

    id = fields.String(required=True, metadata={"format": "uuid"})
