"""What is forgotten, and when."""

from datetime import datetime, timedelta
from functools import partial

from moderation_service.domain import screening
from moderation_service.services.bulks import KEPT as KEPT_BULKS
from moderation_service.services.logins import KEPT
from moderation_service.services.sessions import LIFETIME
from moderation_service.services.submission import KEY_LIFETIME
from moderation_service.storage import bulks, idempotency, logins, recent_posts, sessions
from moderation_service.storage.database import Database
from moderation_service.storage.stretches import in_stretches


async def forget(database: Database, now: datetime, *, window: timedelta) -> None:
    """Delete traces of clients after `window`, the longest of their limits; keys after their day; old sessions."""
    for job in (
        partial(idempotency.forget, before=now - KEY_LIFETIME),
        partial(recent_posts.forget, before=now - max(window, screening.REPETITION_WINDOW)),
        partial(logins.forget, before=now - KEPT),
        partial(sessions.forget, before=now - LIFETIME),
        partial(bulks.forget, before=now - KEPT_BULKS),
    ):
        await in_stretches(database, job)
