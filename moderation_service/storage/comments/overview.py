"""What readers see of many pages, each by one prepared question: counts, a site's pages, its newest comments."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from operator import itemgetter
from typing import Any

import orjson
from sqlalchemy import (
    CTE,
    ColumnElement,
    FromClause,
    Integer,
    ScalarSelect,
    String,
    Text,
    bindparam,
    column,
    exists,
    func,
    literal,
    select,
    union_all,
)

from moderation_service.domain.comments.comment import CommentOnPage, Status
from moderation_service.domain.comments.pages import CommentedPage
from moderation_service.storage.comments.public import COLUMNS
from moderation_service.storage.engine import bounded
from moderation_service.storage.engine.json_rows import as_id, decoder, json_rows, json_texts, rows_of
from moderation_service.storage.engine.questions import Question, Reads
from moderation_service.storage.schema import IS_PUBLIC, PAGE_IS_MOVING, comments, pages

_BEFORE_ALL = "00000000-0000-0000-0000-000000000000"
IS_APPROVED = comments.c.status == Status.APPROVED
"""Spelled as the index of a site's comments by their status is asked."""
_named = pages.alias("named")
_decode_pages = decoder((pages.c.id, pages.c.url, pages.c.title, literal(0), comments.c.created_at))
_decode_comments = decoder((*COLUMNS, pages.c.url, pages.c.title))
_ON_PAGE = [*(one.name for one in COLUMNS), "page_url", "page_title"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How many approved comments pages have, by id, and when readers last saw a change on one of them."""

    by_page: dict[str, int]
    last_change: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PagesSlice:
    """Pages of a site with approved comments, by rising id, and when readers last saw a change on the site."""

    pages: list[CommentedPage]
    last_change: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Newest:
    """The newest approved comments of a site, and when readers last saw a change there."""

    comments: list[CommentOnPage]
    last_change: datetime | None


async def counts(reads: Reads, page_ids: Sequence[str], *, is_settled: bool) -> Counts:
    """Count the approved comments of pages; a page that was never met has none.

    Unless all `is_settled`, those count too that are still to move to a page from another id.
    """
    asked = {page_id.replace("-", ""): page_id for page_id in page_ids}
    question = counts_question(is_settled=is_settled)
    [[found, last_change]] = await reads.rows(question, {"page_ids": orjson.dumps(list(asked)).decode()})
    by_page = {asked[page_id]: count for page_id, count in rows_of(found)}
    return Counts(by_page=by_page, last_change=last_change)


async def pages_of(reads: Reads, site_id: str, *, after: str | None, limit: int, is_settled: bool) -> PagesSlice:
    """Return up to `limit` pages of a site behind the page `after`."""
    values = {"site_id": site_id, "after": after or _BEFORE_ALL, "most": limit}
    [[found, changed_at, titled_at]] = await reads.rows(pages_question(is_settled=is_settled), values)
    rows = sorted(_decode_pages(found), key=itemgetter(0))
    return PagesSlice(
        pages=[CommentedPage(id=row[0], url=row[1], title=row[2], count=row[3], last_at=row[4]) for row in rows],
        last_change=_latest(changed_at, titled_at),
    )


async def newest(reads: Reads, site_id: str, *, limit: int, largest: int, is_settled: bool) -> Newest:
    """Return up to `limit` approved comments of a site, newest first.

    They end before their texts exceed `largest` bytes, but there is always one.
    """
    values = {"site_id": site_id, "most": limit, "largest": largest}
    [[found, changed_at, titled_at]] = await reads.rows(newest_question(is_settled=is_settled), values)
    rows = sorted(_decode_comments(found), key=itemgetter(0), reverse=True)
    return Newest(
        comments=[CommentOnPage(**dict(zip(_ON_PAGE, row, strict=True))) for row in rows],
        last_change=_latest(changed_at, titled_at),
    )


def _latest(*moments: datetime | None) -> datetime | None:
    return max((at for at in moments if at is not None), default=None)


@cache
def counts_question(*, is_settled: bool) -> Question:
    """Return the question for counts: each page's, and its newest change, from an index of its own."""
    asked = json_texts(bindparam("page_ids", type_=Text())).table_valued(column("value", Text))
    is_here = _is_here(as_id(asked.c.value), asked, is_settled=is_settled)
    count = select(func.count()).where(is_here, IS_PUBLIC).correlate(asked).scalar_subquery()
    is_change = comments.c.change_number.is_not(None)
    last = select(func.max(comments.c.change_at)).where(is_here, is_change).correlate(asked).scalar_subquery()
    each = select(asked.c.value, count.label("count"), last.label("last")).subquery("each")
    parts: tuple[ColumnElement[Any], ...] = (json_rows(each.c.value, each.c.count), func.max(each.c.last))
    return Question(select(*parts))


@cache
def pages_question(*, is_settled: bool) -> Question:
    """Return the question for a site's pages: from one to the next by the index, past all comments of each."""
    after = bindparam("after", type_=pages.c.id.type)
    most = bindparam("most", type_=Integer())
    first = select(_next_page(after, None, is_settled=is_settled).label("id"), literal(1).label("number"))
    found = first.cte("found", recursive=True)
    following = _next_page(found.c.id, found, is_settled=is_settled)
    found = found.union_all(
        select(following, found.c.number + 1).where(found.c.id.is_not(None), found.c.number < most)
    )
    is_here = _is_here(pages.c.id, pages, is_settled=is_settled)
    count = select(func.count()).where(is_here, IS_PUBLIC).correlate(pages)
    last = select(comments.c.created_at).where(is_here, IS_PUBLIC).order_by(comments.c.id.desc()).limit(1)
    shown = json_rows(
        pages.c.id,
        pages.c.url,
        title(pages, is_settled=is_settled),
        count.scalar_subquery(),
        last.correlate(pages).scalar_subquery(),
    )
    rows = select(shown).join_from(found, pages, pages.c.id == found.c.id)
    return Question(select(rows.scalar_subquery(), *last_changes()))


@cache
def newest_question(*, is_settled: bool) -> Question:
    """Return the question for a site's newest comments: sizes first, then the texts of what has room."""
    most = bindparam("most", type_=Integer())
    sized = (
        select(comments.c.id, bounded.size().label("size"))
        .where(comments.c.site_id == _site(), IS_APPROVED)
        .order_by(comments.c.id.desc())
        .limit(most)
        .cte("sized")
    )
    shown = bounded.within(sized, sized.c.id.desc())
    listed = json_rows(*COLUMNS, _named.c.url, title(_named, is_settled=is_settled))
    rows = (
        select(listed)
        .join_from(shown, comments, comments.c.id == shown.c.id)
        .join(_named, stands_on(_named, is_settled=is_settled))
    )
    return Question(select(rows.scalar_subquery(), *last_changes()))


def stands_on(page: FromClause, *, is_settled: bool) -> ColumnElement[bool]:
    """Tell whether a comment stands on a page: there, or under an id from which it is still to move there."""
    if is_settled:
        return page.c.id == comments.c.page_id
    moves_to = select(pages.c.moves_to).where(pages.c.id == comments.c.page_id).scalar_subquery()
    return page.c.id == func.coalesce(moves_to, comments.c.page_id)


def _site() -> ColumnElement[str]:
    return bindparam("site_id", type_=String())


def _is_here(
    page_id: ColumnElement[str], outside: FromClause, *, is_settled: bool, stored: FromClause = comments
) -> ColumnElement[bool]:
    """Tell whether a comment is stored under the id of a page of `outside`, or under one that moves there."""
    if is_settled:
        return stored.c.page_id == page_id
    moving = pages.alias("moving")
    ids = union_all(
        select(page_id).correlate(outside),
        select(moving.c.id).where(moving.c.moves_to == page_id, moving.c.moves_to.is_not(None)).correlate(outside),
    )
    return stored.c.page_id.in_(ids)


def _next_page(after: ColumnElement[str], found: CTE | None, *, is_settled: bool) -> ScalarSelect[str]:
    """Ask for the first page behind an id that has a comment that everybody may read."""
    public = select(comments.c.page_id.label("id")).where(
        comments.c.site_id == _site(), IS_PUBLIC, comments.c.page_id > after
    )
    if is_settled:
        return public.order_by(comments.c.page_id).limit(1).correlate(found).scalar_subquery()
    is_moving = exists().where(pages.c.id == comments.c.page_id, PAGE_IS_MOVING)
    has_public = exists().where(comments.c.page_id == pages.c.id, IS_PUBLIC)
    moving = select(pages.c.moves_to.label("id")).where(
        pages.c.site_id == _site(), PAGE_IS_MOVING, pages.c.moves_to > after, has_public
    )
    parts = [
        part.order_by("id").limit(1).correlate(found).subquery().select()
        for part in (public.where(~is_moving), moving)
    ]
    either = union_all(*parts).subquery()
    return select(either.c.id).order_by(either.c.id).limit(1).scalar_subquery()


def title(page: FromClause, *, is_settled: bool) -> ColumnElement[str]:
    """Ask what a page is called, as `page_titles` does."""
    titled = comments.alias("titled")
    sent = (
        select(titled.c.page_title)
        .where(
            _is_here(page.c.id, page, is_settled=is_settled, stored=titled),
            titled.c.status == Status.APPROVED,
            titled.c.page_title.is_not(None),
        )
        .order_by(titled.c.id)
        .limit(1)
        .correlate(page)
    )
    return func.coalesce(page.c.title, sent.scalar_subquery())


def last_changes() -> tuple[ScalarSelect[datetime], ScalarSelect[datetime]]:
    """Ask when readers last saw a change of a comment on the site, and of a page's title."""
    is_change = comments.c.change_number.is_not(None)
    changed = select(comments.c.change_at).where(comments.c.site_id == _site(), is_change)
    titled = select(pages.c.title_at).where(pages.c.site_id == _site(), pages.c.title_number.is_not(None))
    return (
        changed.order_by(comments.c.change_number.desc()).limit(1).scalar_subquery(),
        titled.order_by(pages.c.title_number.desc()).limit(1).scalar_subquery(),
    )
