"""The moderation API: a site's pages, their titles, whether they take comments, and where they move."""

from enum import StrEnum

from marshmallow import fields

from schemas.base import (
    Choice,
    Count,
    Entries,
    HttpUrl,
    Id,
    Line,
    QuerySchema,
    RequestSchema,
    ResponseSchema,
    Switch,
    Timestamp,
)
from schemas.comments import TITLE_CHARACTERS, URL_CHARACTERS
from schemas.moderation import Outcome

PAGES_AT_ONCE = 100


class Commenting(StrEnum):
    """Whether a page takes comments, as was said of it; `by_rule` leaves that to the site's `close_after_days`."""

    OPEN = "open"
    CLOSED = "closed"
    BY_RULE = "by_rule"


class PagesQuery(QuerySchema):
    """Which pages of the key's site to list: all, or the one at an address. `site` can only be that site."""

    site = Line(limit=64, load_default=None)
    page_url = HttpUrl(limit=URL_CHARACTERS, load_default=None, metadata={"format": "url"})
    limit = Count(most=200, load_default=50)
    cursor = Id(load_default=None, code="invalid_cursor")


class PageChange(RequestSchema):
    """What is to be another way about a page of the site; what is left out stays as it is.

    A `page_title` of null, or an empty one, leaves the title to the comments again. `move_to` is the address that
    the page's comments are to have; the old one stays an alias.
    """

    page_url = HttpUrl(required=True, limit=URL_CHARACTERS, metadata={"format": "url"})
    page_title = Line(limit=TITLE_CHARACTERS, allow_none=True)
    commenting = Choice(Commenting, by_value=True, load_default=None, allow_none=True)
    move_to = HttpUrl(limit=URL_CHARACTERS, load_default=None, allow_none=True, metadata={"format": "url"})


class PageChanges(RequestSchema):
    """Up to 100 changes, made one after the other; with `dry_run` nothing is changed."""

    pages = Entries(fields.Nested(PageChange, error_messages={"null": "wrong_type"}), most=PAGES_AT_ONCE)
    dry_run = Switch(load_default=False)


class ModeratedPage(ResponseSchema):
    """A page of the site as its moderators see it.

    `title_is_set` if the title was set, and not sent by a comment. `published` and `waiting` count its comments.
    `commenting` is what was said about new ones, `is_closed` whether the page takes none, and `closes_at` since or
    from when, where that is the site's rule. `aliases` are addresses from which the page was moved.
    """

    page_url = fields.String(required=True, metadata={"format": "url"})
    page_title = fields.String(required=True, allow_none=True)
    title_is_set = fields.Boolean(required=True)
    published = fields.Integer(required=True)
    waiting = fields.Integer(required=True)
    commenting = fields.Enum(Commenting, by_value=True, required=True)
    is_closed = fields.Boolean(required=True)
    closes_at = Timestamp(required=True, allow_none=True)
    aliases = fields.List(fields.String(metadata={"format": "url"}), required=True)


class ModeratedPages(ResponseSchema):
    """A slice of the site's pages, in an order that never changes."""

    pages = fields.List(fields.Nested(ModeratedPage), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class PageMove(ResponseSchema):
    """How many comments move; `joins` if they come to a page with comments.

    What does not move before the answer, `is_complete` is false then, is moved by the service beside all else.
    """

    comments = fields.Integer(required=True)
    joins = fields.Boolean(required=True)
    is_complete = fields.Boolean(required=True)


class PageChangeResult(ResponseSchema):
    """What became of one change, and the page as it is now; null for one that was never met.

    `conflict`: the address was moved to another page than `move_to`, which is the one that `page` shows.
    """

    page_url = fields.String(required=True, metadata={"format": "url"})
    outcome = fields.Enum(Outcome, by_value=True, required=True)
    page = fields.Nested(ModeratedPage, required=True, allow_none=True)
    move = fields.Nested(PageMove, required=True, allow_none=True)


class PageChangeResults(ResponseSchema):
    """One result for each change, in the order asked."""

    results = fields.List(fields.Nested(PageChangeResult), required=True)
