"""What readers are shown, each by one prepared question: a slice of a page's comments, or one comment."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from operator import itemgetter
from typing import Any, Self

from sqlalchemy import ColumnElement, Integer, ScalarSelect, Select, bindparam, func, select, union_all

from moderation_service.domain.comments.closing import Commenting
from moderation_service.domain.comments.comment import PublicComment
from moderation_service.storage.engine import bounded
from moderation_service.storage.engine.json_rows import decoder, json_rows
from moderation_service.storage.engine.questions import Question, Reads
from moderation_service.storage.schema import IS_PUBLIC, PAGE_IS_MOVING, comments, pages

COLUMNS = (
    comments.c.id,
    comments.c.parent_id,
    comments.c.author_name,
    comments.c.author_url,
    comments.c.by_site,
    comments.c.body,
    comments.c.body_html,
    comments.c.created_at,
    comments.c.redacted,
)
"""Those of a public comment, in the order of its fields."""
START = "00000000-0000-0000-0000-000000000000"
"""The place before the first comment, in every order."""
_decode = decoder(COLUMNS)


@dataclass(frozen=True, slots=True, kw_only=True)
class PageFacts:
    """What is said of a page beside its comments.

    `url` is the address under which the page was first met, None where it never was. `count` is all of the
    page that are approved, `last_change` when readers last saw a change there, and `title` what a moderator calls
    the page, else the earliest of them that sent a title. `commenting` is what was said about new ones, and
    `first_at` when the page was first met.
    """

    url: str | None
    first_at: datetime | None
    commenting: Commenting
    count: int
    last_change: datetime | None
    title: str | None

    @classmethod
    def of(cls, row: Sequence[Any]) -> Self:
        """Return what the values of `page_facts` say."""
        url, given, changed_at, commenting, first_at, count, last_change, sent = row
        return cls(
            url=url,
            first_at=first_at,
            commenting=Commenting(commenting or Commenting.BY_RULE),
            count=count,
            last_change=max((at for at in (last_change, changed_at) if at is not None), default=None),
            title=given or sent,
        )


FACTS = 8
"""How many values say what is said of a page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PageSlice:
    """Comments of a page in order; `is_last` when none stands behind them.

    `previous` is the place behind which the slice before them begins, None where nothing stands before them.
    """

    page: PageFacts
    comments: list[PublicComment]
    is_last: bool
    previous: str | None


async def page_slice(
    reads: Reads,
    page_id: str,
    *,
    after: str | None,
    limit: int,
    newest_first: bool,
    largest: int,
    is_settled: bool,
) -> PageSlice:
    """Return up to `limit` approved comments of a page behind the id `after`.

    They end before their texts exceed `largest` bytes, but there is always one. Unless all `is_settled`, those are
    among them that are stored under an id from which they are still to move to the page.
    """
    question = page_question(is_first=after is None, newest_first=newest_first, is_settled=is_settled)
    values = {"page_id": page_id, "after": after, "most": limit + 1, "largest": largest}
    [row] = await reads.rows(question, values)
    available, found, *passed = row[FACTS:]
    rows = sorted(_decode(found), key=itemgetter(0), reverse=newest_first)[:limit]
    return PageSlice(
        page=PageFacts.of(row[:FACTS]),
        comments=[comment_of(row) for row in rows],
        is_last=len(rows) == available,
        previous=previous(*passed),
    )


async def one(reads: Reads, comment_id: str) -> tuple[PublicComment, datetime | None] | None:
    """Return a comment if it is approved, and when readers last saw it change."""
    found = await reads.rows(one_question(), {"comment_id": comment_id})
    if not found:
        return None
    *values, changed_at = found[0]
    return comment_of(values), changed_at


def comment_of(row: Sequence[Any]) -> PublicComment:
    """Return a comment from the values of `COLUMNS`."""
    return PublicComment(
        id=row[0],
        parent_id=row[1],
        author_name=row[2],
        author_url=row[3],
        by_site=row[4],
        body=row[5],
        body_html=row[6],
        created_at=row[7],
        redacted=bool(row[8]),
    )


def previous(nearest: str | None = None, farthest: str | None = None) -> str | None:
    """Return the place behind which the slice before this one begins, None where nothing stands before it.

    `nearest` is what stands right before this one, `farthest` what stands a whole slice farther away.
    """
    return None if nearest is None else farthest or START


@cache
def on_page(*, is_settled: bool) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """Return the conditions of a public comment of the page `page_id`: that it is stored there, and public."""
    page_id = bindparam("page_id", type_=comments.c.page_id.type)
    if is_settled:
        return comments.c.page_id == page_id, IS_PUBLIC
    moving = union_all(
        select(pages.c.id).where(pages.c.id == page_id),
        select(pages.c.id).where(pages.c.moves_to == page_id, PAGE_IS_MOVING),
    )
    return comments.c.page_id.in_(moving), IS_PUBLIC


def page_facts(*, is_settled: bool) -> list[ScalarSelect[Any]]:
    """Return what asks for the values of `PageFacts`."""
    is_here, is_public = on_page(is_settled=is_settled)
    page_id = bindparam("page_id", type_=comments.c.page_id.type)
    of_page = (pages.c.url, pages.c.title, pages.c.title_at, pages.c.commenting, pages.c.created_at)
    page = [select(column).where(pages.c.id == page_id) for column in of_page]
    count = select(func.count()).where(is_here, is_public)
    last = select(func.max(comments.c.change_at)).where(is_here, comments.c.change_number.is_not(None))
    titled = comments.c.page_title.is_not(None)
    title = select(comments.c.page_title).where(is_here, is_public, titled).order_by(comments.c.id).limit(1)
    return [part.scalar_subquery() for part in (*page, count, last, title)]


@cache
def page_question(*, is_first: bool, newest_first: bool, is_settled: bool = True) -> Question:
    """Return the question for a list: sizes first, from one index, and then the texts of what has room."""
    here = on_page(is_settled=is_settled)
    after = bindparam("after", type_=comments.c.id.type)
    behind, before = (
        (comments.c.id < after, comments.c.id >= after)
        if newest_first
        else (comments.c.id > after, comments.c.id <= after)
    )
    order, back = comments.c.id.asc(), comments.c.id.desc()
    if newest_first:
        order, back = back, order
    most = bindparam("most", type_=Integer())
    place = here if is_first else (*here, behind)
    sized = (
        select(comments.c.id, bounded.size().label("size")).where(*place).order_by(order).limit(most).cte("sized")
    )
    shown = bounded.within(sized, sized.c.id.desc() if newest_first else sized.c.id.asc())
    rows = select(json_rows(*COLUMNS)).join(shown, shown.c.id == comments.c.id)
    available = select(func.count()).select_from(sized)
    parts: list[Select[Any]] = [available, rows]
    if not is_first:
        passed = select(comments.c.id).where(*here, before).order_by(back).limit(1)
        parts += [passed, passed.offset(most - 1)]
    asked = select(*page_facts(is_settled=is_settled), *(part.scalar_subquery() for part in parts))
    return Question(asked, "page_id", *(() if is_first else ("after",)))


@cache
def one_question() -> Question:
    """Return the question for one comment."""
    comment_id = bindparam("comment_id", type_=comments.c.id.type)
    asked = select(*COLUMNS, comments.c.change_at).where(comments.c.id == comment_id, IS_PUBLIC)
    return Question(asked, "comment_id")
