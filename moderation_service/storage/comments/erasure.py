"""Taking out what a comment said, who wrote it and from where; that it was, and its history, stay."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, delete, exists, func, select, true, update

from moderation_service.domain.comments.comment import Status
from moderation_service.domain.moderation.reports import ReportOutcome
from moderation_service.domain.notifications.pushes import PUSH
from moderation_service.domain.notifications.states import MODERATION, DeliveryState, NotificationState
from moderation_service.storage.comments import recent_posts as recent_posts_of
from moderation_service.storage.engine.database import Connection
from moderation_service.storage.moderation import reporters
from moderation_service.storage.notifications import deliveries as deliveries_of
from moderation_service.storage.notifications import replies
from moderation_service.storage.schema import (
    ERASED,
    IS_DISPOSABLE,
    address_views,
    author_mails,
    author_notes,
    bulk_items,
    bulks,
    comment_networks,
    comments,
    contacts,
    decisions,
    deliveries,
    idempotency_keys,
    notices,
    notifications,
    outside_checks,
    recent_posts,
    reports,
    revisions,
    subscriptions,
    unlearned,
)

GONE_WITH_IT = (
    address_views,
    author_mails,
    comment_networks,
    contacts,
    idempotency_keys,
    notices,
    outside_checks,
    recent_posts,
    revisions,
    subscriptions,
    unlearned,
)
"""What is deleted with a comment, by its id."""

_WITHOUT_WORDS = dict.fromkeys(
    ("explanation", "reporter_name", "address_sealed", "address_hash", "network_hash"), None
)
_IS_WANTED = (subscriptions.c.confirmed_at.is_not(None), subscriptions.c.ended_at.is_(None))
_OPEN = (NotificationState.WAITING, NotificationState.HELD, NotificationState.PARKED)


async def erase(connection: Connection, comment_ids: Collection[str], *, at: datetime) -> int:
    """Erase comments that are locked or wait for no decision; return how many were not erased before.

    What was learned from a comment stays in the score of its site, which knows words by hashes alone.
    """
    await forget_addresses(connection, comment_ids)
    await deliveries_of.forget_about(connection, comment_ids)
    await replies.forget_about(connection, comment_ids)
    await reporters.forget_of_comments(connection, comment_ids)
    for table in GONE_WITH_IT:
        await connection.execute(delete(table).where(table.c.comment_id.in_(comment_ids)))
    await connection.execute(update(decisions).where(decisions.c.comment_id.in_(comment_ids)).values(note=None))
    await connection.execute(
        update(notifications)
        .where(notifications.c.comment_id.in_(comment_ids), notifications.c.state.in_(_OPEN))
        .values(state=NotificationState.SUPERSEDED)
    )
    await recent_posts_of.forget_about(connection, comment_ids)
    theirs = reports.c.comment_id.in_(comment_ids)
    await connection.execute(update(reports).where(theirs).values(_WITHOUT_WORDS))
    await connection.execute(
        update(reports)
        .where(theirs, reports.c.outcome.is_(None))
        .values(outcome=ReportOutcome.WITHDRAWN, decided_at=at)
    )
    erased = await connection.execute(
        update(comments)
        .where(comments.c.id.in_(comment_ids), comments.c.status != ERASED)
        .values(
            status=ERASED,
            page_title=None,
            author_name="",
            author_url=None,
            body="",
            body_html="",
            spam_reasons="",
            reason_details=None,
            text_group=None,
            suspicion=0,
            report_place=None,
            waiting_revision=None,
            redacted=False,
            proved_at=None,
            objection=None,
            objected_at=None,
            receipt_hash=None,
        )
    )
    return erased.rowcount


async def disposable(
    connection: Connection, most: int, *, site_id: str, status: Status, before: datetime
) -> list[str]:
    """Return up to `most` comments of a site that have stood in a state since before, and lock them."""
    query = (
        select(comments.c.id)
        .where(IS_DISPOSABLE, *_disposable(site_id, status, before))
        .order_by(comments.c.changed_at)
        .limit(most)
        .with_for_update(skip_locked=True)
    )
    return list((await connection.execute(query)).scalars())


async def count_disposable(connection: Connection, *, site_id: str, status: Status, before: datetime) -> int:
    """Return how many comments of a site have stood in a state since before."""
    query = select(func.count()).select_from(comments)
    return (
        await connection.execute(query.where(IS_DISPOSABLE, *_disposable(site_id, status, before)))
    ).scalar_one()


def _disposable(site_id: str, status: Status, before: datetime) -> tuple[Any, ...]:
    return comments.c.site_id == site_id, comments.c.status == status, comments.c.changed_at < before


async def contacts_after(
    connection: Connection, most: int, *, after: str | None, before: Mapping[str, datetime]
) -> tuple[dict[str, list[str]], str | None]:
    """Look at up to `most` addresses by the ids of their comments; return those that are due, and where it ended.

    Due are those of comments that were decided, or withdrawn, `before` the moment of their site, and whose authors
    want no notice. They are given by site; it ended at None where all was seen.
    """
    behind = true() if after is None else contacts.c.comment_id > after
    last = select(contacts.c.comment_id).where(behind).order_by(contacts.c.comment_id).offset(most - 1).limit(1)
    end = (await connection.execute(last)).scalar()
    query = (
        select(contacts.c.comment_id, comments.c.site_id, comments.c.changed_at)
        .join(comments, comments.c.id == contacts.c.comment_id)
        .where(
            behind,
            true() if end is None else contacts.c.comment_id <= end,
            comments.c.site_id.in_(before),
            comments.c.status != Status.PENDING,
            comments.c.changed_at < max(before.values()),
            ~exists().where(subscriptions.c.comment_id == contacts.c.comment_id, *_IS_WANTED),
        )
    )
    due: dict[str, list[str]] = {}
    for row in await connection.execute(query):
        if row.changed_at < before[row.site_id]:
            due.setdefault(row.site_id, []).append(row.comment_id)
    return due, end


async def lock_decided(connection: Connection, comment_ids: Collection[str], *, before: datetime) -> list[str]:
    """Return which of some comments are decided since before still, and keep others from changing them."""
    query = select(comments.c.id).where(
        comments.c.id.in_(comment_ids), comments.c.status != Status.PENDING, comments.c.changed_at < before
    )
    return list((await connection.execute(query.order_by(comments.c.id).with_for_update())).scalars())


async def forget_addresses(connection: Connection, comment_ids: Collection[str]) -> int:
    """Delete the addresses of comments, and what was noted about authors of whom a site has no other comment.

    Return how many addresses that were.
    """
    theirs = select(contacts.c.address_hash).where(
        contacts.c.comment_id.in_(comment_ids), contacts.c.address_hash != ""
    )
    hashes = set((await connection.execute(theirs)).scalars())
    deleted = await connection.execute(delete(contacts).where(contacts.c.comment_id.in_(comment_ids)))
    if hashes:
        has_another = exists().where(
            contacts.c.address_hash == author_notes.c.address_hash,
            contacts.c.comment_id == comments.c.id,
            comments.c.site_id == author_notes.c.site_id,
        )
        await connection.execute(
            delete(author_notes).where(author_notes.c.address_hash.in_(sorted(hashes)), ~has_another)
        )
    return deleted.rowcount


async def of_addresses(
    connection: Connection, address_hashes: Sequence[str], *, site_id: str | None = None
) -> list[str]:
    """Return the comments of the authors of some hashes, at one site or everywhere."""
    query = select(contacts.c.comment_id).where(contacts.c.address_hash.in_(address_hashes))
    if site_id is not None:
        query = query.join(comments, comments.c.id == contacts.c.comment_id).where(comments.c.site_id == site_id)
    return list((await connection.execute(query.order_by(contacts.c.comment_id))).scalars())


async def forget_reporter(
    connection: Connection, address_hashes: Sequence[str], *, site_id: str | None = None
) -> int:
    """Take words, names and addresses out of the reports that an address sent to one site, or everywhere.

    Return of how many.
    """
    is_theirs: ColumnElement[bool] = reports.c.address_hash.in_(address_hashes)
    if site_id is not None:
        is_theirs = and_(is_theirs, reports.c.site_id == site_id)
    sent = set((await connection.execute(select(reports.c.id).where(is_theirs))).scalars())
    sent |= await reporters.ids_of(connection, address_hashes, site_id=site_id)
    await recent_posts_of.forget_posts(connection, sorted(sent))
    await reporters.forget_address(connection, address_hashes, site_id=site_id)
    return (await connection.execute(update(reports).where(is_theirs).values(_WITHOUT_WORDS))).rowcount


async def forget_searches(connection: Connection, address: str) -> None:
    """Delete decisions on many comments that were looked for by an address, which ends their undo."""
    named = select(bulks.c.id).where(bulks.c.wanted.icontains(address, autoescape=True))
    await connection.execute(delete(bulk_items).where(bulk_items.c.bulk_id.in_(named)))
    await connection.execute(delete(bulks).where(bulks.c.wanted.icontains(address, autoescape=True)))


async def forget_mail(connection: Connection, most: int, *, before: datetime) -> int:
    """Delete up to `most` messages of moderation mail that were closed, and tell of nothing that waits.

    Whoever was notified by one stays notified; return how many messages that were.
    """
    old = list((await connection.execute(_old_mail(before).limit(most))).scalars())
    await connection.execute(
        update(notifications).where(notifications.c.message_id.in_(old)).values(message_id=None)
    )
    return (await connection.execute(delete(deliveries).where(deliveries.c.id.in_(old)))).rowcount


async def count_mail(connection: Connection, *, before: datetime) -> int:
    """Return how many messages `forget_mail` would delete."""
    return (await connection.execute(select(func.count()).select_from(_old_mail(before).subquery()))).scalar_one()


def _old_mail(before: datetime) -> Select[Any]:
    tells_of_what_waits = exists().where(
        notifications.c.message_id == deliveries.c.id,
        notifications.c.comment_id == comments.c.id,
        comments.c.status == Status.PENDING,
    )
    return select(deliveries.c.id).where(
        deliveries.c.kind.in_((MODERATION, PUSH)),
        deliveries.c.state.not_in((DeliveryState.WAITING, DeliveryState.PARKED)),
        deliveries.c.created_at < before,
        ~tells_of_what_waits,
    )
