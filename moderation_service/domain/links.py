"""Mailed links: signed, bound to one comment, revision, moderator and address, and good for thirty days."""

from collections.abc import Callable
from datetime import datetime

from moderation_service.domain.addresses import identity
from moderation_service.domain.digest_links import DigestLinks
from moderation_service.domain.errors import LinkExpiredError
from moderation_service.domain.keys import KeyRing
from moderation_service.domain.link import LIFETIME, Link
from moderation_service.domain.signing import Signer

_PURPOSE = "moderation link"
_ADDRESS = "moderator address"
_FORM = "moderation form"


class Links:
    """Makes and reads the tokens of mailed links."""

    def __init__(self, keys: KeyRing, clock: Callable[[], datetime]) -> None:
        self._keys = keys
        self._clock = clock
        self.of_digests = DigestLinks(keys, clock)
        self._signer = Signer(keys, clock, purpose=_PURPOSE, lifetime=LIFETIME)

    def address_hash(self, address: str) -> str:
        """Return the keyed hash of a moderator's address that a new token carries."""
        return self._keys.keyed_hash(_ADDRESS, identity(address))

    def is_address(self, link: Link, address: str) -> bool:
        """Tell whether a link was mailed to this address, under any listed key."""
        return link.address_hash in self._keys.keyed_hashes(_ADDRESS, identity(address))

    def mint(self, link: Link) -> str:
        """Sign a link under the current key."""
        return self._signer.sign(
            [link.site_id, link.moderator_id, link.comment_id, link.revision, link.address_hash]
        )

    def read(self, token: str) -> Link:
        """Return what a token says; raise LinkInvalidError for a forgery, LinkExpiredError for an old one."""
        payload, made_at = self._signer.open(token)
        site_id, moderator_id, comment_id, revision, address_hash = payload
        link = Link(
            site_id=site_id,
            moderator_id=moderator_id,
            comment_id=comment_id,
            revision=revision,
            address_hash=address_hash,
        )
        if self._clock() - made_at > LIFETIME:
            raise LinkExpiredError(link)
        return link

    def form_token(self, token: str, seen: str) -> str:
        """Return what a form carries that was shown behind a link, with the comment in the state `seen`."""
        return self._keys.keyed_hash(_FORM, f"{token}\0{seen}")

    def is_form_token(self, token: str, seen: str, value: str) -> bool:
        """Tell whether a form was shown behind a link, with the comment in the state `seen`."""
        return self._keys.is_keyed_hash(_FORM, f"{token}\0{seen}", value)
