"""What an operator may see and do about deliveries of all kinds: what waits or is parked and why, again or not."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from moderation_service.domain.comments.comment import QueuedComment
from moderation_service.domain.notifications import mail_interval
from moderation_service.domain.notifications.mail_interval import MailInterval
from moderation_service.domain.notifications.states import MODERATION, DeliveryState, NotificationState
from moderation_service.services.accounts.directory import Directory
from moderation_service.services.notifications import preferences
from moderation_service.storage.comments import comments
from moderation_service.storage.engine.batches import in_batches
from moderation_service.storage.engine.database import Connection, Database
from moderation_service.storage.notifications import deliveries, messages, outbox, people, undeliverable
from moderation_service.storage.notifications.deliveries import Stored
from moderation_service.storage.notifications.people import Person

MOST_NAMED = 50
"""How many comments that reached nobody are listed; the rest is a count."""

_OPEN = (DeliveryState.WAITING, DeliveryState.PARKED)


class NoSuchMailError(Exception):
    """Neither a moderator nor a message has that name, or several have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mailbox:
    """How it stands with one person: `names` are their roles, as `site/moderator`."""

    names: tuple[str, ...]
    person: Person
    waiting: int
    parked: int
    is_late: bool
    """Whether they can be reached, and a message is due since longer than mail_interval.LATE_AFTER."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """Everybody, the deliveries that are open, and the first pending comments of which nobody can be notified."""

    mailboxes: list[Mailbox]
    deliveries: list[Stored]
    undeliverable: list[QueuedComment]
    undeliverable_count: int

    @property
    def is_anything_parked(self) -> bool:
        """Whether somebody has to look after it."""
        is_parked = any(one.state is DeliveryState.PARKED for one in self.deliveries)
        return is_parked or any(one.person.parked_since or one.parked for one in self.mailboxes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Details:
    """One delivery, and of moderation mail its comments with the moderators that each is notified to."""

    delivery: Stored
    names: tuple[str, ...]
    notifications: list[tuple[str, str, NotificationState]]


async def overview(database: Database, directory: Directory, interval: MailInterval) -> Overview:
    """Return what waits, what is late and what is parked."""
    ids = directory.person_ids()
    async with database.read() as connection:
        found = await people.get_many(connection, ids)
        mailed = await preferences.mailed_for(connection, directory, interval.now, mail_interval.LATE_AFTER)
        late = await people.late(connection, mailed, interval, mail_interval.LATE_AFTER)
        counts = await outbox.counts(connection, ids)
        found_open = await deliveries.in_state(connection, _OPEN)
        reached_nobody = await comments.get_many(
            connection, await undeliverable.first(connection, ids, MOST_NAMED)
        )
        count = await undeliverable.count(connection, ids)
    mailboxes = [
        Mailbox(
            names=_names(directory, person.id),
            person=person,
            waiting=counts.get((person.id, NotificationState.WAITING), 0),
            parked=counts.get((person.id, NotificationState.PARKED), 0),
            is_late=person.id in late,
        )
        for person in found.values()
    ]
    return Overview(
        mailboxes=sorted(mailboxes, key=lambda one: one.names),
        deliveries=[one for one in found_open if one.recipient is None or one.person_id is not None],
        undeliverable=reached_nobody,
        undeliverable_count=count,
    )


async def show(database: Database, directory: Directory, name: str) -> Details:
    """Return a delivery by its id or the beginning of it; raise NoSuchMailError unless there is just one."""
    async with database.read() as connection:
        delivery = await _delivery(connection, name)
        found = await messages.notifications_of(connection, delivery.id)
    return Details(delivery=delivery, names=_names(directory, delivery.person_id), notifications=found)


async def retry(database: Database, directory: Directory, name: str | None) -> None:
    """Send at once what is parked or waits for another try: a delivery, a moderator's, or with None all."""
    async with database.read() as connection:
        person_ids, found = await _named(connection, directory, name)
    for one in found:
        if one.kind == MODERATION and one.state is DeliveryState.PARKED:
            await _settle(database, one, DeliveryState.SUPERSEDED, NotificationState.WAITING)
    async with database.write() as connection:
        await deliveries.retry(connection, [one.id for one in found if one.kind != MODERATION])
        await people.unpark(connection, person_ids)


async def cancel(database: Database, directory: Directory, name: str) -> None:
    """Give up a delivery, or all that is open for a moderator. The comments that it tells of stay."""
    async with database.read() as connection:
        person_ids, found = await _named(connection, directory, name)
    for one in found:
        if one.kind == MODERATION:
            await _settle(database, one, DeliveryState.CANCELLED, NotificationState.SUPERSEDED)
    others = [one.id for one in found if one.kind != MODERATION]
    if others:
        async with database.write() as connection:
            await deliveries.cancel(connection, others)
    if "/" in name:
        await in_batches(database, partial(outbox.cancel, person_ids=person_ids))


async def _settle(database: Database, message: Stored, state: DeliveryState, outcome: NotificationState) -> None:
    """Close a message by a transaction of its own, unless it was settled since it was looked at."""
    async with database.write() as connection:
        [now] = await deliveries.get(connection, message.id)
        if now.state is message.state:
            await messages.settle(connection, message.id, state, outcome)


async def _named(connection: Connection, directory: Directory, name: str | None) -> tuple[list[str], list[Stored]]:
    """Return the people and open deliveries behind a name."""
    if name is None or "/" in name:
        ids = directory.person_ids() if name is None else [_person(directory, name)]
        return ids, await deliveries.in_state(connection, _OPEN, ids)
    found = await _delivery(connection, name)
    if found.state not in _OPEN:
        raise NoSuchMailError(f"The message {found.id} is {found.state}; none of it is still open.")
    person_id = found.person_id if found.kind == MODERATION else None
    return [] if person_id is None else [person_id], [found]


async def _delivery(connection: Connection, name: str) -> Stored:
    found = await deliveries.get(connection, name)
    if len(found) != 1:
        raise NoSuchMailError(f"{len(found) or 'No'} messages have an id that begins with {name!r}.")
    return found[0]


def _person(directory: Directory, name: str) -> str:
    for person_id in directory.person_ids():
        if name in _names(directory, person_id):
            return person_id
    raise NoSuchMailError(f"There is no moderator {name!r}; `mail list` shows them all.")


def _names(directory: Directory, person_id: str | None) -> tuple[str, ...]:
    roles: Sequence[str] = [f"{site.id}/{one.id}" for site, one in directory.roles_of(person_id)]
    return tuple(sorted(roles))
