"""Comments of proved addresses that are published by themselves, where a site's owner says so."""

from collections.abc import Awaitable, Callable
from datetime import datetime

import structlog

from moderation_service.domain.accounts.sites import Site
from moderation_service.domain.comments.comment import QueuedComment, Status
from moderation_service.domain.errors import UnavailableError
from moderation_service.domain.keys import KeyRing
from moderation_service.domain.moderation import trust
from moderation_service.domain.moderation.authors import Record
from moderation_service.domain.moderation.decisions import Actor, Channel, Decision, Request
from moderation_service.domain.screening import assessment
from moderation_service.services.moderation import authors, decisions
from moderation_service.storage.comments import comments, contacts
from moderation_service.storage.engine.database import Connection, Database
from moderation_service.storage.engine.faults import ConnectionLostError
from moderation_service.storage.moderation import decisions as history
from moderation_service.storage.notifications import outbox
from moderation_service.storage.screening import outside_checks

_BY_RULE = Actor(channel=Channel.RULE, name=trust.RULE)

_log = structlog.stdlib.get_logger(__name__)


class Trust:
    """Looks at a comment once its address is proved, and publishes it where nothing speaks against it."""

    def __init__(
        self,
        database: Database,
        keys: KeyRing,
        *,
        clock: Callable[[], datetime],
        announce: Callable[[], Awaitable[None]],
    ) -> None:
        """`announce` is awaited after something was published, so that whoever reads here sees it."""
        self._database = database
        self._keys = keys
        self._clock = clock
        self._announce = announce

    async def consider(self, site: Site, comment_id: str) -> None:
        """Note what speaks for the author of a comment that waits, and publish it if the site's rule says so.

        A comment that somebody decided on, or that services outside are asked about, is left alone. If that fails,
        the comment waits for a moderator as it would have anyway.
        """
        try:
            async with self._database.write() as connection:
                is_published = await self._consider(connection, site, comment_id)
        except ConnectionLostError:
            await self._announce()
        except UnavailableError as error:
            _log.warning("trust.not_considered", comment=comment_id, error=type(error).__name__)
        else:
            if is_published:
                _log.info("trust.published", site=site.id, comment=comment_id)
                await self._announce()

    async def _consider(self, connection: Connection, site: Site, comment_id: str) -> bool:
        locked = (await comments.lock(connection, [comment_id])).get(comment_id)
        if locked is None or locked.status is not Status.PENDING or locked.proved_at is None:
            return False
        if await history.newest(connection, [comment_id]) or await outside_checks.is_open(connection, comment_id):
            return False
        address = await contacts.address(connection, self._keys, comment_id)
        if address is None:
            return False
        record = await authors.proved_record(connection, site.id, authors.hashes_of(self._keys, address))
        await _note_trust(connection, locked, record)
        if not trust.may_publish(locked.assessment, record, after=site.screening.publish_proved_after):
            return False
        asked = Request(comment_id=comment_id, decision=Decision.APPROVE, expected=Status.PENDING)
        await outbox.tell_afterwards(connection, comment_id)
        taken = await decisions.decide_within(connection, site, [asked], actor=_BY_RULE, now=self._clock())
        return taken.is_visible


async def _note_trust(connection: Connection, comment: QueuedComment, record: Record) -> None:
    """Write what speaks for an author whose address was proved after the comment had been assessed."""
    reason = trust.reason(record)
    if reason is not None and all(one.code != reason.code for one in comment.assessment.reasons):
        await comments.reassess(connection, comment.id, assessment.with_reason(comment.assessment, reason))
