"""Bringing all that is stored under older secret keys to the newest one, while the service runs.

Every listed key opens everything all the time, so it makes no difference to anybody how far this has come. A row
is only changed if it is still as it was read; what is killed in between goes on where it was when it is run again.
"""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from moderation_service.domain.accounts import addresses
from moderation_service.domain.accounts.sites import Sites
from moderation_service.domain.keys import KeyNotListedError, KeyRing
from moderation_service.domain.moderation import blocks
from moderation_service.domain.moderation.blocks import BlockKind
from moderation_service.domain.screening.networks import network_hashes
from moderation_service.services.accounts.directory import Directory
from moderation_service.storage.comments import contacts, idempotency
from moderation_service.storage.engine.batches import in_batches
from moderation_service.storage.engine.database import Connection, Database
from moderation_service.storage.moderation import blocks as stored_blocks
from moderation_service.storage.moderation import reporters as stored_reporters
from moderation_service.storage.moderation import reports as stored_reports
from moderation_service.storage.operations import keys as stored_keys
from moderation_service.storage.operations import rekeying
from moderation_service.storage.operations.rekeying import Renewal, SealedTable
from moderation_service.storage.screening import outside_checks

MOST_ROUNDS = 3
"""How often all is looked through: once more than needed means that somebody still writes under an older key."""

_KEY_ID_BYTES = 8

OnProgress = Callable[[int, int], None]
"""Called with how many rows were looked at, and of how many."""


class StillWritingError(Exception):
    """A process goes on to store things under an older key."""


@dataclass(slots=True)
class Rotation:
    """What was done: rows brought to the newest key, and what only was a hash and is forgotten, by what it is.

    `retired` are the ids of keys under which nothing is stored any more; `unreadable` rows, by table, cannot be
    decrypted by any listed key, and then no key is retired.
    """

    renewed: Counter[str] = field(default_factory=Counter)
    forgotten: Counter[str] = field(default_factory=Counter)
    unreadable: Counter[str] = field(default_factory=Counter)
    retired: list[str] = field(default_factory=list)


async def rotate(
    database: Database,
    keys: KeyRing,
    sites: Sites,
    *,
    clock: Callable[[], datetime],
    new_id: Callable[[], str],
    on_progress: OnProgress = lambda *_: None,
) -> Rotation:
    """Bring everything to the newest of the listed keys.

    All is looked through where an older key is listed, though nothing should be stored under it any more: a
    process that had it in front, and stored nothing while this was done before, may have done so later.

    Raises KeyNotListedError where one that is needed is not listed, StillWritingError while a process has an older
    key in front.
    """
    began_at = clock()
    directory = Directory(keys)
    await directory.replace(database, sites, now=began_at, new_id=new_id)
    async with database.read() as connection:
        older = [one for one in await stored_keys.in_use(connection) if one != keys.current_id]
    done = Rotation()
    if not older and len(keys.ids) == 1:
        return done
    walk = _Walk(database, keys, done, on_progress)
    for _ in range(MOST_ROUNDS):
        if not await walk.through():
            break
    else:
        raise StillWritingError
    await _forget_hashes(database, directory, done, before=began_at)
    if not done.unreadable:
        async with database.exclusive() as connection:
            await stored_keys.end_use(connection, older)
        done.retired = older
    return done


@dataclass(slots=True)
class _Walk:
    """One look after the other at all that is encrypted."""

    database: Database
    keys: KeyRing
    done: Rotation
    on_progress: OnProgress

    async def through(self) -> int:
        """Renew what is under an older key; return how many rows that were."""
        self.done.unreadable.clear()
        tables = sorted(rekeying.sealed_tables(), key=lambda one: one.table.name != contacts.TABLE)
        async with self.database.read() as connection:
            total = sum([await rekeying.count(connection, one) for one in tables])
        looked, renewed = 0, 0
        for sealed in tables:
            async for found in self._batches(sealed):
                renewed += await self._renew(sealed, found)
                looked += len(found)
                self.on_progress(looked, max(total, looked))
        return renewed

    async def _batches(self, sealed: SealedTable) -> AsyncIterator[Sequence[Any]]:
        """Read a table in the order of its keys, up to where nobody has written yet."""
        most = self.database.limits.batch_rows
        after: Sequence[object] | None = None
        while True:
            async with self.database.read() as connection:
                found = await rekeying.rows(connection, sealed, most, after=after)
            yield found
            if len(found) < most:
                return
            after = [getattr(found[-1], one.name) for one in sealed.key]

    async def _renew(self, sealed: SealedTable, found: Sequence[Any]) -> int:
        """Renew what is under an older key among some rows, then leave as much time to others as it took."""
        current = bytes.fromhex(self.keys.current_id)
        renewals = []
        for row in found:
            values = {one.name: getattr(row, one.name) for one in sealed.columns}
            if all(not value or value[:_KEY_ID_BYTES] == current for value in values.values()):
                continue
            try:
                renewals.append(self._renewal(sealed, row, values))
            except KeyNotListedError:
                self.done.unreadable[sealed.table.name] += 1
        if not renewals:
            return 0
        began = time.monotonic()
        async with self.database.write() as connection:
            await self._store(connection, sealed, renewals)
        self.done.renewed[sealed.table.name] += len(renewals)
        await asyncio.sleep(time.monotonic() - began)
        return len(renewals)

    def _renewal(self, sealed: SealedTable, row: Any, values: Mapping[str, bytes | None]) -> Renewal:
        table, bound_to = sealed.table.name, getattr(row, sealed.row.name)
        opened = {name: self.keys.open(one, table=table, row=bound_to) for name, one in values.items() if one}
        after: dict[str, object] = {
            name: self.keys.seal(opened[name], table=table, row=bound_to) if one else one
            for name, one in values.items()
        }
        if table in (contacts.TABLE, stored_reporters.TABLE, stored_reports.TABLE):
            after["address_hash"] = _author(self.keys, opened["address_sealed"])[0]
        elif table == stored_blocks.TABLE:
            kind = BlockKind(row.kind)
            after["value_hash"] = blocks.value_hashes(self.keys, row.site_id, kind, opened["value_sealed"])[0]
        return Renewal(row=row, after=after)

    async def _store(self, connection: Connection, sealed: SealedTable, renewals: Sequence[Renewal]) -> None:
        if sealed.table.name == idempotency.TABLE:
            await rekeying.forget_replays(connection, [one.row for one in renewals])
            return
        await rekeying.renew(connection, sealed, renewals)
        if sealed.table.name == contacts.TABLE:
            await self._renew_around(connection, renewals)
        elif sealed.table.name == stored_reporters.TABLE:
            await rekeying.rename_authors(
                connection, {one.row.address_hash: str(one.after["address_hash"]) for one in renewals}
            )
        elif sealed.table.name == stored_blocks.TABLE:
            await rekeying.rename_authors(
                connection,
                {one.row.value_hash: str(one.after["value_hash"]) for one in renewals if one.row.value_hash},
            )

    async def _renew_around(self, connection: Connection, renewals: Sequence[Renewal]) -> None:
        """Bring along hashes of the same addresses elsewhere, and of the networks of comments as far as known."""
        await rekeying.rename_authors(
            connection, {one.row.address_hash: str(one.after["address_hash"]) for one in renewals}
        )
        ids = [one.row.comment_id for one in renewals]
        networks: dict[str, str] = {}
        renamed: dict[str, str] = {}
        for row in await rekeying.known_networks(connection, ids):
            try:
                network = self.keys.open(row.network_sealed, table=outside_checks.TABLE, row=row.comment_id)
            except KeyNotListedError:
                continue
            newest, *others = network_hashes(self.keys, row.site_id, network)
            networks[row.comment_id] = newest
            renamed |= dict.fromkeys(others, newest)
        await rekeying.rename_networks_of_blocks(connection, renamed)
        forgotten, posts = await rekeying.renew_traces(connection, ids, networks)
        self.done.forgotten["networks of comments"] += forgotten
        self.done.forgotten["recent posts"] += posts


async def _forget_hashes(database: Database, directory: Directory, done: Rotation, *, before: datetime) -> None:
    """Forget hashes that nobody can compute again, as what they are made of is not stored."""
    jobs: dict[str, Callable[[Connection, int], Awaitable[int]]] = {
        "networks of comments": partial(rekeying.forget_networks, before=before),
        "recent posts": partial(rekeying.forget_posts, before=before),
        "idempotency keys": partial(rekeying.forget_old_replays, before=before),
        "networks of reports": partial(stored_reports.forget_networks, before=before),
        "networks of log-ins": partial(rekeying.forget_login_networks, before=before),
        "networks of mails to authors": partial(rekeying.forget_networks_of_mails, before=before),
        "blocks of networks": partial(rekeying.forget_hashed_blocks, before=before),
        "notes on authors": _forget_notes,
    }
    for name, job in jobs.items():
        done.forgotten[name] += await in_batches(database, job)
    async with database.exclusive() as connection:
        await rekeying.forget_reports(connection, before=before)
        people = await rekeying.forget_people(connection, directory.person_ids())
        done.forgotten["addresses of people who moderate nothing"] += people
    done.forgotten["idempotency keys"] += done.renewed.pop(idempotency.TABLE, 0)


async def _forget_notes(connection: Connection, most: int) -> int:
    hashes = await rekeying.unknown_notes(connection, most)
    return await rekeying.forget_notes(connection, hashes) if hashes else 0


def _author(keys: KeyRing, address: str) -> tuple[str, ...]:
    return keys.keyed_hashes(addresses.AUTHOR, addresses.identity(address))
