"""Logging in by mail: a link to an address that moderates, delivered at once, good once for a session."""

from collections.abc import Callable, Collection
from datetime import datetime, timedelta

from moderation_service.domain.errors import (
    LinkInvalidError,
    LinkUsedError,
    LinkVoidError,
    TooManyLoginsError,
    seconds_until,
)
from moderation_service.domain.keys import KeyRing
from moderation_service.domain.screening.repetitions import network_class
from moderation_service.domain.signing import Signer
from moderation_service.mail.login import LoginComposer
from moderation_service.services.accounts.directory import Directory
from moderation_service.services.notifications.kinds import Letter
from moderation_service.storage.accounts import logins, sessions
from moderation_service.storage.engine.database import Connection, Database, lock_classes
from moderation_service.storage.notifications import deliveries, people
from moderation_service.storage.notifications.deliveries import Claimed

KIND = "login"
"""The kind of delivery that carries the link; its reference is the log-in."""

WINDOW = timedelta(hours=1)
"""Within which requests are counted."""

LIFETIME = WINDOW
"""How long a mailed link opens a session: who asks in another's name uses up no mail without a link that works."""

MAILS_PER_WINDOW = 5
"""How many mails one address gets within the window."""

REQUESTS_PER_WINDOW = 20
"""How many mails one client network may ask for within the window, whomever for."""

GIVE_UP_AFTER = timedelta(hours=1)
"""How long a mail is tried: whoever waits longer has asked again."""

KEPT = timedelta(days=1)
"""How long it is remembered that a log-in was asked for."""

_PURPOSE = "desk log-in"
_FORM = "log-in form"
_NETWORK = "log-in network"


class Logins:
    """Takes requests, mails links, and opens sessions for those who come by one.

    A request is a row on disk before it is answered, so a crash loses none; the mail is a delivery of
    its own, so a slow mail server keeps nobody waiting; and it makes no difference to see whose address it was.
    """

    def __init__(
        self,
        database: Database,
        directory: Directory,
        keys: KeyRing,
        composer: LoginComposer,
        *,
        clock: Callable[[], datetime],
        new_id: Callable[[], str],
        wake: Callable[[], None] = lambda: None,
    ) -> None:
        self._database = database
        self._directory = directory
        self._keys = keys
        self._composer = composer
        self._clock = clock
        self._new_id = new_id
        self._signer = Signer(keys, clock, purpose=_PURPOSE, lifetime=LIFETIME)
        self._wake = wake

    async def ask(self, address: str, *, network: str) -> None:
        """Queue a mail if the address is a moderator's; raise TooManyLoginsError to a network that asks on.

        Work and answer are the same for every address; beyond the limit of an address nothing is sent.
        """
        now = self._clock()
        since = now - WINDOW
        person_id = self._directory.person_of(address)
        networks = self._keys.keyed_hashes(_NETWORK, network)
        async with self._database.read() as connection:
            await _check_network(connection, networks, now)
        async with self._database.write() as connection:
            await lock_classes(connection, [network_class(_NETWORK, network)])
            await _check_network(connection, networks, now)
            mails = await logins.count_for(connection, person_id or self._new_id(), since=since, now=now)
            is_due = person_id is not None and mails < MAILS_PER_WINDOW
            login_id = self._new_id()
            await logins.add(
                connection,
                new_id=login_id,
                person_id=person_id if is_due else None,
                network_hash=networks[0],
                now=now,
            )
            await deliveries.add_for(
                connection,
                person_id if person_id is not None and is_due else self._new_id(),
                new_id=login_id,
                kind=KIND,
                reference=login_id,
                message_id=self._composer.message_id(login_id),
                now=now,
            )
        self._wake()

    def form_token(self, token: str) -> str:
        """Return what the form behind a link carries."""
        return self._keys.keyed_hash(_FORM, token)

    def is_form_token(self, token: str, value: str) -> bool:
        """Tell whether a form was shown behind this link."""
        return self._keys.is_keyed_hash(_FORM, token, value)

    async def peek(self, token: str) -> str:
        """Return whose link it is, changing nothing; raise what `enter` would raise."""
        login_id = self._signer.read(token)
        async with self._database.read() as connection:
            person_id, was_used = await logins.person_of(connection, login_id)
        if was_used:
            raise LinkUsedError
        return self._known(person_id)

    async def enter(self, token: str) -> str:
        """Use a link up and return the id of the session that it opened.

        Raises LinkInvalidError for a forgery, TokenExpiredError and LinkUsedError for what they say, and
        LinkVoidError when the address moderates nothing any more.
        """
        login_id = self._signer.read(token)
        now = self._clock()
        session_id = self._new_id()
        async with self._database.write() as connection:
            person_id, _ = await logins.person_of(connection, login_id)
            self._known(person_id)
            user = await logins.use(connection, login_id, now)
            if user is None:
                raise LinkUsedError
            await people.quicken(connection, [user], notified_before=now, now=now)
            await sessions.add(connection, new_id=session_id, person_id=user, now=now)
        return session_id

    async def compose(self, delivery: Claimed) -> Letter | None:
        """Return the mail of a log-in, None where its person moderates nothing any more."""
        roles = self._directory.roles_of(delivery.person_id)
        if not roles or delivery.reference is None:
            return None
        site, moderator = roles[0]
        login_id = delivery.reference
        mail = self._composer.compose(
            site, moderator, login_id=login_id, token=self._signer.sign(login_id), now=self._clock()
        )
        return Letter(mail, moderator.email)

    def _known(self, person_id: str | None) -> str:
        if person_id is None:
            raise LinkInvalidError
        if not self._directory.roles_of(person_id):
            raise LinkVoidError
        return person_id


async def _check_network(connection: Connection, hashes: Collection[str], now: datetime) -> None:
    times = await logins.times_by_network(connection, hashes, since=now - WINDOW, now=now)
    if len(times) >= REQUESTS_PER_WINDOW:
        raise TooManyLoginsError(seconds_until(times[-REQUESTS_PER_WINDOW] + WINDOW, now))
