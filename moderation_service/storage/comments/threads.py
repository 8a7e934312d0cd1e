"""A page's comments by threads, each reading by one prepared question, and where a comment stands among them.

A thread is what has the same root, a comment that answers none, of whatever state: it stays in its place when that
one is withdrawn. The places of threads are their roots' ids; in a thread its root is first, then all by id.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import (
    CTE,
    ColumnElement,
    Integer,
    Select,
    and_,
    bindparam,
    case,
    distinct,
    func,
    literal,
    not_,
    or_,
    select,
    update,
)

from moderation_service.domain.comments.threads import Thread
from moderation_service.storage.comments.public import (
    COLUMNS,
    FACTS,
    PageFacts,
    PageSlice,
    comment_of,
    on_page,
    page_facts,
    previous,
)
from moderation_service.storage.engine import bounded
from moderation_service.storage.engine.database import Connection
from moderation_service.storage.engine.json_rows import decoder, json_rows
from moderation_service.storage.engine.questions import Question, Reads
from moderation_service.storage.schema import IS_ROOTLESS, comments

_ID = comments.c.id.type
_IS_REPLY = case((comments.c.id == comments.c.root_id, 0), else_=1)
_parents = comments.alias("parents")
_decode = decoder((*COLUMNS, comments.c.root_id))
_decode_totals = decoder((comments.c.root_id, literal(0)))


@dataclass(frozen=True, slots=True, kw_only=True)
class ThreadsSlice:
    """Threads of a page in order; `is_last` when none stands behind them, `previous` as in `PageSlice`."""

    page: PageFacts
    threads: list[Thread]
    is_last: bool
    previous: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """Where a public comment stands: behind which places the slices begin that show it.

    `after` and `in_thread` begin whole slices, counted from the first, of its page and of its thread; None are the
    first of all. `right_before` and `right_before_in_thread` are what stands next before it.
    """

    root_id: str
    after: str | None
    right_before: str | None
    in_thread: str | None
    right_before_in_thread: str | None


async def threads_slice(
    reads: Reads,
    page_id: str,
    *,
    after: str | None,
    limit: int,
    most: int,
    newest_first: bool,
    largest: int,
    is_settled: bool,
) -> ThreadsSlice:
    """Return up to `limit` threads of a page behind the place `after`.

    They have `most` comments at most, and end before their texts exceed `largest` bytes, but there is always one.
    Every thread gets its first comment, then each that has one its second, and so on while there is room.
    """
    question = threads_question(is_first=after is None, newest_first=newest_first, is_settled=is_settled)
    values = {"page_id": page_id, "after": after, "limit": limit, "most": most, "largest": largest}
    [row] = await reads.rows(question, values)
    available, totals, found, *passed = row[FACTS:]
    threads = _threads(_decode(found), _decode_totals(totals), newest_first=newest_first)
    return ThreadsSlice(
        page=PageFacts.of(row[:FACTS]),
        threads=threads,
        is_last=len(threads) == available,
        previous=previous(*passed),
    )


async def thread_slice(
    reads: Reads,
    page_id: str,
    thread: str,
    *,
    after: str | None,
    limit: int,
    largest: int,
    is_settled: bool,
) -> tuple[str | None, PageSlice]:
    """Return the root of the thread with this root or public comment, and up to `limit` comments behind `after`.

    The root is None where no comment of such a thread is public.
    """
    question = thread_question(is_first=after is None, is_settled=is_settled)
    values = {"page_id": page_id, "thread": thread, "after": after, "most": limit + 1, "largest": largest}
    [row] = await reads.rows(question, values)
    root_id, available, found, *passed = row[FACTS:]
    rows = sorted(_decode(found), key=_in_thread)[:limit]
    shown = PageSlice(
        page=PageFacts.of(row[:FACTS]),
        comments=[comment_of(one) for one in rows],
        is_last=len(rows) == available,
        previous=previous(*passed),
    )
    return root_id, shown


async def position(
    reads: Reads,
    page_id: str,
    comment_id: str,
    *,
    limit: int,
    by_threads: bool,
    newest_first: bool,
    is_settled: bool,
) -> Position | None:
    """Return where a comment stands in slices of `limit`; None where it is no public one of the page."""
    question = position_question(by_threads=by_threads, newest_first=newest_first, is_settled=is_settled)
    values = {"page_id": page_id, "comment_id": comment_id, "limit": limit}
    [row] = await reads.rows(question, values)
    root_id, after, right_before, in_thread, right_before_in_thread = row
    if root_id is None:
        return None
    return Position(
        root_id=root_id,
        after=after,
        right_before=right_before,
        in_thread=in_thread,
        right_before_in_thread=right_before_in_thread,
    )


async def complete(connection: Connection, most: int) -> int:
    """Find the roots of up to `most` comments that a version before schema 0014 stored; return of how many."""
    rootless = select(comments.c.id).where(IS_ROOTLESS).order_by(comments.c.id).limit(most)
    ids = (await connection.execute(rootless)).scalars().all()
    above = select(_parents.c.root_id).where(_parents.c.id == comments.c.parent_id).scalar_subquery()
    root = func.coalesce(above, comments.c.parent_id, comments.c.id)
    for comment_id in ids:
        await connection.execute(update(comments).where(comments.c.id == comment_id).values(root_id=root))
    return len(ids)


def _threads(rows: list[list[Any]], totals: list[list[Any]], *, newest_first: bool) -> list[Thread]:
    total_of = dict(totals)
    found: dict[str, list[list[Any]]] = {}
    for row in rows:
        found.setdefault(row[-1], []).append(row)
    for several in found.values():
        if len(several) > 1:
            several.sort(key=_in_thread)
    return [
        Thread(root_id, [comment_of(row) for row in found[root_id]], total_of[root_id])
        for root_id in sorted(found, reverse=newest_first)
    ]


def _in_thread(row: Sequence[Any]) -> tuple[bool, str]:
    return row[0] != row[-1], row[0]


@cache
def threads_question(*, is_first: bool, newest_first: bool, is_settled: bool = True) -> Question:
    """Return the question for threads: their roots by skips through one index, their comments from the same."""
    here = on_page(is_settled=is_settled)
    after = bindparam("after", type_=_ID)
    limit = bindparam("limit", type_=Integer())
    place = [] if is_first else [_behind(after, newest_first=newest_first)]
    roots = _roots(here, place, limit + 1, newest_first=newest_first)
    number = func.row_number().over(partition_by=comments.c.root_id, order_by=comments.c.id)
    ranked = (
        select(comments.c.id, comments.c.root_id, number.label("number"))
        .where(*here, comments.c.root_id.in_(select(roots.c.root_id).where(roots.c.place <= limit)))
        .cte("ranked")
    )
    turn = case((ranked.c.id == ranked.c.root_id, 0), else_=ranked.c.number)
    most = bindparam("most", type_=Integer())
    sized = (
        select(ranked.c.id, ranked.c.root_id, turn.label("turn"), bounded.size().label("size"))
        .join(comments, comments.c.id == ranked.c.id)
        .where(turn <= most)
        .order_by(turn, ranked.c.root_id.desc() if newest_first else ranked.c.root_id)
        .limit(most)
        .cte("sized")
    )
    shown = bounded.within(sized, sized.c.turn, sized.c.root_id.desc() if newest_first else sized.c.root_id)
    rows = select(json_rows(*COLUMNS, comments.c.root_id)).join(shown, shown.c.id == comments.c.id)
    last = func.max(ranked.c.number).label("total")
    counted = select(ranked.c.root_id, last).group_by(ranked.c.root_id).subquery("counted")
    totals = select(json_rows(counted.c.root_id, counted.c.total))
    available = select(func.count()).select_from(roots).where(roots.c.root_id.is_not(None))
    parts: list[Select[Any]] = [available, totals, rows]
    if not is_first:
        to_pass = [not_(_behind(after, newest_first=newest_first))]
        passed = _roots(here, to_pass, limit + 1, newest_first=not newest_first, name="passed")
        parts += [select(passed.c.root_id).where(passed.c.place == one) for one in (literal(1), limit + 1)]
    asked = select(*page_facts(is_settled=is_settled), *(part.scalar_subquery() for part in parts))
    return Question(asked, "page_id", *(() if is_first else ("after",)))


def _behind(place: ColumnElement[Any], *, newest_first: bool) -> ColumnElement[bool]:
    return comments.c.root_id < place if newest_first else comments.c.root_id > place


def _roots(
    here: Sequence[ColumnElement[bool]],
    place: Sequence[ColumnElement[bool]],
    most: ColumnElement[int],
    *,
    newest_first: bool,
    name: str = "roots",
) -> CTE:
    """Return the first roots of public comments with their places from 1 on, then perhaps one that is NULL.

    Each is the next one in the index behind the one before, so a long thread costs no more than a short one.
    """
    order = comments.c.root_id.desc() if newest_first else comments.c.root_id.asc()
    first = select(comments.c.root_id).where(*here, *place).order_by(order).limit(1).scalar_subquery()
    walk = select(first.label("root_id"), literal(1).label("place")).cte(name, recursive=True)
    behind = _behind(walk.c.root_id, newest_first=newest_first)
    following = (
        select(comments.c.root_id).where(*here, behind).order_by(order).limit(1).correlate(walk).scalar_subquery()
    )
    return walk.union_all(
        select(following, walk.c.place + 1).where(walk.c.root_id.is_not(None), walk.c.place < most)
    )


@cache
def thread_question(*, is_first: bool, is_settled: bool = True) -> Question:
    """Return the question for one thread."""
    on_this = on_page(is_settled=is_settled)
    after = bindparam("after", type_=_ID)
    most = bindparam("most", type_=Integer())
    thread = bindparam("thread", type_=_ID)
    named = select(comments.c.root_id).where(*on_this, comments.c.id == thread).scalar_subquery()
    here = (*on_this, comments.c.root_id.in_(select(func.coalesce(named, thread))))
    is_behind = and_(comments.c.id != comments.c.root_id, or_(comments.c.root_id == after, comments.c.id > after))
    order = (_IS_REPLY, comments.c.id)
    found = (
        select(comments.c.id, _IS_REPLY.label("is_reply"))
        .where(*(here if is_first else (*here, is_behind)))
        .order_by(*order)
        .limit(most)
        .cte("found")
    )
    sized = select(*found.c, bounded.size().label("size")).join(comments, comments.c.id == found.c.id).cte("sized")
    shown = bounded.within(sized, sized.c.is_reply, sized.c.id)
    rows = select(json_rows(*COLUMNS, comments.c.root_id)).join(shown, shown.c.id == comments.c.id)
    root = select(comments.c.root_id).where(*here).limit(1)
    parts: list[Select[Any]] = [root, select(func.count()).select_from(found), rows]
    if not is_first:
        back = [one.desc() for one in order]
        passed = select(comments.c.id).where(*here, not_(is_behind)).order_by(*back).limit(1)
        parts += [passed, passed.offset(most - 1)]
    asked = select(*page_facts(is_settled=is_settled), *(part.scalar_subquery() for part in parts))
    return Question(asked, "page_id", "thread", *(() if is_first else ("after",)))


@cache
def position_question(*, by_threads: bool, newest_first: bool, is_settled: bool = True) -> Question:
    """Return the question for a comment's position."""
    here = on_page(is_settled=is_settled)
    comment_id = bindparam("comment_id", type_=_ID)
    limit = bindparam("limit", type_=Integer())
    of_it = select(comments.c.root_id).where(*here, comments.c.id == comment_id).scalar_subquery()
    column, place = (comments.c.root_id, of_it) if by_threads else (comments.c.id, comment_id)
    passed = (*here, column > place if newest_first else column < place)
    before = select(func.count(distinct(column))).where(*passed).scalar_subquery()
    back = select(column).where(*passed).order_by(column.asc() if newest_first else column.desc()).limit(1)
    if by_threads:
        back = back.group_by(column)  # SQLite 3.40 counts an offset wrongly in a scalar subquery that is DISTINCT
    is_root = comments.c.id == comments.c.root_id
    above = (
        *here,
        comments.c.root_id == of_it,
        comments.c.id != comment_id,
        or_(is_root, comments.c.id < comment_id),
    )
    is_no_root = comment_id != of_it
    before_in_thread = select(func.count()).where(*above, is_no_root).scalar_subquery()
    back_in_thread = (
        select(comments.c.id).where(*above, is_no_root).order_by(_IS_REPLY.desc(), comments.c.id.desc()).limit(1)
    )
    parts = (
        back.offset(before % limit),
        back,
        back_in_thread.offset(before_in_thread % limit),
        back_in_thread,
    )
    return Question(select(of_it, *(part.scalar_subquery() for part in parts)))
