"""An author's own comment, by its receipt: to look at, to edit and, while it waits, to withdraw or prove."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from moderation_service.domain.accounts.sites import Site
from moderation_service.domain.comments.comment import QueuedComment, Revision, Status
from moderation_service.domain.comments.notices import ADDRESS_PROOF
from moderation_service.domain.comments.receipts import (
    AuthorAction,
    MailedReceipts,
    Noted,
    Notes,
    OwnComment,
    OwnEdit,
)
from moderation_service.domain.comments.redaction import MARK
from moderation_service.domain.errors import NotEditableError, NotFoundError, ProofUsedError, TooManyCommentsError
from moderation_service.domain.keys import KeyRing
from moderation_service.domain.screening.assessment import WORK_DONE, Verdict, after_work, of_edit
from moderation_service.domain.screening.candidate import Candidate
from moderation_service.domain.screening.work import Challenges
from moderation_service.services.accounts.directory import Directory
from moderation_service.services.comments.drafting import Drafter
from moderation_service.services.comments.intake import limit_passed
from moderation_service.services.comments.rendering import Renderer
from moderation_service.services.moderation.trust import Trust
from moderation_service.services.screening import pipeline
from moderation_service.services.screening.client_networks import Client, ClientNetworks
from moderation_service.services.screening.pipeline import Pipeline
from moderation_service.storage.comments import comments, contacts, recent_posts, revisions
from moderation_service.storage.comments import receipts as stored
from moderation_service.storage.engine.database import Connection, Database, lock_classes
from moderation_service.storage.notifications import author_mails, deliveries, outbox

_FORM = "receipt form"


class Receipts:
    """What authors may do with their receipts. An edit counts as a post of the client network it comes from."""

    def __init__(
        self,
        database: Database,
        directory: Directory,
        keys: KeyRing,
        drafter: Drafter,
        networks: ClientNetworks,
        renderer: Renderer,
        screening: Pipeline,
        challenges: Challenges,
        trust: Trust,
        *,
        clock: Callable[[], datetime],
        on_changed: Callable[[], None],
    ) -> None:
        """`on_changed` is called after each edit or proof of work: it is to be mailed to moderators."""
        self._database = database
        self._directory = directory
        self._keys = keys
        self._drafter = drafter
        self._networks = networks
        self._renderer = renderer
        self._screening = screening
        self._challenges = challenges
        self._trust = trust
        self._clock = clock
        self._on_changed = on_changed
        self._notes = Notes(keys, clock)
        self._mailed = MailedReceipts(keys, clock)

    async def find(self, token: str) -> tuple[Site, OwnComment]:
        """Return the comment of a receipt, and its site; raise NotFoundError for what is no receipt."""
        mailed = self._mailed.read(token)
        async with self._database.read() as connection:
            if mailed is None:
                own = await stored.find(connection, token)
            else:
                own = await stored.find_proved(connection, mailed)
        site = None if own is None else self._directory.sites.get(own.site_id)
        if own is None or site is None:
            raise NotFoundError
        return site, own

    async def edit(self, own: OwnComment, site: Site, body: str, *, client: Client) -> OwnComment:
        """Give a comment another text, of which its moderators are notified; the same changes nothing.

        One that waits has it at once. Of one that is published it waits, in place of an earlier edit that does,
        and readers see the old text until it is approved; whoever goes back to that takes the edit back.

        Raises NotEditableError where it is neither, TooManyCommentsError for a network over its limit,
        RefusedError for a text that the site does not take in, UnavailableError when there is no room for it.
        """
        if not own.may_edit:
            raise NotEditableError
        if body == own.newest_body:
            return own
        if own.edit is not None and body == own.body:
            return await self.withdraw(own)
        is_exempt = client.is_exempt(site)
        known = self._networks.find(site, client)
        if not is_exempt:
            self._networks.check(known)
        with self._renderer.room(len(body)):
            author_email = await self._address(own.id)
            candidate = Candidate(
                site=site,
                page_url=own.page_url,
                author_name=own.author_name,
                author_email=author_email,
                author_url=own.author_url,
                body=body,
                network=client.network,
                client_address=client.address,
                is_exempt=is_exempt,
                at=self._clock(),
                edited_id=own.id,
            )
            assessment = await self._screening.assess(candidate)
            if assessment.verdict is Verdict.REFUSED:
                raise pipeline.refusal(assessment, site)
            revision = self._drafter.revision(
                own,
                site,
                body=body,
                assessment=assessment,
                rendering=await self._renderer.render(body),
                author_email=author_email,
                network=client.network,
                is_exempt=is_exempt,
            )
            try:
                async with self._database.write() as connection:
                    locked, number = await _revise(connection, revision)
            except TooManyCommentsError as error:
                self._networks.refuse(known, error)
                raise
        if not is_exempt:
            known.count()
        self._screening.count(candidate)
        self._on_changed()
        if locked.status is Status.APPROVED and number == locked.revision:
            return _as_locked(own, locked, edit=None)
        if locked.status is Status.APPROVED:
            edit = OwnEdit(revision=number, body=body, body_html=revision.body_html, at=revision.at)
            return _as_locked(own, locked, edit=edit)
        return replace(own, body=body, body_html=revision.body_html, revision=number)

    async def prove(self, own: OwnComment, proof: str) -> OwnComment:
        """Take the work that the author's browser was asked for: a suspect becomes a comment like any other.

        Raises FieldsInvalidError for a proof that is none, ProofExpiredError for one that is too old,
        ProofUsedError where the work was done before, and NotEditableError for a comment that does not wait.
        """
        self._challenges.check(proof, own.id)
        async with self._database.write() as connection:
            locked = await _lock(connection, own.id)
            await _check_waits(connection, locked)
            if any(one.code == WORK_DONE for one in locked.assessment.reasons):
                raise ProofUsedError
            assessed = after_work(locked.assessment)
            await comments.reassess(connection, own.id, assessed)
            if not assessed.is_suspect:
                await outbox.unquiet(connection, own.id)
                await self._ask_for_proof(connection, own.id)
        site = self._directory.sites.get(own.site_id)
        if site is not None:
            await self._trust.consider(site, own.id)
        self._on_changed()
        return _as_locked(own, locked, edit=None)

    async def _ask_for_proof(self, connection: Connection, comment_id: str) -> None:
        """Queue the mail by which the author's address is proved, if one was asked for: no suspect gets any."""
        delivery_id = await author_mails.asked_of(connection, comment_id)
        if delivery_id is not None:
            fresh = [(delivery_id, comment_id)]
            await deliveries.add_for_authors(connection, fresh, kind=ADDRESS_PROOF, now=self._clock())

    async def withdraw(self, own: OwnComment) -> OwnComment:
        """Take a comment back that waits, or an edit of one that is published; what was taken back stays so.

        Raises NotEditableError otherwise.
        """
        async with self._database.write() as connection:
            locked = await _lock(connection, own.id)
            if locked.is_edited:
                number, now = locked.newest_revision, self._clock()
                await revisions.take_back(connection, own.id)
                await stored.note(
                    connection, own.id, AuthorAction.WITHDRAW, revision=number, of_published=True, at=now
                )
                return _as_locked(own, locked, edit=None)
            if locked.status is not Status.WITHDRAWN:
                await _check_waits(connection, locked)
                now = self._clock()
                await comments.set_status(connection, Status.WITHDRAWN, [own.id], at=now)
                await stored.note(connection, own.id, AuthorAction.WITHDRAW, revision=locked.revision, at=now)
        return replace(_as_locked(own, locked, edit=None), status=Status.WITHDRAWN)

    def mailed(self, comment_id: str) -> str:
        """Return a receipt for whoever has proved the address of a comment; for any other it is none."""
        return self._mailed.sign(comment_id)

    def note(self, comment_id: str, *, is_simplified: bool) -> str:
        """Return what leads an author back from a form: for ten minutes it says that the comment came, no more."""
        return self._notes.sign(Noted(comment_id=comment_id, is_simplified=is_simplified))

    async def noted(self, value: str) -> Noted | None:
        """Return of which comment a note says that it came; None where it is none, is old, or that was decided."""
        noted = self._notes.read(value)
        if noted is None:
            return None
        async with self._database.read() as connection:
            return noted if await stored.waits(connection, noted.comment_id) else None

    def form_token(self, token: str, own: OwnComment) -> str:
        """Return what a form carries that was shown behind a receipt, with the comment as it stands."""
        return self._keys.keyed_hash(_FORM, _shown(token, own))

    def is_form_token(self, token: str, own: OwnComment, value: str) -> bool:
        """Tell whether a form was shown behind a receipt, with the comment as it stands."""
        return self._keys.is_keyed_hash(_FORM, _shown(token, own), value)

    async def _address(self, comment_id: str) -> str | None:
        async with self._database.read() as connection:
            return await contacts.address(connection, self._keys, comment_id)


async def _revise(connection: Connection, revision: Revision) -> tuple[QueuedComment, int]:
    """Write a new text, and return the comment as it stood before, and the number of the text."""
    traces = revision.traces
    if traces is not None:
        await lock_classes(connection, list(traces.classes))
    locked = await _lock(connection, revision.comment_id)
    of_published = locked.status is Status.APPROVED
    if not of_published:
        await _check_waits(connection, locked)
    newest = (await revisions.waiting(connection, [locked.id])).get(locked.id) if locked.is_edited else locked
    if newest is not None and newest.body == revision.body:
        return locked, locked.newest_revision
    if traces is not None:
        since = revision.at - traces.window
        posts = await recent_posts.times(connection, [traces], since=since, now=revision.at)
        if (error := limit_passed(traces, posts, revision.at)) is not None:
            raise error
        await recent_posts.add_about(connection, traces, locked.id, post_id=revision.post_id, at=revision.at)
    number = await revisions.next_number(connection, locked)
    revision = replace(revision, is_redacted=locked.redacted and MARK in revision.body)
    if of_published:
        await revisions.put(connection, revision, number=number)
    else:
        revision = replace(revision, assessment=of_edit(locked.assessment, revision.assessment))
        await comments.revise(connection, revision, number=number)
    await stored.note(
        connection, locked.id, AuthorAction.EDIT, revision=number, of_published=of_published, at=revision.at
    )
    await outbox.enqueue_revision(
        connection, revision, site_id=locked.site_id, number=number, of_published=of_published
    )
    return locked, number


def _as_locked(own: OwnComment, locked: QueuedComment, *, edit: OwnEdit | None) -> OwnComment:
    """Return what an author sees of a comment as it was found when something was written about it.

    One that was published meanwhile is; all else stands as the author saw it.
    """
    is_same = locked.revision == own.revision
    return replace(
        own,
        redacted=locked.redacted,
        original=own.original if is_same else None,
        redaction=own.redaction if is_same else None,
        status=Status.APPROVED if locked.status is Status.APPROVED else own.status,
        revision=locked.revision,
        body=locked.body,
        body_html=locked.body_html,
        edit=edit,
    )


async def _lock(connection: Connection, comment_id: str) -> QueuedComment:
    locked = (await comments.lock(connection, [comment_id])).get(comment_id)
    if locked is None:
        raise NotFoundError
    return locked


async def _check_waits(connection: Connection, comment: QueuedComment) -> None:
    if comment.status is not Status.PENDING and not await stored.waits(connection, comment.id):
        raise NotEditableError


def _shown(token: str, own: OwnComment) -> str:
    return f"{token}\0{own.status}\0{own.newest_revision}"
