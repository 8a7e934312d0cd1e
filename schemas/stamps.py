"""What a script fetches for the form that it shows."""

from marshmallow import fields

from schemas.base import HttpUrl, QuerySchema, ResponseSchema
from schemas.comments import URL_CHARACTERS


class StampQuery(QuerySchema):
    """For which page the form is."""

    page_url = HttpUrl(required=True, limit=URL_CHARACTERS, metadata={"format": "url"})


class FormMarks(ResponseSchema):
    """The value to send as `form_stamp`, and the name of a field that no person sees; null for a site without.

    The field goes along only where something was filled in there.
    """

    form_stamp = fields.String(required=True, allow_none=True)
    honeypot = fields.String(required=True, allow_none=True)
