"""Deciding on comments, by mailed link or by program."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
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
from moderation_service.domain.moderation.decisions import (
    Actor,
    Answer,
    Channel,
    Decision,
    Entry,
    Outcome,
    Request,
)
from moderation_service.domain.moderation.link import Link
from moderation_service.domain.moderation.links import Links
from moderation_service.domain.moderation.reports import Reports
from moderation_service.services.accounts.directory import Directory
from moderation_service.services.comments.rendering import Renderer
from moderation_service.services.moderation import authors, redactions
from moderation_service.services.notifications import author_notices, reporter_mails, statements
from moderation_service.storage.comments import answers, changes, comments, contacts, receipts, revisions
from moderation_service.storage.comments.revisions import DecidedText
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
class Result:
    """What became of one decision; `status` is where the comment stands now, None if there is none."""

    comment_id: str
    status: Status | None
    outcome: Outcome


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
    standing = _Standing(
        found=found,
        status={comment_id: one.status for comment_id, one in found.items()},
        last=last,
        earlier=await decisions.reasons_before(connection, last) if undone and last else {},
        texts={one.id: one.revision for one in found.values()},
        edits={one.id: one.newest_revision for one in found.values() if one.is_edited},
        decided_texts=await revisions.decided(connection, last) if undone and last else {},
        waiting_again={one.id for one in found.values() if one.waits_again},
        answered=await _answered(connection, requests),
        next_numbers={
            one: await revisions.next_number(connection, found[one])
            for one in sorted({redaction.comment_id for redaction in left.values()} & found.keys())
        },
    )
    results = [standing.judge(request, actor, now, left.get(place)) for place, request in enumerate(requests)]
    written = [(one.comment, one.entry) for one in standing.steps]
    if written:
        await decisions.add(connection, [(comment.id, entry) for comment, entry in written])
        settled = [(one.comment, one.entry) for one in standing.steps if not one.keeps_published]
        await reports.settle(connection, settled)
        reported = sorted({comment.id for comment, _ in settled if comment.report_place is not None})
        if reported:
            await reporter_mails.enqueue_outcomes(connection, reported, now)
        is_by_somebody = actor.channel is not Channel.RULE
        if is_by_somebody:
            await decisions.note_last(connection, site.id, now)
        await _settle_texts(connection, standing.steps, now)
        answered = await _publish_answers(connection, site, standing.steps)
        updated = [one.id for one in found.values() if standing.texts[one.id] != one.revision]
        redacted = {
            one.comment.id
            for one in standing.steps
            if one.redaction is not None and standing.texts[one.comment.id] == one.entry.redacted_as
        }
        is_visible = await _write(
            connection,
            site.id,
            found,
            standing.status,
            updated,
            redacted,
            now,
            answered=answered,
            teaches=is_by_somebody,
        )
    numbers = {comment.id: entry.number for comment, entry in written}
    return Taken(results=results, numbers=numbers, is_visible=is_visible)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Step:
    """A new line of history; `edit` is the one that it decides on, `restored` are texts that are as before again.

    `redaction` is what it leaves of the text, None where it takes nothing out. `answer` is what the site says to
    the comment, where that is the decision.
    """

    comment: QueuedComment
    entry: Entry
    edit: int | None = None
    restored: DecidedText | None = None
    redaction: Redaction | None = None
    answer: Answer | None = None

    @property
    def keeps_published(self) -> bool:
        """Whether what is public stays, and nothing else was decided: an edit was rejected, or it was answered."""
        if self.answer is not None:
            return self.entry.from_status is Status.APPROVED
        return self.edit is not None and self.entry.decision is Decision.REJECT


@dataclass(slots=True, kw_only=True)
class _Standing:
    """How comments stand while requests are judged one after the other.

    `earlier` are the reasons of the decisions before the last ones, which an undo of those brings back; `texts`
    the numbers of their texts, `edits` those of edits that wait, `next_numbers` those of texts to come, and
    `decided_texts` what the last decisions did with texts. `answered` are texts that the site has answered,
    each behind the comment's id: none is published twice.
    """

    found: Mapping[str, QueuedComment]
    status: dict[str, Status]
    last: dict[str, Entry]
    earlier: dict[str, str]
    texts: dict[str, int]
    edits: dict[str, int]
    decided_texts: dict[str, DecidedText]
    waiting_again: set[str]
    answered: set[tuple[str, str]]
    next_numbers: dict[str, int]
    steps: list[_Step] = field(default_factory=list)

    def judge(self, request: Request, actor: Actor, now: datetime, redaction: Redaction | None) -> Result:
        """Return what a request comes to, and keep what is to be written."""
        comment = self.found.get(request.comment_id)
        if comment is None:
            return Result(comment_id=request.comment_id, status=None, outcome=Outcome.NOT_FOUND)
        if self._is_answered(comment.id, request.answer):
            return Result(comment_id=comment.id, status=self.status[comment.id], outcome=Outcome.UNCHANGED)
        newest = self.edits.get(comment.id, self.texts[comment.id])
        is_of_another = request.decision is Decision.REDACT and (redaction is None or redaction.of != newest)
        if request.revision not in (None, newest) or is_of_another:
            return Result(comment_id=comment.id, status=self.status[comment.id], outcome=Outcome.CONFLICT)
        previous = self.last.get(comment.id)
        verdict = rules.judge(
            request,
            self.status[comment.id],
            previous,
            actor.channel,
            now,
            waits_again=comment.id in self.waiting_again,
            is_edited=comment.id in self.edits,
            takes_out=redaction is None or not redaction.is_unchanged,
        )
        if verdict.target is not None and request.answer is not None:
            self._answer(comment, request, request.answer, actor, now)
        elif verdict.target is not None:
            self._take(comment, request, verdict.target, previous, actor, now, redaction)
            if request.decision is Decision.UNDO and previous is not None:
                self._take_answer_down(comment, previous.answer_id, actor, now)
        return Result(comment_id=comment.id, status=self.status[comment.id], outcome=verdict.outcome)

    def _is_answered(self, comment_id: str, answer: Answer | None) -> bool:
        """Tell whether the site has answered the same, and readers see both, as when a form is sent twice."""
        if answer is None or self.status[comment_id] is not Status.APPROVED:
            return False
        return (comment_id, answer.body) in self.answered

    def _answer(
        self, comment: QueuedComment, request: Request, answer: Answer, actor: Actor, now: datetime
    ) -> None:
        """Answer a comment, which approves it where it waits; an edit or reports of a published one wait on."""
        previous = self.last.get(comment.id)
        entry = Entry(
            number=previous.number + 1 if previous else 1,
            revision=self.texts[comment.id],
            decision=Decision.ANSWER,
            from_status=self.status[comment.id],
            to_status=Status.APPROVED,
            actor=actor,
            at=now,
            note=request.note,
            answer_id=answer.id,
        )
        self.steps.append(_Step(comment=comment, entry=entry, answer=answer))
        self.answered.add((comment.id, answer.body))
        self.decided_texts.pop(comment.id, None)
        self.earlier.pop(comment.id, None)
        self.last[comment.id], self.status[comment.id] = entry, Status.APPROVED

    def _take_answer_down(
        self, comment: QueuedComment, answer_id: str | None, actor: Actor, now: datetime
    ) -> None:
        """Reject what the site answered, where the decision to answer is taken back and nobody decided on it."""
        answer = self.found.get(answer_id or "")
        if answer is None or answer.id == comment.id:
            return
        previous = self.last.get(answer.id)
        if previous is None or previous.decision is not Decision.ANSWER or previous.answer_id != answer.id:
            return
        request = Request(comment_id=answer.id, decision=Decision.REJECT, expected=None)
        self._take(answer, request, Status.REJECTED, previous, actor, now, None)

    def _take(
        self,
        comment: QueuedComment,
        request: Request,
        target: Status,
        previous: Entry | None,
        actor: Actor,
        now: datetime,
        redaction: Redaction | None,
    ) -> None:
        is_undo = request.decision is Decision.UNDO
        edit = self.edits.pop(comment.id, None)
        decided = self.decided_texts.pop(comment.id, None)
        restored = decided if is_undo else None
        text = self.texts[comment.id]
        entry = Entry(
            number=previous.number + 1 if previous else 1,
            revision=edit or text if restored is None else restored.edit or restored.replaced or text,
            decision=request.decision,
            from_status=self.status[comment.id],
            to_status=target,
            actor=actor,
            at=now,
            reason=self.earlier.get(comment.id) if is_undo else request.reason,
            note=request.note,
            redacted_as=None if redaction is None else self._next_number(comment.id),
        )
        step = _Step(comment=comment, entry=entry, edit=edit, restored=restored, redaction=redaction)
        self.steps.append(step)
        if entry.redacted_as is not None:
            self.decided_texts[comment.id] = DecidedText(edit=edit, replaced=text, redaction=entry.redacted_as)
            self.texts[comment.id] = entry.redacted_as
        elif edit is not None:
            is_approved = request.decision is Decision.APPROVE
            self.decided_texts[comment.id] = DecidedText(edit=edit, replaced=text if is_approved else None)
            self.texts[comment.id] = edit if is_approved else text
        if restored is not None:
            self.texts[comment.id] = restored.replaced or text
        if restored is not None and restored.edit is not None:
            self.edits[comment.id] = restored.edit
        if comment.id in self.edits or step.keeps_published:
            self.waiting_again.add(comment.id)
        else:
            self.waiting_again.discard(comment.id)
        if previous is not None and previous.reason is not None:
            self.earlier[comment.id] = previous.reason
        else:
            self.earlier.pop(comment.id, None)
        self.last[comment.id], self.status[comment.id] = entry, target

    def _next_number(self, comment_id: str) -> int:
        number = self.next_numbers[comment_id]
        self.next_numbers[comment_id] += 1
        return number


async def _answered(connection: Connection, requests: Sequence[Request]) -> set[tuple[str, str]]:
    """Return which of the answers that are asked for were given before."""
    bodies: dict[str, set[str]] = {}
    for request in requests:
        if request.answer is not None:
            bodies.setdefault(request.comment_id, set()).add(request.answer.body)
    return await answers.given(connection, bodies) if bodies else set()


async def _publish_answers(connection: Connection, site: Site, steps: Sequence[_Step]) -> dict[str, str]:
    """Store what the site answers, each with its own history; return it with what it answers, by id."""
    given = [(step.comment, step.answer, step.entry) for step in steps if step.answer is not None]
    if not given:
        return {}
    await answers.add(
        connection,
        [(comment, answer) for comment, answer, _ in given],
        author_name=site.name,
        at=given[0][2].at,
    )
    lines = [
        (answer.id, replace(entry, number=1, revision=1, from_status=Status.PENDING, note=None))
        for _, answer, entry in given
    ]
    await decisions.add(connection, lines)
    return {answer.id: comment.id for comment, answer, _ in given}


async def _settle_texts(connection: Connection, steps: Sequence[_Step], now: datetime) -> None:
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
