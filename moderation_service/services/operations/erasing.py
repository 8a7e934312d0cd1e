"""Erasing comments on request, wherever something of them is stored."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from moderation_service.domain.accounts import addresses
from moderation_service.domain.keys import KeyRing
from moderation_service.storage.comments import changes, comments, erasure
from moderation_service.storage.engine.database import Database
from moderation_service.storage.moderation import blocks

_BATCH = 50


@dataclass(slots=True)
class Erased:
    """What was erased: the ids of comments, of how many the public learns that they are gone, and since when.

    `oldest` is when the first of them came in, None where there was none: no copy of before holds any.
    """

    comment_ids: list[str] = field(default_factory=list)
    announced: int = 0
    oldest: datetime | None = None


async def of_address(database: Database, keys: KeyRing, address: str, *, site_id: str | None = None) -> list[str]:
    """Return the comments under whose author an address is stored, at one site or everywhere.

    Raises InvalidAddressError for what is no address.
    """
    hashes = _hashes(keys, address)
    async with database.read() as connection:
        return await erasure.of_addresses(connection, hashes, site_id=site_id)


async def stored(database: Database, comment_ids: Sequence[str]) -> set[str]:
    """Return which of some comments are stored and not erased yet."""
    async with database.read() as connection:
        return {one.id for one in await comments.get_many(connection, comment_ids)}


async def erase(database: Database, comment_ids: Sequence[str], *, now: datetime) -> Erased:
    """Erase comments in batches."""
    done = Erased()
    for first in range(0, len(comment_ids), _BATCH):
        async with database.write() as connection:
            locked = await comments.lock(connection, comment_ids[first : first + _BATCH])
            if not locked:
                continue
            await erasure.erase(connection, sorted(locked), at=now)
            by_site: dict[str, list[str]] = {}
            for one in locked.values():
                if one.change_number is not None:
                    by_site.setdefault(one.site_id, []).append(one.id)
            for site_id in sorted(by_site):
                await changes.stamp(connection, site_id, sorted(by_site[site_id]), at=now)
                done.announced += len(by_site[site_id])
            done.comment_ids += sorted(locked)
            came = [one.created_at for one in locked.values()]
            done.oldest = min(came if done.oldest is None else [*came, done.oldest])
    return done


async def erase_address(database: Database, keys: KeyRing, address: str, *, site_id: str | None = None) -> int:
    """Erase what else names an address: reports that it sent to one site or to all, and what was looked for by it.

    Return how many reports that were; raise InvalidAddressError for what is no address.
    """
    async with database.write() as connection:
        await erasure.forget_searches(connection, address)
        return await erasure.forget_reporter(connection, _hashes(keys, address), site_id=site_id)


async def blocks_of(database: Database, keys: KeyRing, address: str) -> int:
    """Return how many blocks of an address there are: an erasure leaves them."""
    async with database.read() as connection:
        return await blocks.count_of(connection, _hashes(keys, address))


class Purge:
    """Lets what was erased be gone from the database's files, beside all else."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._is_wanted = asyncio.Event()

    def want(self) -> None:
        """Ask for it, as something was erased."""
        self._is_wanted.set()

    async def work(self) -> None:
        """Do it whenever it is asked for, again until it is done."""
        while True:
            await self._is_wanted.wait()
            self._is_wanted.clear()
            if await self._database.purge() is False:
                self._is_wanted.set()


def _hashes(keys: KeyRing, address: str) -> tuple[str, ...]:
    return keys.keyed_hashes(addresses.AUTHOR, addresses.identity(addresses.normalise(address, local=True)))
