"""The change feed: what became visible or ceased to be."""

from enum import StrEnum

from marshmallow import fields

from schemas.base import ResponseSchema, Timestamp
from schemas.comments import PublicComment


class ChangeType(StrEnum):
    """What happened to a comment that was published at least once."""

    PUBLISHED = "published"
    UPDATED = "updated"
    WITHDRAWN = "withdrawn"
    ERASED = "erased"


class Change(ResponseSchema):
    """The newest visible state of one comment; `comment` is null once it is withdrawn or erased."""

    number = fields.Integer(required=True)
    type = fields.Enum(ChangeType, by_value=True, required=True)
    comment_id = fields.String(required=True, metadata={"format": "uuid"})
    page_url = fields.String(required=True, metadata={"format": "uri"})
    at = Timestamp(required=True)
    comment = fields.Nested(PublicComment, required=True, allow_none=True)


class ChangeFeed(ResponseSchema):
    """Changes by rising number; `next` is the `after` of the next call."""

    changes = fields.List(fields.Nested(Change), required=True)
    next = fields.Integer(required=True)
