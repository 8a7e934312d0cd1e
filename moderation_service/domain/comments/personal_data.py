"""What an author may ask for about all that is kept of an address: a copy of it, or that it is erased."""

from collections.abc import Callable
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from moderation_service.domain.keys import KeyRing
from moderation_service.domain.signing import Signer

PERSONAL_DATA = "personal_data"
"""The kind of delivery that asks to confirm such a wish; its reference is the comment and the wish."""

LIFETIME = timedelta(days=1)
"""How long the mailed link holds, and how long the mail is tried."""

_PURPOSE = "personal data"


class Wish(StrEnum):
    """What may be asked for."""

    EXPORT = "export"
    ERASE = "erase"


class WishLink(NamedTuple):
    """What a mailed link is for: a wish about the address of a comment, at the site of that comment."""

    comment_id: str
    wish: Wish


class WishLinks:
    """Makes and reads the links that are mailed to the address about which something is asked."""

    def __init__(self, keys: KeyRing, clock: Callable[[], datetime]) -> None:
        self._signer = Signer(keys, clock, purpose=_PURPOSE, lifetime=LIFETIME)

    def mint(self, link: WishLink) -> str:
        """Return the token of a link."""
        return self._signer.sign([UUID(link.comment_id).hex, link.wish])

    def read(self, token: str) -> WishLink:
        """Return what a link is for; raise LinkInvalidError for a forgery, TokenExpiredError for an old one."""
        comment_id, wish = self._signer.read(token)
        return WishLink(str(UUID(comment_id)), Wish(wish))
