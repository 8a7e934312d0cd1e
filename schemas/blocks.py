"""Blocks of a site: made, listed and lifted."""

from enum import StrEnum
from typing import Any

from marshmallow import ValidationError, fields, validates_schema

from schemas.base import (
    Choice,
    Count,
    Fault,
    Id,
    Line,
    Moment,
    QuerySchema,
    RequestSchema,
    ResponseSchema,
    Timestamp,
)

VALUE_CHARACTERS = 2_000
REASON_CHARACTERS = 500


class BlockKind(StrEnum):
    """By what a block recognises a comment.

    By its author's address, the client network it came from, a domain to which it leads, or a word in it.
    """

    ADDRESS = "address"
    NETWORK = "network"
    DOMAIN = "domain"
    WORD = "word"


class NewBlock(RequestSchema):
    """What to block, as `value`, or as it is known of a comment, by `comment_id`.

    Without `ends_at` the block holds for the site's `block_days`, with null until it is lifted. `reason` is for
    moderators only. The same blocked again takes the place of the block before.
    """

    kind = Choice(BlockKind, by_value=True, required=True)
    value = Line(limit=VALUE_CHARACTERS, load_default=None, allow_none=True)
    comment_id = Id(load_default=None, allow_none=True, metadata={"format": "uuid"})
    ends_at = Moment(allow_none=True)
    reason = Line(limit=REASON_CHARACTERS, load_default=None, allow_none=True)

    @validates_schema
    def _names_one(self, data: dict[str, Any], **_: Any) -> None:
        if data["value"] is not None and data["comment_id"] is not None:
            raise ValidationError({"comment_id": [Fault("contradicts")]})
        if data["value"] is None and data["comment_id"] is None:
            raise ValidationError({"value": [Fault("required")]})


class BlocksQuery(QuerySchema):
    """Which of the site's blocks to list."""

    limit = Count(most=200, load_default=50)
    cursor = Id(load_default=None, code="invalid_cursor")


class Block(ResponseSchema):
    """A block of the site.

    `value` is what is blocked, an address masked; null for the network of a comment, which nobody is shown.
    `made_by` is who made it by name, null where a program did. One that `is_over` is listed for some time.
    """

    id = fields.String(required=True, metadata={"format": "uuid"})
    kind = fields.Enum(BlockKind, by_value=True, required=True)
    value = fields.String(required=True, allow_none=True)
    reason = fields.String(required=True, allow_none=True)
    made_by = fields.String(required=True, allow_none=True)
    means = fields.String(required=True)
    created_at = Timestamp(required=True)
    ends_at = Timestamp(required=True, allow_none=True)
    is_over = fields.Boolean(required=True)


class Blocks(ResponseSchema):
    """A slice of the site's blocks, the newest first."""

    blocks = fields.List(fields.Nested(Block), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class MadeBlocks(ResponseSchema):
    """The blocks that were made: several where a comment leads to several domains."""

    blocks = fields.List(fields.Nested(Block), required=True)
