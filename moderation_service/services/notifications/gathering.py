"""From queued notifications to one message: all that waits for a person, without what was decided meanwhile."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import structlog

from moderation_service.domain.accounts import addresses
from moderation_service.domain.accounts.sites import Moderator, Site
from moderation_service.domain.comments.comment import QueuedComment, Status
from moderation_service.domain.keys import KeyNotListedError, KeyRing
from moderation_service.domain.moderation.reports import Reports
from moderation_service.domain.notifications.message import Message, Notification
from moderation_service.domain.notifications.states import DeliveryState, NotificationState
from moderation_service.services.notifications.limits import DeliveryLimits
from moderation_service.storage.comments import comments, contacts
from moderation_service.storage.engine.database import Connection
from moderation_service.storage.moderation import reports
from moderation_service.storage.notifications import deliveries as queue
from moderation_service.storage.notifications import messages, outbox
from moderation_service.storage.notifications.deliveries import Stored
from moderation_service.storage.notifications.messages import Content
from moderation_service.storage.notifications.outbox import Waiting

_UNREADABLE = "…"
_MOST_PAGES = 1_000

_log = structlog.stdlib.get_logger(__name__)

Roles = Mapping[tuple[str, str], tuple[Site, Moderator]]
"""What one person moderates, by ids of site and moderator."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """What a message gets when it is made."""

    id: str
    message_id: str
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """What it takes to make messages: what each person moderates, keys to addresses, new stamps, and sizes."""

    roles_of: Callable[[str | None], Roles]
    keys: KeyRing
    stamp: Callable[[], Stamp]
    limits: DeliveryLimits


async def gather(connection: Connection, person_id: str, reader: Reader) -> Message | None:
    """Take up the message that a server may have seen, or make one of what waits; None if nothing is left to tell.

    What may have been seen only shrinks: what was decided is left out, nothing is added.
    """
    most = reader.limits.most_in_message
    await outbox.drop_decided(connection, person_id, most=most)
    taken_up = await messages.fixed(connection, person_id)
    if not await outbox.anything_due(connection, person_id):
        await _close_if_empty(connection, taken_up)
        return None
    roles, stamp = reader.roles_of(person_id), reader.stamp()
    message = taken_up or await messages.fix(
        connection, person_id, list(roles), new_id=stamp.id, message_id=stamp.message_id, now=stamp.now, most=most
    )
    await _take_out(connection, message.id, roles)
    content = await messages.content(
        connection, message.id, reader.limits.shown, most=most, looked_up=reader.limits.looked_up
    )
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
    placed: list[tuple[Waiting, str | None]] = []
    selections: list[_Selection] = []
    for person_id in person_ids:
        mine = waiting.get(person_id, [])
        message = taken_up.get(person_id)
        roles = reader.roles_of(person_id)
        if not any(not one.held_back for one in mine):
            await _close_if_empty(connection, message)
            continue
        if message is None:
            mine = [one for one in mine if one.message_id is None and _is_theirs(one, roles)]
            if not mine:
                continue
            stamp = reader.stamp()
            message = messages.made(person_id, new_id=stamp.id, message_id=stamp.message_id, now=stamp.now)
            fresh.append(message)
            placed += [(one, message.id) for one in mine]
        else:
            inside = [one for one in mine if one.message_id == message.id]
            mine = [one for one in inside if _is_theirs(one, roles)]
            await outbox.put_into(connection, [(one, None) for one in inside if not _is_theirs(one, roles)])
            if not mine:
                await _close_if_empty(connection, message)
                continue
        selections.append(_Selection(message, person_id in taken_up, _content(mine, reader.limits.shown)))
    await queue.add(connection, fresh)
    await outbox.put_into(connection, placed)
    made = await _shown(connection, selections, reader)
    found = {one.message.person_id: message for one, message in zip(selections, made, strict=True)}
    return {person_id: found.get(person_id) for person_id in person_ids}


def _is_theirs(one: Waiting, roles: Roles) -> bool:
    """Tell whether what waits is still this person's: what is not is passed on soon."""
    role = roles.get((one.site_id, one.moderator_id))
    return role is not None and role[0].tells(role[1], one.page_url)


async def _take_out(connection: Connection, message_id: str, roles: Roles) -> None:
    """Take out of a message what is of pages that are not its person's any more."""
    for site, moderator in roles.values():
        if moderator.covers_all:
            continue
        found = await outbox.pages_in(connection, message_id, site.id, moderator.id)
        outside = [page_id for page_id, url in found.items() if not site.tells(moderator, url)]
        for first in range(0, len(outside), _MOST_PAGES):
            page_ids = outside[first : first + _MOST_PAGES]
            await outbox.take_out(connection, message_id, site.id, moderator.id, page_ids)


class _Selection(NamedTuple):
    """A message, whether a server may have seen it, and what it holds."""

    message: Stored
    may_have_arrived: bool
    content: Content


def _content(waiting: Sequence[Waiting], shown: int) -> Content:
    """Return what a message holds of notifications in the order in which they are shown; each comment once."""
    firsts: dict[tuple[str, str], Waiting] = {}
    for one in waiting:
        firsts.setdefault((one.comment_id, one.site_id), one)
    return Content(
        first=tuple((one.comment_id, one.site_id, one.moderator_id, one.afterwards) for one in firsts.values())[
            :shown
        ],
        total=len({one.comment_id for one in waiting}),
        is_reminder=bool(min(one.reminders for one in waiting)),
        published=len({one.comment_id for one in waiting if one.afterwards}),
        suspects=len({one.comment_id for one in waiting if one.is_probable_spam}),
    )


async def _shown(connection: Connection, selections: Sequence[_Selection], reader: Reader) -> list[Message | None]:
    """Return each selection as a message, None where nothing of it can be shown to its person any more.

    On PostgreSQL a comment may be decided between the selection and this: it is left out like those before.
    """
    ids = sorted({comment_id for one in selections for comment_id, *_ in one.content.first})
    found = {one.id: one for one in await comments.get_many(connection, ids)} if ids else {}
    masked = await _masked(connection, reader.keys, ids) if ids else {}
    parents = await _parents(connection, found.values())
    reported = [one.id for one in found.values() if one.waits_again]
    open_reports = await reports.open_of(connection, reported) if reported else {}
    made: list[Message | None] = []
    for message, may_have_arrived, content in selections:
        roles = reader.roles_of(message.person_id)
        to_show = [one for one in content.first if one[0] in found and (one[-1] or _waits(found[one[0]]))]
        shown = tuple(
            _notification(
                found[comment_id],
                roles[site_id, moderator_id],
                masked.get(comment_id),
                parents,
                open_reports.get(comment_id, Reports(())),
            )
            for comment_id, site_id, moderator_id, _ in to_show
            if (site_id, moderator_id) in roles
        )
        if all(one.is_published for one in shown):
            made.append(None)
            continue
        made.append(
            Message(
                id=message.id,
                message_id=message.message_id,
                created_at=message.created_at,
                notifications=shown,
                total=content.total - content.published - len(content.first) + len(to_show),
                published=content.published,
                shortened=message.shortened,
                may_have_arrived=may_have_arrived,
                is_reminder=content.is_reminder,
                beyond=content.beyond,
                suspects=content.suspects,
            )
        )
    return made


def _waits(comment: QueuedComment) -> bool:
    return comment.status is Status.PENDING or comment.waits_again


async def _close_if_empty(connection: Connection, message: Stored | None) -> None:
    if message is not None and not (await messages.content(connection, message.id, 1)).total:
        await messages.settle(connection, message.id, DeliveryState.SUPERSEDED, NotificationState.SUPERSEDED)


async def _masked(connection: Connection, keys: KeyRing, ids: list[str]) -> dict[str, str]:
    """Return the masked addresses that there are; one that cannot be decrypted keeps no other comment back."""
    masked: dict[str, str] = {}
    for comment_id, sealed in (await contacts.sealed(connection, ids)).items():
        try:
            masked[comment_id] = addresses.mask(keys.open(sealed, table=contacts.TABLE, row=comment_id))
        except KeyNotListedError:
            masked[comment_id] = _UNREADABLE
            _log.exception("mail.address_unreadable", comment=comment_id)
    return masked


async def _parents(connection: Connection, shown: Iterable[QueuedComment]) -> dict[str, QueuedComment]:
    """Return what comments answer, by id."""
    ids = {one.parent_id for one in shown if one.parent_id is not None}
    return {one.id: one for one in await comments.get_many(connection, sorted(ids))} if ids else {}


def _notification(
    comment: QueuedComment,
    role: tuple[Site, Moderator],
    masked_address: str | None,
    parents: Mapping[str, QueuedComment],
    reported: Reports,
) -> Notification:
    site, moderator = role
    return Notification(
        comment=comment,
        site=site,
        moderator=moderator,
        masked_address=masked_address,
        parent=parents.get(comment.parent_id or ""),
        reports=reported,
    )
