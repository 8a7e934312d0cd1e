"""Telling moderators: claim a person, gather what waits, send one message, write down what came of it."""

import asyncio
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from moderation_service.domain import addresses, notices
from moderation_service.domain.comments import QueuedComment
from moderation_service.domain.keys import KeyRing
from moderation_service.domain.notices import Action, Message, MessageState, Notice, PromiseState
from moderation_service.domain.sites import Moderator, Site
from moderation_service.mail.compose import Composer
from moderation_service.mail.transport import WHOLE_MESSAGE, DeliveryError, Transport
from moderation_service.services.directory import Directory
from moderation_service.storage import comments, contacts, outbox, people
from moderation_service.storage.database import Connection, Database
from moderation_service.storage.outbox import Fixed
from moderation_service.storage.people import Lease

_LEASE = timedelta(seconds=3 * WHOLE_MESSAGE)

_log = structlog.stdlib.get_logger(__name__)


class Delivery:
    """Sends what was promised to the people of the directory."""

    def __init__(
        self,
        database: Database,
        directory: Directory,
        keys: KeyRing,
        composer: Composer,
        transport: Transport,
        *,
        interval: timedelta,
        clock: Callable[[], datetime],
        new_id: Callable[[], str],
    ) -> None:
        self._database = database
        self._directory = directory
        self._keys = keys
        self._composer = composer
        self._transport = transport
        self._interval = interval
        self._clock = clock
        self._new_id = new_id
        self._paused_until: datetime | None = None

    @property
    def is_paused(self) -> bool:
        """Whether the mail server or our account there refuses everything."""
        return self._paused_until is not None

    async def deliver_due(self, stop: asyncio.Event | None = None) -> int:
        """Write to everybody who is due, until `stop`; return how many messages the server accepted."""
        sent = 0
        try:
            while not (stop and stop.is_set()) and (lease := await self._claim()) is not None:
                sent += await self._deliver(lease)
        finally:
            await self._transport.close()
        return sent

    async def _claim(self) -> Lease | None:
        now = self._clock()
        if self._paused_until is not None and now < self._paused_until:
            return None
        everybody = self._directory.person_ids()
        async with self._database.read() as connection:
            if not await people.is_any_due(connection, everybody, now, self._interval):
                return None
        async with self._database.write() as connection:
            return await people.claim(
                connection,
                everybody,
                now=now,
                interval=self._interval,
                lease=_LEASE,
                token=secrets.token_hex(16),
            )

    async def _deliver(self, lease: Lease) -> bool:
        try:
            message = await self._gather(lease)
            if message is None:
                return False
            mail = self._composer.compose(message)
            try:
                await self._transport.send(mail, message.notices[0].moderator.email)
            except DeliveryError as error:
                await self._write_failure(lease, message, error)
                return False
            await self._write_success(lease, message)
        except _LeaseLostError:
            _log.warning("mail.lease_lost", person=lease.person_id)
            return False
        except Exception:
            _log.exception("mail.failed", person=lease.person_id)
            await self._release(lease, **self._later(lease))
            return False
        except BaseException:
            await self._release(lease)
            raise
        return True

    async def _gather(self, lease: Lease) -> Message | None:
        """Fix a message of what waits, or take up the one that a server may have seen; None if nothing is left."""
        async with self._database.write() as connection:
            await outbox.drop_decided(connection, lease.person_id)
            taken_up = await outbox.fixed(connection, lease.person_id)
            fixed = taken_up or await self._fix(connection, lease.person_id)
            waiting, total = await outbox.waiting_in(connection, fixed.id, notices.IN_FULL)
            if total == 0:
                await outbox.settle(connection, fixed.id, MessageState.DISSOLVED, PromiseState.SUPERSEDED)
                await people.release(connection, lease)
                return None
            ids = [comment_id for comment_id, _ in waiting]
            shown = await comments.get_many(connection, ids)
            known = await contacts.addresses(connection, self._keys, ids)
        parts = {(site.id, one.id): (site, one) for site, one in self._directory.parts_of(lease.person_id)}
        return Message(
            id=fixed.id,
            message_id=fixed.message_id,
            created_at=fixed.created_at,
            notices=tuple(
                _notice(comment, parts[comment.site_id, moderator_id], known[comment.id])
                for comment, (_, moderator_id) in zip(shown, waiting, strict=True)
            ),
            total=total,
            shortened=fixed.shortened,
            may_have_arrived=taken_up is not None,
        )

    async def _fix(self, connection: Connection, person_id: str) -> Fixed:
        new_id = self._new_id()
        return await outbox.fix(
            connection,
            person_id,
            new_id=new_id,
            message_id=self._composer.new_message_id(new_id),
            now=self._clock(),
        )

    async def _write_success(self, lease: Lease, message: Message) -> None:
        now = self._clock()
        self._paused_until = None
        async with self._database.write() as connection:
            await outbox.settle(connection, message.id, MessageState.SENT, PromiseState.TOLD, sent_at=now)
            await self._hold(
                connection,
                lease,
                last_message_at=now,
                next_attempt_at=None,
                attempts=0,
                failing_since=None,
                parked_since=None,
                last_error=None,
            )
        _log.info("mail.sent", message=message.id, comments=message.total)

    async def _write_failure(self, lease: Lease, message: Message, error: DeliveryError) -> None:
        action = notices.classify(error.phase, error.code)
        _log.warning("mail.refused", phase=error.phase, code=error.code, status=error.status, action=action)
        now = self._clock()
        keep = message.may_have_arrived or notices.may_have_arrived(error.phase)
        async with self._database.write() as connection:
            if action is Action.PARK_MESSAGE and message.shortened:
                await outbox.settle(
                    connection, message.id, MessageState.PARKED, PromiseState.PARKED, last_error=error.reply
                )
            elif action is Action.PARK_MESSAGE:
                await outbox.note_attempt(connection, message.id, shortened=True, last_error=error.reply)
            elif keep:
                await outbox.note_attempt(connection, message.id, last_error=error.reply)
            else:
                await outbox.settle(
                    connection,
                    message.id,
                    MessageState.DISSOLVED,
                    PromiseState.WAITING,
                    last_error=error.reply,
                )
            await self._hold(connection, lease, **self._consequence(action, lease, now, error.reply))
        if action is Action.PAUSE_ALL:
            self._paused_until = now + notices.PROBE_SERVER_EVERY

    def _consequence(self, action: Action, lease: Lease, now: datetime, reply: str) -> dict[str, object]:
        """Return what a failure means for the person: nothing, a wait, or being parked and probed daily."""
        if action is Action.PAUSE_ALL:
            return {}
        if action is Action.PARK_MESSAGE:
            return {"next_attempt_at": now + notices.BEFORE_SHORTENED}
        gave_up = lease.failing_since is not None and now - lease.failing_since > notices.GIVE_UP_AFTER
        if action is Action.PARK_PERSON or gave_up:
            return {
                "parked_since": now,
                "next_attempt_at": now + notices.PROBE_PERSON_EVERY,
                "last_error": reply,
            }
        return self._later(lease) | {"last_error": reply}

    def _later(self, lease: Lease) -> dict[str, object]:
        now = self._clock()
        return {
            "attempts": lease.attempts + 1,
            "failing_since": lease.failing_since or now,
            "next_attempt_at": now + notices.backoff(lease.attempts),
        }

    async def _release(self, lease: Lease, **values: object) -> None:
        async with self._database.write() as connection:
            await people.release(connection, lease, **values)

    @staticmethod
    async def _hold(connection: Connection, lease: Lease, **values: object) -> None:
        """Give the lease back, or undo the whole transaction when another worker has it by now."""
        if not await people.release(connection, lease, **values):
            raise _LeaseLostError


class _LeaseLostError(Exception):
    """Another worker took the person over."""


def _notice(comment: QueuedComment, part: tuple[Site, Moderator], address: str) -> Notice:
    site, moderator = part
    return Notice(comment=comment, site=site, moderator=moderator, masked_address=addresses.mask(address))
