"""What is forgotten, and when."""

from datetime import datetime

from moderation_service.domain import screening
from moderation_service.services.logins import KEPT
from moderation_service.services.sessions import LIFETIME
from moderation_service.services.submission import KEY_LIFETIME
from moderation_service.storage import idempotency, logins, recent_posts, sessions
from moderation_service.storage.database import Database


async def forget(database: Database, now: datetime) -> None:
    """Delete traces of clients after the window of their limits, keys after their day, sessions that are over."""
    async with database.write() as connection:
        await idempotency.forget(connection, before=now - KEY_LIFETIME)
        await recent_posts.forget(connection, before=now - screening.WINDOW)
        await logins.forget(connection, before=now - KEPT)
        await sessions.forget(connection, before=now - LIFETIME)
