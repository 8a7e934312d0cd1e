"""What an author may be told by mail, and the mail by which an address is proved first."""

from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from zlib import crc32

from moderation_service.domain.accounts import addresses
from moderation_service.domain.screening.repetitions import CLASSES, network_class

ADDRESS_PROOF = "address_proof"
"""The kind of delivery that asks an author to confirm an address; its reference is the comment."""

AUTHOR_NOTICE = "author_notice"
"""The kind of delivery that tells an author something; its reference is the comment, and of which it tells."""

NOTICE_GIVEN_UP_AFTER = timedelta(days=5)
"""How long such a mail is tried."""

PROOF_GIVEN_UP_AFTER = timedelta(days=1)
"""How long the mail is tried: whoever waits longer takes it for lost."""

WINDOW = timedelta(days=1)
"""Within which mails that ask for a proof are counted."""

PROOFS_OF_ADDRESS = 3
"""How many of them one address gets within the window."""

PROOFS_OF_NETWORK = 30
"""How many of them one client network may ask for at a site within the window, whomever for."""

PROOFS_OF_SITE = 2_000
"""How many of them the forms of one site may ask for within the window.

Requests of one moment may pass it together: to take them one by one, for a whole site, would cost more than that.
"""

REPLIES_OF_ADDRESS = 20
"""How many replies one address is told of within the window; of more the next mail after it gives the number."""

MOST_REFUSALS = 3
"""How often an address may be refused for good before nothing is sent to it any more."""

KEPT_REFUSALS = timedelta(days=90)
"""How long a refusal is remembered."""


class Notice(StrEnum):
    """What an author may be told of a comment by mail."""

    PUBLISHED = "published"
    REPLIES = "replies"


class AuthorMail(StrEnum):
    """What mail about a comment its author gets: what was asked for, and how a rejection was decided."""

    PUBLISHED = "published"
    REPLIES = "replies"
    STATEMENTS = "statements"


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedProof:
    """A mail that an author is to confirm an address by, as it is held against what was asked for lately.

    The hashes are under every listed key, the current one first. `networks` is empty where the client's network is
    free of limits. `classes` are what two writers may not count at once: numbers that do not depend on keys.
    """

    id: str
    address_hashes: tuple[str, ...] = field(repr=False)
    networks: tuple[str, ...]
    classes: tuple[int, ...]


def classes_of(address: str, site_id: str, network: str | None) -> tuple[int, ...]:
    """Return the class of an address, apart from those of texts and networks, and that of a network if limited."""
    of_address = 2 * CLASSES + crc32(addresses.identity(address).encode()) % CLASSES
    return (of_address,) if network is None else (of_address, network_class(site_id, network))
