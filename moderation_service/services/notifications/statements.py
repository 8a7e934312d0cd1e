"""Statements: mail by which authors with a proved address are told why a text is rejected, or shortened."""

from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID, uuid4, uuid5

from moderation_service.domain.comments.comment import QueuedComment, Status
from moderation_service.domain.comments.proofs import SubscriptionLinks
from moderation_service.domain.comments.receipts import MailedReceipts
from moderation_service.domain.keys import KeyRing
from moderation_service.domain.moderation import statements as rules
from moderation_service.domain.moderation.statements import STATEMENT, STATEMENT_WAITS, Statement
from moderation_service.mail.author import AuthorComposer
from moderation_service.services.accounts.directory import Directory
from moderation_service.services.notifications.kinds import Letter
from moderation_service.storage.comments import comments, contacts, revisions
from moderation_service.storage.engine.database import Connection, Database
from moderation_service.storage.moderation import decisions
from moderation_service.storage.notifications import deliveries, subscriptions
from moderation_service.storage.notifications.deliveries import Claimed


async def enqueue(
    connection: Connection,
    decided: Collection[QueuedComment],
    now: datetime,
    *,
    waits: timedelta = STATEMENT_WAITS,
) -> None:
    """Queue a statement for the authors of texts that are rejected, or shortened, once for each decision.

    The comments are locked, and their histories written; whose address is not proved gets nothing.
    """
    proved = sorted(one.id for one in decided if one.proved_at is not None)
    if not proved:
        return
    histories = await decisions.histories(connection, proved)
    stated = {one: rules.of(histories.get(one, [])) for one in proved}
    about = {_of(one, statement.number): one for one, statement in stated.items() if statement is not None}
    numbers = {one: statement.number for one, statement in stated.items() if statement is not None}
    fresh = await subscriptions.begin_telling(connection, {(one, name): now for name, one in about.items()})
    queued = [(str(uuid4()), f"{comment_id} {numbers[comment_id]}") for comment_id, _ in fresh]
    await deliveries.add_for_authors(connection, queued, kind=STATEMENT, now=now, due=now + waits)


class Statements:
    """Writes such mail, as the decision stands when it goes out."""

    def __init__(
        self,
        database: Database,
        directory: Directory,
        keys: KeyRing,
        composer: AuthorComposer,
        links: SubscriptionLinks,
        *,
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._directory = directory
        self._keys = keys
        self._composer = composer
        self._links = links
        self._receipts = MailedReceipts(keys, clock)
        self._clock = clock

    async def compose(self, delivery: Claimed) -> Letter | None:
        """Return the mail; None where another decision stands by now, or its author wants no such mail.

        A decision that was taken back before the mail went out may stand again, and is stated then.
        """
        comment_id, _, number = (delivery.reference or "").partition(" ")
        async with self._database.write() as connection:
            locked = (await comments.lock(connection, [comment_id])).get(comment_id)
            if locked is None:
                return None
            comment = await comments.get(connection, comment_id)
            statement = rules.of(await decisions.history(connection, comment_id))
            if statement is None or statement.number != int(number) or not _stands(statement, locked):
                await subscriptions.take_back(connection, comment_id, _of(comment_id, int(number)))
                return None
            address = await contacts.address(connection, self._keys, comment_id)
            takes = await subscriptions.takes_statements(connection, comment_id)
            edit = None
            if statement.is_of_edit:
                edit = await revisions.rejected(connection, comment_id, statement.revision)
        if comment is None or address is None or not takes:
            return None
        if statement.is_of_edit:
            body, body_html = edit or ("", "")
            comment = replace(comment, body=body, body_html=body_html, edit=None)
        return self._stated(delivery, comment, statement, address)

    def _stated(
        self, delivery: Claimed, comment: QueuedComment, statement: Statement, address: str
    ) -> Letter | None:
        site = self._directory.sites.get(comment.site_id)
        if site is None:
            return None
        mail = self._composer.statement(
            site,
            comment,
            statement,
            address,
            receipt=self._receipts.sign(comment.id),
            token=self._links.ending(comment.id),
            delivery_id=delivery.id,
            now=self._clock(),
        )
        return Letter(mail, address)


def _stands(statement: Statement, comment: QueuedComment) -> bool:
    """Tell whether a comment is as a decision left it: rejected, or published without an edit or passages."""
    if statement.is_redaction:
        return comment.status is Status.APPROVED and comment.redacted
    return comment.status is (Status.APPROVED if statement.is_of_edit else Status.REJECTED)


def _of(comment_id: str, number: int) -> str:
    """Return what a decision is called where it is noted of what an author was told."""
    return str(uuid5(UUID(comment_id), str(number)))
