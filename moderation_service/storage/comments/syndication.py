"""What readers of feeds are shown, each by one prepared question: the newest comments of a page, or of a site."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from operator import itemgetter
from typing import Any

from sqlalchemy import ColumnElement, Integer, Select, String, Subquery, bindparam, func, select

from moderation_service.domain.comments.comment import SyndicatedComment
from moderation_service.storage.comments import overview, public
from moderation_service.storage.comments.public import COLUMNS, FACTS, PageFacts
from moderation_service.storage.engine import bounded
from moderation_service.storage.engine.json_rows import decoder, json_rows
from moderation_service.storage.engine.questions import Question, Reads
from moderation_service.storage.schema import comments, pages

_NAMES = tuple(one.name for one in COLUMNS)
_CHANGED_AT = func.coalesce(comments.c.change_at, comments.c.created_at)
_OF_PAGE = (*COLUMNS, _CHANGED_AT)
_named = pages.alias("named")
_decode_of_page = decoder(_OF_PAGE)
_decode_of_site = decoder((*_OF_PAGE, pages.c.url, pages.c.title))


@dataclass(frozen=True, slots=True, kw_only=True)
class NewestSlice:
    """Approved comments, newest first; `is_last` when none is older than these.

    `url` and `title` are those of the page where all are of one, None where it was never met or has none.
    `last_change` is when readers last saw a change there, of comments that are gone since, too.
    """

    comments: list[SyndicatedComment]
    is_last: bool
    last_change: datetime | None
    url: str | None = None
    title: str | None = None


async def of_page(
    reads: Reads, page_id: str, page_url: str, *, after: str | None, limit: int, largest: int, is_settled: bool
) -> NewestSlice:
    """Return up to `limit` comments of a page that are older than `after`; `page_url` is where it stands if unmet.

    They end before their texts exceed `largest` bytes, but there is always one.
    """
    question = page_question(is_first=after is None, is_settled=is_settled)
    values = {"page_id": page_id, **_place(after), "most": limit + 1, "largest": largest}
    [row] = await reads.rows(question, values)
    facts = PageFacts.of(row[:FACTS])
    available, found = row[FACTS:]
    rows = _newest(_decode_of_page(found), limit)
    url = facts.url or page_url
    return NewestSlice(
        comments=[_syndicated(row, url, facts.title) for row in rows],
        is_last=len(rows) == available,
        last_change=facts.last_change,
        url=facts.url,
        title=facts.title,
    )


async def of_site(
    reads: Reads, site_id: str, *, after: str | None, limit: int, largest: int, is_settled: bool
) -> NewestSlice:
    """Return the same of a site."""
    question = site_question(is_first=after is None, is_settled=is_settled)
    values = {"site_id": site_id, **_place(after), "most": limit + 1, "largest": largest}
    [[available, found, *moments]] = await reads.rows(question, values)
    rows = _newest(_decode_of_site(found), limit)
    return NewestSlice(
        comments=[_syndicated(row, *row[-2:]) for row in rows],
        is_last=len(rows) == available,
        last_change=max((at for at in moments if at is not None), default=None),
    )


def _place(after: str | None) -> dict[str, str]:
    return {} if after is None else {"after": after}


def _newest(rows: list[list[Any]], limit: int) -> list[list[Any]]:
    return sorted(rows, key=itemgetter(0), reverse=True)[:limit]


def _syndicated(row: Sequence[Any], page_url: str, page_title: str | None) -> SyndicatedComment:
    public_ones = dict(zip(_NAMES, row, strict=False))
    changed_at = row[len(_NAMES)]
    return SyndicatedComment(**public_ones, page_url=page_url, page_title=page_title, changed_at=changed_at)


@cache
def page_question(*, is_first: bool, is_settled: bool) -> Question:
    """Return the question for a page's comments."""
    here = public.on_page(is_settled=is_settled)
    available, shown = _shown(*here, is_first=is_first)
    rows = select(json_rows(*_OF_PAGE)).join(shown, shown.c.id == comments.c.id)
    return Question(
        select(*public.page_facts(is_settled=is_settled), available.scalar_subquery(), rows.scalar_subquery())
    )


@cache
def site_question(*, is_first: bool, is_settled: bool) -> Question:
    """Return the question for a site's comments, each with the page on which it stands."""
    is_of_site = comments.c.site_id == bindparam("site_id", type_=String())
    available, shown = _shown(is_of_site, overview.IS_APPROVED, is_first=is_first)
    listed = json_rows(*_OF_PAGE, _named.c.url, overview.title(_named, is_settled=is_settled))
    stands_on = overview.stands_on(_named, is_settled=is_settled)
    rows = select(listed).join_from(shown, comments, comments.c.id == shown.c.id).join(_named, stands_on)
    return Question(select(available.scalar_subquery(), rows.scalar_subquery(), *overview.last_changes()))


def _shown(*conditions: ColumnElement[bool], is_first: bool) -> tuple[Select[Any], Subquery]:
    """Ask how many comments there are up to `most`, and which of them have room: sizes come from one index."""
    place = conditions if is_first else (*conditions, comments.c.id < bindparam("after", type_=comments.c.id.type))
    sized = (
        select(comments.c.id, bounded.size().label("size"))
        .where(*place)
        .order_by(comments.c.id.desc())
        .limit(bindparam("most", type_=Integer()))
        .cte("sized")
    )
    return select(func.count()).select_from(sized), bounded.within(sized, sized.c.id.desc())
