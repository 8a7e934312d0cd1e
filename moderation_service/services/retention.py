"""What is forgotten, and when."""

from datetime import datetime

from moderation_service.domain import screening
from moderation_service.services.submission import KEY_LIFETIME
from moderation_service.storage import idempotency, recent_posts
from moderation_service.storage.database import Database


async def forget(database: Database, now: datetime) -> None:
    """Delete traces of clients after the window of their limits, and idempotency keys after their day."""
    async with database.write() as connection:
        await idempotency.forget(connection, before=now - KEY_LIFETIME)
        await recent_posts.forget(connection, before=now - screening.WINDOW)
