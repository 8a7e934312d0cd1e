"""What readers are shown, each by one prepared question: a stretch of a page's comments, one comment, a title."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from operator import itemgetter
from typing import Any

from sqlalchemy import ColumnElement, Integer, bindparam, func, select

from moderation_service.domain.comments import PublicComment, Status
from moderation_service.storage import bounded
from moderation_service.storage.json_rows import decoder, json_rows
from moderation_service.storage.prepared import Question, Reads
from moderation_service.storage.tables import comments

_COLUMNS = (
    comments.c.id,
    comments.c.parent_id,
    comments.c.author_name,
    comments.c.author_url,
    comments.c.body,
    comments.c.body_html,
    comments.c.created_at,
)
_NAMES = [column.name for column in _COLUMNS]
_IS_PUBLIC = comments.c.status == Status.APPROVED
_decode = decoder(_COLUMNS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """Comments of a page in order; `is_last` when none stands behind them.

    `count` is all of the page that are approved, `last_change` when readers last saw a change there, and `title`
    what the earliest of them that sent a title calls the page.
    """

    comments: list[PublicComment]
    is_last: bool
    count: int
    last_change: datetime | None
    title: str | None


async def stretch(
    reads: Reads, page_id: str, *, after: str | None, limit: int, newest_first: bool, largest: int
) -> Stretch:
    """Return up to `limit` approved comments of a page behind the id `after`.

    They end before their texts exceed `largest` bytes, but there is always one.
    """
    question = stretch_question(is_first=after is None, newest_first=newest_first)
    values = {"page_id": page_id, "after": after, "most": limit + 1, "largest": largest}
    [[count, last_change, title, available, found]] = await reads.rows(question, values)
    shown = _comments(_decode(found), newest_first=newest_first)[:limit]
    return Stretch(
        comments=shown, is_last=len(shown) == available, count=count, last_change=last_change, title=title
    )


async def one(reads: Reads, comment_id: str) -> PublicComment | None:
    """Return a comment if it is approved."""
    found = await reads.rows(one_question(), {"comment_id": comment_id})
    return PublicComment(**dict(zip(_NAMES, found[0], strict=True))) if found else None


def _comments(rows: Iterable[list[Any]], *, newest_first: bool) -> list[PublicComment]:
    return [
        PublicComment(
            id=row[0],
            parent_id=row[1],
            author_name=row[2],
            author_url=row[3],
            body=row[4],
            body_html=row[5],
            created_at=row[6],
        )
        for row in sorted(rows, key=itemgetter(0), reverse=newest_first)
    ]


@cache
def stretch_question(*, is_first: bool, newest_first: bool) -> Question:
    """Return the question for a list: sizes first, from one index, and then the texts of what has room."""
    page_id = bindparam("page_id", type_=comments.c.page_id.type)
    here: list[ColumnElement[bool]] = [comments.c.page_id == page_id, _IS_PUBLIC]
    place = list(here)
    if not is_first:
        after = bindparam("after", type_=comments.c.id.type)
        place.append(comments.c.id < after if newest_first else comments.c.id > after)
    order = comments.c.id.desc() if newest_first else comments.c.id.asc()
    most = bindparam("most", type_=Integer())
    sized = (
        select(comments.c.id, bounded.size().label("size")).where(*place).order_by(order).limit(most).cte("sized")
    )
    shown = bounded.within(sized, sized.c.id.desc() if newest_first else sized.c.id.asc())
    count = select(func.count()).where(*here)
    last = select(func.max(comments.c.change_at)).where(
        comments.c.page_id == page_id, comments.c.change_number.is_not(None)
    )
    titled = comments.c.page_title.is_not(None)
    title = select(comments.c.page_title).where(*here, titled).order_by(comments.c.id).limit(1)
    rows = select(json_rows(*_COLUMNS)).join(shown, shown.c.id == comments.c.id)
    available = select(func.count()).select_from(sized)
    return Question(
        select(*(part.scalar_subquery() for part in (count, last, title, available)), rows.scalar_subquery())
    )


@cache
def one_question() -> Question:
    """Return the question for one comment."""
    comment_id = bindparam("comment_id", type_=comments.c.id.type)
    return Question(select(*_COLUMNS).where(comments.c.id == comment_id, _IS_PUBLIC))
