"""What authors do by mailed links: prove that an address is theirs, and end what is mailed to it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from moderation_service.domain.accounts import addresses
from moderation_service.domain.accounts.sites import Site
from moderation_service.domain.comments.comment import QueuedComment, Status
from moderation_service.domain.comments.notices import AuthorMail, Notice
from moderation_service.domain.comments.proofs import AuthorTokens, SubscriptionLink, SubscriptionLinks
from moderation_service.domain.comments.receipts import OwnComment
from moderation_service.domain.errors import LinkVoidError, NotFoundError
from moderation_service.domain.keys import KeyRing
from moderation_service.services.accounts.directory import Directory
from moderation_service.services.notifications import reporter_mails, statements
from moderation_service.storage.comments import comments, contacts
from moderation_service.storage.engine.database import Connection, Database
from moderation_service.storage.moderation import reporters
from moderation_service.storage.notifications import author_mails
from moderation_service.storage.notifications import subscriptions as stored

_FORM = "subscription form"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """What a mailed link is about: a comment that is there, and the notices that were asked for with it."""

    link: SubscriptionLink
    site: Site
    comment: QueuedComment
    notices: tuple[Notice, ...]


class Subscriptions:
    """Takes what was pressed behind a mailed link. Opening one changes nothing."""

    def __init__(
        self,
        database: Database,
        directory: Directory,
        keys: KeyRing,
        links: SubscriptionLinks,
        tokens: AuthorTokens,
        *,
        clock: Callable[[], datetime],
        on_proved: Callable[[Site, str], Awaitable[None]],
    ) -> None:
        """`on_proved` is awaited after an address was proved, with the site and the id of its comment."""
        self._database = database
        self._directory = directory
        self._keys = keys
        self._links = links
        self._tokens = tokens
        self._clock = clock
        self._on_proved = on_proved

    async def find(self, token: str) -> Subscription:
        """Return what a link is about.

        Raises LinkInvalidError for a forgery, TokenExpiredError for a proof that is too old, and LinkVoidError
        where the comment or its site is gone, or the comment has no address any more.
        """
        link = self._links.read(token)
        async with self._database.read() as connection:
            if link.of_report:
                reporter = await reporters.get(connection, link.id)
                comment = None if reporter is None else await comments.get(connection, reporter.comment_id)
                asked, has_address = [], reporter is not None
            else:
                comment = await comments.get(connection, link.id)
                asked = await stored.asked(connection, link.id)
                has_address = bool(await contacts.sealed(connection, [link.id]))
        site = None if comment is None else self._directory.sites.get(comment.site_id)
        if comment is None or site is None or not has_address:
            raise LinkVoidError
        return Subscription(link=link, site=site, comment=comment, notices=tuple(asked))

    def form_token(self, token: str) -> str:
        """Return what the form behind a link carries."""
        return self._keys.keyed_hash(_FORM, token)

    def is_form_token(self, token: str, value: str) -> bool:
        """Tell whether a form was shown behind a link."""
        return self._keys.is_keyed_hash(_FORM, token, value)

    async def confirm(self, found: Subscription) -> str:
        """Write that the address of a comment is its author's, and begin what was asked for with it.

        Returns the token by which this device proves the address from now on. Confirming again adds nothing.
        """
        now, comment_id = self._clock(), found.comment.id
        async with self._database.write() as connection:
            locked = (await comments.lock(connection, [comment_id])).get(comment_id)
            if locked is None:
                raise LinkVoidError
            address = await self._address(connection, comment_id)
            await comments.note_proof(connection, comment_id, at=now)
            await stored.confirm(connection, comment_id, at=now)
            await author_mails.forget_refusals(connection, self._hashes(address))
            if locked.status is Status.APPROVED:
                await stored.begin_telling(connection, {(comment_id, comment_id): now})
            elif locked.status is Status.REJECTED:
                proved = replace(locked, proved_at=locked.proved_at or now)
                await statements.enqueue(connection, [proved], now, waits=timedelta())
        await self._on_proved(found.site, comment_id)
        return self._tokens.sign(found.site.id, address)

    async def confirm_report(self, found: Subscription) -> None:
        """Write that the address of a report is its sender's, and tell what there is to tell, once."""
        async with self._database.write() as connection:
            await reporter_mails.confirm(connection, found.link.id, self._clock())

    async def end(self, found: Subscription, *, everything: bool) -> None:
        """Let the notices of a comment end, or all of its site to the same address; what has ended stays so."""
        now = self._clock()
        async with self._database.write() as connection:
            if everything:
                hashes = self._hashes(await self._address(connection, found.comment.id))
                await stored.end_of_address(connection, hashes, site_id=found.site.id, at=now)
            else:
                await stored.end(connection, found.comment.id, at=now)

    async def mails_of(self, own: OwnComment) -> list[AuthorMail] | None:
        """Return what mail about their comment an author will get; None where it proves no address."""
        async with self._database.read() as connection:
            if not await self._proves_address(connection, own.id):
                return None
            in_force = {notice for _, notice in await stored.in_force(connection, [own.id])}
            has_statements = await stored.takes_statements(connection, own.id)
        if own.status is Status.WITHDRAWN:
            return []
        gets = {
            AuthorMail.PUBLISHED: Notice.PUBLISHED in in_force and own.status is not Status.APPROVED,
            AuthorMail.REPLIES: Notice.REPLIES in in_force,
            AuthorMail.STATEMENTS: has_statements,
        }
        return [mail for mail, is_sent in gets.items() if is_sent]

    async def end_by_receipt(
        self, own: OwnComment, site: Site, mail: AuthorMail | None, *, everything: bool
    ) -> None:
        """Let one kind of mail about a comment end, without one all about it, or all of its site to its address.

        What has ended stays so. Raises NotFoundError for everything where the comment proves no address.
        """
        now = self._clock()
        async with self._database.write() as connection:
            if everything:
                if not await self._proves_address(connection, own.id):
                    raise NotFoundError
                hashes = self._hashes(await self._address(connection, own.id))
                await stored.end_of_address(connection, hashes, site_id=site.id, at=now)
            elif mail is None:
                await stored.end(connection, own.id, at=now)
            else:
                await stored.end_mail(connection, own.id, mail, at=now)

    async def _proves_address(self, connection: Connection, comment_id: str) -> bool:
        comment = await comments.get(connection, comment_id)
        if comment is None or comment.proved_at is None:
            return False
        return bool(await contacts.sealed(connection, [comment_id]))

    async def _address(self, connection: Connection, comment_id: str) -> str:
        address = await contacts.address(connection, self._keys, comment_id)
        if address is None:
            raise LinkVoidError
        return address

    def _hashes(self, address: str) -> tuple[str, ...]:
        return self._keys.keyed_hashes(addresses.AUTHOR, addresses.identity(address))
