"""What the checks of screening look at."""

from dataclasses import dataclass, field
from datetime import datetime
from ipaddress import IPv4Address, IPv6Address

from moderation_service.domain.accounts.sites import Site


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A comment, or a new text of the one `edited_id` that waits, before it is stored.

    `page_url` is canonical. `network` is that of the client who sent it, who may be exempt from limits by number;
    its address is None where it is not known.
    `form_stamp` is what came as such, genuine or not; `fills_honeypot` if a field was filled that no person sees.
    `is_proved` tells that the device that sent it proves the author's address.
    """

    site: Site
    page_url: str
    author_name: str
    author_email: str | None = field(repr=False)
    author_url: str | None
    body: str
    network: str = field(repr=False)
    client_address: IPv4Address | IPv6Address | None = field(default=None, repr=False)
    is_exempt: bool
    at: datetime
    edited_id: str | None = None
    form_stamp: str | None = None
    fills_honeypot: bool = False
    is_proved: bool = False


def learned_text(body: str, author_url: str | None) -> str:
    """Return what the learned score reads of a comment: its text, and the address that its author leads to."""
    return body if author_url is None else f"{body}\n{author_url}"
