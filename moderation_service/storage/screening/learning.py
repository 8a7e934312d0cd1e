"""What the learned score of each site is made of.

That are lessons in order, a model that sums up the first of them, and the comments that stand differently since
the last lesson.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping, and_, delete, exists, func, literal, or_, select, update

from moderation_service.domain.comments.comment import Status
from moderation_service.domain.moderation.decisions import TARGETS
from moderation_service.storage.engine.bulk_insert import insert_rows
from moderation_service.storage.engine.database import Connection, insert
from moderation_service.storage.schema import ERASED, comments, decisions, score_lessons, score_models, unlearned

_TEACHING = {Status.APPROVED: False, Status.SPAM: True}
_STATE = (score_models.c.number, score_models.c.head, score_models.c.version)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredModel:
    """A site's model: its lessons up to `number` are summed up, and `head` is the number of the last one."""

    number: int
    head: int
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredLesson:
    """A lesson that was learned, or taken back, as the `number`th step of a site's model."""

    number: int
    comment_id: str
    is_added: bool
    lesson: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What a comment teaches as it stands: spam, harmless, or None for nothing."""

    comment_id: str
    body: str
    author_url: str | None
    is_spam: bool | None


async def enqueue(connection: Connection, site_id: str, comment_ids: Sequence[str], *, at: datetime) -> None:
    """Note that comments, which are locked, stand differently now; whoever learns looks at how, later.

    A comment that is noted already is written again, so that one who takes it out just now waits for this
    transaction and sees what it did.
    """
    rows = [{"site_id": site_id, "comment_id": one, "at": at} for one in sorted(comment_ids)]
    fresh = insert(connection, unlearned)
    await connection.execute(
        fresh.on_conflict_do_update(index_elements=["site_id", "comment_id"], set_={"at": fresh.excluded.at}), rows
    )


async def enqueue_history(connection: Connection, site_id: str, *, most: int) -> None:
    """Note the newest `most` comments of a site that teach something, in the order of their decisions."""
    newest = (
        select(comments.c.site_id, comments.c.id, comments.c.changed_at)
        .where(comments.c.site_id == site_id, comments.c.status.in_(_TEACHING), ~comments.c.by_site, _is_decided())
        .order_by(comments.c.id.desc())
        .limit(most)
        .subquery()
    )
    query = select(newest).where(literal(value=True))  # the parser of SQLite needs a WHERE before ON CONFLICT
    fresh = insert(connection, unlearned).from_select(["site_id", "comment_id", "at"], query)
    await connection.execute(fresh.on_conflict_do_nothing())


async def sites_to_learn(connection: Connection) -> set[str]:
    """Return the ids of sites with comments to learn from."""
    return set((await connection.execute(select(unlearned.c.site_id).distinct())).scalars())


async def take_due(connection: Connection, site_id: str, *, most: int) -> list[str]:
    """Return which comments are to be learned from next, in order, and take them out; others' are left to them."""
    query = (
        select(unlearned.c.comment_id)
        .where(unlearned.c.site_id == site_id)
        .order_by(unlearned.c.at, unlearned.c.comment_id)
        .limit(most)
        .with_for_update(skip_locked=True)
    )
    ids = list((await connection.execute(query)).scalars())
    await connection.execute(
        delete(unlearned).where(unlearned.c.site_id == site_id, unlearned.c.comment_id.in_(ids))
    )
    return ids


async def drop_due(connection: Connection, site_id: str) -> None:
    """Take out all that is to be learned from of a site that does not learn."""
    await connection.execute(delete(unlearned).where(unlearned.c.site_id == site_id))


async def standings(connection: Connection, comment_ids: Collection[str]) -> dict[str, Standing]:
    """Return what comments teach, by id: only what somebody decided does, whoever published or filed them.

    What a site says itself teaches nothing.
    """
    rows = await connection.execute(
        select(
            comments.c.id,
            comments.c.body,
            comments.c.author_url,
            comments.c.status,
            and_(~comments.c.by_site, _is_decided()).label("is_decided"),
        ).where(comments.c.id.in_(comment_ids), comments.c.status != ERASED)
    )
    return {
        row.id: Standing(
            comment_id=row.id,
            body=row.body,
            author_url=row.author_url,
            is_spam=_TEACHING.get(Status(row.status)) if row.is_decided else None,
        )
        for row in rows
    }


def _is_decided() -> Any:
    """Tell whether a decision led to where a comment stands."""
    leads = or_(
        *(
            and_(decisions.c.decision == decision, comments.c.status == status)
            for decision, status in TARGETS.items()
        )
    )
    by_somebody = decisions.c.rule.is_(None)
    return exists().where(decisions.c.comment_id == comments.c.id, leads, by_somebody).correlate(comments)


async def taught(connection: Connection, comment_ids: Collection[str]) -> dict[str, bytes]:
    """Return the lessons that were learned from comments and not taken back, by comment."""
    last = (
        select(func.max(score_lessons.c.number))
        .where(score_lessons.c.comment_id.in_(comment_ids))
        .group_by(score_lessons.c.site_id, score_lessons.c.comment_id)
    )
    rows = await connection.execute(
        select(score_lessons.c.comment_id, score_lessons.c.lesson).where(
            score_lessons.c.comment_id.in_(comment_ids), score_lessons.c.number.in_(last), score_lessons.c.is_added
        )
    )
    return {row.comment_id: row.lesson for row in rows}


async def every(connection: Connection) -> dict[str, StoredModel]:
    """Return the models of all sites that have one."""
    query = select(score_models.c.site_id, *_STATE)
    return {row.site_id: _model(row._mapping) for row in await connection.execute(query)}  # noqa: SLF001


async def find(connection: Connection, site_id: str) -> StoredModel | None:
    """Return a site's model."""
    query = select(*_STATE).where(score_models.c.site_id == site_id)
    row = (await connection.execute(query)).mappings().first()
    return None if row is None else _model(row)


async def lock(connection: Connection, site_id: str) -> StoredModel | None:
    """Return a site's model and keep others from teaching it; None where there is none, or another is at it."""
    query = select(*_STATE).where(score_models.c.site_id == site_id).with_for_update(skip_locked=True)
    row = (await connection.execute(query)).mappings().first()
    return None if row is None else _model(row)


async def summed_up(connection: Connection, site_id: str) -> bytes | None:
    """Return what was kept last of a site's model, None if nothing was."""
    query = select(score_models.c.model).where(score_models.c.site_id == site_id)
    model: bytes | None = (await connection.execute(query)).scalar_one_or_none()
    return model


async def begin(connection: Connection, site_id: str, *, version: int) -> bool:
    """Store that a site has a model without any lesson; tell whether it is new."""
    row = {"site_id": site_id, "number": 0, "head": 0, "version": version, "model": None}
    result = await connection.execute(insert(connection, score_models).values(row).on_conflict_do_nothing())
    return result.rowcount > 0


async def begin_anew(connection: Connection, site_id: str, *, version: int) -> None:
    """Forget all lessons of a site, whose model is locked: they cannot be read.

    Their numbers are not used again and one is passed over, by which every process sees that its model is another.
    """
    await connection.execute(delete(score_lessons).where(score_lessons.c.site_id == site_id))
    here = score_models.c.site_id == site_id
    await connection.execute(
        update(score_models)
        .where(here)
        .values(number=score_models.c.head + 1, head=score_models.c.head + 1, version=version, model=None)
    )


async def lessons_after(connection: Connection, site_id: str, number: int) -> list[StoredLesson]:
    """Return a site's lessons after a number, in order."""
    query = (
        select(score_lessons)
        .where(score_lessons.c.site_id == site_id, score_lessons.c.number > number)
        .order_by(score_lessons.c.number)
    )
    return [
        StoredLesson(number=row.number, comment_id=row.comment_id, is_added=row.is_added, lesson=row.lesson)
        for row in await connection.execute(query)
    ]


async def add(connection: Connection, site_id: str, lessons: Sequence[StoredLesson], *, at: datetime) -> None:
    """Store the next lessons of a site, whose model is locked."""
    rows = [
        {
            "site_id": site_id,
            "number": one.number,
            "comment_id": one.comment_id,
            "is_added": one.is_added,
            "lesson": one.lesson,
            "at": at,
        }
        for one in lessons
    ]
    await insert_rows(connection, score_lessons, rows)
    head = lessons[-1].number
    await connection.execute(update(score_models).where(score_models.c.site_id == site_id).values(head=head))


async def keep(connection: Connection, site_id: str, model: bytes, *, number: int) -> None:
    """Store the sum of a site's lessons up to a number."""
    here = score_models.c.site_id == site_id
    await connection.execute(update(score_models).where(here).values(number=number, model=model))


async def forget(connection: Connection, most: int, *, before: datetime) -> int:
    """Delete up to `most` lessons that are old and summed up; return how many. None can be taken back then."""
    old = (
        select(score_lessons.c.site_id, score_lessons.c.number)
        .join(score_models, score_models.c.site_id == score_lessons.c.site_id)
        .where(score_lessons.c.at < before, score_lessons.c.number <= score_models.c.number)
        .limit(most)
        .subquery()
    )
    is_old = exists().where(old.c.site_id == score_lessons.c.site_id, old.c.number == score_lessons.c.number)
    return (await connection.execute(delete(score_lessons).where(is_old))).rowcount


def _model(row: RowMapping) -> StoredModel:
    return StoredModel(number=row["number"], head=row["head"], version=row["version"])
