"""Deciding on comments, by mailed link or by program."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from heapq import merge
from types import MappingProxyType

from moderation_service.domain.accounts.sites import Moderator, Site
from moderation_service.domain.comments.comment import QueuedComment, Redaction, Status
from moderation_service.domain.comments.receipts import AuthorChange
from moderation_service.domain.errors import FieldsInvalidError, LinkVoidError, NotFoundError
from moderation_service.domain.keys import KeyRing
from moderation_service.domain.moderation import decisions as rules
from moderation_service.domain.moderation.authors import Author
from moderation_service.domain.moderation.decision_batch import DecisionBatch, Result, Step
from moderation_service.domain.moderation.decisions import (
    Actor,
    Channel,
    Decision,
    Entry,
    Request,
)
from moderation_service.domain.moderation.link import Link
from moderation_service.domain.moderation.links import Links
from moderation_service.domain.moderation.reports import Reports
from moderation_service.services.accounts.directory import Directory
from moderation_service.services.comments.rendering import Renderer
from moderation_service.services.moderation import answers, authors, redactions
from moderation_service.services.notifications import author_notices, reporter_mails, statements
from moderation_service.storage.comments import changes, comments, contacts, receipts, revisions
from moderation_service.storage.engine.database import Connection, Database
from moderation_service.storage.engine.faults import ConnectionLostError
from moderation_service.storage.moderation import decisions, reports
from moderation_service.storage.notifications import outbox
from moderation_service.storage.screening import learning, outside_checks

Announce = Callable[[], Awaitable[None]]
"""Says within this process that the public sees something else now; what remembers answers forgets them by it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A comment before a moderator, with what it answers, None where that is gone, and its newest decision.

    `author` is what the site knows by other comments of the address, None where it was given none. `reports` are
    the open ones of readers. `is_outdated` if the link was mailed for an older text than the one shown.
    """

    site: Site
    moderator: Moderator
    comment: QueuedComment
    parent: QueuedComment | None
    last: Entry | None
    author: Author | None
    reports: Reports
    is_outdated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What became of decisions: `numbers` are those of the new lines of history, by comment."""

    results: list[Result]
    numbers: dict[str, int]
    is_visible: bool


class Moderation:
    """Shows moderators and programs what they decide on, and takes their decisions."""

    def __init__(
        self,
        database: Database,
        directory: Directory,
        links: Links,
        keys: KeyRing,
        renderer: Renderer,
        *,
        clock: Callable[[], datetime],
        announce: Announce,
    ) -> None:
        self._database = database
        self._directory = directory
        self._links = links
        self._keys = keys
        self._renderer = renderer
        self._clock = clock
        self._announce = announce

    def holder(self, link: Link) -> tuple[Site, Moderator]:
        """Return whose link it is; raise LinkVoidError when they left or have another address now."""
        site = self._directory.sites.get(link.site_id)
        moderator = site.moderator(link.moderator_id) if site is not None else None
        if site is None or moderator is None or not self._links.is_address(link, moderator.email):
            raise LinkVoidError
        return site, moderator

    async def open_case(self, link: Link, site: Site, moderator: Moderator) -> Case:
        """Return the comment that a link is for, with its newest text.

        Raises LinkVoidError when it is gone, or when its page is no longer one of the moderator's.
        """
        async with self._database.read() as connection:
            comment = await comments.get(connection, link.comment_id)
            if comment is None or comment.site_id != site.id:
                raise LinkVoidError
            is_older = link.revision != comment.newest_revision
            if is_older and link.revision >= await revisions.next_number(connection, comment):
                raise LinkVoidError
            if moderator not in site.moderators_of(comment.page_url):
                raise LinkVoidError
            parent = None if comment.parent_id is None else await comments.get(connection, comment.parent_id)
            last = (await decisions.newest(connection, [comment.id])).get(comment.id)
            open_reports = await reports.open_of(connection, [comment.id])
            known = await authors.known(
                connection,
                self._keys,
                [comment],
                await contacts.addresses(connection, self._keys, [comment.id]),
                sees=lambda _, page_url: site.tells(moderator, page_url),
            )
        author = known[comment.id].without(comment.status) if known else None
        return Case(
            site=site,
            moderator=moderator,
            comment=comment,
            parent=parent,
            last=last,
            author=author,
            reports=open_reports.get(comment.id, Reports(())),
            is_outdated=is_older and (comment.is_edited or last is None or last.revision != link.revision),
        )

    async def decide(self, site: Site, requests: Sequence[Request], *, actor: Actor) -> list[Result]:
        """Take decisions on a site's comments in one transaction; return what became of each, in order.

        Whoever reads from this process after the return sees them: a change of what is public is announced here,
        also when the connection broke and it may have been kept. Comments of other sites are not found. Rows are
        locked by rising id and the change counter comes last, so that two callers with the same comments in any
        order wait for each other and never for ever. Raises FieldsInvalidError for a reason that the site has not,
        RedactionInvalidError for a redaction that does more or less than to take something out; then nothing is
        decided.
        """
        if any(one.reason is not None and not site.has_reason(one.reason) for one in requests):
            raise FieldsInvalidError({"reason": ["invalid_choice"]})
        async with self._database.read() as connection:
            found = await redactions.read(connection, site, requests)
        left = await redactions.prepare(found, requests, self._renderer)
        try:
            async with self._database.write() as connection:
                now = self._clock()
                taken = await decide_within(connection, site, requests, actor=actor, now=now, left=left)
        except ConnectionLostError:
            await self._announce()
            raise
        if taken.is_visible:
            await self._announce()
        return taken.results

    async def history(self, site: Site, comment_id: str) -> list[Entry | AuthorChange]:
        """Return what was done to a comment of a site, oldest first; raise NotFoundError for any other."""
        async with self._database.read() as connection:
            comment = await comments.get(connection, comment_id)
            if comment is None or comment.site_id != site.id:
                raise NotFoundError
            return await history_of(connection, comment_id)


async def history_of(connection: Connection, comment_id: str) -> list[Entry | AuthorChange]:
    """Return the decisions on a comment and what its author did to it, oldest first."""
    changed: list[Entry | AuthorChange] = [*await receipts.history(connection, comment_id)]
    decided = await decisions.history(connection, comment_id)
    return list(merge(changed, decided, key=lambda one: (one.at, one.revision)))


async def decide_within(
    connection: Connection,
    site: Site,
    requests: Sequence[Request],
    *,
    actor: Actor,
    now: datetime,
    left: Mapping[int, Redaction] = MappingProxyType({}),
) -> Taken:
    """Take decisions in a transaction of the caller's, who announces after its commit what readers see.

    `left` is what is left of the texts of which passages are taken out, by the place of the request.
    """
    is_visible = False
    ids = {request.comment_id for request in requests}
    undone = sorted({request.comment_id for request in requests if request.decision is Decision.UNDO})
    if undone:
        before = await decisions.newest(connection, undone)
        ids.update(one.answer_id for one in before.values() if one.answer_id is not None)
    locked = await comments.lock(connection, sorted(ids))
    found = {one.id: one for one in locked.values() if one.site_id == site.id}
    last = await decisions.newest(connection, list(found))
    batch = DecisionBatch(
        found=found,
        status={comment_id: one.status for comment_id, one in found.items()},
        last=last,
        earlier=await decisions.reasons_before(connection, last) if undone and last else {},
        texts={one.id: one.revision for one in found.values()},
        edits={one.id: one.newest_revision for one in found.values() if one.is_edited},
        decided_texts=await revisions.decided(connection, last) if undone and last else {},
        waiting_again={one.id for one in found.values() if one.waits_again},
        answered=await answers.given(connection, requests),
        next_numbers={
            one: await revisions.next_number(connection, found[one])
            for one in sorted({redaction.comment_id for redaction in left.values()} & found.keys())
        },
    )
    results = [batch.judge(request, actor, now, left.get(place)) for place, request in enumerate(requests)]
    written = [(one.comment, one.entry) for one in batch.steps]
    if written:
        await decisions.add(connection, [(comment.id, entry) for comment, entry in written])
        settled = [(one.comment, one.entry) for one in batch.steps if not one.keeps_published]
        await reports.settle(connection, settled)
        reported = sorted({comment.id for comment, _ in settled if comment.report_place is not None})
        if reported:
            await reporter_mails.enqueue_outcomes(connection, reported, now)
        is_by_somebody = actor.channel is not Channel.RULE
        if is_by_somebody:
            await decisions.note_last(connection, site.id, now)
        await _settle_texts(connection, batch.steps, now)
        answered = await answers.publish(connection, site, batch.steps)
        updated = [one.id for one in found.values() if batch.texts[one.id] != one.revision]
        redacted = {
            one.comment.id
            for one in batch.steps
            if one.redaction is not None and batch.texts[one.comment.id] == one.entry.redacted_as
        }
        is_visible = await _write(
            connection,
            site.id,
            found,
            batch.status,
            updated,
            redacted,
            now,
            answered=answered,
            teaches=is_by_somebody,
        )
    numbers = {comment.id: entry.number for comment, entry in written}
    return Taken(results=results, numbers=numbers, is_visible=is_visible)


async def _settle_texts(connection: Connection, steps: Sequence[Step], now: datetime) -> None:
    """Follow decisions, in their order, with the texts of their comments; authors of rejected edits are told."""
    rejected = []
    for step in steps:
        comment = step.comment
        if step.redaction is not None:
            await revisions.redact(connection, step.redaction, step.entry, edit=step.edit)
        elif step.edit is not None:
            if step.entry.decision is Decision.APPROVE:
                await revisions.publish(connection, comment.id, step.edit, step.entry)
            else:
                await revisions.reject(connection, comment.id, step.edit, step.entry)
                rejected.append(comment)
        if step.restored is not None and step.restored.redaction is not None:
            await revisions.unredact(connection, comment.id, step.restored, at=now)
        elif step.restored is not None:
            await revisions.reopen(connection, comment.id, step.restored, at=now)
    touched = sorted({one.comment.id for one in steps if one.edit is not None or one.restored is not None})
    if touched:
        await revisions.place(connection, touched)
        await outbox.renew(connection, touched)
    if rejected:
        await statements.enqueue(connection, rejected, now)


async def _write(
    connection: Connection,
    site_id: str,
    found: Mapping[str, QueuedComment],
    after: Mapping[str, Status],
    updated: Collection[str],
    redacted: Collection[str],
    now: datetime,
    *,
    answered: Mapping[str, str],
    teaches: bool,
) -> bool:
    """Write the new states, and tell whether readers see a difference; `updated` are those with another text.

    Of `redacted` passages were taken out: their authors learn of it by the notice that they are published, else by
    a statement.
    `answered` are the answers that are published, with what each answers.
    """
    before = {comment_id: one.status for comment_id, one in found.items()}
    changed = [(one, after[one]) for one in sorted(found) if after[one] is not before[one]]
    for status in Status:
        ids = [one for one, target in changed if target is status]
        if ids:
            await comments.set_status(connection, status, ids, at=now)
    again_pending = [one for one, status in changed if status is Status.PENDING]
    if again_pending:
        await outbox.renew(connection, again_pending)
    if changed and teaches:
        await outside_checks.note_decided(connection, [one for one, _ in changed], at=now)
    taught = {one for one, _ in changed}.union(updated)
    if taught and teaches:
        await learning.enqueue(connection, site_id, sorted(taught), at=now)
    published = {one: found[one].parent_id for one, status in changed if status is Status.APPROVED}
    published.update(answered)
    told = await author_notices.enqueue(connection, published, now) if published else set()
    stated = [found[one] for one, status in changed if status is Status.REJECTED]
    stated += [found[one] for one in sorted(redacted) if one not in told]
    if stated:
        await statements.enqueue(connection, stated, now)
    visible = [one for one, status in changed if rules.changes_public_view(before[one], status)]
    visible += answered
    if visible:
        await changes.stamp(connection, site_id, visible, at=now)
    stays = Status.APPROVED
    rewritten = [one for one in sorted(updated) if before[one] is stays and after[one] is stays]
    if rewritten:
        await changes.stamp(connection, site_id, rewritten, at=now, is_update=True)
    return bool(visible or rewritten)
