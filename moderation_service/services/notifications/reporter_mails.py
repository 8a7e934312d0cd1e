"""Mail to those who reported a comment: a proof of the address, that the report came, and what became of it."""

from collections.abc import Callable, Collection
from datetime import datetime
from uuid import uuid4

from moderation_service.domain.accounts import addresses
from moderation_service.domain.comments.notices import AskedProof
from moderation_service.domain.comments.proofs import SubscriptionLinks
from moderation_service.domain.keys import KeyNotListedError, KeyRing
from moderation_service.domain.moderation.reports import (
    OUTCOME_WAITS,
    REPORT_OUTCOME,
    REPORT_PROOF,
    REPORT_RECEIVED,
    ReportDraft,
    Reporter,
)
from moderation_service.mail.reporter import ReporterComposer
from moderation_service.services.accounts.directory import Directory
from moderation_service.services.notifications.kinds import Letter
from moderation_service.storage.comments import comments
from moderation_service.storage.engine.database import Connection, Database
from moderation_service.storage.moderation import reporters
from moderation_service.storage.notifications import author_mails, deliveries
from moderation_service.storage.notifications.deliveries import Claimed


async def ask(
    connection: Connection, draft: ReportDraft, report_id: str, asked: AskedProof, sealed: bytes
) -> None:
    """Queue the mail that asks to prove the address of a report that went into `report_id`, within all limits.

    An address that is among those of the report already is not asked again.
    """
    if await reporters.is_known(connection, report_id, asked.address_hashes):
        return
    if await author_mails.ask_one(connection, asked, about_id=draft.id, site_id=draft.site_id, at=draft.at):
        await reporters.add(connection, draft, report_id, sealed)
        await deliveries.add_for_authors(connection, [(asked.id, draft.id)], kind=REPORT_PROOF, now=draft.at)


async def confirm(connection: Connection, reporter_id: str, now: datetime) -> None:
    """Write that the address of a report is its sender's, and queue what there is to tell of it, once."""
    if not await reporters.note_proof(connection, reporter_id, at=now):
        return
    reporter = await reporters.get(connection, reporter_id)
    if reporter is None:
        return
    if reporter.outcome is None:
        fresh = [(str(uuid4()), reporter_id)]
        await deliveries.add_for_authors(connection, fresh, kind=REPORT_RECEIVED, now=now)
    else:
        await enqueue_outcomes(connection, [reporter.comment_id], now)


async def enqueue_outcomes(connection: Connection, comment_ids: Collection[str], now: datetime) -> None:
    """Queue what those are told who reported comments on which somebody has decided, once for each."""
    mails = [(one, str(uuid4())) for one in await reporters.untold(connection, comment_ids)]
    await reporters.tell(connection, mails)
    fresh = [(delivery_id, reporter_id) for reporter_id, delivery_id in mails]
    await deliveries.add_for_authors(connection, fresh, kind=REPORT_OUTCOME, now=now, due=now + OUTCOME_WAITS)


class ReporterMails:
    """Writes such mail, as things stand when it goes out."""

    def __init__(
        self,
        database: Database,
        directory: Directory,
        keys: KeyRing,
        composer: ReporterComposer,
        links: SubscriptionLinks,
        *,
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._directory = directory
        self._keys = keys
        self._composer = composer
        self._links = links
        self._clock = clock

    async def compose_proof(self, delivery: Claimed) -> Letter | None:
        """Return the mail that asks for a proof; None where there is nothing to prove any more."""
        reporter_id = delivery.reference or ""
        async with self._database.read() as connection:
            reporter = await reporters.get(connection, reporter_id)
            address = await self._address(connection, reporter_id)
        site = None if reporter is None else self._directory.sites.get(reporter.site_id)
        if reporter is None or reporter.proved_at is not None or site is None or address is None:
            return None
        token = self._links.confirming_report(reporter_id)
        mail = self._composer.proof(
            site, reporter.created_at, address, token=token, delivery_id=delivery.id, now=self._clock()
        )
        return Letter(mail, address)

    async def compose_received(self, delivery: Claimed) -> Letter | None:
        """Return the mail that says that a report came; None where somebody has decided on it meanwhile."""
        async with self._database.read() as connection:
            reporter = await reporters.get(connection, delivery.reference or "")
            if reporter is None or reporter.outcome is not None:
                return None
            return await self._told(connection, delivery, reporter)

    async def compose_outcome(self, delivery: Claimed) -> Letter | None:
        """Return the mail that says what became of a report; None where that was undone."""
        reporter_id = delivery.reference or ""
        async with self._database.write() as connection:
            found = await reporters.get(connection, reporter_id)
            if found is None:
                return None
            await comments.lock(connection, [found.comment_id])
            reporter = await reporters.get(connection, reporter_id)
            if reporter is None or reporter.outcome_mail != delivery.id:
                return None
            if reporter.outcome is None:
                await reporters.take_back(connection, reporter_id)
                return None
            return await self._told(connection, delivery, reporter)

    async def _told(self, connection: Connection, delivery: Claimed, reporter: Reporter) -> Letter | None:
        comment = await comments.get(connection, reporter.comment_id)
        address = await self._address(connection, reporter.id)
        site = self._directory.sites.get(reporter.site_id)
        if comment is None or address is None or site is None:
            return None
        mail = self._composer.told(site, comment, reporter, address, delivery_id=delivery.id, now=self._clock())
        return Letter(mail, address)

    async def note_refusal(self, delivery: Claimed) -> None:
        """Note that a server refused a mail for good: it counts where proofs are asked for."""
        reporter_id = delivery.reference or ""
        async with self._database.write() as connection:
            reporter = await reporters.get(connection, reporter_id)
            address = await self._address(connection, reporter_id)
            if reporter is None or address is None:
                return
            await author_mails.note_refusal(
                connection,
                delivery.id,
                comment_id=reporter_id,
                site_id=reporter.site_id,
                address_hashes=self._keys.keyed_hashes(addresses.AUTHOR, addresses.identity(address)),
                at=self._clock(),
            )

    async def _address(self, connection: Connection, reporter_id: str) -> str | None:
        try:
            return await reporters.address(connection, self._keys, reporter_id)
        except KeyNotListedError:
            return None
