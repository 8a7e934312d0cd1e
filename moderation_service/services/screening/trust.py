"""Whether a comment comes from an author whose address is proved, and whose comments were published before."""

from collections.abc import Coroutine
from typing import Any

from moderation_service.domain.accounts import addresses
from moderation_service.domain.keys import KeyRing
from moderation_service.domain.moderation import trust
from moderation_service.domain.screening.assessment import NOTHING, Finding
from moderation_service.domain.screening.candidate import Candidate
from moderation_service.services.moderation import authors
from moderation_service.storage.engine.database import Database


class TrustCheck:
    """Looks at how comments of a proved address were decided; an address that was only typed says nothing."""

    def __init__(self, database: Database, keys: KeyRing) -> None:
        self._database = database
        self._keys = keys

    def look(self, candidate: Candidate) -> Finding | Coroutine[Any, Any, Finding]:
        """Return what speaks for the author; it never speaks against one."""
        if not candidate.is_proved or candidate.author_email is None:
            return NOTHING
        return self._ask(candidate, candidate.author_email)

    async def _ask(self, candidate: Candidate, author_email: str) -> Finding:
        hashes = self._keys.keyed_hashes(addresses.AUTHOR, addresses.identity(author_email))
        async with self._database.read() as connection:
            record = await authors.proved_record(connection, candidate.site.id, hashes)
        reason = trust.reason(record)
        return NOTHING if reason is None else Finding((reason,))
