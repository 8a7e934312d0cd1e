"""A submission's way to disk in the order that costs least: what is refused is refused before it is rendered."""

import asyncio
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from functools import partial
from ipaddress import IPv4Address, IPv6Address

import structlog

from moderation_service.domain import markup
from moderation_service.domain.comments import Draft, Receipt
from moderation_service.domain.errors import TooManyCommentsError, UnavailableError
from moderation_service.domain.sites import Site
from moderation_service.log import Recurring
from moderation_service.services import submission as submissions
from moderation_service.services.backlog import Backlog
from moderation_service.services.client_networks import ClientNetworks
from moderation_service.services.submission import Intake, Submission
from moderation_service.storage.database import Database
from moderation_service.storage.group_commit import GroupCommit

_MOST_CHARACTERS = 8 * 1024 * 1024
"""Characters of comments that may be on their way at once; in memory each costs several times that."""

_BREATH = 5e-5


class Admission:
    """Takes submissions in. What a refusal costs bounds what one client can take from the others.

    Texts that take long to render, and posts of networks that are near their limit, are first held against what is
    stored. Then long texts are rendered one at a time, in a thread that gives way every half millisecond.
    """

    def __init__(
        self,
        database: Database,
        intake: Intake,
        writer: GroupCommit[Draft, Receipt],
        backlog: Backlog,
        *,
        clock: Callable[[], datetime],
    ) -> None:
        self.networks = ClientNetworks(clock)
        self._database = database
        self._intake = intake
        self._writer = writer
        self._backlog = backlog
        self._renderer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="renderer")
        self._unavailable = Recurring(structlog.stdlib.get_logger(__name__), "submissions.unavailable")
        self._characters = 0

    async def submit(
        self,
        submission: Submission,
        site: Site,
        *,
        network: str,
        client: IPv4Address | IPv6Address | None,
        key: str | None,
    ) -> Receipt:
        """Return the receipt once the comment is on disk; raise what `submission.accept` answers with.

        `client` is the address within the network, None where it is not known.

        Raises UnavailableError when there is no room for it or no way to store it, and says so in the log.
        """
        is_exempt = client is not None and site.screening.exempts(client)
        known = self.networks.find(site, network)
        if key is None and not is_exempt:
            self.networks.check(known)
        draft = self._intake.draft(
            submission, site, network=network, key=key, is_exempt=is_exempt, is_known=client is not None
        )
        try:
            with self._room(len(submission.body)):
                receipt = await self._submit(draft, site, is_near_limit=known.is_near_limit and not is_exempt)
        except TooManyCommentsError as error:
            self.networks.refuse(known, network, error.free_at)
            raise
        except UnavailableError:
            self._unavailable.note(site=site.id)
            raise
        known.posts += 1
        return receipt

    async def _submit(self, draft: Draft, site: Site, *, is_near_limit: bool) -> Receipt:
        try:
            await self._backlog.check(site)
        except UnavailableError:
            if (known := await self._known_before(draft)) is not None:
                return known
            raise
        if is_near_limit or not markup.is_quick(draft.body):
            known = await self._known_before(draft)
            if known is not None:
                return known
        draft = await self._rendered(draft)
        with self._backlog.counted(site):
            return await self._writer.submit(draft)

    @contextmanager
    def _room(self, characters: int) -> Iterator[None]:
        """Hold room for a text until it is answered; raise UnavailableError when there is none."""
        if self._characters + characters > _MOST_CHARACTERS:
            raise UnavailableError
        self._characters += characters
        try:
            yield
        finally:
            self._characters -= characters

    async def _known_before(self, draft: Draft) -> Receipt | None:
        """Ask what is stored: return what was answered before, or raise why the draft is refused."""
        if not submissions.is_screened(draft):
            return None
        said = await self._database.inspect(lambda connection: submissions.sift(connection, draft))
        if isinstance(said, Exception):
            raise said
        return said

    async def _rendered(self, draft: Draft) -> Draft:
        if markup.is_quick(draft.body):
            rendering = markup.rendering(draft.body)
        else:
            work = partial(markup.rendering, draft.body, pause=_give_way)
            rendering = await asyncio.get_running_loop().run_in_executor(self._renderer, work)
        return replace(draft, body_html=rendering.html, renderer=rendering.renderer)


def _give_way() -> None:
    """Let another thread have the interpreter: one that waits for it needs a moment to take it."""
    time.sleep(_BREATH)
