"""The change feed: what became visible or ceased to be."""

from enum import StrEnum

from marshmallow import fields

from schemas.base import Count, Line, QuerySchema, ResponseSchema, Timestamp
from schemas.comments import PublicComment


class ChangeType(StrEnum):
    """What happened to a comment that was published at least once."""

    PUBLISHED = "published"
    UPDATED = "updated"
    WITHDRAWN = "withdrawn"
    ERASED = "erased"


class ChangeQuery(QuerySchema):
    """Which changes to read: a site's, after a number; the first call leaves `after` and `epoch` out."""

    site = Line(required=True, limit=64)
    after = Count(least=0, most=2**53, load_default=0)
    epoch = Line(limit=32, load_default=None)
    limit = Count(most=500, load_default=100)


class Change(ResponseSchema):
    """The newest visible state of one comment; `comment` is null once it is withdrawn or erased."""

    number = fields.Integer(required=True)
    type = fields.Enum(ChangeType, by_value=True, required=True)
    comment_id = fields.String(required=True, metadata={"format": "uuid"})
    page_url = fields.String(required=True, metadata={"format": "uri"})
    at = Timestamp(required=True)
    comment = fields.Nested(PublicComment, required=True, allow_none=True)


class ChangeFeed(ResponseSchema):
    """Changes by rising number; `next` and `epoch` are the `after` and `epoch` of the next call.

    `head` is the site's newest number.
    """

    epoch = fields.String(required=True)
    changes = fields.List(fields.Nested(Change), required=True)
    next = fields.Integer(required=True)
    head = fields.Integer(required=True)
