"""Deciding on all that a filter matches, thousands at once, with one undo: in stretches, so that others can write.

What is meant stands in a signed snapshot: the filter, and which comment was the newest when the page was made.
Every process may go on with a bulk; the lock on its row makes them take turns.
"""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from moderation_service.domain.comments import QueuedComment, Status
from moderation_service.domain.decisions import SECOND_THOUGHTS, TARGETS, Actor, Decision, Means, Request
from moderation_service.domain.errors import ForgedFormError, LinkInvalidError, NotFoundError, TokenExpiredError
from moderation_service.domain.keys import KeyRing
from moderation_service.domain.signing import Signer
from moderation_service.domain.sites import Seat
from moderation_service.services import moderation, queue
from moderation_service.services.desk_counts import Count
from moderation_service.services.directory import Directory
from moderation_service.services.moderation import Announce
from moderation_service.services.queue import Filter
from moderation_service.services.sessions import LIFETIME, Session
from moderation_service.storage import bulks, comments, decisions
from moderation_service.storage.bulks import OPEN, Bulk, BulkState
from moderation_service.storage.database import Connection, Database

WITHOUT_ASKING = 50
"""How many may be decided at once without a page in between."""

KEPT = SECOND_THOUGHTS * 2
"""How long what a bulk decided is kept: for as long as it can be undone, and a day more."""

_STRETCH = 200
_LOOK = 1_000
_MOST_COUNTED = 1_000_000
_SAMPLES = 3
_LOOK_EVERY = 2.0
_PURPOSE = "desk snapshot"
_SHOWN = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What stood there when a page was made: a filter over one site or all, up to the newest comment of then."""

    wanted: Filter
    site_id: str | None
    until: str
    made_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """How many comments a snapshot holds, and the first of them."""

    count: Count
    samples: list[QueuedComment]


class Bulks:
    """Makes snapshots, begins and undoes bulk decisions, and works them off."""

    def __init__(
        self,
        database: Database,
        directory: Directory,
        keys: KeyRing,
        *,
        clock: Callable[[], datetime],
        new_id: Callable[[], str],
        announce: Announce,
    ) -> None:
        self._database = database
        self._directory = directory
        self._keys = keys
        self._clock = clock
        self._new_id = new_id
        self._announce = announce
        self._signer = Signer(keys, clock, purpose=_PURPOSE, lifetime=LIFETIME)
        self._begun = asyncio.Event()
        self._moved = asyncio.Condition()

    def snapshot(self, session: Session, wanted: Filter, *, site_id: str | None) -> str:
        """Return what a page carries that offers a decision on all of its filter; good in this session only.

        Ids rise with time, so an id made now stands behind all that is there; that of the newest comment could be
        of a page that is not this moderator's.
        """
        made = Snapshot(wanted=wanted, site_id=site_id, until=self._new_id(), made_at=self._clock())
        return self._signer.sign([session.id, _to_text(made)])

    def read(self, session: Session, token: str) -> Snapshot:
        """Return the snapshot of a page; raise ForgedFormError unless this session's page carried it."""
        try:
            session_id, text = self._signer.read(token)
        except (LinkInvalidError, TokenExpiredError) as error:
            raise ForgedFormError from error
        if session_id != session.id:
            raise ForgedFormError
        return _from_text(text)

    async def preview(self, seats: Sequence[Seat], snapshot: Snapshot) -> Preview:
        """Count what a snapshot holds by now, and show its first comments."""
        number, first = 0, list[str]()
        after: str | None = None
        async with self._database.read() as connection:
            for seat in _chosen(seats, snapshot.site_id):
                after = None
                while number < _MOST_COUNTED:
                    ids, after = await self._look(connection, seat, snapshot, after=after, limit=_LOOK)
                    number += len(ids)
                    first += ids[:_SAMPLES]
                    if after is None:
                        break
            samples = await comments.get_many(connection, sorted(first)[:_SAMPLES])
        return Preview(count=Count(number=number, is_more=after is not None), samples=samples)

    async def begin(self, person_id: str, snapshot: Snapshot, decision: Decision, *, total: int) -> str:
        """Begin a decision on all of a snapshot; return its id."""
        bulk = Bulk(
            id=self._new_id(),
            person_id=person_id,
            decision=decision,
            wanted=_to_text(snapshot),
            state=BulkState.RUNNING,
            site_id=None,
            position=None,
            total=total,
            done=0,
            undone=0,
            created_at=self._clock(),
        )
        async with self._database.write() as connection:
            await bulks.add(connection, bulk)
        self._begun.set()
        return bulk.id

    async def undo(self, person_id: str, bulk_id: str) -> None:
        """Begin to take a bulk back, through or not; raise NotFoundError for another person's or an old one."""
        async with self._database.write() as connection:
            bulk = await bulks.get(connection, bulk_id, for_update=True)
            if bulk is None or bulk.person_id != person_id or not self.may_undo(bulk):
                raise NotFoundError
            if bulk.state in (BulkState.RUNNING, BulkState.DONE):
                await bulks.change(
                    connection, bulk_id, state=BulkState.UNDOING, site_id=None, position=None, total=bulk.done
                )
        self._begun.set()

    def may_undo(self, bulk: Bulk) -> bool:
        """Tell whether a bulk can be taken back still."""
        return self._clock() - bulk.created_at <= SECOND_THOUGHTS

    async def recent(self, person_id: str) -> list[Bulk]:
        """Return a person's last bulks that can be undone, or are being worked off."""
        async with self._database.read() as connection:
            found = await bulks.of_person(
                connection, person_id, since=self._clock() - SECOND_THOUGHTS, limit=_SHOWN
            )
        return [one for one in found if one.state is not BulkState.UNDONE]

    async def settled(self, bulk_id: str, *, within: float) -> None:
        """Wait until a bulk is through, or for some seconds at most: it goes on without anybody who waits."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within), self._moved:
                while await self._is_open(bulk_id):
                    await self._moved.wait()

    async def _is_open(self, bulk_id: str) -> bool:
        async with self._database.read() as connection:
            bulk = await bulks.get(connection, bulk_id)
        return bulk is not None and bulk.state in OPEN

    async def run(self) -> None:
        """Work off what was begun here or by another process, one stretch after the other."""
        while True:
            self._begun.clear()
            async with self._database.read() as connection:
                bulk = await bulks.next_open(connection)
            if bulk is not None:
                await self._go_on(bulk)
                async with self._moved:
                    self._moved.notify_all()
                continue
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_EVERY):
                    await self._begun.wait()

    async def _go_on(self, bulk: Bulk) -> None:
        """Do one stretch of one site; the sites follow each other by id."""
        seats = sorted(self._directory.seats_of(bulk.person_id), key=lambda one: one.site.id)
        snapshot = _from_text(bulk.wanted)
        left = [
            seat
            for seat in _chosen(seats, snapshot.site_id)
            if bulk.site_id is None or seat.site.id >= bulk.site_id
        ]
        if not left:
            await self._close(bulk)
        elif bulk.state is BulkState.RUNNING:
            await self._decide(bulk, left[0], snapshot)
        else:
            await self._undo(bulk, left[0])

    async def _decide(self, bulk: Bulk, seat: Seat, snapshot: Snapshot) -> None:
        after = bulk.position if bulk.site_id == seat.site.id else None
        async with self._database.read() as connection:
            ids, until = await self._look(connection, seat, snapshot, after=after, limit=_STRETCH)
            shown = await comments.get_many(connection, ids)
        requests = [
            Request(comment_id=one.id, decision=bulk.decision, expected=one.status, revision=one.revision)
            for one in shown
            if one.changed_at <= snapshot.made_at and one.status is not TARGETS[bulk.decision]
        ]
        async with self._database.write() as connection:
            now = await bulks.get(connection, bulk.id, for_update=True)
            if now != bulk:
                return
            taken = await moderation.decide_within(
                connection, seat.site, requests, actor=_actor(seat), now=self._clock()
            )
            await bulks.note(connection, bulk.id, seat.site.id, taken.numbers)
            place = _place(seat, until)
            await bulks.change(connection, bulk.id, done=bulk.done + len(taken.numbers), **place)
        if taken.is_visible:
            await self._announce()

    async def _undo(self, bulk: Bulk, seat: Seat) -> None:
        after = bulk.position if bulk.site_id == seat.site.id else None
        async with self._database.write() as connection:
            now = await bulks.get(connection, bulk.id, for_update=True)
            if now != bulk:
                return
            numbers = await bulks.items(connection, bulk.id, seat.site.id, after=after, limit=_STRETCH)
            await comments.lock(connection, list(numbers))
            last = await decisions.newest(connection, list(numbers))
            requests = [
                Request(comment_id=one, decision=Decision.UNDO, expected=TARGETS[bulk.decision])
                for one, number in numbers.items()
                if one in last and last[one].number == number
            ]
            taken = await moderation.decide_within(
                connection, seat.site, requests, actor=_actor(seat), now=self._clock()
            )
            until = max(numbers) if len(numbers) == _STRETCH else None
            place = _place(seat, until)
            await bulks.change(connection, bulk.id, undone=bulk.undone + len(taken.numbers), **place)
        if taken.is_visible:
            await self._announce()

    async def _close(self, bulk: Bulk) -> None:
        state = BulkState.DONE if bulk.state is BulkState.RUNNING else BulkState.UNDONE
        async with self._database.write() as connection:
            if await bulks.get(connection, bulk.id, for_update=True) == bulk:
                await bulks.change(connection, bulk.id, state=state)

    async def _look(
        self, connection: Connection, seat: Seat, snapshot: Snapshot, *, after: str | None, limit: int
    ) -> tuple[list[str], str | None]:
        """Return ids of a snapshot behind `after` by rising id, and where to go on, None at its end."""
        streams = replace(snapshot.wanted, newest_first=False).streams(seat.site.id, self._keys)
        sees = None if seat.sees_all else lambda _, page_url: seat.covers(page_url)
        ids, until = await queue.look(connection, streams, after=after, limit=limit, sees=sees)
        last = snapshot.until
        inside = [one for one in ids if one <= last]
        return inside, until if until is not None and until < last else None


def _place(seat: Seat, until: str | None) -> dict[str, str | None]:
    """Return where to go on: in the same site behind `until`, else with the sites that follow it.

    An exclamation mark comes before all that an id may go on with, so nothing lies between it and this site.
    """
    return {"site_id": seat.site.id if until else f"{seat.site.id}!", "position": until}


def _actor(seat: Seat) -> Actor:
    return Actor(means=Means.DESK, moderator_id=seat.moderator.id, name=seat.moderator.name)


def _chosen(seats: Sequence[Seat], site_id: str | None) -> list[Seat]:
    return [seat for seat in seats if site_id in (None, seat.site.id)]


def _to_text(snapshot: Snapshot) -> str:
    values = asdict(snapshot) | {"made_at": snapshot.made_at.isoformat()}
    return json.dumps(values, ensure_ascii=False)


def _from_text(text: str) -> Snapshot:
    values: Mapping[str, Any] = json.loads(text)
    wanted = values["wanted"]
    status = wanted["status"]
    return Snapshot(
        wanted=Filter(**wanted | {"status": Status(status) if status else None}),
        site_id=values["site_id"],
        until=values["until"],
        made_at=datetime.fromisoformat(values["made_at"]),
    )
