"""A comment on its way from a visitor's form to a public list."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from moderation_service.domain.pages import Page


class Status(StrEnum):
    """Where a comment stands."""

    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"
    SPAM = "spam"


@dataclass(frozen=True, slots=True, kw_only=True)
class Idempotency:
    """A client's key, and keyed hashes of payload and network under every listed key, the current first."""

    key: str
    fingerprints: tuple[str, ...]
    networks: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """A moderator to be told: the moderator's id in the site, and the person behind the address."""

    moderator_id: str
    person_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """The author's address as it lies on disk."""

    sealed: bytes
    address_hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Traces:
    """Keyed hashes by which a flood or a repetition is recognised, each under every listed key.

    `most` is how many posts one network may send within `window`, None where it is free of that limit.
    `classes` are what two writers may not judge at once: numbers that do not depend on keys.
    """

    networks: tuple[str, ...]
    fingerprints: tuple[str, ...]
    most: int | None
    window: timedelta
    classes: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A comment that passed the checks of its fields and waits to be stored."""

    id: str
    page: Page
    page_title: str | None
    parent_id: str | None
    author_name: str
    author_url: str | None
    body: str
    body_html: str
    renderer: int
    created_at: datetime
    contact: Contact
    recipients: tuple[Recipient, ...]
    spam_score: int = 0
    spam_reasons: tuple[str, ...] = ()
    traces: Traces | None = None
    idempotency: Idempotency | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """The promise given for a stored comment.

    `is_simplified` if its markup is shown as it was typed, `is_replayed` if it was given before.
    """

    id: str
    page_url: str
    created_at: datetime
    is_simplified: bool = False
    is_replayed: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicComment:
    """What everybody may see of an approved comment. It has no address to leak."""

    id: str
    parent_id: str | None
    author_name: str
    author_url: str | None
    body: str
    body_html: str
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuedComment:
    """What a moderator sees of a comment."""

    id: str
    site_id: str
    page_id: str
    page_url: str
    page_title: str | None
    parent_id: str | None
    status: Status
    revision: int
    author_name: str
    author_url: str | None
    body: str
    body_html: str
    spam_score: int
    created_at: datetime
    changed_at: datetime
    change_number: int | None
    spam_reasons: tuple[str, ...] = ()
