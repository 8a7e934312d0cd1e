"""Logging in by mail: a link to an address that moderates, sent at once by a worker, good once for a session."""

import asyncio
import secrets
from collections.abc import Callable, Collection
from contextlib import suppress
from datetime import datetime, timedelta

import structlog

from moderation_service.domain import clocks, notices
from moderation_service.domain.errors import (
    LinkInvalidError,
    LinkUsedError,
    LinkVoidError,
    TooManyLoginsError,
    UnavailableError,
    seconds_until,
)
from moderation_service.domain.keys import KeyRing
from moderation_service.domain.notices import Action
from moderation_service.domain.signing import Signer
from moderation_service.mail.failures import DeliveryError
from moderation_service.mail.login import LoginComposer
from moderation_service.mail.transport import Transport
from moderation_service.services import in_flight
from moderation_service.services.circuit import BY_A_WORKING_SERVER, LEASE, RENEW_EVERY, Circuit
from moderation_service.services.directory import Directory
from moderation_service.storage import logins, people, sessions
from moderation_service.storage.database import Connection, Database
from moderation_service.storage.logins import Claimed
from moderation_service.tallies import Sendings

WINDOW = timedelta(hours=1)
"""Within which requests are counted."""

LIFETIME = WINDOW
"""How long a mailed link opens a session: who asks in another's name uses up no mail without a link that works."""

MAILS_PER_WINDOW = 5
"""How many mails one address gets within the window."""

REQUESTS_PER_WINDOW = 20
"""How many mails one client network may ask for within the window, whomever for."""

KEPT = timedelta(days=1)
"""How long it is remembered that a log-in was asked for."""

_GIVE_UP_AFTER = timedelta(hours=1)
_LOOK_EVERY = 1.0
_PURPOSE = "desk log-in"
_FORM = "log-in form"
_NETWORK = "log-in network"

_log = structlog.stdlib.get_logger(__name__)


class Logins:
    """Takes requests, mails links, and opens sessions for those who come by one.

    A request is a row on disk before it is answered, so a crash loses none; the mail goes out beside it, so a
    slow mail server keeps nobody waiting; and it makes no difference to see whose address it was.
    """

    def __init__(
        self,
        database: Database,
        directory: Directory,
        keys: KeyRing,
        composer: LoginComposer,
        transport: Transport,
        *,
        circuit: Circuit,
        clock: Callable[[], datetime],
        new_id: Callable[[], str],
    ) -> None:
        self._database = database
        self._directory = directory
        self._keys = keys
        self._composer = composer
        self._transport = transport
        self._circuit = circuit
        self._clock = clock
        self._new_id = new_id
        self._signer = Signer(keys, clock, purpose=_PURPOSE, lifetime=LIFETIME)
        self.asked = asyncio.Event()
        self.sendings = Sendings()

    async def ask(self, address: str, *, network: str) -> None:
        """Promise a mail if the address is a moderator's; raise TooManyLoginsError to a network that asks on.

        Work and answer are the same for every address; beyond the limit of an address nothing is sent.
        """
        now = self._clock()
        since = now - WINDOW
        person_id = self._directory.person_of(address)
        networks = self._keys.keyed_hashes(_NETWORK, network)
        async with self._database.read() as connection:
            await _check_network(connection, networks, now)
        async with self._database.write() as connection:
            await _check_network(connection, networks, now)
            promised = await logins.count_for(connection, person_id or self._new_id(), since=since, now=now)
            await logins.add(
                connection,
                new_id=self._new_id(),
                person_id=person_id if promised < MAILS_PER_WINDOW else None,
                network_hash=networks[0],
                now=now,
            )
        self.asked.set()

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
            await people.quicken(connection, [user], told_before=now)
            await sessions.add(connection, new_id=session_id, person_id=user, now=now)
        return session_id

    async def run(self, stop: asyncio.Event) -> None:
        """Send what is due until `stop`, at once when it is asked for."""
        while not stop.is_set():
            self.asked.clear()
            await self.deliver_due(stop)
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_EVERY):
                    await self.asked.wait()

    async def deliver_due(self, stop: asyncio.Event | None = None) -> int:
        """Send what is due, until `stop`; return how many mails the server accepted.

        While the mail server is away or refuses us, one is tried now and then, as a probe for all mail.
        """
        stop = stop or asyncio.Event()
        before = self.sendings.accepted
        try:
            sending = asyncio.create_task(self._send_due(stop))
            await in_flight.finish({sending: self._transport}, stop)
        finally:
            await self._transport.close()
        return self.sendings.accepted - before

    async def _renew(self, claimed: Claimed) -> None:
        """Keep others from sending a mail that a slow server has not answered yet."""
        while True:
            await asyncio.sleep(RENEW_EVERY)
            with suppress(UnavailableError):
                async with self._database.write() as connection:
                    await logins.renew(connection, claimed, lease=LEASE)

    async def _send_due(self, stop: asyncio.Event) -> None:
        while not stop.is_set() and await self._is_any_due():
            if self._circuit.is_open and not self._circuit.take_probe():
                return
            claimed = await self._claim()
            if claimed is None:
                return
            renewing = asyncio.create_task(self._renew(claimed))
            try:
                await self._deliver(claimed)
            finally:
                renewing.cancel()

    def _known(self, person_id: str | None) -> str:
        if person_id is None:
            raise LinkInvalidError
        if not self._directory.parts_of(person_id):
            raise LinkVoidError
        return person_id

    async def _is_any_due(self) -> bool:
        async with self._database.read() as connection:
            return await logins.is_any_due(connection, self._clock(), LEASE)

    async def _claim(self) -> Claimed | None:
        async with self._database.write() as connection:
            return await logins.claim(connection, now=self._clock(), lease=LEASE, token=secrets.token_hex(16))

    async def _deliver(self, claimed: Claimed) -> bool:
        parts = self._directory.parts_of(claimed.person_id)
        if not parts:
            await self._release(claimed, given_up_at=self._clock(), last_error="moderates nothing any more")
            return False
        site, moderator = parts[0]
        try:
            mail = self._composer.compose(
                site, moderator, login_id=claimed.id, token=self._signer.sign(claimed.id), now=self._clock()
            )
            await self._transport.send(mail, moderator.email)
        except DeliveryError as error:
            await self._write_failure(claimed, error)
            return False
        except Exception:
            _log.exception("login.failed", login=claimed.id)
            await self._put_off(claimed)
            return False
        except BaseException:
            await self._release(claimed)
            raise
        self._circuit.accept()
        self.sendings.accepted += 1
        await self._release(claimed, sent_at=self._clock())
        _log.info("login.sent", login=claimed.id)
        return True

    async def _write_failure(self, claimed: Claimed, error: DeliveryError) -> None:
        """Write down a refusal. One for good is believed; one that concerns all mail is none of this one's."""
        action = error.action
        self.sendings.refused[action] += 1
        _log.warning("login.refused", login=claimed.id, phase=error.phase, code=error.code, status=error.status)
        if action is Action.PAUSE_ALL:
            self._circuit.fail(error)
        elif error.phase in BY_A_WORKING_SERVER:
            self._circuit.close()
        is_final = action in (Action.PARK_PERSON, Action.PARK_MESSAGE)
        await self._put_off(claimed, is_final=is_final, last_error=error.reply)

    async def _put_off(self, claimed: Claimed, *, is_final: bool = False, **values: object) -> None:
        """Try again for an hour: whoever waits longer has asked again.

        What waits for the server alone goes out as soon as it works again.
        """
        now = self._clock()
        if is_final or clocks.age(claimed.requested_at, now) > _GIVE_UP_AFTER:
            _log.warning("login.given_up", login=claimed.id, attempts=claimed.attempts + 1)
            await self._release(claimed, given_up_at=now, **values)
            return
        wait = timedelta() if self._circuit.is_open else notices.backoff(claimed.attempts)
        await self._release(claimed, attempts=claimed.attempts + 1, next_attempt_at=now + wait, **values)

    async def _release(self, claimed: Claimed, **values: object) -> None:
        async with self._database.write() as connection:
            await logins.release(connection, claimed, **values)


async def _check_network(connection: Connection, hashes: Collection[str], now: datetime) -> None:
    times = await logins.times_by_network(connection, hashes, since=now - WINDOW, now=now)
    if len(times) >= REQUESTS_PER_WINDOW:
        raise TooManyLoginsError(seconds_until(times[-REQUESTS_PER_WINDOW] + WINDOW, now))
