"""Comments on disk: written in batches, read by the public, looked through by moderators."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import RowMapping, func, select, update

from moderation_service.domain.comments import receipts
from moderation_service.domain.comments.comment import Draft, QueuedComment, Revision, Status
from moderation_service.domain.comments.markup import PLAIN_RENDERER
from moderation_service.domain.screening.assessment import Assessment
from moderation_service.storage.comments import assessments, page_titles, revisions
from moderation_service.storage.engine import bounded
from moderation_service.storage.engine.bulk_insert import insert_rows
from moderation_service.storage.engine.database import Connection
from moderation_service.storage.schema import ERASED, comments, page_aliases, pages

_LOOKED_AT_FOR_REPLIES = 5_000
_ASSESSMENT = tuple(comments.c[name] for name in assessments.READ)
_QUEUED = (
    select(
        comments.c.id,
        comments.c.site_id,
        comments.c.page_id,
        pages.c.url.label("page_url"),
        comments.c.page_title,
        comments.c.parent_id,
        comments.c.status,
        comments.c.revision,
        comments.c.author_name,
        comments.c.author_url,
        comments.c.body,
        comments.c.body_html,
        comments.c.created_at,
        comments.c.changed_at,
        comments.c.change_number,
        comments.c.report_place,
        comments.c.waiting_revision,
        comments.c.redacted,
        comments.c.proved_at,
        comments.c.objection,
        comments.c.objected_at,
        comments.c.by_site,
        *_ASSESSMENT,
    )
    .join(pages, pages.c.id == comments.c.page_id)
    .where(comments.c.status != ERASED)
)


async def add(connection: Connection, drafts: Sequence[Draft], roots: Mapping[str, str | None]) -> None:
    """Store pages that are new, then the comments; `roots` are those of the comments answered."""
    found = {draft.page.id: draft for draft in drafts}
    await insert_rows(
        connection,
        pages,
        [
            {
                "id": page_id,
                "site_id": found[page_id].page.site_id,
                "url": found[page_id].page.url,
                "created_at": found[page_id].created_at,
                "form": found[page_id].page.form,
            }
            for page_id in sorted(found)
        ],
        new_only=True,
    )
    await insert_rows(connection, comments, [_row(draft, roots) for draft in drafts])


async def stored(connection: Connection, ids: Sequence[str]) -> set[str]:
    """Return which of the ids are on disk."""
    return set((await connection.execute(select(comments.c.id).where(comments.c.id.in_(ids)))).scalars())


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What the answer to a stored comment said.

    `page_url` is the address under which its page was first met; `is_simplified` if it is shown as plain
    paragraphs, because it holds too much markup. `assessment` is None of a comment that does not wait any more.
    """

    page_url: str
    is_simplified: bool
    assessment: Assessment | None


async def kept(connection: Connection, ids: Sequence[str]) -> dict[str, Kept]:
    """Return what the answers to comments said, by id; of those that are on disk."""
    if not ids:
        return {}
    query = select(comments.c.id, comments.c.renderer, comments.c.status, pages.c.url, *_ASSESSMENT)
    rows = await connection.execute(
        query.join(pages, pages.c.id == comments.c.page_id).where(comments.c.id.in_(ids))
    )
    return {
        row.id: Kept(
            page_url=row.url,
            is_simplified=row.renderer == PLAIN_RENDERER,
            assessment=assessments.taken_from(dict(row._mapping)) if row.status == Status.PENDING else None,  # noqa: SLF001
        )
        for row in rows
    }


async def waiting(connection: Connection, site_id: str, *, most: int) -> int:
    """Return how many of a site's comments wait for a decision, counted no further than `most`."""
    found = (
        select(comments.c.id)
        .where(comments.c.site_id == site_id, comments.c.status == Status.PENDING)
        .limit(most)
        .subquery()
    )
    count: int = (await connection.execute(select(func.count()).select_from(found))).scalar_one()
    return count


@dataclass(frozen=True, slots=True, kw_only=True)
class Answerable:
    """An approved comment: the first one of its thread, None where that is not known yet, and the ids of its page.

    The latter are the page's own, that of the one that it moves to if it does, and those of all aliases of either.
    """

    root_id: str | None
    page_ids: frozenset[str]


async def answerable(connection: Connection, ids: Sequence[str]) -> dict[str, Answerable]:
    """Return those comments that are approved, by id."""
    rows = (
        await connection.execute(
            select(comments.c.id, comments.c.root_id, comments.c.page_id, pages.c.moves_to, page_aliases.c.id)
            .join(pages, pages.c.id == comments.c.page_id)
            .outerjoin(page_aliases, page_aliases.c.moves_to == func.coalesce(pages.c.moves_to, pages.c.id))
            .where(comments.c.id.in_(ids), comments.c.status == Status.APPROVED)
        )
    ).all()
    roots: dict[str, str | None] = {}
    found: dict[str, set[str]] = {}
    for comment_id, root_id, *page_ids in rows:
        roots[comment_id] = root_id
        found.setdefault(comment_id, set()).update(one for one in page_ids if one is not None)
    return {one: Answerable(root_id=roots[one], page_ids=frozenset(page_ids)) for one, page_ids in found.items()}


async def get(connection: Connection, comment_id: str) -> QueuedComment | None:
    """Return a comment as a moderator sees it."""
    found = await get_many(connection, [comment_id])
    return found[0] if found else None


async def get_many(connection: Connection, ids: Sequence[str]) -> list[QueuedComment]:
    """Return comments by id, in order of arrival, with edits of published ones and originals of shortened ones."""
    rows = await connection.execute(_QUEUED.where(comments.c.id.in_(ids)).order_by(comments.c.id))
    found = [_queued(row._mapping) for row in rows]  # noqa: SLF001
    titles = await page_titles.of_pages(connection, {one.page_id for one in found}) if found else {}
    edited = [one.id for one in found if one.is_edited]
    edits = await revisions.waiting(connection, edited) if edited else {}
    shortened = [one.id for one in found if one.redacted]
    originals = await revisions.originals(connection, shortened) if shortened else {}
    return [
        replace(
            one,
            public_title=titles[one.page_id].with_comment(one.id, one.page_title),
            edit=edits.get(one.id),
            original=originals.get(one.id),
        )
        for one in found
    ]


async def fitting(connection: Connection, ids: Sequence[str], largest: int) -> int:
    """Return how many of the first comments have texts of less than `largest` bytes together, at least one."""
    query = select(comments.c.id, bounded.size().label("size")).where(comments.c.id.in_(ids))
    sizes = {row.id: row.size for row in await connection.execute(query)}
    total = 0
    for count, comment_id in enumerate(ids):
        total += sizes.get(comment_id, 0)
        if total > largest:
            return max(count, 1)
    return len(ids)


async def ancestors(connection: Connection, comment: QueuedComment, *, limit: int) -> list[str]:
    """Return the ids of what a comment answers, what that answers, and so on: the first one first."""
    found: list[str] = []
    parent_id = comment.parent_id
    while parent_id is not None and len(found) < limit:
        found.append(parent_id)
        query = select(comments.c.parent_id).where(comments.c.id == parent_id)
        parent_id = (await connection.execute(query)).scalar_one_or_none()
    return found[::-1]


async def replies(connection: Connection, comment: QueuedComment, *, limit: int) -> list[str]:
    """Return the ids of what answers a comment, in order of arrival, among what came after it on its page."""
    found: list[str] = []
    for status in Status:
        later = (
            select(comments.c.id, comments.c.parent_id)
            .where(comments.c.page_id == comment.page_id, comments.c.status == status, comments.c.id > comment.id)
            .order_by(comments.c.id)
            .limit(_LOOKED_AT_FOR_REPLIES)
            .subquery()
        )
        query = select(later.c.id).where(later.c.parent_id == comment.id).order_by(later.c.id).limit(limit)
        found += (await connection.execute(query)).scalars()
    return sorted(found)[:limit]


async def lock(connection: Connection, ids: Sequence[str]) -> dict[str, QueuedComment]:
    """Return comments by id, and keep everybody else from changing them until the end.

    They come without public titles and without the texts of edits.
    """
    query = _QUEUED.where(comments.c.id.in_(ids)).order_by(comments.c.id).with_for_update(of=comments)
    return {row.id: _queued(row._mapping) for row in await connection.execute(query)}  # noqa: SLF001


async def set_status(connection: Connection, status: Status, ids: Sequence[str], *, at: datetime) -> None:
    """Write the new state of comments that are locked."""
    await connection.execute(update(comments).where(comments.c.id.in_(ids)).values(status=status, changed_at=at))


async def note_proof(connection: Connection, comment_id: str, *, at: datetime) -> None:
    """Write that the address of a comment was proved; the first time counts."""
    await connection.execute(
        update(comments).where(comments.c.id == comment_id, comments.c.proved_at.is_(None)).values(proved_at=at)
    )


async def note_objection(connection: Connection, comment_id: str, words: str, *, at: datetime) -> None:
    """Write what the author of a comment that is locked says against its rejection."""
    values = {"objection": words, "objected_at": at}
    await connection.execute(update(comments).where(comments.c.id == comment_id).values(values))


async def reassess(connection: Connection, comment_id: str, assessment: Assessment) -> None:
    """Write what screening says of a comment that is locked."""
    values = assessments.as_values(assessment)
    await connection.execute(update(comments).where(comments.c.id == comment_id).values(**values))


async def revise(connection: Connection, revision: Revision, *, number: int) -> None:
    """Write the new text of a comment that is locked, its revision `number`."""
    await connection.execute(
        update(comments)
        .where(comments.c.id == revision.comment_id)
        .values(
            status=revision.status,
            revision=number,
            body=revision.body,
            body_html=revision.body_html,
            renderer=revision.renderer,
            changed_at=revision.at,
            redacted=revision.is_redacted,
            **assessments.as_values(revision.assessment),
        )
    )


def _row(draft: Draft, roots: Mapping[str, str | None]) -> dict[str, object]:
    return {
        "id": draft.id,
        "site_id": draft.page.site_id,
        "page_id": draft.page.id,
        "page_title": draft.page_title,
        "parent_id": draft.parent_id,
        "root_id": draft.id if draft.parent_id is None else roots[draft.parent_id],
        "status": draft.status,
        "revision": 1,
        "author_name": draft.author_name,
        "author_url": draft.author_url,
        "body": draft.body,
        "body_html": draft.body_html,
        "renderer": draft.renderer,
        "created_at": draft.created_at,
        "changed_at": draft.created_at,
        "receipt_hash": receipts.digest(draft.receipt_token),
        "proved_at": draft.created_at if draft.is_proved else None,
        **assessments.as_values(draft.assessment),
    }


def _queued(row: RowMapping) -> QueuedComment:
    values = dict(row)
    values["status"] = Status(row["status"])
    values["assessment"] = assessments.taken_from(values)
    return QueuedComment(**values)
