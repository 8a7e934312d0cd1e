"""From promises to one message: all that waits for a person, without what was decided meanwhile."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import structlog

from moderation_service.domain import addresses, notices
from moderation_service.domain.comments import QueuedComment
from moderation_service.domain.errors import KeyNotListedError
from moderation_service.domain.keys import KeyRing
from moderation_service.domain.notices import Message, MessageState, Notice, PromiseState
from moderation_service.domain.sites import Moderator, Site
from moderation_service.storage import comments, contacts, messages, outbox
from moderation_service.storage.database import Connection
from moderation_service.storage.messages import Content, Stored
from moderation_service.storage.outbox import Waiting

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """What it takes to make messages: what each person moderates, the keys to addresses, and new stamps."""

    parts_of: Callable[[str], Parts]
    keys: KeyRing
    stamp: Callable[[], Stamp]


async def gather(connection: Connection, person_id: str, reader: Reader) -> Message | None:
    """Take up the message that a server may have seen, or make one of what waits; None if nothing is left to tell.

    What may have been seen only shrinks: what was decided is left out, nothing is added.
    """
    await outbox.drop_decided(connection, person_id)
    taken_up = await messages.fixed(connection, person_id)
    if not await outbox.anything_due(connection, person_id):
        await _close_if_empty(connection, taken_up)
        return None
    parts, stamp = reader.parts_of(person_id), reader.stamp()
    message = taken_up or await messages.fix(
        connection, person_id, list(parts), new_id=stamp.id, message_id=stamp.message_id, now=stamp.now
    )
    content = await messages.content(connection, message.id, notices.IN_FULL)
    if not content.total:
        await _close_if_empty(connection, message)
        return None
    [made] = await _shown(connection, [_Selection(message, taken_up is not None, content)], reader)
    return made


async def gather_many(
    connection: Connection, person_ids: Collection[str], reader: Reader
) -> dict[str, Message | None]:
    """Do what `gather` does for several people for each of whom little waits, by few statements for all."""
    await outbox.drop_decided_of(connection, person_ids)
    taken_up = await messages.fixed_of(connection, person_ids)
    waiting = await outbox.waiting_of(connection, person_ids)
    fresh: list[Stored] = []
    placed: list[tuple[Waiting, str]] = []
    selections: list[_Selection] = []
    for person_id in person_ids:
        mine = waiting.get(person_id, [])
        message = taken_up.get(person_id)
        if not any(not one.quiet for one in mine):
            await _close_if_empty(connection, message)
            continue
        if message is None:
            parts = reader.parts_of(person_id)
            mine = [one for one in mine if one.message_id is None and (one.site_id, one.moderator_id) in parts]
            if not mine:
                continue
            stamp = reader.stamp()
            message = messages.made(person_id, new_id=stamp.id, message_id=stamp.message_id, now=stamp.now)
            fresh.append(message)
            placed += [(one, message.id) for one in mine]
        else:
            mine = [one for one in mine if one.message_id == message.id]
            if not mine:
                await _close_if_empty(connection, message)
                continue
        selections.append(_Selection(message, person_id in taken_up, _content(mine)))
    await messages.add(connection, fresh)
    await outbox.put_into(connection, placed)
    made = await _shown(connection, selections, reader)
    found = {one.message.person_id: message for one, message in zip(selections, made, strict=True)}
    return {person_id: found.get(person_id) for person_id in person_ids}


class _Selection(NamedTuple):
    """A message, whether a server may have seen it, and what it holds."""

    message: Stored
    may_have_arrived: bool
    content: Content


def _content(waiting: Sequence[Waiting]) -> Content:
    """Return what a message holds of promises in the order in which they are shown; each comment once."""
    firsts: dict[tuple[str, str], Waiting] = {}
    for one in waiting:
        firsts.setdefault((one.comment_id, one.site_id), one)
    return Content(
        first=tuple((one.comment_id, one.site_id, one.moderator_id) for one in firsts.values())[: notices.IN_FULL],
        total=len({one.comment_id for one in waiting}),
        is_reminder=bool(min(one.reminders for one in waiting)),
    )


async def _shown(connection: Connection, selections: Sequence[_Selection], reader: Reader) -> list[Message | None]:
    """Return each selection as a message, None where nothing of it can be shown to its person any more."""
    ids = sorted({comment_id for one in selections for comment_id, _, _ in one.content.first})
    found = {one.id: one for one in await comments.get_many(connection, ids)} if ids else {}
    masked = await _masked(connection, reader.keys, ids) if ids else {}
    parents = await _parents(connection, found.values())
    made: list[Message | None] = []
    for message, may_have_arrived, content in selections:
        parts = reader.parts_of(message.person_id)
        shown = tuple(
            _notice(found[comment_id], parts[site_id, moderator_id], masked[comment_id], parents)
            for comment_id, site_id, moderator_id in content.first
            if (site_id, moderator_id) in parts
        )
        if not shown:
            made.append(None)
            continue
        made.append(
            Message(
                id=message.id,
                message_id=message.message_id,
                created_at=message.created_at,
                notices=shown,
                total=content.total,
                shortened=message.shortened,
                may_have_arrived=may_have_arrived,
                is_reminder=content.is_reminder,
                beyond=content.beyond,
            )
        )
    return made


async def _close_if_empty(connection: Connection, message: Stored | None) -> None:
    if message is not None and not (await messages.content(connection, message.id, 1)).total:
        await messages.settle(connection, message.id, MessageState.DISSOLVED, PromiseState.SUPERSEDED)


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
