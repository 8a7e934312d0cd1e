"""Blocks of sites: made, listed and lifted, and known in memory where comments come in."""

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from itertools import groupby
from operator import attrgetter
from typing import TypeVar

import structlog

from moderation_service.domain.accounts.sites import Site
from moderation_service.domain.errors import FieldsInvalidError, NotFoundError
from moderation_service.domain.keys import KeyRing
from moderation_service.domain.moderation import blocks as rules
from moderation_service.domain.moderation.blocks import Block, BlockKind, Blocklist, UnblockableError
from moderation_service.domain.moderation.decisions import Actor
from moderation_service.domain.screening.assessment import NOTHING, Finding, Reason, Verdict
from moderation_service.domain.screening.candidate import Candidate
from moderation_service.storage.comments import comment_networks, comments, contacts
from moderation_service.storage.engine.database import Database
from moderation_service.storage.moderation import blocks as stored
from schemas.base import Fault

KEPT_AFTER_END = timedelta(days=30)
"""How long a block that has ended is listed."""

MOST_OF_SITE = 2_000
"""How many blocks a site may have: every comment is held against all of them."""

_Result = TypeVar("_Result")
_REFUSED = Finding((Reason(rules.REASON),), Verdict.REFUSED)
_log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """Until when a block is to hold, None for ever; why, for moderators only; and who makes it."""

    ends_at: datetime | None
    reason: str | None
    actor: Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What of a comment can be blocked: its author's address, the network it came from, where it leads to."""

    address: str | None = field(repr=False)
    network_hash: str | None = field(repr=False)
    domains: list[str]

    @property
    def kinds(self) -> list[BlockKind]:
        """Return as what it can be blocked."""
        known = {
            BlockKind.ADDRESS: self.address is not None,
            BlockKind.NETWORK: self.network_hash is not None,
            BlockKind.DOMAIN: bool(self.domains),
        }
        return [kind for kind, is_known in known.items() if is_known]


@dataclass(frozen=True, slots=True, kw_only=True)
class BlocksSlice:
    """Some blocks, the newest first; `next_after` is the id to go on behind, None at the end."""

    blocks: list[Block]
    next_after: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Target:
    """What is to be blocked; `same` are the hashes, or the spellings, by which a block of it is found."""

    kind: BlockKind
    value: str | None = field(repr=False)
    value_hash: str | None = field(repr=False)
    same: Sequence[str] = field(repr=False)


class Blocks:
    """The blocks of all sites. They are few and never change, so that ids tell what `refresh` has to read."""

    def __init__(
        self,
        database: Database,
        keys: KeyRing,
        *,
        clock: Callable[[], datetime],
        new_id: Callable[[], str],
        most_of_site: int = MOST_OF_SITE,
    ) -> None:
        self._most_of_site = most_of_site
        self._database = database
        self._keys = keys
        self._clock = clock
        self._new_id = new_id
        self._known: Mapping[str, Block] = {}
        self._lists: Mapping[str, Blocklist] = {}
        self._reading = asyncio.Lock()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="blocks")

    async def refresh(self) -> None:
        """Take over what some process has blocked or lifted since."""
        async with self._reading, self._database.read() as connection:
            found = await stored.ids(connection)
            new = found - self._known.keys()
            if not new and len(found) == len(self._known):
                return
            read = await stored.load(connection, self._keys, sorted(new)) if new else []
        kept = [one for one in self._known.values() if one.id in found]
        self._take_over([*kept, *read])

    def look(self, candidate: Candidate) -> Finding:
        """Refuse a comment that a block of its site holds for."""
        blocklist = self._lists.get(candidate.site.id)
        if blocklist is None or blocklist.find(candidate, self._keys) is None:
            return NOTHING
        return _REFUSED

    async def listed(self, sites: Iterable[Site], *, after: str | None = None, limit: int) -> BlocksSlice:
        """Return up to `limit` blocks of some sites, those that ended lately among them."""
        async with self._database.read() as connection:
            found = await stored.newest(
                connection, self._keys, [site.id for site in sites], after=after, limit=limit + 1
            )
        return BlocksSlice(blocks=found[:limit], next_after=found[limit - 1].id if len(found) > limit else None)

    async def add(self, site: Site, kind: BlockKind, text: str, terms: Terms) -> Block:
        """Block what somebody typed, in place of a block of the same.

        Raises FieldsInvalidError for what is nothing of its kind or too much of it, and when there are too many.
        """
        try:
            value = await self._in_thread(partial(rules.read, kind, text, site))
        except UnblockableError as error:
            raise FieldsInvalidError({"value": ["invalid_block"]}) from error
        [block] = await self._add(site, [self._typed(site, kind, value)], terms)
        return block

    async def origin(self, site: Site, comment_id: str) -> Origin:
        """Return what of a comment can be blocked; raise NotFoundError where the site has none such."""
        async with self._database.read() as connection:
            comment = await comments.get(connection, comment_id)
            if comment is None or comment.site_id != site.id:
                raise NotFoundError
            address = await contacts.address(connection, self._keys, comment_id)
            network_hash = await comment_networks.of_comment(connection, site.id, comment_id)
        domains = await self._in_thread(
            partial(rules.domains_of, site, body=comment.body, author_url=comment.author_url)
        )
        return Origin(address=address, network_hash=network_hash, domains=domains)

    async def add_from_comment(
        self,
        site: Site,
        comment_id: str,
        kinds: Collection[BlockKind],
        terms: Terms,
        *,
        domains: Collection[str] | None = None,
    ) -> list[Block]:
        """Block what a comment came from or leads to; of its domains some, or all.

        Raises NotFoundError where the site has no such comment, FieldsInvalidError for what is not known of it.
        """
        origin = await self.origin(site, comment_id)
        chosen = origin.domains if domains is None else [one for one in origin.domains if one in domains]
        if not kinds or not set(kinds) <= set(origin.kinds) or (BlockKind.DOMAIN in kinds and not chosen):
            raise FieldsInvalidError({"kind": ["invalid_choice"]})
        targets: list[_Target] = []
        if BlockKind.ADDRESS in kinds and origin.address is not None:
            targets.append(self._typed(site, BlockKind.ADDRESS, origin.address))
        if BlockKind.NETWORK in kinds and origin.network_hash is not None:
            found = origin.network_hash
            targets.append(_Target(kind=BlockKind.NETWORK, value=None, value_hash=found, same=[found]))
        if BlockKind.DOMAIN in kinds:
            targets += [self._typed(site, BlockKind.DOMAIN, one) for one in chosen]
        return await self._add(site, targets, terms)

    async def lift(self, sites: Iterable[Site], block_id: str, *, actor: Actor) -> None:
        """Lift a block of one of some sites; raise NotFoundError where there is none such."""
        async with self._database.write() as connection:
            site_id = await stored.remove(connection, [site.id for site in sites], block_id)
        if site_id is None:
            raise NotFoundError
        await self.refresh()
        _log.info("block.lifted", block=block_id, site=site_id, **_by(actor))

    def usual_end(self, site: Site) -> datetime | None:
        """Return until when a block of a site holds that nobody gives an end."""
        return None if site.block_for is None else self._clock() + site.block_for

    async def _in_thread(self, work: Callable[[], _Result]) -> _Result:
        """Do what may take long in a thread that looking up names and sending files do not share."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def _add(self, site: Site, targets: Sequence[_Target], terms: Terms) -> list[Block]:
        now = self._clock()
        made = [
            Block(
                id=self._new_id(),
                site_id=site.id,
                kind=one.kind,
                value=one.value,
                value_hash=one.value_hash,
                reason=terms.reason,
                actor=terms.actor,
                created_at=now,
                ends_at=terms.ends_at,
            )
            for one in targets
        ]
        async with self._database.write() as connection:
            for block, target in zip(made, targets, strict=True):
                await stored.add(connection, self._keys, block, same=target.same)
            if await stored.count(connection, site.id) > self._most_of_site:
                raise FieldsInvalidError({"value": [Fault("too_many", self._most_of_site)]})
        await self.refresh()
        for block in made:
            _log.info("block.made", block=block.id, site=site.id, kind=block.kind.value, **_by(terms.actor))
        return made

    def _typed(self, site: Site, kind: BlockKind, value: str) -> _Target:
        hashes = rules.value_hashes(self._keys, site.id, kind, value)
        alike = (
            one.value
            for one in self._known.values()
            if one.site_id == site.id and one.kind is kind and one.value is not None
        )
        spelled = {value, *(one for one in alike if rules.key(kind, one) == rules.key(kind, value))}
        return _Target(
            kind=kind,
            value=value,
            value_hash=hashes[0] if hashes else None,
            same=hashes or sorted(spelled),
        )

    def _take_over(self, blocks: Iterable[Block]) -> None:
        by_site = sorted(blocks, key=attrgetter("site_id"))
        now = self._clock()
        self._known = {one.id: one for one in by_site}
        self._lists = {
            site_id: Blocklist(found, now=now) for site_id, found in groupby(by_site, attrgetter("site_id"))
        }


def _by(actor: Actor) -> dict[str, str | None]:
    return {"channel": actor.channel.value, "moderator": actor.moderator_id}
