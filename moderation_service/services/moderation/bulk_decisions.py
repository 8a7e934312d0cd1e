"""Deciding on all that a filter matches, thousands at once, with one undo: in batches, so that others can write.

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

from moderation_service.domain import clocks
from moderation_service.domain.accounts.sites import Membership
from moderation_service.domain.comments.comment import QueuedComment, Status
from moderation_service.domain.errors import (
    FieldsInvalidError,
    ForgedFormError,
    LinkInvalidError,
    NotFoundError,
    TokenExpiredError,
)
from moderation_service.domain.keys import KeyRing
from moderation_service.domain.moderation.bulk_decisions import OPEN, Bulk, BulkState
from moderation_service.domain.moderation.decisions import (
    TARGETS,
    UNDO_WINDOW,
    Actor,
    Channel,
    Decision,
    Request,
)
from moderation_service.domain.moderation.queue_order import Order, Place
from moderation_service.domain.moderation.reason_presets import ReasonPreset
from moderation_service.domain.signing import Signer
from moderation_service.services.accounts.directory import Directory
from moderation_service.services.accounts.sessions import LIFETIME, Session
from moderation_service.services.moderation import queue
from moderation_service.services.moderation.decisions import Announce, decide_within
from moderation_service.services.moderation.desk_counts import Count
from moderation_service.services.moderation.queue import Filter
from moderation_service.storage.comments import comments
from moderation_service.storage.engine.database import Connection, Database
from moderation_service.storage.moderation import bulk_decisions, decisions

WITHOUT_ASKING = 50
"""How many may be decided at once without a page in between."""

KEPT = UNDO_WINDOW * 2
"""How long what a bulk decided is kept: for as long as it can be undone, and a day more."""

BATCH_SIZE = 200
"""How many comments one transaction of a bulk decision concerns."""

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
        batch_size: int = BATCH_SIZE,
    ) -> None:
        self._database = database
        self._directory = directory
        self._keys = keys
        self._clock = clock
        self._new_id = new_id
        self._announce = announce
        self._batch_size = batch_size
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

    async def preview(self, memberships: Sequence[Membership], snapshot: Snapshot) -> Preview:
        """Count what a snapshot holds by now, and show its first comments."""
        number, first = 0, list[str]()
        after: str | None = None
        async with self._database.read() as connection:
            for membership in _chosen(memberships, snapshot.site_id):
                after = None
                while number < _MOST_COUNTED:
                    ids, after = await self._look(connection, membership, snapshot, after=after, limit=_LOOK)
                    number += len(ids)
                    first += ids[:_SAMPLES]
                    if after is None:
                        break
            samples = await comments.get_many(connection, sorted(first)[:_SAMPLES])
        return Preview(count=Count(number=number, is_more=after is not None), samples=samples)

    async def begin(
        self,
        person_id: str,
        snapshot: Snapshot,
        decision: Decision,
        *,
        total: int,
        reason: str | None = None,
    ) -> str:
        """Begin a decision on all of a snapshot; return its id.

        Raises FieldsInvalidError for a reason that one of the sites has not.
        """
        if reason is not None:
            offered = reasons(self._directory.memberships_of(person_id), snapshot)
            if reason not in [one.code for one in offered]:
                raise FieldsInvalidError({"reason": ["invalid_choice"]})
        bulk = Bulk(
            id=self._new_id(),
            person_id=person_id,
            decision=decision,
            reason=reason,
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
            await bulk_decisions.add(connection, bulk)
        self._begun.set()
        return bulk.id

    async def undo(self, person_id: str, bulk_id: str) -> None:
        """Begin to take a bulk back, through or not; raise NotFoundError for another person's or an old one."""
        async with self._database.write() as connection:
            bulk = await bulk_decisions.get(connection, bulk_id, for_update=True)
            if bulk is None or bulk.person_id != person_id or not self.may_undo(bulk):
                raise NotFoundError
            if bulk.state in (BulkState.RUNNING, BulkState.DONE):
                back = replace(bulk, state=BulkState.UNDOING, site_id=None, position=None, total=bulk.done)
                await bulk_decisions.save(connection, back)
        self._begun.set()

    def may_undo(self, bulk: Bulk) -> bool:
        """Tell whether a bulk can be taken back still."""
        return clocks.age(bulk.created_at, self._clock()) <= UNDO_WINDOW

    async def recent(self, person_id: str) -> list[Bulk]:
        """Return a person's last bulks that can be undone, or are being worked off."""
        async with self._database.read() as connection:
            found = await bulk_decisions.of_person(
                connection, person_id, since=self._clock() - UNDO_WINDOW, limit=_SHOWN
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
            bulk = await bulk_decisions.get(connection, bulk_id)
        return bulk is not None and bulk.state in OPEN

    async def run(self) -> None:
        """Work off what was begun here or by another process, one batch after the other."""
        while True:
            self._begun.clear()
            async with self._database.read() as connection:
                bulk = await bulk_decisions.next_open(connection)
            if bulk is not None:
                await self._go_on(bulk)
                async with self._moved:
                    self._moved.notify_all()
                continue
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_EVERY):
                    await self._begun.wait()

    async def _go_on(self, bulk: Bulk) -> None:
        """Do one batch of one site; the sites follow each other by id."""
        memberships = sorted(self._directory.memberships_of(bulk.person_id), key=lambda one: one.site.id)
        snapshot = _from_text(bulk.wanted)
        left = [
            membership
            for membership in _chosen(memberships, snapshot.site_id)
            if bulk.site_id is None or membership.site.id >= bulk.site_id
        ]
        if not left:
            await self._close(bulk)
        elif bulk.state is BulkState.RUNNING:
            await self._decide(bulk, left[0], snapshot)
        else:
            await self._undo(bulk, left[0])

    async def _decide(self, bulk: Bulk, membership: Membership, snapshot: Snapshot) -> None:
        after = bulk.position if bulk.site_id == membership.site.id else None
        now = self._clock()
        async with self._database.read() as connection:
            ids, until = await self._look(connection, membership, snapshot, after=after, limit=self._batch_size)
            shown = await comments.get_many(connection, ids)
        requests = [
            Request(
                comment_id=one.id,
                decision=bulk.decision,
                expected=one.status,
                revision=one.newest_revision,
                reason=bulk.reason,
            )
            for one in shown
            if _stood_there(one, snapshot, now) and one.status is not TARGETS[bulk.decision] and not one.is_edited
        ]
        async with self._database.write() as connection:
            if await bulk_decisions.get(connection, bulk.id, for_update=True) != bulk:
                return
            taken = await decide_within(connection, membership.site, requests, actor=_actor(membership), now=now)
            await bulk_decisions.note(connection, bulk.id, membership.site.id, taken.numbers)
            moved = _moved(bulk, membership, until)
            await bulk_decisions.save(connection, replace(moved, done=bulk.done + len(taken.numbers)))
        if taken.is_visible:
            await self._announce()

    async def _undo(self, bulk: Bulk, membership: Membership) -> None:
        after = bulk.position if bulk.site_id == membership.site.id else None
        async with self._database.write() as connection:
            now = await bulk_decisions.get(connection, bulk.id, for_update=True)
            if now != bulk:
                return
            numbers = await bulk_decisions.items(
                connection, bulk.id, membership.site.id, after=after, limit=self._batch_size
            )
            await comments.lock(connection, list(numbers))
            last = await decisions.newest(connection, list(numbers))
            requests = [
                Request(comment_id=one, decision=Decision.UNDO, expected=TARGETS[bulk.decision])
                for one, number in numbers.items()
                if one in last and last[one].number == number
            ]
            taken = await decide_within(
                connection, membership.site, requests, actor=_actor(membership), now=self._clock()
            )
            until = max(numbers) if len(numbers) == self._batch_size else None
            moved = _moved(bulk, membership, until)
            await bulk_decisions.save(connection, replace(moved, undone=bulk.undone + len(taken.numbers)))
        if taken.is_visible:
            await self._announce()

    async def _close(self, bulk: Bulk) -> None:
        state = BulkState.DONE if bulk.state is BulkState.RUNNING else BulkState.UNDONE
        async with self._database.write() as connection:
            if await bulk_decisions.get(connection, bulk.id, for_update=True) == bulk:
                await bulk_decisions.save(connection, replace(bulk, state=state))

    async def _look(
        self, connection: Connection, membership: Membership, snapshot: Snapshot, *, after: str | None, limit: int
    ) -> tuple[list[str], str | None]:
        """Return ids of a snapshot behind `after` by rising id, and where to go on, None at its end.

        Published comments that readers reported are decided one by one.
        """
        streams = replace(snapshot.wanted, order=Order.OLDEST, reported=False).streams(
            membership.site.id, self._keys
        )
        sees = None if membership.sees_all else lambda _, page_url: membership.covers(page_url)
        place = None if after is None else Place(0, after)
        found, until = await queue.look(connection, streams, after=place, limit=limit, sees=sees)
        inside = [one.comment_id for one in found if one.comment_id <= snapshot.until]
        return inside, until.comment_id if until is not None and until.comment_id < snapshot.until else None


def reasons(memberships: Sequence[Membership], snapshot: Snapshot) -> list[ReasonPreset]:
    """Return the reasons that a decision on all of a snapshot may give: those that all of its sites have."""
    sites = [membership.site for membership in _chosen(memberships, snapshot.site_id)]
    return [one for one in sites[0].reasons if all(site.has_reason(one.code) for site in sites)] if sites else []


def _stood_there(comment: QueuedComment, snapshot: Snapshot, now: datetime) -> bool:
    """Tell whether a comment is as it was when a page was made; what changed in the future did so long ago."""
    return comment.changed_at <= snapshot.made_at or clocks.is_ahead(comment.changed_at, now)


def _moved(bulk: Bulk, membership: Membership, until: str | None) -> Bulk:
    """Return a bulk that goes on in the same site behind `until`, else with the sites that follow it.

    An exclamation mark comes before all that an id may go on with, so nothing lies between it and this site.
    """
    site_id = membership.site.id if until else f"{membership.site.id}!"
    return replace(bulk, site_id=site_id, position=until)


def _actor(membership: Membership) -> Actor:
    return Actor(channel=Channel.DESK, moderator_id=membership.moderator.id, name=membership.moderator.name)


def _chosen(memberships: Sequence[Membership], site_id: str | None) -> list[Membership]:
    return [membership for membership in memberships if site_id in (None, membership.site.id)]


def _to_text(snapshot: Snapshot) -> str:
    """Return a snapshot as JSON; what is as by default is left out, so that other versions can read it too."""
    wanted = {name: value for name, value in asdict(snapshot.wanted).items() if value != getattr(Filter(), name)}
    wanted |= {"status": snapshot.wanted.status}
    wanted.pop("order", None)
    values = asdict(snapshot) | {"wanted": wanted, "made_at": snapshot.made_at.isoformat()}
    return json.dumps(values, ensure_ascii=False)


def _from_text(text: str) -> Snapshot:
    """Read a snapshot; earlier versions wrote its order, which makes no difference."""
    values: Mapping[str, Any] = json.loads(text)
    wanted = {name: value for name, value in values["wanted"].items() if name != "newest_first"}
    status = wanted["status"]
    lists = {name: tuple(wanted.get(name, ())) for name in ("more_page_ids", "without_groups")}
    return Snapshot(
        wanted=Filter(**wanted | {"status": Status(status) if status else None, **lists}),
        site_id=values["site_id"],
        until=values["until"],
        made_at=datetime.fromisoformat(values["made_at"]),
    )
