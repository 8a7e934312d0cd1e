"""From promises to one message: all that waits for a person, without what was decided meanwhile."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

import structlog

from moderation_service.domain import addresses, notices
from moderation_service.domain.comments import QueuedComment
from moderation_service.domain.errors import KeyNotListedError
from moderation_service.domain.keys import KeyRing
from moderation_service.domain.notices import Message, MessageState, Notice, PromiseState
from moderation_service.domain.sites import Moderator, Site
from moderation_service.storage import comments, contacts, messages, outbox
from moderation_service.storage.database import Connection
from moderation_service.storage.messages import Stored

_UNREADABLE = "…"

_log = structlog.stdlib.get_logger(__name__)

Parts = Mapping[tuple[str, str], tuple[Site, Moderator]]
"""What one person moderates, by ids of site and moderator."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """What a message gets when it is made."""

    id: str
    message_id: str
    now: datetime


async def gather(
    connection: Connection, person_id: str, parts: Parts, keys: KeyRing, stamp: Stamp
) -> Message | None:
    """Take up the message that a server may have seen, or make one of what waits; None if nothing is left to tell.

    What may have been seen only shrinks: what was decided is left out, nothing is added.
    """
    await outbox.drop_decided(connection, person_id)
    taken_up = await messages.fixed(connection, person_id)
    if not await outbox.anything_due(connection, person_id):
        await _close_if_empty(connection, taken_up)
        return None
    message = taken_up or await messages.fix(
        connection, person_id, list(parts), new_id=stamp.id, message_id=stamp.message_id, now=stamp.now
    )
    content = await messages.content(connection, message.id, notices.IN_FULL)
    if not content.total:
        await _close_if_empty(connection, message)
        return None
    shown = await _notices(connection, content.first, parts, keys)
    if not shown:
        return None
    return Message(
        id=message.id,
        message_id=message.message_id,
        created_at=message.created_at,
        notices=shown,
        total=content.total,
        shortened=message.shortened,
        may_have_arrived=taken_up is not None,
        is_reminder=content.is_reminder,
        beyond=content.beyond,
    )


async def _close_if_empty(connection: Connection, message: Stored | None) -> None:
    if message is not None and not (await messages.content(connection, message.id, 1)).total:
        await messages.settle(connection, message.id, MessageState.DISSOLVED, PromiseState.SUPERSEDED)


async def _notices(
    connection: Connection, first: tuple[tuple[str, str, str], ...], parts: Parts, keys: KeyRing
) -> tuple[Notice, ...]:
    ids = [comment_id for comment_id, _, _ in first]
    found = {one.id: one for one in await comments.get_many(connection, ids)}
    masked = await _masked(connection, keys, ids)
    parents = await _parents(connection, found.values())
    return tuple(
        _notice(found[comment_id], parts[site_id, moderator_id], masked[comment_id], parents)
        for comment_id, site_id, moderator_id in first
        if (site_id, moderator_id) in parts
    )


async def _masked(connection: Connection, keys: KeyRing, ids: list[str]) -> dict[str, str]:
    """Return the masked addresses; one that cannot be decrypted must not silence the other comments."""
    masked: dict[str, str] = {}
    for comment_id, sealed in (await contacts.sealed(connection, ids)).items():
        try:
            masked[comment_id] = addresses.mask(keys.open(sealed, table=contacts.TABLE, row=comment_id))
        except KeyNotListedError:
            _log.exception("mail.address_unreadable", comment=comment_id)
    return {comment_id: masked.get(comment_id, _UNREADABLE) for comment_id in ids}


async def _parents(connection: Connection, shown: Iterable[QueuedComment]) -> dict[str, QueuedComment]:
    """Return what comments answer, by id."""
    ids = {one.parent_id for one in shown if one.parent_id is not None}
    return {one.id: one for one in await comments.get_many(connection, sorted(ids))} if ids else {}


def _notice(
    comment: QueuedComment,
    part: tuple[Site, Moderator],
    masked_address: str,
    parents: Mapping[str, QueuedComment],
) -> Notice:
    site, moderator = part
    return Notice(
        comment=comment,
        site=site,
        moderator=moderator,
        masked_address=masked_address,
        parent=parents.get(comment.parent_id or ""),
    )
