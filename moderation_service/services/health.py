"""Whether the service can do its work just now."""

from collections.abc import Callable

from moderation_service.domain.errors import UnavailableError
from moderation_service.storage import people
from moderation_service.storage.database import Database


class Health:
    """Readiness: not ready only when a comment could not be stored or the service is stopping."""

    def __init__(self, database: Database, *, is_mail_paused: Callable[[], bool]) -> None:
        self._database = database
        self._is_mail_paused = is_mail_paused
        self._stopping = False

    def begin_stop(self) -> None:
        """Tell everybody who asks from now on to go elsewhere."""
        self._stopping = True

    async def unready(self) -> list[str]:
        """Return why no comment can be taken; empty when the service is ready."""
        if self._stopping:
            return ["stopping"]
        try:
            async with self._database.write():
                return []
        except UnavailableError:
            return ["storage"]

    async def degraded(self) -> list[str]:
        """Return what is amiss although comments are taken."""
        found = ["mail_paused"] if self._is_mail_paused() else []
        async with self._database.read() as connection:
            if await people.parked(connection):
                found.append("moderators_unreachable")
        return found
