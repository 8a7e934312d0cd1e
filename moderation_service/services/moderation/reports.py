"""Readers' reports of published comments: taken in as comments are, merged, and shown to moderators as one."""

from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import datetime

from moderation_service.domain.accounts import addresses
from moderation_service.domain.accounts.sites import Site
from moderation_service.domain.comments.comment import QueuedComment, Recipient, Status, Traces
from moderation_service.domain.errors import FieldsInvalidError, NotFoundError, TooManyCommentsError
from moderation_service.domain.keys import KeyRing
from moderation_service.domain.moderation import reports as rules
from moderation_service.domain.moderation.reports import NewReport, ReportDraft, Reports
from moderation_service.domain.screening.assessment import Verdict
from moderation_service.domain.screening.candidate import Candidate
from moderation_service.domain.screening.networks import network_hashes
from moderation_service.services.accounts.directory import Directory
from moderation_service.services.comments.drafting import Drafter
from moderation_service.services.comments.intake import limit_passed
from moderation_service.services.notifications import reporter_mails
from moderation_service.services.screening import pipeline
from moderation_service.services.screening.client_networks import Client, ClientNetworks
from moderation_service.services.screening.pipeline import Pipeline
from moderation_service.storage.comments import comments, recent_posts, revisions
from moderation_service.storage.engine.database import Connection, Database, lock_classes
from moderation_service.storage.moderation import reporters, reports
from moderation_service.storage.notifications import outbox, people


class ReportIntake:
    """Takes reports in. One counts as a post of the client network it comes from.

    A comment's reports are one entry of the queue and one message to each moderator, however many there are.
    """

    def __init__(
        self,
        database: Database,
        directory: Directory,
        keys: KeyRing,
        drafter: Drafter,
        networks: ClientNetworks,
        screening: Pipeline,
        *,
        clock: Callable[[], datetime],
        new_id: Callable[[], str],
        on_reported: Callable[[], None],
    ) -> None:
        """`on_reported` is called after each report: it is to be mailed to moderators."""
        self._database = database
        self._directory = directory
        self._keys = keys
        self._drafter = drafter
        self._networks = networks
        self._screening = screening
        self._clock = clock
        self._new_id = new_id
        self._on_reported = on_reported

    async def find(self, comment_id: str) -> tuple[Site, QueuedComment]:
        """Return a comment that everybody may read, and its site; raise NotFoundError for any other."""
        async with self._database.read() as connection:
            comment = await comments.get(connection, comment_id)
        site = None if comment is None else self._directory.sites.get(comment.site_id)
        if comment is None or site is None or comment.status is not Status.APPROVED:
            raise NotFoundError
        return site, comment

    async def submit(self, comment: QueuedComment, site: Site, new: NewReport, *, client: Client) -> str:
        """Return the id of the report once it is on disk, or of the one that says the same.

        Raises FieldsInvalidError for a reason that the site has not, TooManyCommentsError for a network over its
        limit, RefusedError for a client that is blocked, and NotFoundError for a comment that is no longer public.
        """
        if not site.has_reason(new.reason):
            raise FieldsInvalidError({"reason": ["invalid_choice"]})
        is_exempt = client.is_exempt(site)
        known = self._networks.find(site, client)
        if not is_exempt:
            self._networks.check(known)
        now = self._clock()
        candidate = _candidate(comment, site, new, client, now)
        assessment = await self._screening.assess(candidate)
        if assessment.verdict is Verdict.REFUSED:
            raise pipeline.refusal(assessment, site)
        draft = self._draft(comment, new, client, is_suspect=assessment.is_suspect, now=now)
        asked = None
        if new.reporter_email is not None and not draft.is_suspect:
            asked = self._drafter.asked_proof(new.reporter_email, site, client)
        recipients = self._directory.recipients(site, comment.page_url, author=None)
        try:
            async with self._database.write() as connection:
                traces = self._drafter.traces_of(site, client)
                classes = () if asked is None else asked.classes
                await lock_classes(connection, [*classes, *(() if traces is None else traces.classes)])
                report_id = await _keep(connection, draft, recipients, traces)
                if asked is not None and new.reporter_email is not None:
                    sealed = self._keys.seal(new.reporter_email, table=reporters.TABLE, row=draft.id)
                    await reporter_mails.ask(connection, draft, report_id, asked, sealed)
        except TooManyCommentsError as error:
            self._networks.refuse(known, error)
            raise
        if not is_exempt:
            known.count()
        self._screening.count(candidate)
        self._on_reported()
        return report_id

    def _draft(
        self, comment: QueuedComment, new: NewReport, client: Client, *, is_suspect: bool, now: datetime
    ) -> ReportDraft:
        report_id, address = self._new_id(), new.reporter_email
        return ReportDraft(
            id=report_id,
            comment_id=comment.id,
            site_id=comment.site_id,
            reason=new.reason,
            explanation=new.explanation,
            reporter_name=new.reporter_name,
            address_sealed=None
            if address is None
            else self._keys.seal(address, table=reports.TABLE, row=report_id),
            address_hash=None
            if address is None
            else self._keys.keyed_hash(addresses.AUTHOR, addresses.identity(address)),
            network_hashes=()
            if client.address is None
            else network_hashes(self._keys, comment.site_id, client.network),
            is_suspect=is_suspect,
            at=now,
        )


def without_texts(look: pipeline.Look) -> pipeline.Look:
    """Return a check that looks at where a report comes from alone: it may quote what comments must not say."""
    return lambda candidate: look(replace(candidate, author_name="", author_url=None, body=""))


def _candidate(comment: QueuedComment, site: Site, new: NewReport, client: Client, now: datetime) -> Candidate:
    return Candidate(
        site=site,
        page_url=comment.page_url,
        author_name=new.reporter_name or "",
        author_email=new.reporter_email,
        author_url=None,
        body=new.explanation,
        network=client.network,
        client_address=client.address,
        is_exempt=client.is_exempt(site),
        at=now,
        form_stamp=new.form_stamp,
        fills_honeypot=new.fills_honeypot,
    )


async def _keep(
    connection: Connection, draft: ReportDraft, recipients: Collection[Recipient], traces: Traces | None
) -> str:
    """Keep a report, or count or merge it with one that says the same; return the id of the one it went into."""
    comment = (await comments.lock(connection, [draft.comment_id])).get(draft.comment_id)
    if comment is None or comment.status is not Status.APPROVED:
        raise NotFoundError
    if traces is not None:
        posts = await recent_posts.times(connection, [traces], since=draft.at - traces.window, now=draft.at)
        if (error := limit_passed(traces, posts, draft.at)) is not None:
            raise error
        await recent_posts.add_about(connection, traces, comment.id, post_id=draft.id, at=draft.at)
    known = (await reports.open_of(connection, [comment.id])).get(comment.id, Reports(())).reports
    if (merged := rules.same(draft, known)) is not None:
        return merged.id
    if (counted := rules.counted_with(draft, known)) is not None:
        await reports.count_with(connection, counted.id)
    else:
        await reports.add(connection, draft, revision=comment.revision)
    is_first = comment.is_edited and not known
    if comment.report_place is None or draft.place < comment.report_place or is_first:
        await revisions.place(connection, [comment.id])
        if not draft.is_suspect:
            await people.hurry(connection, [one.person_id for one in recipients])
        await outbox.enqueue_again(connection, comment, recipients, quiet=draft.is_suspect, at=draft.at)
    return draft.id if counted is None else counted.id
