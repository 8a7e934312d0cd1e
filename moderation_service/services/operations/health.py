"""Whether the service can do its work just now."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable

from moderation_service.domain.errors import UnavailableError
from moderation_service.storage.engine.database import Connection, Database
from moderation_service.storage.notifications import deliveries, people, undeliverable
from moderation_service.storage.notifications import webhooks as stored_webhooks
from moderation_service.storage.operations import keys

_ANSWER_HOLDS = 1.0
FAILURE_HOLDS = 5.0
"""Seconds after a failure to store a comment during which none is expected to be stored."""


class Health:
    """Readiness: not ready only when a comment could not be stored or the service is stopping."""

    def __init__(
        self,
        database: Database,
        *,
        person_ids: Callable[[], list[str]],
        webhooks: Callable[[], list[str]],
        is_mail_paused: Callable[[], bool],
        is_mail_late: Callable[[], Awaitable[bool]],
        everybody_away: Callable[[Connection], Awaitable[list[str]]],
        last_failure: Callable[[], float],
        nearly_full: Callable[[], Awaitable[list[str]]],
        has_orphaned_pages: Callable[[], Awaitable[bool]],
        under_attack: Callable[[], Iterable[str]],
        is_behind_untrusted_proxy: Callable[[], bool] = lambda: False,
        failure_holds: float = FAILURE_HOLDS,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._person_ids = person_ids
        self._webhooks = webhooks
        self._is_mail_paused = is_mail_paused
        self._is_mail_late = is_mail_late
        self._everybody_away = everybody_away
        self._last_failure = last_failure
        self._nearly_full = nearly_full
        self._has_orphaned_pages = has_orphaned_pages
        self._under_attack = under_attack
        self._is_behind_untrusted_proxy = is_behind_untrusted_proxy
        self._failure_holds = failure_holds
        self._monotonic = monotonic
        self._stopping = False
        self._can_store = False
        self._asked_at: float | None = None
        self._asking: asyncio.Task[None] | None = None

    def begin_stop(self) -> None:
        """Tell everybody who asks from now on to go elsewhere."""
        self._stopping = True

    async def unready(self) -> list[str]:
        """Return why no comment can be taken; empty when the service is ready."""
        if self._stopping:
            return ["stopping"]
        if self._database.is_replaced:
            return ["storage", "database_replaced"]
        return [] if await self._is_storing() else ["storage"]

    async def degraded(self) -> list[str]:
        """Return what is amiss although comments are taken.

        `comments_unheard` carries how many pending comments reached nobody: their every moderator is parked.
        """
        found = ["mail_paused"] if self._is_mail_paused() else []
        found += ["mail_late"] if await self._is_mail_late() else []
        person_ids, webhooks = self._person_ids(), self._webhooks()
        async with self._database.read() as connection:
            webhooks_parked = bool(webhooks) and await stored_webhooks.any_parked(connection, webhooks)
            unreachable = await people.parked(connection, person_ids)
            parked = await deliveries.parked(connection, person_ids)
            everybody_away = await self._everybody_away(connection)
            reached_nobody = await undeliverable.count(connection, person_ids) if unreachable or parked else 0
        found += ["moderators_unreachable"] if unreachable else []
        found += ["messages_parked"] if parked else []
        found += [f"comments_unheard:{reached_nobody}"] if reached_nobody else []
        found += [f"everybody_away:{site_id}" for site_id in everybody_away]
        found += ["untrusted_proxy"] if self._is_behind_untrusted_proxy() else []
        found += ["orphaned_pages"] if await self._has_orphaned_pages() else []
        found += [f"under_attack:{site_id}" for site_id in self._under_attack()]
        found += ["webhooks_parked"] if webhooks_parked else []
        found += [f"waiting_nearly_full:{site_id}" for site_id in await self._nearly_full()]
        return found

    async def _is_storing(self) -> bool:
        """Write something that changes nothing, once a second at most; believe a comment that just failed.

        Who asks while that is being written waits for it, however many they are.
        """
        now = self._monotonic()
        if now - self._last_failure() < self._failure_holds:
            return False
        if self._asking is None and (self._asked_at is None or now - self._asked_at >= _ANSWER_HOLDS):
            self._asking = asyncio.create_task(self._ask())
        if self._asking is not None:
            await asyncio.shield(self._asking)
        return self._can_store

    async def _ask(self) -> None:
        try:
            async with self._database.write() as connection:
                await keys.touch(connection)
        except UnavailableError:
            self._can_store = False
        else:
            self._can_store = True
        finally:
            self._asked_at = self._monotonic()
            self._asking = None
