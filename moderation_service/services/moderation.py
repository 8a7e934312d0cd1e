"""Deciding on comments, by mailed link or by program."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from moderation_service.domain import decisions as rules
from moderation_service.domain.comments import QueuedComment, Status
from moderation_service.domain.decisions import Actor, Entry, Outcome, Request
from moderation_service.domain.errors import LinkVoidError, NotFoundError
from moderation_service.domain.link import Link
from moderation_service.domain.links import Links
from moderation_service.domain.sites import Moderator, Site, Sites
from moderation_service.storage import changes, comments, decisions, last_decisions, outbox
from moderation_service.storage.database import Connection, Database
from moderation_service.storage.engine_faults import ConnectionLostError

Announce = Callable[[], Awaitable[None]]
"""Says within this process that the public sees something else now; what remembers answers forgets them by it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A comment before a moderator, with what it answers, None where that is gone, and its newest decision."""

    site: Site
    moderator: Moderator
    comment: QueuedComment
    parent: QueuedComment | None
    last: Entry | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What became of one decision; `status` is where the comment stands now, None if there is none."""

    comment_id: str
    status: Status | None
    outcome: Outcome


def holder(link: Link, sites: Sites, links: Links) -> tuple[Site, Moderator]:
    """Return whose link it is; raise LinkVoidError when they left or have another address now."""
    site = sites.get(link.site_id)
    moderator = site.moderator(link.moderator_id) if site is not None else None
    if site is None or moderator is None or not links.is_address(link, moderator.email):
        raise LinkVoidError
    return site, moderator


async def open_case(database: Database, link: Link, site: Site, moderator: Moderator) -> Case:
    """Return the comment that a link is for.

    Raises LinkVoidError when it was edited or is gone, or when its page is no longer one of the moderator's.
    """
    async with database.read() as connection:
        comment = await comments.get(connection, link.comment_id)
        if comment is None or comment.site_id != site.id or comment.revision != link.revision:
            raise LinkVoidError
        if moderator not in site.moderators_of(comment.page_url):
            raise LinkVoidError
        parent = None if comment.parent_id is None else await comments.get(connection, comment.parent_id)
        last = (await decisions.newest(connection, [comment.id])).get(comment.id)
    return Case(site=site, moderator=moderator, comment=comment, parent=parent, last=last)


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What became of decisions: `numbers` are those of the new lines of history, by comment."""

    results: list[Result]
    numbers: dict[str, int]
    is_visible: bool


async def decide(
    database: Database,
    site: Site,
    requests: Sequence[Request],
    *,
    actor: Actor,
    now: datetime,
    announce: Announce,
) -> list[Result]:
    """Take decisions on a site's comments in one transaction; return what became of each, in order.

    Whoever reads from this process after the return sees them: a change of what is public is announced here, also
    when the connection broke and it may have been kept. Comments of other sites are not found. Rows are locked by
    rising id and the change counter comes last, so that two callers with the same comments in any order wait for
    each other and never for ever.
    """
    try:
        results, is_visible = await _decide(database, site, requests, actor, now)
    except ConnectionLostError:
        await announce()
        raise
    if is_visible:
        await announce()
    return results


async def _decide(
    database: Database, site: Site, requests: Sequence[Request], actor: Actor, now: datetime
) -> tuple[list[Result], bool]:
    """Do what `decide` says, in one transaction, and tell whether readers see a difference."""
    async with database.write() as connection:
        taken = await decide_within(connection, site, requests, actor=actor, now=now)
    return taken.results, taken.is_visible


async def decide_within(
    connection: Connection, site: Site, requests: Sequence[Request], *, actor: Actor, now: datetime
) -> Taken:
    """Take decisions in a transaction of the caller's, who announces after its commit what readers see."""
    is_visible = False
    ids = sorted({request.comment_id for request in requests})
    locked = await comments.lock(connection, ids)
    found = {one.id: one for one in locked.values() if one.site_id == site.id}
    last = await decisions.newest(connection, list(found))
    before = {comment_id: one.status for comment_id, one in found.items()}
    status = dict(before)
    results, written = _judge(requests, found, status, last, actor, now)
    if written:
        await decisions.add(connection, written)
        await last_decisions.note(connection, site.id, now)
        is_visible = await _write(connection, site.id, before, status, found, now)
    numbers = {comment.id: entry.number for comment, entry in written}
    return Taken(results=results, numbers=numbers, is_visible=is_visible)


def _judge(
    requests: Sequence[Request],
    found: dict[str, QueuedComment],
    status: dict[str, Status],
    last: dict[str, Entry],
    actor: Actor,
    now: datetime,
) -> tuple[list[Result], list[tuple[QueuedComment, Entry]]]:
    """Judge requests one after the other; `status` and `last` follow along."""
    results: list[Result] = []
    written: list[tuple[QueuedComment, Entry]] = []
    for request in requests:
        comment = found.get(request.comment_id)
        if comment is None or request.revision not in (None, comment.revision):
            results.append(Result(comment_id=request.comment_id, status=None, outcome=Outcome.NOT_FOUND))
            continue
        previous = last.get(comment.id)
        verdict = rules.judge(request, status[comment.id], previous, actor.means, now)
        if verdict.target is not None:
            entry = Entry(
                number=previous.number + 1 if previous else 1,
                decision=request.decision,
                from_status=status[comment.id],
                to_status=verdict.target,
                actor=actor,
                at=now,
                note=request.note,
            )
            written.append((comment, entry))
            last[comment.id], status[comment.id] = entry, verdict.target
        results.append(Result(comment_id=comment.id, status=status[comment.id], outcome=verdict.outcome))
    return results, written


async def _write(
    connection: Connection,
    site_id: str,
    before: dict[str, Status],
    after: dict[str, Status],
    found: dict[str, QueuedComment],
    now: datetime,
) -> bool:
    """Write the new states, and tell whether readers see a difference."""
    changed = [(one, after[one]) for one in sorted(found) if after[one] is not before[one]]
    for status in Status:
        ids = [one for one, target in changed if target is status]
        if ids:
            await comments.set_status(connection, status, ids, at=now)
    again_pending = [one for one, status in changed if status is Status.PENDING]
    if again_pending:
        await outbox.renew(connection, again_pending)
    visible = [one for one, status in changed if rules.changes_public_view(before[one], status)]
    if visible:
        await changes.stamp(connection, site_id, visible, at=now)
    return bool(visible)


async def history(database: Database, site: Site, comment_id: str) -> list[Entry]:
    """Return all decisions on a comment of a site, oldest first; raise NotFoundError for any other."""
    async with database.read() as connection:
        comment = await comments.get(connection, comment_id)
        if comment is None or comment.site_id != site.id:
            raise NotFoundError
        return await decisions.history(connection, comment_id)
