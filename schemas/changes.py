"""The change feed: what became visible or ceased to be."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from marshmallow import ValidationError, fields

from schemas.base import Count, Fault, Line, QuerySchema, ResponseSchema, Timestamp
from schemas.comments import PublicComment


class ChangeType(StrEnum):
    """What happened to a comment that was published at least once."""

    PUBLISHED = "published"
    UPDATED = "updated"
    WITHDRAWN = "withdrawn"
    ERASED = "erased"


HIGHEST = 2**53
"""The highest number that may be asked for: beyond it JavaScript cannot tell one from the next."""

LONGEST_WAIT = 30
EPOCH_CHARACTERS = 32
EVENT_ID = rf"^([0-9A-Za-z_-]{{1,{EPOCH_CHARACTERS}}}\.)?[0-9]{{1,16}}$"
_EVENT_ID = re.compile(rf"(?:([0-9A-Za-z_-]{{1,{EPOCH_CHARACTERS}}})\.)?(-?[0-9]{{1,30}})", re.ASCII)
_SITE = {"description": "The site's id in the sites file."}


@dataclass(frozen=True, slots=True)
class EventPlace:
    """A number, with the tag of its era where it was given."""

    number: int
    epoch: str | None


class EventId(fields.Field[EventPlace]):
    """The id of an event, `<epoch>.<number>`, or a number alone."""

    default_error_messages = {"invalid": "wrong_type"}  # noqa: RUF012 - marshmallow's own form

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **options: Any
    ) -> EventPlace:
        del attr, data, options
        found = _EVENT_ID.fullmatch(value.strip()) if isinstance(value, str) else None
        if found is None:
            raise self.make_error("invalid")
        number = int(found[2])
        if not 0 <= number <= HIGHEST:
            raise ValidationError(Fault("out_of_range", HIGHEST))
        return EventPlace(number, found[1])


class ChangeQuery(QuerySchema):
    """Which changes to read: a site's, after a number; the first call leaves `after` and `epoch` out."""

    site = Line(required=True, limit=64, metadata=_SITE)
    after = Count(
        least=0,
        most=HIGHEST,
        load_default=0,
        metadata={"description": "The number to go on after."},
    )
    epoch = Line(
        limit=EPOCH_CHARACTERS,
        load_default=None,
        metadata={"description": "The `epoch` that came with it, by which a restored database is noticed."},
    )
    limit = Count(most=500, load_default=100, metadata={"description": "How many changes at most."})
    wait = Count(
        least=0,
        most=LONGEST_WAIT,
        load_default=0,
        metadata={"description": "Seconds to wait where nothing has changed yet."},
    )


class StreamQuery(QuerySchema):
    """Which changes to send: a site's, after a place; without one, those from now on."""

    site = Line(required=True, limit=64, metadata=_SITE)
    after = EventId(
        load_default=None, metadata={"description": "The id of the event to go on after, or its number alone."}
    )


class StreamHeaders(QuerySchema):
    """What a client that comes back says by itself."""

    last_event_id = EventId(
        data_key="Last-Event-ID",
        load_default=None,
        metadata={"description": "The id of the last event that came; it wins over `after`."},
    )


class Change(ResponseSchema):
    """The newest visible state of one comment; `comment` is null once it is withdrawn or erased.

    `reason` is the code of the reason that moderators gave when they withdrew it, null where they gave none.
    """

    number = fields.Integer(
        required=True, metadata={"description": "Rises with each change of the site, with gaps."}
    )
    type = fields.Enum(
        ChangeType,
        by_value=True,
        required=True,
        metadata={"description": "`updated`: its text, or the address or the title of its page."},
    )
    comment_id = fields.String(required=True, metadata={"format": "uuid"})
    page_url = fields.String(
        required=True, metadata={"format": "url", "description": "The address of the comment's page as it is now."}
    )
    page_title = fields.String(
        required=True, allow_none=True, metadata={"description": "What that page is called now."}
    )
    at = Timestamp(required=True, metadata={"description": "When it happened."})
    reason = fields.String(
        required=True, allow_none=True, metadata={"description": "Why it was withdrawn; null where nobody said."}
    )
    comment = fields.Nested(
        PublicComment,
        required=True,
        allow_none=True,
        metadata={"description": "The comment as it is now; null if it is `withdrawn` or `erased`."},
    )


class ChangeFeed(ResponseSchema):
    """Changes by rising number; `next` and `epoch` are the `after` and `epoch` of the next call.

    `head` is the site's newest number.
    """

    epoch = fields.String(required=True, metadata={"description": "What to send as `epoch` with the next call."})
    changes = fields.List(
        fields.Nested(Change), required=True, metadata={"description": "Empty where nothing came after `after`."}
    )
    next = fields.Integer(required=True, metadata={"description": "What to send as `after` with the next call."})
    head = fields.Integer(required=True, metadata={"description": "The site's newest number."})


class WebhookEvent(ResponseSchema):
    """What is posted to a webhook: one change as it stands when it is sent."""

    type = fields.Enum(ChangeType, by_value=True, required=True)
    timestamp = Timestamp(required=True, metadata={"description": "When the change happened."})
    data = fields.Nested(Change, required=True)
