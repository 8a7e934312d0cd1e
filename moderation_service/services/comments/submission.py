"""A submission's way to disk in the order that costs least: what is refused is refused before it is rendered."""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace

import structlog

from moderation_service.domain.accounts.sites import Site
from moderation_service.domain.comments import markup
from moderation_service.domain.comments.comment import Draft, Receipt, Status
from moderation_service.domain.comments.proofs import AuthorTokens
from moderation_service.domain.errors import TooManyCommentsError, UnavailableError
from moderation_service.domain.keys import KeyNotListedError, KeyRing
from moderation_service.domain.screening.assessment import Verdict
from moderation_service.domain.screening.candidate import Candidate
from moderation_service.log import Recurring
from moderation_service.services.accounts.directory import Directory
from moderation_service.services.comments import intake
from moderation_service.services.comments.backlog import Backlog
from moderation_service.services.comments.drafting import Drafter, Submission
from moderation_service.services.comments.page_closing import PageClosing
from moderation_service.services.comments.rendering import Renderer
from moderation_service.services.moderation.trust import Trust
from moderation_service.services.screening import pipeline
from moderation_service.services.screening.client_networks import Client, ClientNetworks
from moderation_service.services.screening.outside_checks import OutsideChecks
from moderation_service.services.screening.pipeline import Pipeline
from moderation_service.services.screening.proof_of_work import WorkCheck
from moderation_service.storage.comments import idempotency
from moderation_service.storage.engine.database import Database
from moderation_service.storage.engine.group_commit import GroupCommit


class Submissions:
    """Takes submissions in. What a refusal costs bounds what one client can take from the others.

    Texts that take long to render, and posts of networks that are near their limit, are first held against what is
    stored before they are rendered.
    """

    def __init__(
        self,
        database: Database,
        drafter: Drafter,
        writer: GroupCommit[Draft, Receipt],
        backlog: Backlog,
        directory: Directory,
        page_closing: PageClosing,
        keys: KeyRing,
        networks: ClientNetworks,
        renderer: Renderer,
        screening: Pipeline,
        outside: OutsideChecks,
        work: WorkCheck,
        author_tokens: AuthorTokens,
        trust: Trust,
        *,
        on_stored: Callable[[], None],
    ) -> None:
        """`on_stored` is called after each comment that came in: it is to be mailed to moderators."""
        self._keys = keys
        self._networks = networks
        self._renderer = renderer
        self._screening = screening
        self._outside = outside
        self._work = work
        self._author_tokens = author_tokens
        self._trust = trust
        self._directory = directory
        self._page_closing = page_closing
        self._on_stored = on_stored
        self._database = database
        self._drafter = drafter
        self._writer = writer
        self._backlog = backlog
        self._unavailable = Recurring(structlog.stdlib.get_logger(__name__), "submissions.unavailable")

    async def await_turn(self, client: Client) -> None:
        """Let clients of a network that is over its limit wait, so that they take little from the others.

        To be awaited before a body is read. Raises TooManyCommentsError when too many of them wait already.
        """
        if not any(client.is_exempt(site) for site in self._directory.sites):
            await self._networks.await_turn(client)

    async def submit(self, submission: Submission, site: Site, *, client: Client, key: str | None) -> Receipt:
        """Return the receipt once the comment is on disk; raise what `intake.accept` answers with.

        `key` is the client's idempotency key, None without one.

        Raises RefusedError where a block or a rule of the site's owner says so, and UnavailableError when there is
        no room for it or no way to store it, which the log says, too.
        """
        is_exempt = client.is_exempt(site)
        known = self._networks.find(site, client)
        if key is None:
            self._page_closing.check(self._directory.page(site, submission.page_url))
        if key is None and not is_exempt:
            self._networks.check(known)
        draft = self._drafter.draft(
            submission,
            site,
            network=client.network,
            key=key,
            is_exempt=is_exempt,
            is_known=client.address is not None,
            is_proved=self._author_tokens.proves(submission.author_token, site.id, submission.author_email),
        )
        candidate = _candidate(submission, draft, site, client)
        try:
            with self._renderer.room(len(submission.body)):
                receipt = await self._submit(draft, candidate, is_near_limit=known.is_near_limit and not is_exempt)
        except TooManyCommentsError as error:
            self._networks.refuse(known, error)
            raise
        except UnavailableError:
            self._unavailable.note(site=site.id)
            raise
        if not is_exempt:
            known.count()
        if receipt.is_replayed:
            receipt = self._with_token(receipt)
        else:
            self._screening.count(candidate)
            if draft.is_proved:
                await self._trust.consider(site, receipt.id)
            self._on_stored()
        return self._work.asking(receipt, site)

    async def _submit(self, draft: Draft, candidate: Candidate, *, is_near_limit: bool) -> Receipt:
        is_quick = markup.is_quick(draft.body) and not is_near_limit
        with self._writer.expecting() if is_quick else nullcontext():
            made = await self._made(draft, candidate, is_quick=is_quick)
        if isinstance(made, Receipt):
            return made
        with self._backlog.counted(candidate.site) if made.status is Status.PENDING else nullcontext():
            receipt = await self._writer.submit(made)
        if made.network_sealed is not None:
            self._outside.wake()
        return receipt

    async def _made(self, draft: Draft, candidate: Candidate, *, is_quick: bool) -> Draft | Receipt:
        """Return the draft as it is to be stored, or what was answered before to the same.

        No batch waits for one that is not quick: whoever sends long texts would hold the others up.
        """
        site = candidate.site
        try:
            await self._backlog.check(site)
        except UnavailableError:
            if (known := await self._known_before(draft)) is not None:
                return known
            raise
        if not is_quick:
            known = await self._known_before(draft)
            if known is not None:
                return known
        assessment = await self._screening.assess(candidate)
        if assessment.verdict is Verdict.REFUSED:
            if (known := await self._known_before(draft)) is not None:
                return known
            raise pipeline.refusal(assessment, site)
        rendering = await self._renderer.render(draft.body)
        return replace(
            draft,
            body_html=rendering.html,
            renderer=rendering.renderer,
            assessment=assessment,
            network_sealed=self._outside.prepare(draft.id, candidate, assessment),
        )

    async def _known_before(self, draft: Draft) -> Receipt | None:
        """Ask what is stored: return what was answered before, or raise why the draft is refused."""
        if not intake.is_screened(draft):
            return None
        said = await self._database.inspect(
            lambda connection: intake.sift(connection, draft, self._page_closing.closed)
        )
        if isinstance(said, Exception):
            raise said
        return said

    def _with_token(self, receipt: Receipt) -> Receipt:
        """Return an answer that is given again with its token; without it where its key is no longer listed."""
        if receipt.token_sealed is None:
            return receipt
        try:
            token = self._keys.open(receipt.token_sealed, table=idempotency.TABLE, row=receipt.id)
        except KeyNotListedError:
            return receipt
        return replace(receipt, token=token)


def _candidate(submission: Submission, draft: Draft, site: Site, client: Client) -> Candidate:
    return Candidate(
        site=site,
        page_url=draft.page.url,
        author_name=submission.author_name,
        author_email=submission.author_email,
        author_url=submission.author_url,
        body=submission.body,
        network=client.network,
        client_address=client.address,
        is_exempt=client.is_exempt(site),
        at=draft.created_at,
        form_stamp=submission.form_stamp,
        fills_honeypot=submission.fills_honeypot,
        is_proved=draft.is_proved,
    )
