"""What one row of the route table says."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from aiohttp.typedefs import Handler
from marshmallow import Schema


class Credential(StrEnum):
    """What a request must show to be let in; web/authentication.py asks for it."""

    NONE = "none"
    """Everybody may ask, also from pages of any origin."""
    FORM_OF_OURS = "form of ours"
    """Everybody may ask, but what changes something must not come from another site's page."""
    SITE_KEY = "site key"
    """A bearer key of a site; the handler is told of which one."""
    MODERATION_LINK = "moderation link"
    """A link that was mailed to a moderator who is one still."""
    DIGEST_LINK = "digest link"
    """A link to all comments of one mail, which was mailed to somebody who moderates some of them still."""
    LOGIN_LINK = "log-in link"
    """A log-in link, which its use case reads and uses up."""
    SESSION = "session"
    """A session of the desk and, for what changes something, a form that was shown in it."""
    SESSION_IF_ANY = "session if any"
    """Everybody may look; who has a session sees more."""
    OPERATOR = "operator"
    """A request that comes straight from this machine or from a network listed for operators."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A route, who may ask by what `credential`, and what goes in and out of it.

    `is_public`: any origin's scripts may read it. `is_for_sites`: those of listed sites may post to it.
    `is_page`: a person's browser shows it, errors included. `is_for_visitors`: that person is no moderator.
    """

    method: str
    path: str
    handler: Handler
    credential: Credential
    summary: str
    query: type[Schema] | None = None
    body: type[Schema] | None = None
    form: type[Schema] | None = None
    answers: Mapping[int, type[Schema] | None] = field(default_factory=dict)
    problems: tuple[int, ...] = ()
    is_public: bool = False
    is_for_sites: bool = False
    is_page: bool = False
    is_for_visitors: bool = False
