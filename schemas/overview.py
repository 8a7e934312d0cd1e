"""Reading of many pages at once: counts, the pages of a site, its newest comments."""

from typing import Any

from marshmallow import ValidationError, fields, pre_load

from schemas.base import (
    Count,
    Fault,
    HttpUrl,
    Id,
    Line,
    Messages,
    QuerySchema,
    RequestSchema,
    ResponseSchema,
    Timestamp,
)
from schemas.comments import COMMENTS_AT_ONCE, URL_CHARACTERS, PublicComment

COUNTS_IN_AN_ADDRESS = 200
COUNTS_IN_A_BODY = 1_000
PAGES_AT_ONCE = 200

_LIST: Messages = {"required": "required", "null": "required", "invalid": "wrong_type"}


def _page_urls(*, least: int, most: int) -> fields.List[Any]:
    url = HttpUrl(required=True, limit=URL_CHARACTERS, metadata={"format": "url"})
    limits = {"minItems": least, "maxItems": most}
    return fields.List(url, required=True, error_messages=_LIST, metadata=limits)


def _refuse_too_many(data: Any, name: str, most: int) -> None:
    """Refuse too many before looking at each."""
    urls = data.get(name) if isinstance(data, dict) else None
    if isinstance(urls, list) and len(urls) > most:
        raise ValidationError(Fault("too_many", most), name)


class CountsQuery(QuerySchema):
    """Whose comments to count: `page_url` once for each page, up to 200 of them."""

    page_url = _page_urls(least=1, most=COUNTS_IN_AN_ADDRESS)

    @pre_load
    def _count(self, data: Any, **_: Any) -> Any:
        _refuse_too_many(data, "page_url", COUNTS_IN_AN_ADDRESS)
        return data


class CountsRequest(RequestSchema):
    """The same for long lists."""

    page_urls = _page_urls(least=0, most=COUNTS_IN_A_BODY)

    @pre_load
    def _count(self, data: Any, **_: Any) -> Any:
        _refuse_too_many(data, "page_urls", COUNTS_IN_A_BODY)
        return data


class CommentCounts(ResponseSchema):
    """How many approved comments each page has, by its address as it was asked for."""

    counts = fields.Dict(keys=fields.String(), values=fields.Integer(), required=True)


class SitePagesQuery(QuerySchema):
    """Which of a site's pages to list."""

    site = Line(required=True, limit=64)
    limit = Count(most=PAGES_AT_ONCE, load_default=50)
    cursor = Id(load_default=None, code="invalid_cursor")


class CommentedPage(ResponseSchema):
    """A page with approved comments: how many, and when the newest of them was written."""

    page_url = fields.String(required=True, metadata={"format": "url"})
    page_title = fields.String(required=True, allow_none=True)
    count = fields.Integer(required=True)
    last_at = Timestamp(required=True)


class SitePages(ResponseSchema):
    """A slice of a site's pages with approved comments, in an order that never changes."""

    pages = fields.List(fields.Nested(CommentedPage), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class LatestQuery(QuerySchema):
    """Of which site, and how many."""

    site = Line(required=True, limit=64)
    limit = Count(most=COMMENTS_AT_ONCE, load_default=50)


class LatestComment(PublicComment):
    """An approved comment with the page on which it stands."""

    page_url = fields.String(required=True, metadata={"format": "url"})
    page_title = fields.String(required=True, allow_none=True)


class LatestComments(ResponseSchema):
    """The newest approved comments of a site, newest first."""

    comments = fields.List(fields.Nested(LatestComment), required=True)
