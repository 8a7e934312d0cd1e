"""The desk: what waits for one person over all their sites, its history, and deciding many at once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from moderation_service.domain.accounts.sites import Membership
from moderation_service.domain.comments.comment import QueuedComment, Status
from moderation_service.domain.comments.receipts import AuthorChange
from moderation_service.domain.errors import NotFoundError
from moderation_service.domain.keys import KeyRing
from moderation_service.domain.moderation.authors import Author
from moderation_service.domain.moderation.decision_batch import Result
from moderation_service.domain.moderation.decisions import Actor, Channel, Entry, Outcome, Request
from moderation_service.domain.moderation.queue_order import Order, Place
from moderation_service.domain.moderation.reports import Reports
from moderation_service.services.moderation import authors, desk_counts, queue, responsibility
from moderation_service.services.moderation.decisions import Moderation, history_of
from moderation_service.services.moderation.desk_counts import Group, Overview
from moderation_service.services.moderation.queue import Filter
from moderation_service.storage.comments import comments
from moderation_service.storage.engine.database import Connection, Database
from moderation_service.storage.moderation import address_views, counts, decisions, reports
from moderation_service.storage.moderation import queue as stored
from moderation_service.storage.moderation.address_views import AddressView

_LAST = 5
_LOOKED_AT_FOR_LAST = 50
_MOST_UPDATES = 1_000
_MOST_REPLIES = 50
_MOST_ANCESTORS = 20
_MOST_TODAY = 10_000
_PEEKED_AT = 10
_LAST_OF_AUTHOR = 3


_NEWEST = Filter(order=Order.NEWEST)


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A comment on the desk; `parent` is what it answers, `last` its newest decision.

    `author` is what the site knows by other comments of the address; None where that was not looked for. `reports`
    are the open ones of readers.
    """

    membership: Membership
    comment: QueuedComment
    address: str | None
    parent: QueuedComment | None
    last: Entry | None
    author: Author | None = None
    reports: Reports = Reports(())


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuePage:
    """A slice of the queue, the last decisions, and all numbers; what comes after `newest` is new.

    `suspects` are the first of those that stand apart from what is shown.
    """

    items: list[Item]
    next_after: Place | None
    suspects: list[Item]
    alike: list["AlikeItem"]
    last: list[Item]
    newest: str | None
    overview: Overview


@dataclass(frozen=True, slots=True, kw_only=True)
class AlikeItem:
    """Suspects that are alike, which are one item of the queue, and the first of them."""

    group: Group
    first: Item


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """All that is known of one comment; `ancestors` is what it answers, the first one first.

    `others` are the author's newest other comments on the site, `reports` the newest of readers, open or not.
    """

    item: Item
    others: list[Item]
    ancestors: list[Item]
    replies: list[Item]
    history: list[Entry | AuthorChange]
    views: list[AddressView]
    reports: Reports


@dataclass(frozen=True, slots=True, kw_only=True)
class Updates:
    """How comments that are shown stand by now, how many came meanwhile, and how many there are."""

    items: list[Item]
    new: int
    overview: Overview


class Desk:
    """Answers one person's questions, and only about comments that are that person's to decide."""

    def __init__(
        self,
        database: Database,
        keys: KeyRing,
        moderation: Moderation,
        *,
        person_ids: Callable[[], list[str]],
        clock: Callable[[], datetime],
        new_id: Callable[[], str],
    ) -> None:
        self._database = database
        self._moderation = moderation
        self._keys = keys
        self._person_ids = person_ids
        self._clock = clock
        self._new_id = new_id

    async def queue_page(
        self,
        memberships: Sequence[Membership],
        wanted: Filter,
        *,
        site_id: str | None,
        after: Place | None,
        limit: int,
        suspects_apart: bool,
    ) -> QueuePage:
        """Return up to `limit` comments behind `after`, of one site or of all, fewer where they are long."""
        chosen = [membership for membership in memberships if site_id in (None, membership.site.id)]
        async with self._database.read() as connection:
            groups = await desk_counts.groups(connection, self._keys, chosen, wanted)
            without = tuple(sorted({one.text_group for one in groups}))
            listed = replace(wanted, without_groups=without) if wanted.suspects else wanted
            found, behind = await self._look(connection, chosen, listed, after=after, limit=limit)
            shown, next_after = await queue.cut(connection, found, behind)
            newest, _ = await self._look(connection, memberships, _NEWEST, after=None, limit=1)
            suspects: list[Place] = []
            if wanted.suspects is False:
                apart = replace(wanted, suspects=True, without_groups=without)
                suspects, _ = await self._look(connection, chosen, apart, after=None, limit=_PEEKED_AT)
            items = await self._items(connection, memberships, [one.comment_id for one in shown])
            return QueuePage(
                items=await self._with_authors(connection, memberships, items),
                next_after=next_after,
                suspects=await self._items(connection, memberships, [one.comment_id for one in suspects]),
                alike=await self._alike(connection, chosen, groups),
                last=await self._items(connection, memberships, await self._last(connection, memberships)),
                overview=await desk_counts.overview(
                    connection,
                    self._keys,
                    memberships,
                    wanted,
                    site_id=site_id,
                    with_search=True,
                    suspects_apart=suspects_apart,
                ),
                newest=newest[0].comment_id if newest else None,
            )

    async def first_waiting(self, memberships: Sequence[Membership]) -> str | None:
        """Return the first comment of this person's queue."""
        after: Place | None = None
        async with self._database.read() as connection:
            while True:
                found, after = await self._look(
                    connection, memberships, Filter(order=Order.QUEUE, reported=True), after=after, limit=1
                )
                if found or after is None:
                    return found[0].comment_id if found else None

    async def updates(
        self,
        memberships: Sequence[Membership],
        wanted: Filter,
        shown: Sequence[str],
        *,
        site_id: str | None,
        newest: str | None,
        with_search: bool,
        suspects_apart: bool,
    ) -> Updates:
        """Return how the shown comments stand now, and count what came behind `newest` and would be shown."""
        chosen = [membership for membership in memberships if site_id in (None, membership.site.id)]
        waiting = Filter(page_id=wanted.page_id, more_page_ids=wanted.more_page_ids, suspects=wanted.suspects)
        after = None if newest is None else Place(0, newest)
        async with self._database.read() as connection:
            new, _ = await self._look(connection, chosen, waiting, after=after, limit=_MOST_UPDATES)
            return Updates(
                items=await self._items(connection, memberships, shown),
                new=len(new),
                overview=await desk_counts.overview(
                    connection,
                    self._keys,
                    memberships,
                    wanted,
                    site_id=site_id,
                    with_search=with_search,
                    suspects_apart=suspects_apart,
                ),
            )

    async def decided_today(self, memberships: Sequence[Membership]) -> dict[Status, int]:
        """Return what was decided today, by where it led; of sites that are one person's whole."""
        now = self._clock().astimezone(ZoneInfo(memberships[0].moderator.timezone))
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        site_ids = [membership.site.id for membership in memberships if membership.sees_all]
        async with self._database.read() as connection:
            return await counts.decided_since(connection, site_ids, midnight, limit=_MOST_TODAY)

    async def file(self, memberships: Sequence[Membership], comment_id: str) -> File:
        """Return one comment with its history; raise NotFoundError unless it is this person's."""
        async with self._database.read() as connection:
            return await self._file(connection, memberships, comment_id)

    async def show_address(self, memberships: Sequence[Membership], comment_id: str) -> File:
        """Record that the person looks at the whole address, and return the file with that record in it."""
        async with self._database.write() as connection:
            item = (await self._file(connection, memberships, comment_id)).item
            if item.address is None:
                raise NotFoundError
            view = AddressView(
                moderator_id=item.membership.moderator.id,
                actor_name=item.membership.moderator.name,
                at=self._clock(),
            )
            await address_views.add(connection, view, new_id=self._new_id(), comment_id=comment_id)
            return await self._file(connection, memberships, comment_id)

    async def put_author_note(self, memberships: Sequence[Membership], comment_id: str, text: str | None) -> None:
        """Write what the person notes about the author of a comment, or take the note away where there is no text.

        Raises NotFoundError unless the comment is this person's and its author gave an address.
        """
        async with self._database.write() as connection:
            found = await self._items(connection, memberships, [comment_id])
            if not found or (address := found[0].address) is None:
                raise NotFoundError
            [item] = found
            await authors.write_note(
                connection,
                item.comment.site_id,
                authors.hashes_of(self._keys, address),
                text,
                actor=_actor(item.membership),
                now=self._clock(),
                new_id=self._new_id(),
            )

    async def decide(self, memberships: Sequence[Membership], requests: Sequence[Request]) -> list[Result]:
        """Take decisions, one transaction a site; comments that are not this person's are not found."""
        async with self._database.read() as connection:
            asked = await comments.get_many(connection, [request.comment_id for request in requests])
            membership_of = await self._memberships_of(connection, memberships, asked)
        results: dict[str, Result] = {}
        for membership in memberships:
            here = [one for one in requests if membership_of.get(one.comment_id) == membership]
            if not here:
                continue
            for result in await self._moderation.decide(membership.site, here, actor=_actor(membership)):
                results[result.comment_id] = result
        return [
            results.get(one.comment_id)
            or Result(comment_id=one.comment_id, status=None, outcome=Outcome.NOT_FOUND)
            for one in requests
        ]

    async def _look(
        self,
        connection: Connection,
        memberships: Sequence[Membership],
        wanted: Filter,
        *,
        after: Place | None,
        limit: int,
    ) -> tuple[list[Place], Place | None]:
        streams = [
            stream for membership in memberships for stream in wanted.streams(membership.site.id, self._keys)
        ]
        sees = None if all(membership.sees_all for membership in memberships) else _sees(memberships)
        return await queue.look(connection, streams, after=after, limit=limit, sees=sees)

    async def _alike(
        self, connection: Connection, memberships: Sequence[Membership], groups: Sequence[Group]
    ) -> list[AlikeItem]:
        """Return groups with their first comments."""
        found: list[AlikeItem] = []
        for group in groups:
            theirs = Filter(order=Order.QUEUE, suspects=True, text_group=group.text_group)
            here = [membership for membership in memberships if membership.site.id == group.site_id]
            first, _ = await self._look(connection, here, theirs, after=None, limit=1)
            items = await self._items(connection, here, [one.comment_id for one in first])
            found += [AlikeItem(group=group, first=item) for item in items]
        return found

    async def _last(self, connection: Connection, memberships: Sequence[Membership]) -> list[str]:
        """Return what was decided last, the newest first."""
        recent = [
            (membership, found)
            for membership in memberships
            for found in await stored.recently_decided(connection, membership.site.id, _LOOKED_AT_FOR_LAST)
        ]
        entries = await decisions.newest(connection, [found.id for _, found in recent])
        theirs = [
            found.id
            for membership, found in recent
            if found.id in entries
            and (
                membership.covers(found.page_url)
                or responsibility.is_own(membership, entries[found.id], self._clock())
            )
        ]
        return sorted(theirs, key=lambda one: entries[one].at, reverse=True)[:_LAST]

    async def _file(self, connection: Connection, memberships: Sequence[Membership], comment_id: str) -> File:
        found = await self._items(connection, memberships, [comment_id])
        if not found:
            raise NotFoundError
        [item] = await self._with_authors(connection, memberships, found)
        others = await authors.others(
            connection,
            self._keys,
            item.comment,
            item.address,
            limit=_LAST_OF_AUTHOR,
            sees=_sees(memberships),
        )
        ancestors = await comments.ancestors(connection, item.comment, limit=_MOST_ANCESTORS)
        replies = await comments.replies(connection, item.comment, limit=_MOST_REPLIES)
        return File(
            item=item,
            others=await self._items(connection, memberships, others),
            ancestors=await self._items(connection, memberships, ancestors),
            replies=await self._items(connection, memberships, replies),
            history=await history_of(connection, comment_id),
            views=await address_views.of_comment(connection, comment_id),
            reports=await reports.of_comment(connection, comment_id),
        )

    async def _items(
        self, connection: Connection, memberships: Sequence[Membership], ids: Sequence[str]
    ) -> list[Item]:
        """Return those of the comments that are this person's, in the order of the ids."""
        loaded = await queue.load(connection, self._keys, [Place(0, one) for one in ids], None)
        membership_of = await self._memberships_of(connection, memberships, loaded.comments)
        parent_ids = {one.parent_id for one in loaded.comments if one.parent_id is not None}
        parents = {one.id: one for one in await comments.get_many(connection, sorted(parent_ids))}
        last = await decisions.newest(connection, ids)
        reported = [one.id for one in loaded.comments if one.report_place is not None]
        open_reports = await reports.open_of(connection, reported) if reported else {}
        return [
            Item(
                membership=membership,
                comment=one,
                address=loaded.addresses.get(one.id),
                parent=parents.get(one.parent_id or ""),
                last=last.get(one.id),
                reports=open_reports.get(one.id, Reports(())),
            )
            for one in loaded.comments
            if (membership := membership_of.get(one.id)) is not None
        ]

    async def _with_authors(
        self, connection: Connection, memberships: Sequence[Membership], items: Sequence[Item]
    ) -> list[Item]:
        """Return the items with what is known of their authors by other comments."""
        known = await authors.known(
            connection,
            self._keys,
            [item.comment for item in items],
            {item.comment.id: item.address for item in items if item.address is not None},
            sees=_sees(memberships),
        )
        return [
            replace(item, author=known[item.comment.id].without(item.comment.status))
            if item.comment.id in known
            else item
            for item in items
        ]

    async def _memberships_of(
        self, connection: Connection, memberships: Sequence[Membership], found: Sequence[QueuedComment]
    ) -> dict[str, Membership]:
        return await responsibility.memberships_of(
            connection, memberships, found, everybody=self._person_ids(), now=self._clock()
        )


def _actor(membership: Membership) -> Actor:
    return Actor(channel=Channel.DESK, moderator_id=membership.moderator.id, name=membership.moderator.name)


def _membership(memberships: Sequence[Membership], site_id: str, page_url: str) -> Membership | None:
    """Return the membership whose comments those of a page are."""
    return next((one for one in memberships if one.site.id == site_id and one.covers(page_url)), None)


def _sees(memberships: Sequence[Membership]) -> queue.Sees:
    return lambda site_id, page_url: _membership(memberships, site_id, page_url) is not None
