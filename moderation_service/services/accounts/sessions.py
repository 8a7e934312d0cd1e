"""Sessions of the desk: a signed cookie that names a row, for as long as row, key and address are there."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from moderation_service.domain.accounts.sites import Membership
from moderation_service.domain.errors import LinkInvalidError, LoggedOutError, TokenExpiredError
from moderation_service.domain.keys import KeyRing
from moderation_service.domain.signing import Signer
from moderation_service.services.accounts.directory import Directory
from moderation_service.storage.accounts import sessions
from moderation_service.storage.engine.database import Database

LIFETIME = timedelta(hours=12)
"""How long a session lasts, used or not."""

_COOKIE = "desk session"
_FORM = "desk form"


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A moderator at the desk; `memberships` are never empty."""

    id: str
    memberships: tuple[Membership, ...]


class Sessions:
    """Finds and ends sessions."""

    def __init__(
        self, database: Database, directory: Directory, keys: KeyRing, *, clock: Callable[[], datetime]
    ) -> None:
        self._database = database
        self._directory = directory
        self._keys = keys
        self._clock = clock
        self._signer = Signer(keys, clock, purpose=_COOKIE, lifetime=LIFETIME)

    def cookie(self, session_id: str) -> str:
        """Return what the browser keeps of a session."""
        return self._signer.sign(session_id)

    async def find(self, cookie: str) -> Session:
        """Return the session of a cookie; raise LoggedOutError when it is over or never was."""
        try:
            session_id = self._signer.read(cookie)
        except (LinkInvalidError, TokenExpiredError) as error:
            raise LoggedOutError from error
        async with self._database.read() as connection:
            person_id = await sessions.person_of(connection, session_id, opened_after=self._clock() - LIFETIME)
        memberships = self._directory.memberships_of(person_id) if person_id is not None else ()
        if not memberships:
            raise LoggedOutError
        return Session(id=session_id, memberships=memberships)

    async def end(self, session_id: str) -> None:
        """End a session for everybody who has its cookie."""
        async with self._database.write() as connection:
            await sessions.end(connection, session_id)

    def form_token(self, session: Session) -> str:
        """Return what every form shown in a session carries."""
        return self._keys.keyed_hash(_FORM, session.id)

    def is_form_token(self, session: Session, token: str) -> bool:
        """Tell whether a form was shown in this session."""
        return self._keys.is_keyed_hash(_FORM, session.id, token)
