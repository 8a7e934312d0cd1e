"""Mail to authors: proofs of an address, and what they asked to be told of their comments."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from uuid import uuid4

from moderation_service.domain.accounts import addresses
from moderation_service.domain.comments.comment import QueuedComment, Status
from moderation_service.domain.comments.notices import (
    AUTHOR_NOTICE,
    MOST_REFUSALS,
    REPLIES_OF_ADDRESS,
    WINDOW,
    Notice,
)
from moderation_service.domain.comments.proofs import SubscriptionLinks
from moderation_service.domain.comments.receipts import MailedReceipts
from moderation_service.domain.keys import KeyRing
from moderation_service.domain.moderation import statements
from moderation_service.mail.author import AuthorComposer
from moderation_service.services.accounts.directory import Directory
from moderation_service.services.notifications.kinds import Letter
from moderation_service.storage.comments import comments, contacts
from moderation_service.storage.engine.database import Connection, Database
from moderation_service.storage.moderation import decisions
from moderation_service.storage.notifications import author_mails, deliveries, subscriptions
from moderation_service.storage.notifications.deliveries import Claimed


async def enqueue(connection: Connection, published: Mapping[str, str | None], now: datetime) -> set[str]:
    """Queue what authors wanted to be told of comments that are published in this transaction, once for each.

    The comments are given with those that they answer. Of replies beyond the most of a day none is queued.
    Return those whose own authors are told that they are published.
    """
    wanted = await subscriptions.to_tell(connection, published)
    told = await subscriptions.replies_told(
        connection, [one for one, about_id in wanted if one != about_id], since=now - WINDOW
    )
    fresh = await subscriptions.begin_telling(connection, dict.fromkeys(wanted, now))
    held = await _too_many(connection, fresh, told)
    await subscriptions.hold(connection, held, at=now)
    fresh = [one for one in fresh if one not in held]
    queued = [(str(uuid4()), f"{comment_id} {about_id}") for comment_id, about_id in fresh]
    await deliveries.add_for_authors(connection, queued, kind=AUTHOR_NOTICE, now=now)
    return {comment_id for comment_id, about_id in fresh if comment_id == about_id}


async def _too_many(
    connection: Connection, fresh: Sequence[tuple[str, str]], told: Mapping[str, int]
) -> set[tuple[str, str]]:
    """Return the replies among what is new that are too many; `told` counts those before by hash of address."""
    replies = [(comment_id, about_id) for comment_id, about_id in fresh if comment_id != about_id]
    hashes = await contacts.hashes(connection, [comment_id for comment_id, _ in replies]) if replies else {}
    counts, held = dict(told), set()
    for comment_id, about_id in replies:
        whose = hashes.get(comment_id, comment_id)
        counts[whose] = counts.get(whose, 0) + 1
        if counts[whose] > REPLIES_OF_ADDRESS:
            held.add((comment_id, about_id))
    return held


async def _reason(connection: Connection, comment: QueuedComment) -> str | None:
    """Return the code of why passages were taken out of a comment, None where that was not said."""
    if not comment.redacted:
        return None
    statement = statements.of_redaction(await decisions.history(connection, comment.id), comment.revision)
    return None if statement is None else statement.reason


class AuthorNotices:
    """Writes such mail, and ends it where an address refuses it."""

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

    async def compose_proof(self, delivery: Claimed) -> Letter | None:
        """Return the mail that asks for a proof; None where there is nothing to prove any more."""
        async with self._database.read() as connection:
            comment = await comments.get(connection, delivery.reference or "")
            if comment is None or comment.proved_at is not None:
                return None
            asked = await subscriptions.asked(connection, comment.id)
            address = await contacts.address(connection, self._keys, comment.id)
        site = self._directory.sites.get(comment.site_id)
        if site is None or address is None:
            return None
        mail = self._composer.proof(
            site,
            comment,
            asked,
            address,
            token=self._links.confirming(comment.id),
            delivery_id=delivery.id,
            now=self._clock(),
        )
        return Letter(mail, address)

    async def compose_notice(self, delivery: Claimed) -> Letter | None:
        """Return the mail that tells of a published comment; None where there is nothing to tell any more.

        What was taken back before the mail went out may be published again, and is told of then.
        """
        comment_id, _, about_id = (delivery.reference or "").partition(" ")
        async with self._database.write() as connection:
            locked = await comments.lock(connection, sorted({comment_id, about_id}))
            if any(
                one not in locked or locked[one].status is not Status.APPROVED for one in (comment_id, about_id)
            ):
                await subscriptions.take_back(connection, comment_id, about_id)
                return None
            notice = Notice.PUBLISHED if comment_id == about_id else Notice.REPLIES
            wanted = await subscriptions.in_force(connection, [comment_id])
            address = await contacts.address(connection, self._keys, comment_id)
            if (comment_id, notice) not in wanted or address is None:
                return None
            if notice is Notice.REPLIES and await self._is_of(connection, about_id, address):
                return None
            about = await comments.get(connection, about_id)
            reason = await _reason(connection, about) if notice is Notice.PUBLISHED and about is not None else None
            held = (
                0
                if notice is Notice.PUBLISHED
                else await subscriptions.held_before(connection, comment_id, about_id)
            )
        return None if about is None else self._told(delivery, notice, comment_id, about, address, held, reason)

    def _told(
        self,
        delivery: Claimed,
        notice: Notice,
        comment_id: str,
        about: QueuedComment,
        address: str,
        held: int,
        reason: str | None,
    ) -> Letter | None:
        site = self._directory.sites.get(about.site_id)
        if site is None:
            return None
        mail = self._composer.notice(
            site,
            notice,
            about,
            address,
            held=held,
            receipt=self._receipts.sign(comment_id),
            token=self._links.ending(comment_id),
            delivery_id=delivery.id,
            now=self._clock(),
            reason=reason,
        )
        return Letter(mail, address)

    async def _is_of(self, connection: Connection, comment_id: str, address: str) -> bool:
        """Tell whether a comment is by the author of an address: nobody is told of what they wrote themselves."""
        hashes = self._keys.keyed_hashes(addresses.AUTHOR, addresses.identity(address))
        return (await contacts.hashes(connection, [comment_id])).get(comment_id) in hashes

    async def note_refusal(self, delivery: Claimed) -> None:
        """Note that a server refused a mail for good; a third one ends all notices to the address."""
        comment_id = (delivery.reference or "").partition(" ")[0]
        now = self._clock()
        async with self._database.write() as connection:
            comment = await comments.get(connection, comment_id)
            address = await contacts.address(connection, self._keys, comment_id)
            if comment is None or address is None:
                return
            hashes = self._keys.keyed_hashes(addresses.AUTHOR, addresses.identity(address))
            refusals = await author_mails.note_refusal(
                connection,
                delivery.id,
                comment_id=comment_id,
                site_id=comment.site_id,
                address_hashes=hashes,
                at=now,
            )
            if refusals >= MOST_REFUSALS:
                await subscriptions.end_of_address(connection, hashes, site_id=None, at=now)
