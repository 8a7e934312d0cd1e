"""Asking services outside about comments: after the answer to their authors, and before anybody is notified.

A comment is stored with its notifications held. Whoever claims its check asks all services that its site names at
once; adding what they say to its reasons and releasing the notifications is one transaction. A check that nobody
finished in time is released as it is, with a reason that says so: no comment waits longer for it, or is lost.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime, timedelta
from ipaddress import ip_network

import structlog

from moderation_service.domain.accounts.sites import Site
from moderation_service.domain.comments.comment import QueuedComment, Status
from moderation_service.domain.keys import KeyNotListedError, KeyRing
from moderation_service.domain.screening import assessment as assessments
from moderation_service.domain.screening import outside
from moderation_service.domain.screening.assessment import Assessment, Finding
from moderation_service.domain.screening.candidate import Candidate
from moderation_service.domain.screening.outside import Asked, Learned, Service, UnusableAnswerError
from moderation_service.log import Recurring
from moderation_service.outgoing_http.client import Client, RequestFailedError
from moderation_service.services.accounts.directory import Directory
from moderation_service.services.screening import akismet, hook
from moderation_service.storage.comments import comments
from moderation_service.storage.engine.database import Database
from moderation_service.storage.notifications import outbox
from moderation_service.storage.screening import outside_checks
from moderation_service.storage.screening.outside_checks import CheckState, OutsideCheck

HELD_AT_MOST = timedelta(seconds=5)
"""How long moderators are not notified of a comment that services outside are asked about."""

WITHIN = 2.0
"""Seconds that an outside service may take."""

_LEASE = timedelta(seconds=10)
_LOOK_EVERY = 1.0
_MOST_AT_ONCE = 8
_TRIES = 8
_FIRST_RETRY = timedelta(minutes=1)
_LEARNED = {Status.APPROVED: Learned.HAM, Status.SPAM: Learned.SPAM}


class OutsideChecks:
    """Asks, and reports what moderators decide, up to `most_at_once` comments at a time."""

    def __init__(
        self,
        database: Database,
        directory: Directory,
        keys: KeyRing,
        *,
        clock: Callable[[], datetime],
        on_released: Callable[[], None],
        on_settled: Callable[[Site, str], Awaitable[None]] | None = None,
        within: float = WITHIN,
        most_at_once: int = _MOST_AT_ONCE,
    ) -> None:
        """`on_released` is called when moderators may be notified of a comment.

        Before that `on_settled` is awaited for a comment of a proved address, with its site and id.
        """
        self._database = database
        self._directory = directory
        self._keys = keys
        self._clock = clock
        self._on_released = on_released
        self._on_settled = on_settled or _nothing
        self._most_at_once = most_at_once
        self._clients = {one: Client(allow_private=True, within=within) for one in Service}
        self._wanted = asyncio.Event()
        self._failed = Recurring(structlog.stdlib.get_logger(__name__), "screening.outside_failed")

    def prepare(self, comment_id: str, candidate: Candidate, assessment: Assessment) -> bytes | None:
        """Return what a comment is stored with so that services outside are asked about it; None to ask nobody.

        Nobody is asked about a suspect: it waits behind all others anyway.
        """
        if not candidate.site.screening.asks_outside or assessment.is_suspect:
            return None
        return self._keys.seal(candidate.network, table=outside_checks.TABLE, row=comment_id)

    def wake(self) -> None:
        """Look at once: a comment was stored, or decided on."""
        self._wanted.set()

    async def run(self) -> None:
        """Ask about what waits here or at other processes, for ever."""
        while True:
            self._wanted.clear()
            if not await self.work():
                with suppress(TimeoutError):
                    async with asyncio.timeout(_LOOK_EVERY):
                        await self._wanted.wait()

    async def close(self) -> None:
        """End the connections to services outside."""
        for client in self._clients.values():
            await client.close()

    async def work(self) -> int:
        """Release what waited too long, then ask about and report what is due; return how many that were."""
        now = self._clock()
        async with self._database.read() as connection:
            late = await outside_checks.overdue(connection, self._most_at_once, before=now - HELD_AT_MOST, now=now)
            is_due = await outside_checks.is_any_due(connection, now)
        for comment_id in late:
            await self._settle(comment_id, lambda site: [outside.failed(one) for one in _services(site)])
        if not is_due:
            return len(late)
        async with self._database.write() as connection:
            claimed = await outside_checks.claim(connection, self._most_at_once, now=now, lease=_LEASE)
        async with asyncio.TaskGroup() as tasks:
            for one in claimed:
                tasks.create_task(self._ask(one) if one.state is CheckState.OPEN else self._report(one))
        return len(late) + len(claimed)

    async def _ask(self, check: OutsideCheck) -> None:
        site = self._directory.sites.get(check.site_id)
        comment = await self._comment(check)
        findings: list[Finding] = []
        if site is not None and comment is not None and comment.status is Status.PENDING:
            asked = self._asked(check, site, comment)
            findings = await asyncio.gather(*(self._say(one, site, asked) for one in _services(site)))
        await self._settle(check.comment_id, lambda _: findings)

    async def _say(self, service: Service, site: Site, asked: Asked) -> Finding:
        """Ask one service; its failure is a finding, too."""
        client = self._clients[service]
        rules = site.screening
        try:
            if service is Service.AKISMET and rules.akismet is not None:
                return await akismet.check(client, rules.akismet, asked)
            if service is Service.HOOK and rules.hook is not None:
                return await hook.check(client, rules.hook, asked, now=self._clock())
        except (RequestFailedError, UnusableAnswerError) as error:
            self._note_failure(service, site.id, error)
            return outside.failed(service)
        return assessments.NOTHING

    async def _settle(self, comment_id: str, findings_of: Callable[[Site | None], list[Finding]]) -> None:
        """Add what was said to a comment that still waits as it was, and let moderators be notified of it."""
        async with self._database.write() as connection:
            comment = (await comments.lock(connection, [comment_id])).get(comment_id)
            if not await outside_checks.close(connection, comment_id) or comment is None:
                return
            assessment = comment.assessment
            findings = findings_of(self._directory.sites.get(comment.site_id))
            if comment.status is Status.PENDING and findings:
                before = Finding(
                    assessment.reasons, assessment.verdict, assessment.probability, assessment.text_group
                )
                assessment = assessments.sum_up([before, *findings])
                await comments.reassess(connection, comment_id, assessment)
            await outbox.release(connection, comment_id, quiet=assessment.is_suspect)
        site = self._directory.sites.get(comment.site_id)
        if comment.proved_at is not None and site is not None:
            await self._on_settled(site, comment_id)
        self._on_released()

    async def _report(self, check: OutsideCheck) -> None:
        """Tell Akismet what moderators took a comment for, if that is news; try again later where it fails."""
        site = self._directory.sites.get(check.site_id)
        comment = await self._comment(check)
        account = None if site is None else site.screening.akismet
        learned = None if comment is None else _LEARNED.get(comment.status)
        reported = check.reported
        if site and account and comment and learned is not None and learned != reported:
            asked = self._asked(check, site, comment)
            try:
                await akismet.report(self._clients[Service.AKISMET], account, asked, learned)
            except (RequestFailedError, UnusableAnswerError) as error:
                self._note_failure(Service.AKISMET, site.id, error)
                if check.attempts + 1 < _TRIES:
                    async with self._database.write() as connection:
                        until = self._clock() + _FIRST_RETRY * 4**check.attempts
                        await outside_checks.put_off(connection, check, until=until)
                    return
            else:
                reported = learned
        async with self._database.write() as connection:
            await outside_checks.note_reported(connection, check, reported)

    async def _comment(self, check: OutsideCheck) -> QueuedComment | None:
        async with self._database.read() as connection:
            return await comments.get(connection, check.comment_id)

    def _asked(self, check: OutsideCheck, site: Site, comment: QueuedComment) -> Asked:
        return Asked(
            id=comment.id,
            site_id=site.id,
            site_url=site.origins[0],
            page_url=comment.page_url,
            page_title=comment.page_title,
            is_reply=comment.parent_id is not None,
            author_name=comment.author_name,
            author_url=comment.author_url,
            body=comment.body,
            language=site.language,
            network=self._network(check),
        )

    def _network(self, check: OutsideCheck) -> str | None:
        """Return a client's network as an address whose last part is zero; None where it is not known."""
        try:
            network = self._keys.open(check.network_sealed, table=outside_checks.TABLE, row=check.comment_id)
            return str(ip_network(network).network_address)
        except (KeyNotListedError, ValueError):
            return None

    def _note_failure(self, service: Service, site_id: str, error: Exception) -> None:
        why = error.reason if isinstance(error, RequestFailedError) else "an answer that cannot be used"
        self._failed.note(service=service, site=site_id, reason=why)


async def _nothing(site: Site, comment_id: str) -> None:
    del site, comment_id


def _services(site: Site | None) -> list[Service]:
    if site is None:
        return []
    rules = site.screening
    named = {Service.AKISMET: rules.akismet, Service.HOOK: rules.hook}
    return [service for service, account in named.items() if account is not None]
