"""Kinds of deliveries: each is a composer, which says what is sent, and a sender, which hands it in.

To add one: store a row by `storage.notifications.deliveries.add_for` in the transaction of what it is about,
register a `Kind` of that name with the queue, and `wake` it. Claim, lease, retries, parking and the `mail`
commands are there. Moderation mail is composed in a way of its own, as all that waits for a person goes into one
message: see `delivery.py`.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.message import EmailMessage
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from moderation_service.domain.notifications.retry_policy import Action
from moderation_service.mail.failures import DeliveryError
from moderation_service.mail.transport import Transport
from moderation_service.storage.engine.database import Connection
from moderation_service.storage.notifications.deliveries import Claimed

ContentT = TypeVar("ContentT")
_ToSendT_contra = TypeVar("_ToSendT_contra", contravariant=True)


class Sender(Protocol[_ToSendT_contra]):
    """Hands in what a composer made."""

    @property
    def is_handing_in(self) -> bool:
        """Whether the other side may have seen what is being sent: that is waited for when the service stops."""

    async def send(self, content: _ToSendT_contra) -> None:
        """Hand one in; raise DeliveryError unless it was accepted."""

    async def close(self) -> None:
        """End the connection, as nothing is due just now."""


class Breaker(Protocol):
    """What is known of a server: whether it is worth asking, and what a failure means for what was to be sent."""

    recoveries: int
    """How often it was found that the server works again: what waited for that may go out."""

    @property
    def is_open(self) -> bool:
        """Whether nothing is sent but a probe now and then."""

    def take_probe(self) -> bool:
        """Tell whether it is time for one; True for one caller each time."""

    def judge(self, error: DeliveryError) -> Action:
        """Return what is done about a failure."""

    def before_trying_again(self, error: DeliveryError, action: Action, attempts: int) -> timedelta:
        """Return the wait before what failed so is tried again."""

    def accept(self) -> None:
        """Note that the server took something."""


class TooEarlyError(Exception):
    """Something is not to be sent before `until`; that is no failure."""

    def __init__(self, until: datetime) -> None:
        super().__init__(until)
        self.until = until


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind(Generic[ContentT]):
    """A kind of delivery. `compose` returns None where nothing is to be said any more.

    Each of the `senders` sends one delivery at a time. What is refused for good, or was tried for five days, is
    parked; of a kind that `lasts` only so long it expires instead, as nobody waits for it any more. The `circuit`
    is that of the server which all its senders talk to. With a `recipient` it stands for what goes there alone.

    `on_refused` is awaited when a server refused one for good, `on_accepted` in the transaction that writes that a
    server took one.

    `compose` and senders may raise TooEarlyError.
    """

    name: str
    compose: Callable[[Claimed], Awaitable[ContentT | None]]
    senders: Sequence[Sender[ContentT]]
    circuit: Breaker
    lasts: timedelta | None = None
    recipient: str | None = None
    on_refused: Callable[[Claimed], Awaitable[None]] | None = None
    on_accepted: Callable[[Connection, Claimed], Awaitable[None]] | None = None


AnyKind = Kind[Any]


class Letter(NamedTuple):
    """A mail, and the address that it goes to."""

    mail: EmailMessage
    recipient: str


class MailSender:
    """Hands mails to the mail server over one connection."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    @property
    def is_handing_in(self) -> bool:
        """Whether the server may have seen the mail that is being sent."""
        return self._transport.is_handing_in

    async def send(self, content: Letter) -> None:
        """Hand in one mail; raise DeliveryError unless the server accepted it."""
        await self._transport.send(content.mail, content.recipient)

    async def close(self) -> None:
        """End the connection."""
        await self._transport.close()
