"""What one row of the route table says."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Self
from urllib.parse import urlsplit

from aiohttp.typedefs import Handler
from marshmallow import Schema


class Credential(StrEnum):
    """What a request must show to be let in; web/authentication.py asks for it."""

    NONE = "none"
    """Everybody may ask, also from pages of any origin."""
    FORM_OF_OURS = "form of ours"
    """Everybody may ask, but what changes something must not come from another site's page."""
    SITE_KEY = "site key"
    """A bearer key of a site; the handler learns of which one."""
    MODERATION_LINK = "moderation link"
    """A link that was mailed to a moderator who is one still."""
    DIGEST_LINK = "digest link"
    """A link to all comments of one mail, which was mailed to somebody who moderates some of them still."""
    RECEIPT = "receipt"
    """An author's receipt: who has it may see, edit and withdraw one comment."""
    SUBSCRIPTION_LINK = "subscription link"
    """A link that was mailed to an author, to confirm an address or to end notices."""
    PERSONAL_DATA_LINK = "personal data link"
    """A link that was mailed to an author, to get a copy of all that is kept about the address, or to erase it."""
    LOGIN_LINK = "log-in link"
    """A log-in link, which its use case reads and uses up."""
    SESSION = "session"
    """A session of the desk and, for what changes something, a form that was shown in it."""
    SESSION_IF_ANY = "session if any"
    """Everybody may look; who has a session sees more."""
    OPERATOR = "operator"
    """A request that comes straight from this machine or from a network listed for operators."""

    @property
    def is_of_author(self) -> bool:
        """Whether it is a token that leads to one comment of its author's."""
        return self in (Credential.RECEIPT, Credential.SUBSCRIPTION_LINK, Credential.PERSONAL_DATA_LINK)


def session_cookie_name(public_url: str) -> str:
    """Return a name that a neighbouring host cannot set where the browser lets us (RFC 6265bis, 4.1.3)."""
    parts = urlsplit(public_url)
    if parts.scheme != "https":
        return "desk"
    return "__Secure-desk" if parts.path else "__Host-desk"


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A route, who may ask by what `credential`, and what goes in and out of it.

    `is_public`: any origin's scripts may read it. `is_for_sites`: those of listed sites may post to it.
    `is_page`: a person's browser shows it, errors included. `is_for_visitors`: that person is no moderator.
    `media_type` is that of an answer that is neither JSON nor a page; one without an end is `text/event-stream`.
    `meanings` are of statuses that mean something of their own here. `preflight_of` are the rows of the same path
    about which a browser asks by this one before a script of another origin may ask.
    """

    method: str
    path: str
    handler: Handler
    credential: Credential
    summary: str
    query: type[Schema] | None = None
    body: type[Schema] | None = None
    form: type[Schema] | None = None
    headers: type[Schema] | None = None
    answers: Mapping[int, type[Schema] | None] = field(default_factory=dict)
    problems: tuple[int, ...] = ()
    meanings: Mapping[int, str] = field(default_factory=dict)
    is_public: bool = False
    is_for_sites: bool = False
    is_page: bool = False
    is_for_visitors: bool = False
    media_type: str | None = None
    preflight_of: tuple[Self, ...] = ()
