"""What those who follow a site are told, by one prepared question: the newest visible state of its comments."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from operator import attrgetter
from typing import Any, Self

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Integer,
    ScalarSelect,
    String,
    bindparam,
    case,
    func,
    null,
    select,
)

from moderation_service.domain.comments.changes import Change, ChangeType
from moderation_service.domain.comments.comment import Status
from moderation_service.storage.comments.page_titles import public_title
from moderation_service.storage.comments.public import COLUMNS, comment_of
from moderation_service.storage.engine import bounded
from moderation_service.storage.engine.json_rows import decoder, json_rows, rows_of
from moderation_service.storage.engine.questions import Question, Reads, Row
from moderation_service.storage.moderation.decisions import withdrawn_because
from moderation_service.storage.schema import ERASED, IS_PUBLIC, change_counters, change_eras, comments, pages

_OF_CHANGE = (
    comments.c.change_number,
    comments.c.change_at,
    comments.c.page_id,
    comments.c.status,
    comments.c.updated_number,
    withdrawn_because(),
)
_OF_PAGE = (pages.c.id, pages.c.url, pages.c.title)
_decode_changes = decoder((*_OF_CHANGE, *COLUMNS))
_decode_pages = decoder(_OF_PAGE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Era:
    """The numbers from `first` on, up to the next era, were given out under `tag`."""

    first: int
    tag: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedSlice:
    """Changes by rising number, the newest number of the site, and the eras in which the changes lie.

    The first of the eras is the one in which the number lies after which they were asked for; there is none where
    the site has no era yet.
    """

    changes: list[Change]
    head: int
    eras: list[Era]

    @classmethod
    def of(cls, row: Row, number: int) -> Self:
        """Return what the answer to the question for what comes after a number says."""
        head, era, found, found_pages, later = row
        on_pages = {row[0]: row[1:] for row in _decode_pages(found_pages)}
        changes = [_change(one, *on_pages[one[2]]) for one in _decode_changes(found)]
        eras = [Era(first=number, tag=era)] if era is not None else []
        eras += [Era(first=first, tag=tag) for first, tag in sorted(rows_of(later))]
        return cls(changes=sorted(changes, key=attrgetter("number")), head=head or 0, eras=eras)


async def after(reads: Reads, site_id: str, number: int, *, limit: int, largest: int) -> FeedSlice:
    """Return a site's changes after a number, by rising number: the newest visible state of each comment.

    They end before their texts exceed `largest` bytes, but where there are any, there is one. What is no longer
    public is read without its text.
    """
    values = {"site_id": site_id, "after": number, "most": limit, "largest": largest}
    [row] = await reads.rows(slice_question(), values)
    return FeedSlice.of(row, number)


async def newest(reads: Reads, site_id: str) -> tuple[int, str] | None:
    """Return a site's newest number with the tag of its era, None for a site that has no era yet."""
    [[head, tag]] = await reads.rows(newest_question(), {"site_id": site_id})
    return None if tag is None else (head or 0, tag)


@cache
def slice_question() -> Question:
    """Return the question: sizes first, then the texts of what has room, and what their pages are called."""
    number = bindparam("after", type_=BigInteger())
    size = case((IS_PUBLIC, bounded.size()), else_=0).label("size")
    sized = (
        select(comments.c.id, comments.c.page_id, comments.c.change_number, size)
        .where(comments.c.site_id == _site_id(), comments.c.change_number > number)
        .order_by(comments.c.change_number)
        .limit(bindparam("most", type_=Integer()))
        .cte("sized")
    )
    shown = select(bounded.within(sized, sized.c.change_number)).cte("shown")
    is_shown = sized.c.id.in_(select(shown.c.id))
    changes = select(json_rows(*_OF_CHANGE, *map(_if_public, COLUMNS))).join(shown, shown.c.id == comments.c.id)
    is_on_page = pages.c.id.in_(select(sized.c.page_id).where(is_shown))
    named = select(json_rows(pages.c.id, pages.c.url, public_title())).where(is_on_page)
    last = select(func.max(sized.c.change_number)).where(is_shown).scalar_subquery()
    later = select(json_rows(change_eras.c.first, change_eras.c.tag)).where(
        change_eras.c.site_id == _site_id(), change_eras.c.first > number, change_eras.c.first <= last
    )
    parts = (changes, named, later)
    return Question(select(_head(), _tag_of(number), *(part.scalar_subquery() for part in parts)))


@cache
def newest_question() -> Question:
    """Return the question for a site's newest number."""
    parts: list[ScalarSelect[Any]] = [_head(), _tag_of(func.coalesce(_head(), 0))]
    return Question(select(*parts))


def _site_id() -> ColumnElement[str]:
    return bindparam("site_id", type_=String())


def _head() -> ScalarSelect[int]:
    counter = select(change_counters.c.number).where(change_counters.c.site_id == _site_id())
    return counter.scalar_subquery()


def _tag_of(number: ColumnElement[int]) -> ScalarSelect[str]:
    """Ask for the tag of the era in which a number lies."""
    begun = select(change_eras.c.tag).where(change_eras.c.site_id == _site_id(), change_eras.c.first <= number)
    return begun.order_by(change_eras.c.first.desc()).limit(1).scalar_subquery()


def _if_public(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """Ask for a text only where everybody may read it."""
    return column if column is comments.c.id else case((IS_PUBLIC, column), else_=null())


def _change(row: Sequence[Any], page_url: str, page_title: str | None) -> Change:
    number, at, _, status, updated_number, reason, *shown = row
    is_public = status == Status.APPROVED
    kind = ChangeType.ERASED if status == ERASED else ChangeType.WITHDRAWN
    if is_public:
        kind = ChangeType.UPDATED if updated_number == number else ChangeType.PUBLISHED
    return Change(
        number=number,
        type=kind,
        comment_id=shown[0],
        page_url=page_url,
        page_title=page_title,
        at=at,
        reason=reason,
        comment=comment_of(shown) if is_public else None,
    )
