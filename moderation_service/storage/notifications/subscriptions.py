"""What authors asked to be told of their comments, and what they were told."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from sqlalchemy import Select, and_, delete, func, literal, or_, select, true, update

from moderation_service.domain.comments.comment import Draft
from moderation_service.domain.comments.notices import AuthorMail, Notice
from moderation_service.storage.engine.bulk_insert import insert_rows
from moderation_service.storage.engine.database import Connection, insert
from moderation_service.storage.schema import comments, contacts, notices, subscriptions

_STATEMENTS = AuthorMail.STATEMENTS
"""Nobody asks for these, so a row says no more than that they have ended."""

_IS_IN_FORCE = and_(subscriptions.c.confirmed_at.is_not(None), subscriptions.c.ended_at.is_(None))


async def ask(connection: Connection, drafts: Sequence[Draft]) -> None:
    """Note what the authors of drafts asked for; whose address is proved has confirmed it by that."""
    rows = [
        {
            "comment_id": draft.id,
            "notice": notice,
            "asked_at": draft.created_at,
            "confirmed_at": draft.created_at if draft.is_proved else None,
        }
        for draft in drafts
        for notice in draft.notices
    ]
    if rows:
        await insert_rows(connection, subscriptions, rows)


async def asked(connection: Connection, comment_id: str) -> list[Notice]:
    """Return what was asked for with a comment, confirmed or not."""
    query = select(subscriptions.c.notice).where(subscriptions.c.comment_id == comment_id)
    found = set((await connection.execute(query)).scalars())
    return [one for one in Notice if one in found]


async def in_force(connection: Connection, comment_ids: Collection[str]) -> set[tuple[str, Notice]]:
    """Return of which of some comments the authors are to be told what."""
    query = select(subscriptions.c.comment_id, subscriptions.c.notice).where(
        subscriptions.c.comment_id.in_(comment_ids), _IS_IN_FORCE
    )
    return {(row.comment_id, Notice(row.notice)) for row in await connection.execute(query)}


async def confirm(connection: Connection, comment_id: str, *, at: datetime) -> None:
    """Let what was asked for with a comment begin, also what had ended: whoever reads its mail wants it now."""
    await connection.execute(
        delete(subscriptions).where(
            subscriptions.c.comment_id == comment_id, subscriptions.c.notice == _STATEMENTS
        )
    )
    await connection.execute(
        update(subscriptions)
        .where(subscriptions.c.comment_id == comment_id, ~_IS_IN_FORCE)
        .values(confirmed_at=at, ended_at=None)
    )


async def end(connection: Connection, comment_id: str, *, at: datetime) -> None:
    """Let all notices of one comment end, also those that were never confirmed."""
    await connection.execute(
        update(subscriptions)
        .where(subscriptions.c.comment_id == comment_id, subscriptions.c.ended_at.is_(None))
        .values(ended_at=at)
    )
    await _end_statements(connection, select(comments.c.id).where(comments.c.id == comment_id), at=at)


async def end_mail(connection: Connection, comment_id: str, mail: AuthorMail, *, at: datetime) -> None:
    """Let one kind of mail about a comment end."""
    if mail is _STATEMENTS:
        await _end_statements(connection, select(comments.c.id).where(comments.c.id == comment_id), at=at)
        return
    await connection.execute(
        update(subscriptions)
        .where(
            subscriptions.c.comment_id == comment_id,
            subscriptions.c.notice == mail,
            subscriptions.c.ended_at.is_(None),
        )
        .values(ended_at=at)
    )


async def end_of_address(
    connection: Connection, address_hashes: Collection[str], *, site_id: str | None, at: datetime
) -> None:
    """Let all notices to an address end, at one site or with None everywhere."""
    theirs = (
        select(contacts.c.comment_id)
        .join(comments, comments.c.id == contacts.c.comment_id)
        .where(contacts.c.address_hash.in_(address_hashes))
    )
    if site_id is not None:
        theirs = theirs.where(comments.c.site_id == site_id)
    await connection.execute(
        update(subscriptions)
        .where(subscriptions.c.comment_id.in_(theirs), subscriptions.c.ended_at.is_(None))
        .values(ended_at=at)
    )
    await _end_statements(connection, theirs, at=at)


async def _end_statements(connection: Connection, comment_ids: Select[tuple[str]], *, at: datetime) -> None:
    ended = comment_ids.add_columns(literal(_STATEMENTS), *[literal(at, subscriptions.c.ended_at.type)] * 2)
    columns = ["comment_id", "notice", "asked_at", "ended_at"]
    await connection.execute(
        insert(connection, subscriptions).from_select(columns, ended).on_conflict_do_nothing()
    )


async def takes_statements(connection: Connection, comment_id: str) -> bool:
    """Tell whether the author of a comment has not ended mail about decisions on it."""
    query = select(subscriptions.c.comment_id).where(
        subscriptions.c.comment_id == comment_id, subscriptions.c.notice == _STATEMENTS
    )
    return (await connection.execute(query)).first() is None


async def to_tell(connection: Connection, published: Mapping[str, str | None]) -> list[tuple[str, str]]:
    """Return whom to tell that comments were published, as their own comment and the one that was published.

    `published` gives for each comment the one that it answers.
    """
    concerned = {*published, *(parent for parent in published.values() if parent is not None)}
    wants = await in_force(connection, concerned)
    own = [(one, one) for one in published if (one, Notice.PUBLISHED) in wants]
    answered = [(parent, one) for one, parent in published.items() if parent is not None]
    return own + [(parent, one) for parent, one in answered if (parent, Notice.REPLIES) in wants]


async def begin_telling(
    connection: Connection, about: Mapping[tuple[str, str], datetime]
) -> list[tuple[str, str]]:
    """Note what authors are told; return that of which they were not told before: their comment, about which."""
    fresh = []
    for (comment_id, about_id), at in sorted(about.items()):
        row = insert(connection, notices).values(comment_id=comment_id, about_id=about_id, at=at)
        result = await connection.execute(row.on_conflict_do_nothing())
        if result.rowcount:
            fresh.append((comment_id, about_id))
    return fresh


async def take_back(connection: Connection, comment_id: str, about_id: str) -> None:
    """Note that an author was not told after all: there was nothing to tell any more."""
    await connection.execute(
        delete(notices).where(notices.c.comment_id == comment_id, notices.c.about_id == about_id)
    )


async def replies_told(connection: Connection, comment_ids: Collection[str], *, since: datetime) -> dict[str, int]:
    """Return of how many replies the authors of comments were told since, to whichever comment of theirs.

    They are counted by the keyed hash of the address.
    """
    theirs = select(contacts.c.address_hash).where(contacts.c.comment_id.in_(comment_ids))
    reply = comments.alias("reply")
    rows = await connection.execute(
        select(contacts.c.address_hash, func.count())
        .join(notices, notices.c.comment_id == contacts.c.comment_id)
        .join(reply, reply.c.id == notices.c.about_id)
        .where(
            contacts.c.address_hash.in_(theirs),
            notices.c.about_id != notices.c.comment_id,
            notices.c.held_at.is_(None),
            notices.c.at > since,
        )
        .group_by(contacts.c.address_hash)
    )
    return {row[0]: row[1] for row in rows}


async def hold(connection: Connection, about: Collection[tuple[str, str]], *, at: datetime) -> None:
    """Note that an author gets no mail of something after all, as enough was sent: their comment, about which."""
    for comment_id, about_id in about:
        await connection.execute(
            update(notices)
            .where(notices.c.comment_id == comment_id, notices.c.about_id == about_id)
            .values(held_at=at)
        )


async def held_before(connection: Connection, comment_id: str, about_id: str) -> int:
    """Return how many replies to a comment were held back between one and the last mail before it."""
    this = select(notices.c.at).where(notices.c.comment_id == comment_id, notices.c.about_id == about_id)
    at = (await connection.execute(this)).scalar_one_or_none()
    if at is None:
        return 0
    is_earlier = or_(notices.c.at < at, and_(notices.c.at == at, notices.c.about_id < about_id))
    mailed = select(func.max(notices.c.at)).where(
        notices.c.comment_id == comment_id,
        notices.c.about_id != comment_id,
        notices.c.held_at.is_(None),
        is_earlier,
    )
    last = (await connection.execute(mailed)).scalar_one()
    query = select(func.count()).where(
        notices.c.comment_id == comment_id,
        notices.c.held_at < at,
        true() if last is None else notices.c.held_at >= last,
    )
    return (await connection.execute(query)).scalar_one()
