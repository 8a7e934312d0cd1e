"""What shows that an author's address is the author's: a mailed link for one comment, a token for one device."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from moderation_service.domain.accounts import addresses
from moderation_service.domain.errors import LinkInvalidError, TokenExpiredError
from moderation_service.domain.keys import KeyRing
from moderation_service.domain.signing import Signer

DEVICE_LIFETIME = timedelta(days=365)
"""How long a device proves an address: it may have become somebody else's by then."""

LINK_LIFETIME = timedelta(days=30)
"""How long a mailed link proves the address of its comment."""

_DEVICE = "author token"
_PROOF = "address proof"
_REPORT = "report proof"
_END = "end of notices"
_LONGEST_TOKEN = 400


class AuthorTokens:
    """Makes and reads what a browser keeps once an address was proved: it proves that address at that site alone.

    It holds a keyed hash and nobody's address. What a key signed that is no longer listed proves nothing.
    """

    def __init__(self, keys: KeyRing, clock: Callable[[], datetime]) -> None:
        self._keys = keys
        self._signer = Signer(keys, clock, purpose=_DEVICE, lifetime=DEVICE_LIFETIME)

    def sign(self, site_id: str, address: str) -> str:
        """Return the token of an address at a site."""
        return self._signer.sign(self._keys.keyed_hash(_DEVICE, _at_site(site_id, address)))

    def proves(self, token: str | None, site_id: str, address: str | None) -> bool:
        """Tell whether a token is that of an address at a site; whatever else is sent as one proves nothing."""
        if token is None or address is None or len(token) > _LONGEST_TOKEN:
            return False
        try:
            value = self._signer.read(token)
        except (LinkInvalidError, TokenExpiredError):
            return False
        return isinstance(value, str) and self._keys.is_keyed_hash(_DEVICE, _at_site(site_id, address), value)


class SubscriptionLink(NamedTuple):
    """What a mailed link does: it confirms the address of a comment or of a report, or ends notices.

    `id` is that of the comment or, if it is `of_report`, of the reporter.
    """

    id: str
    confirms: bool
    of_report: bool = False


class SubscriptionLinks:
    """Makes and reads the links of mails to authors and reporters. One that ends notices does so for ever."""

    def __init__(self, keys: KeyRing, clock: Callable[[], datetime]) -> None:
        self._proofs = Signer(keys, clock, purpose=_PROOF, lifetime=LINK_LIFETIME)
        self._reports = Signer(keys, clock, purpose=_REPORT, lifetime=LINK_LIFETIME)
        self._ends = Signer(keys, clock, purpose=_END, lifetime=timedelta.max)

    def confirming(self, comment_id: str) -> str:
        """Return the token by which the address of a comment is proved."""
        return self._proofs.sign(_shortened(comment_id))

    def confirming_report(self, reporter_id: str) -> str:
        """Return the token by which the address of a report is proved."""
        return self._reports.sign(_shortened(reporter_id))

    def ending(self, comment_id: str) -> str:
        """Return the token by which notices end that came of a comment."""
        return self._ends.sign(_shortened(comment_id))

    def read(self, token: str) -> SubscriptionLink:
        """Return what a link does; raise LinkInvalidError for a forgery, TokenExpiredError for an old proof."""
        try:
            return SubscriptionLink(_spelled(self._ends.open(token)[0]), confirms=False)
        except LinkInvalidError:
            pass
        try:
            return SubscriptionLink(_spelled(self._proofs.read(token)), confirms=True)
        except LinkInvalidError:
            return SubscriptionLink(_spelled(self._reports.read(token)), confirms=True, of_report=True)


def _at_site(site_id: str, address: str) -> str:
    return f"{site_id}\0{addresses.identity(address)}"


def _shortened(comment_id: str) -> str:
    return UUID(comment_id).hex


def _spelled(value: object) -> str:
    return str(UUID(str(value)))
