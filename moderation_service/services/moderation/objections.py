"""Authors' objections to a rejection: one brings the comment back to its moderators, with what its author says."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from moderation_service.domain.accounts.sites import Site
from moderation_service.domain.comments.comment import Status
from moderation_service.domain.comments.receipts import OwnComment
from moderation_service.domain.errors import NotFoundError, NotObjectableError, TooManyCommentsError
from moderation_service.domain.screening.assessment import Verdict
from moderation_service.domain.screening.candidate import Candidate
from moderation_service.services.accounts.directory import Directory
from moderation_service.services.comments.drafting import Drafter
from moderation_service.services.comments.intake import limit_passed
from moderation_service.services.screening import pipeline
from moderation_service.services.screening.client_networks import Client, ClientNetworks
from moderation_service.services.screening.pipeline import Pipeline
from moderation_service.storage.comments import comments, recent_posts
from moderation_service.storage.engine.database import Connection, Database, lock_classes
from moderation_service.storage.notifications import outbox, people
from moderation_service.storage.screening import learning


class Objections:
    """Takes objections in. One counts as a post of the client network it comes from."""

    def __init__(
        self,
        database: Database,
        directory: Directory,
        drafter: Drafter,
        networks: ClientNetworks,
        screening: Pipeline,
        *,
        clock: Callable[[], datetime],
        new_id: Callable[[], str],
        on_objected: Callable[[], None],
    ) -> None:
        """`on_objected` is called after each objection: it is to be mailed to moderators."""
        self._database = database
        self._directory = directory
        self._drafter = drafter
        self._networks = networks
        self._screening = screening
        self._clock = clock
        self._new_id = new_id
        self._on_objected = on_objected

    async def submit(self, own: OwnComment, site: Site, words: str, *, client: Client) -> OwnComment:
        """Let a rejected comment wait again, and return it.

        Raises NotObjectableError for one that is not rejected or was objected for before, TooManyCommentsError for
        a network over its limit, and RefusedError for a client that is blocked.
        """
        if not own.may_object:
            raise NotObjectableError
        is_exempt = client.is_exempt(site)
        known = self._networks.find(site, client)
        if not is_exempt:
            self._networks.check(known)
        now = self._clock()
        candidate = _candidate(own, site, words, client, now)
        assessment = await self._screening.assess(candidate)
        if assessment.verdict is Verdict.REFUSED:
            raise pipeline.refusal(assessment, site)
        try:
            async with self._database.write() as connection:
                await self._keep(connection, own, site, words, client, now)
        except TooManyCommentsError as error:
            self._networks.refuse(known, error)
            raise
        if not is_exempt:
            known.count()
        self._screening.count(candidate)
        self._on_objected()
        return replace(own, status=Status.PENDING, statement=None, objection=words, objected_at=now)

    async def _keep(
        self, connection: Connection, own: OwnComment, site: Site, words: str, client: Client, now: datetime
    ) -> None:
        traces = self._drafter.traces_of(site, client)
        if traces is not None:
            await lock_classes(connection, list(traces.classes))
        locked = (await comments.lock(connection, [own.id])).get(own.id)
        if locked is None:
            raise NotFoundError
        if locked.status is not Status.REJECTED or locked.objected_at is not None:
            raise NotObjectableError
        if traces is not None:
            posts = await recent_posts.times(connection, [traces], since=now - traces.window, now=now)
            if (error := limit_passed(traces, posts, now)) is not None:
                raise error
            await recent_posts.add_about(connection, traces, own.id, post_id=self._new_id(), at=now)
        await comments.note_objection(connection, own.id, words, at=now)
        await comments.set_status(connection, Status.PENDING, [own.id], at=now)
        await learning.enqueue(connection, site.id, [own.id], at=now)
        recipients = self._directory.recipients(site, locked.page_url, author=None)
        is_quiet = locked.assessment.is_suspect
        if not is_quiet:
            await people.hurry(connection, [one.person_id for one in recipients])
        await outbox.enqueue_again(connection, locked, recipients, quiet=is_quiet, at=now)


def _candidate(own: OwnComment, site: Site, words: str, client: Client, now: datetime) -> Candidate:
    return Candidate(
        site=site,
        page_url=own.page_url,
        author_name=own.author_name,
        author_email=None,
        author_url=None,
        body=words,
        network=client.network,
        client_address=client.address,
        is_exempt=client.is_exempt(site),
        at=now,
        edited_id=own.id,
    )
