"""What an operator may see and do about mail: what waits, what is parked and why, again, or not at all."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from moderation_service.domain.comments import QueuedComment
from moderation_service.domain.notices import MessageState, PromiseState
from moderation_service.services.directory import Directory
from moderation_service.storage import comments, messages, outbox, people, unheard
from moderation_service.storage.database import Connection, Database
from moderation_service.storage.messages import Stored
from moderation_service.storage.people import Person
from moderation_service.storage.stretches import in_stretches

MOST_NAMED = 50
"""How many comments that reached nobody are listed; the rest is a count."""

_OPEN = (MessageState.FIXED, MessageState.PARKED)


class NoSuchMailError(Exception):
    """Neither a moderator nor a message has that name, or several have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mailbox:
    """How it stands with one person: `names` are their parts, as `site/moderator`."""

    names: tuple[str, ...]
    person: Person
    waiting: int
    parked: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """Everybody, the messages that are open, and the first pending comments of which nobody can be told."""

    mailboxes: list[Mailbox]
    messages: list[Stored]
    unheard: list[QueuedComment]
    unheard_count: int

    @property
    def is_anything_parked(self) -> bool:
        """Whether somebody has to look after it."""
        return any(one.person.parked_since or one.parked for one in self.mailboxes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Details:
    """One message, and its comments with the moderators that each was promised to."""

    message: Stored
    names: tuple[str, ...]
    promises: list[tuple[str, str, PromiseState]]


async def overview(database: Database, directory: Directory) -> Overview:
    """Return what waits and what is parked."""
    ids = directory.person_ids()
    async with database.read() as connection:
        found = await people.get_many(connection, ids)
        counts = await outbox.counts(connection, ids)
        open_messages = await messages.in_state(connection, _OPEN)
        reached_nobody = await comments.get_many(connection, await unheard.first(connection, ids, MOST_NAMED))
        count = await unheard.count(connection, ids)
    mailboxes = [
        Mailbox(
            names=_names(directory, person.id),
            person=person,
            waiting=counts.get((person.id, PromiseState.WAITING), 0),
            parked=counts.get((person.id, PromiseState.PARKED), 0),
        )
        for person in found.values()
    ]
    return Overview(
        mailboxes=sorted(mailboxes, key=lambda one: one.names),
        messages=open_messages,
        unheard=reached_nobody,
        unheard_count=count,
    )


async def show(database: Database, directory: Directory, name: str) -> Details:
    """Return a message by its id or the beginning of it; raise NoSuchMailError unless there is just one."""
    async with database.read() as connection:
        message = await _message(connection, name)
        promised = await messages.told_of(connection, message.id)
    return Details(message=message, names=_names(directory, message.person_id), promises=promised)


async def retry(database: Database, directory: Directory, name: str | None) -> None:
    """Send at once what is parked or waits for another try: a message, a moderator's, or with None all."""
    async with database.read() as connection:
        person_ids, found = await _named(connection, directory, name)
    for message in found:
        if message.state is MessageState.PARKED:
            await _settle(database, message, MessageState.DISSOLVED, PromiseState.WAITING)
    async with database.write() as connection:
        await people.unpark(connection, person_ids)


async def cancel(database: Database, directory: Directory, name: str) -> None:
    """Give up telling of what a message holds, or of all that is open for a moderator. The comments stay."""
    async with database.read() as connection:
        person_ids, found = await _named(connection, directory, name)
    for message in found:
        await _settle(database, message, MessageState.CANCELLED, PromiseState.SUPERSEDED)
    if "/" in name:
        await in_stretches(database, partial(outbox.cancel, person_ids=person_ids))


async def _settle(database: Database, message: Stored, state: MessageState, promised: PromiseState) -> None:
    """Close a message by a transaction of its own, unless it was settled since it was looked at."""
    async with database.write() as connection:
        [now] = await messages.get(connection, message.id)
        if now.state is message.state:
            await messages.settle(connection, message.id, state, promised)


async def _named(connection: Connection, directory: Directory, name: str | None) -> tuple[list[str], list[Stored]]:
    """Return the people and open messages behind a name."""
    if name is None or "/" in name:
        ids = directory.person_ids() if name is None else [_person(directory, name)]
        return ids, await messages.in_state(connection, _OPEN, ids)
    message = await _message(connection, name)
    if message.state not in _OPEN:
        raise NoSuchMailError(f"The message {message.id} is {message.state}; nothing of it is open.")
    return [message.person_id], [message]


async def _message(connection: Connection, name: str) -> Stored:
    found = await messages.get(connection, name)
    if len(found) != 1:
        raise NoSuchMailError(f"{len(found) or 'No'} messages have an id that begins with {name!r}.")
    return found[0]


def _person(directory: Directory, name: str) -> str:
    for person_id in directory.person_ids():
        if name in _names(directory, person_id):
            return person_id
    raise NoSuchMailError(f"No moderator is called {name!r}; see `mail list`.")


def _names(directory: Directory, person_id: str) -> tuple[str, ...]:
    parts: Sequence[str] = [f"{site.id}/{one.id}" for site, one in directory.parts_of(person_id)]
    return tuple(sorted(parts))
