"""Reading of many pages at once: counts, the pages of a site, its newest comments."""

from marshmallow import fields

from schemas.base import (
    Count,
    Entries,
    HttpUrl,
    Id,
    Line,
    QuerySchema,
    RequestSchema,
    ResponseSchema,
    Timestamp,
)
from schemas.comments import COMMENTS_AT_ONCE, URL_CHARACTERS, PublicComment

COUNTS_IN_AN_ADDRESS = 200
COUNTS_IN_A_BODY = 1_000
PAGES_AT_ONCE = 200


def _page_urls(*, least: int, most: int) -> Entries:
    url = HttpUrl(required=True, limit=URL_CHARACTERS, metadata={"format": "url"})
    return Entries(url, least=least, most=most)


class CountsQuery(QuerySchema):
    """Whose comments to count: `page_url` once for each page, up to 200 of them."""

    page_url = _page_urls(least=1, most=COUNTS_IN_AN_ADDRESS)


class CountsRequest(RequestSchema):
    """The same for long lists."""

    page_urls = _page_urls(least=0, most=COUNTS_IN_A_BODY)


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
