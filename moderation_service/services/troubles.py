"""What moderators should know of their sites' mail: whom it does not reach, and which comments reached nobody."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from moderation_service.domain.comments import QueuedComment
from moderation_service.domain.notices import MessageState
from moderation_service.domain.sites import Seat
from moderation_service.services.directory import Directory
from moderation_service.storage import comments, messages, people, unheard
from moderation_service.storage.database import Connection, Database

MOST_NAMED = 20
"""How many comments are named; the rest is a count."""

MOST_COUNTED = 99
"""How far they are counted; beyond there are more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """A moderator to whom mail is refused `since` a time, or, without one, to whom some message was."""

    name: str
    site_name: str
    is_oneself: bool
    since: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Troubles:
    """All of it for one person's sites; `count` ends at MOST_COUNTED + 1."""

    unheard: list[QueuedComment]
    count: int
    silences: list[Silence]


async def look(database: Database, directory: Directory, seats: Sequence[Seat]) -> Troubles:
    """Return what is wrong with the mail of the sites of these seats, whatever their paths."""
    async with database.read() as connection:
        silences = await _silences(connection, directory, seats)
        if not silences:
            return Troubles(unheard=[], count=0, silences=[])
        ids = await unheard.first(
            connection, directory.person_ids(), MOST_COUNTED + 1, site_ids=[seat.site.id for seat in seats]
        )
        named = await comments.get_many(connection, ids[:MOST_NAMED])
    return Troubles(unheard=named, count=len(ids), silences=silences)


async def _silences(connection: Connection, directory: Directory, seats: Sequence[Seat]) -> list[Silence]:
    behind = {
        (seat.site.id, one.id): person_id
        for seat in seats
        for one in seat.site.moderators
        if (person_id := directory.person_of(one.email)) is not None
    }
    known = await people.get_many(connection, set(behind.values()))
    refused = await messages.in_state(connection, [MessageState.PARKED], set(behind.values()))
    silent = {one.person_id: None for one in refused} | {
        person.id: person.parked_since for person in known.values() if person.parked_since is not None
    }
    return [
        Silence(
            name=one.name,
            site_name=seat.site.name,
            is_oneself=one in seat.moderators,
            since=silent[person_id],
        )
        for seat in seats
        for one in seat.site.moderators
        if (person_id := behind.get((seat.site.id, one.id))) in silent and person_id is not None
    ]
