"""Feeds of approved comments: Atom (RFC 4287), and JSON Feed 1.1."""

from collections.abc import Mapping
from typing import Any

from marshmallow import ValidationError, fields, validate, validates_schema

from schemas.base import Fault, HttpUrl, Id, Line, QuerySchema, ResponseSchema, Timestamp
from schemas.comments import URL_CHARACTERS

JSON_FEED_VERSION = "https://jsonfeed.org/version/1.1"


class FeedQuery(QuerySchema):
    """Whose newest comments to show: those of a page, or of a whole `site`; one of both is named."""

    page_url = HttpUrl(limit=URL_CHARACTERS, load_default=None, metadata={"format": "url"})
    site = Line(limit=64, load_default=None)
    cursor = Id(load_default=None, code="invalid_cursor")

    @validates_schema
    def check(self, data: Mapping[str, Any], **options: Any) -> None:
        """Refuse a question for nothing, or for both."""
        del options
        if data["page_url"] is None and data["site"] is None:
            raise ValidationError({"page_url": [Fault("required")]})
        if data["page_url"] is not None and data["site"] is not None:
            raise ValidationError({"site": [Fault("contradicts")]})


class FeedAuthor(ResponseSchema):
    """Who wrote a comment; `url` only where one was given."""

    name = fields.String(required=True)
    url = fields.String(metadata={"format": "uri"})


class FeedThread(ResponseSchema):
    """What a comment answers: the `id` of its item, and where that stands."""

    in_reply_to = fields.String(required=True, metadata={"format": "uri"})
    url = fields.String(required=True, metadata={"format": "uri"})


class FeedItem(ResponseSchema):
    """A comment; `id` never changes, nor does it when its page moves. `_thread` is there for an answer.

    The tag `by_site` is there where the site itself answers.
    """

    id = fields.String(required=True, metadata={"format": "uri"})
    url = fields.String(required=True, metadata={"format": "uri"})
    title = fields.String(required=True)
    content_html = fields.String(required=True)
    date_published = Timestamp(required=True)
    date_modified = Timestamp(required=True)
    authors = fields.List(fields.Nested(FeedAuthor), required=True)
    tags = fields.List(fields.String(validate=validate.OneOf(["by_site"])))
    _thread = fields.Nested(FeedThread)


class JsonFeed(ResponseSchema):
    """A slice of a feed, newest first; `next_url` is there where older comments stand behind it."""

    version = fields.Constant(JSON_FEED_VERSION, required=True)
    title = fields.String(required=True)
    language = fields.String(required=True)
    home_page_url = fields.String(required=True, metadata={"format": "uri"})
    feed_url = fields.String(required=True, metadata={"format": "uri"})
    next_url = fields.String(metadata={"format": "uri"})
    items = fields.List(fields.Nested(FeedItem), required=True)
